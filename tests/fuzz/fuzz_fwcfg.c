/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_cfg against a guest that writes anything into registers and structs, while its memory changes
 * whenever the device looks at it. A transfer ends, stays in the guest's memory, and tells nothing
 * but the items.
 */
#include "fuzz.h"

#include <asm/host.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/core.h>

#define RAM       0x40000000ULL
#define RAM_SIZE  MIB(4)
#define UNITS_MAX 5000 /* of 2 KiB: more than RAM has */

static struct fuzz_input input;
static u8 *ram;
static struct vm vm;
static struct vcpu vcpu;
static struct vdev dev;
static u32 units;

static u64 some_address(void)
{
	static const u64 odd[] = { 0, RAM - 1, RAM + RAM_SIZE - 8, RAM + MIB(2) - 5, ~0ULL, ~7ULL };

	return fuzz_once_in(&input, 4) ? fuzz_word(&input, odd) : RAM + fuzz_below(&input, 0x2000);
}

static void some_struct(u64 at)
{
	static const u8 keys[] = { 0, 1, 8, 0xb, 0x11, 0x12, 0x14, 0x15, 0x19, 0x20 };
	static const u32 lengths[] = { 0, 4, 100, 4096, 70000, ~0U };
	const u32 words[2] = { __builtin_bswap32((u32)fuzz_word(&input, keys) << 16 |
						 fuzz_byte(&input) % 32),
			       __builtin_bswap32(fuzz_word(&input, lengths)) };
	const u64 address = __builtin_bswap64(some_address());

	memcpy(&ram[at - RAM], words, 8);
	memcpy(&ram[at + 8 - RAM], &address, 8);
}

void *vm_ram_ptr(const struct vm_ram *r, u64 ipa)
{
	fuzz_assert(r == &vm.ram && ipa >= RAM && ipa < RAM + RAM_SIZE);
	if (fuzz_once_in(&input, 16))
		some_struct(RAM + 16 * (u64)fuzz_below(&input, 64));
	return fuzz_once_in(&input, 16) ? NULL : &ram[ipa - RAM];
}

bool vm_ram_bring(struct vm *v, u64 ipa)
{
	fuzz_assert(v == &vm && ipa >= RAM && ipa < RAM + RAM_SIZE);
	return !fuzz_once_in(&input, 16);
}

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
struct percpu *host_percpu[HOST_CPUS];
void (*host_deliver)(void);

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

void *pages_alloc(u32 count)
{
	return calloc(count, PAGE_SIZE);
}

void pages_free(void *p, u32 count)
{
	(void)count;
	free(p);
}

static void access(void)
{
	static const u8 offsets[] = { 0, 0, 8, 8, 0x10, 0x14, 0x14, 0x14, 0x10, 0x20 };
	static const u8 sizes[] = { 1, 2, 4, 8 };
	const u64 offset = fuzz_once_in(&input, 16) ? fuzz_below(&input, 0xff8)
						    : fuzz_word(&input, offsets);
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_FW_CFG_BASE + offset);
	struct mmio_access a = {
		.ipa = IPA(GUEST_FW_CFG_BASE + offset),
		.size = offset == 0x14 ? 4 : fuzz_word(&input, sizes),
		.write = fuzz_byte(&input) & 7,
		.value = offset == 0x14 ? __builtin_bswap32((u32)some_address())
					: (u64)fuzz_byte(&input) << 8,
	};

	fuzz_assert(r && r->dev == dev.state);
	(void)r->handler(r, &vcpu, offset, &a);
}

/* Another vCPU between two units. */
void sched_open(void)
{
	fuzz_assert(++units < UNITS_MAX);
	if (fuzz_once_in(&input, 32))
		access();
	if (fuzz_once_in(&input, 32))
		vcpu.thread.work |= VCPU_WORK_STATE;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 kernel[5000];

	input = (struct fuzz_input){ .at = data, .left = size };
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	ram = ram ? ram : calloc(1, RAM_SIZE);
	fuzz_assert(ram);
	vm.ram.map = ram_map_default(RAM_SIZE);
	vm.kernel = (struct vm_image){ kernel, sizeof(kernel) };
	dev = (struct vdev){ .class = &vfwcfg_class, .vm = &vm };
	dev.state = calloc(1, vfwcfg_class.size);
	fuzz_assert(dev.state && vfwcfg_class.wanted && !vfwcfg_class.wanted(&vm.desc));
	strcpy(vm.desc.firmware.path, "f");
	fuzz_assert(vfwcfg_class.wanted(&vm.desc) && !vfwcfg_class.create(&dev));
	vfwcfg_class.reset(&dev);
	while (input.left) {
		some_struct(RAM + fuzz_below(&input, 64));
		access();
		units = 0;
		for (u32 i = 0; i < 4 && vcpu.thread.work & VCPU_WORK_DEVICE; i++) {
			vcpu.thread.work = 0;
			vfwcfg_class.work(&dev, &vcpu);
		}
	}
	vfwcfg_class.reset(&dev);
	free(dev.state);
	mmio_free(&vm.bus);
	return 0;
}
