/* SPDX-License-Identifier: Apache-2.0 */
/* fw_cfg, by the sequences of its drivers in EDK2, U-Boot and Linux, and by wrong ones. */
#include <unit.h>

#include <arch/cpu.h>
#include <asm/host.h>
#include <kernel/thread.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/core.h>

#define RAM      0x40000000ULL
#define RAM_SIZE MIB(4)

#define SELECTOR 0x08
#define DMA      0x10

#define READ   2U
#define SKIP   4U
#define SELECT 8U
#define WRITE  16U
#define ERROR  1U

static u8 kernel[5000], ram[RAM_SIZE] __aligned(8);
static const u8 initrd[] = "the initrd";
static struct vm vm;
static struct vcpu vcpu;
static struct vdev dev;
static u32 absent, brought, opened;
static bool lost; /* no memory comes */
static bool stop;

void *vm_ram_ptr(const struct vm_ram *r, u64 ipa)
{
	assert_ptr_equal(r, &vm.ram);
	assert_in_range(ipa, RAM, RAM + RAM_SIZE - 1);
	return absent && absent-- == 1 ? NULL : &ram[ipa - RAM];
}

bool vm_ram_bring(struct vm *v, u64 ipa)
{
	assert_ptr_equal(v, &vm);
	assert_in_range(ipa, RAM, RAM + RAM_SIZE - 1);
	brought++;
	return !lost;
}

void sched_open(void)
{
	arch_irq_enable();
	opened++;
	if (stop)
		vcpu.thread.work |= VCPU_WORK_STATE;
}

static int setup(void **state)
{
	(void)state;
	host_reset();
	memset(&vm, 0, sizeof(vm));
	memset(ram, 0, sizeof(ram));
	memset(&vcpu, 0, sizeof(vcpu));
	for (u32 i = 0; i < sizeof(kernel); i++)
		kernel[i] = (u8)(i * 3 + (i >> 8));
	vm.ram.map = ram_map_default(RAM_SIZE);
	vm.kernel = (struct vm_image){ kernel, sizeof(kernel) };
	vm.initrd = (struct vm_image){ initrd, sizeof(initrd) };
	strcpy(vm.desc.bootargs, "quiet");
	vcpu.vm = &vm;
	absent = brought = opened = 0;
	lost = false;
	stop = false;
	dev = (struct vdev){ .class = &vfwcfg_class,
			     .vm = &vm,
			     .state = calloc(1, vfwcfg_class.size) };
	assert_non_null(dev.state);
	assert_int_equal(vfwcfg_class.create(&dev), 0);
	vfwcfg_class.reset(&dev);
	return 0;
}

static int teardown(void **state)
{
	free(dev.state);
	mmio_free(&vm.bus);
	return unit_end(state);
}

static u64 access(u64 offset, u32 size, bool write, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_FW_CFG_BASE + offset);
	struct mmio_access a = { .ipa = IPA(GUEST_FW_CFG_BASE + offset),
				 .size = (u8)size,
				 .write = write,
				 .value = value };

	assert_non_null(r);
	assert_int_equal(r->handler(r, &vcpu, offset, &a), MMIO_OK);
	return a.value;
}

static void choose(u16 key)
{
	(void)access(SELECTOR, 2, true, __builtin_bswap16(key));
}

static u64 data(u32 size)
{
	return access(0, size, false, 0);
}

static u32 word(u16 key)
{
	choose(key);
	return (u32)data(4);
}

static void work(void)
{
	arch_irq_disable();
	while (vcpu.thread.work & VCPU_WORK_DEVICE) {
		vcpu.thread.work &= (u32) ~(VCPU_WORK_DEVICE | VCPU_WORK_STATE);
		vfwcfg_class.work(&dev, &vcpu);
		assert_true(arch_irqs_masked());
	}
	arch_irq_enable();
}

static void put_struct(u64 at, u32 control, u32 length, u64 address)
{
	const u32 words[2] = { __builtin_bswap32(control), __builtin_bswap32(length) };
	const u64 be = __builtin_bswap64(address);

	memcpy(&ram[at - RAM], words, 8);
	memcpy(&ram[at + 8 - RAM], &be, 8);
}

static void kick(u64 at)
{
	(void)access(DMA, 4, true, __builtin_bswap32((u32)(at >> 32)));
	(void)access(DMA + 4, 4, true, __builtin_bswap32((u32)at));
}

/* A whole transfer: what control says afterwards. */
static u32 dma(u64 at, u32 control, u32 length, u64 address)
{
	u32 answer;

	put_struct(at, control, length, address);
	kick(at);
	work();
	memcpy(&answer, &ram[at - RAM], 4);
	return __builtin_bswap32(answer);
}

static u32 fetch(u16 key, u32 length, u64 address)
{
	return dma(RAM, (u32)key << 16 | SELECT | READ, length, address);
}

static void test_items(void **state)
{
	(void)state;
	choose(0);
	assert_int_equal(data(4), 0x554d4551); /* "QEMU" */
	assert_int_equal(data(8), 0);          /* behind its end */
	assert_int_equal(word(1), 3);
	assert_int_equal(word(0x08), sizeof(kernel));
	assert_int_equal(word(0x0b), sizeof(initrd));
	assert_int_equal(word(0x14), 6);
	choose(0x15);
	assert_int_equal(data(8), 0x7465697571);
	choose(0x11);
	assert_int_equal(data(1), kernel[0]);
	assert_int_equal(data(2), kernel[1] | kernel[2] << 8);
	assert_int_equal(word(0x19), 0); /* no files */
	assert_int_equal(word(0x20), 0);
	assert_int_equal(word(0xffff), 0);
	/* Unknown places and widths. */
	assert_int_equal(access(0x20, 4, false, 0), 0);
	(void)access(SELECTOR, 4, true, ~0ULL);
	(void)access(0x20, 8, true, ~0ULL);
	assert_int_equal(access(DMA, 8, false, 0), __builtin_bswap64(0x51454d5520434647));
	assert_int_equal(access(DMA + 4, 4, false, 0), __builtin_bswap32(0x20434647));
}

static void test_no_kernel(void **state)
{
	(void)state;
	(void)teardown(state);
	(void)setup(state);
	free(dev.state);
	mmio_free(&vm.bus);
	vm.kernel = vm.initrd = (struct vm_image){ NULL, 0 };
	dev.state = calloc(1, vfwcfg_class.size);
	assert_int_equal(vfwcfg_class.create(&dev), 0);
	assert_int_equal(word(0x08), 0);
	assert_int_equal(word(0x14), 0);
	assert_int_equal(fetch(0x11, 16, RAM + 0x1000), 0);
	choose(0x12);
	assert_int_equal(data(8), 0);
}

static void test_dma(void **state)
{
	(void)state;
	assert_int_equal(fetch(0x11, sizeof(kernel), RAM + 0x1001), 0);
	assert_memory_equal(&ram[0x1001], kernel, sizeof(kernel));
	assert_int_equal(ram[0x1001 + sizeof(kernel)], 0);
	assert_true(opened >= 3); /* in units */
	/* In pieces; skip; beyond the end there are zeroes. */
	assert_int_equal(fetch(0x11, 100, RAM + 0x1000), 0);
	assert_int_equal(dma(RAM, SKIP, 1000, 0), 0);
	memset(&ram[0x4000], 0xff, 8000);
	assert_int_equal(dma(RAM, READ, 8000, RAM + 0x4000), 0);
	assert_memory_equal(&ram[0x4000], kernel + 1100, sizeof(kernel) - 1100);
	assert_int_equal(ram[0x4000 + sizeof(kernel) - 1100], 0);
	assert_int_equal(ram[0x4000 + 7999], 0);
	/* Select alone, then by register. */
	assert_int_equal(dma(RAM + 3, 0x12 << 16 | SELECT, 0, 0), 0);
	assert_int_equal(data(1), 't');
	/* By one store. */
	put_struct(RAM, SELECT | READ, 4, RAM + 0x100);
	(void)access(DMA, 8, true, __builtin_bswap64(RAM));
	work();
	assert_memory_equal(&ram[0x100], "QEMU", 4);
}

static void test_dma_trusts_nothing(void **state)
{
	const u64 end = RAM + RAM_SIZE;

	(void)state;
	/* Writes, and places that are no RAM, in part or at all. */
	assert_int_equal(dma(RAM, 0x11 << 16 | SELECT | WRITE, 4, RAM + 0x100), ERROR);
	assert_int_equal(fetch(0x11, 4, 0), ERROR);
	assert_int_equal(fetch(0x11, 4, ~0ULL), ERROR);
	assert_int_equal(fetch(0x11, ~0U, end - 16), ERROR);
	assert_memory_equal(&ram[RAM_SIZE - 16], kernel, 16);
	assert_int_equal(fetch(0x11, 0, 0), 0);
	/* The struct itself: nothing happens, and the device works on. */
	kick(0);
	work();
	kick(~0ULL);
	work();
	kick(end - 8);
	work();
	assert_int_equal(dma(end - 16, SELECT | READ, 4, RAM + 0x100), 0);
	/* It overwrites its own struct. */
	assert_int_equal(fetch(0x11, 64, RAM), 0);
	assert_memory_equal(&ram[4], kernel + 4, 60);
}

/* Memory that is not there yet, a VM that stops in the middle, a reset, and a second transfer. */
static void test_dma_waits(void **state)
{
	u32 answer;

	(void)state;
	for (u32 n = 1; n < 8; n++) {
		absent = n;
		memset(&ram[0x1000], 0xff, sizeof(kernel));
		assert_int_equal(fetch(0x11, sizeof(kernel), RAM + 0x1000), 0);
		assert_memory_equal(&ram[0x1000], kernel, sizeof(kernel));
	}
	assert_true(brought >= 4);
	/* It was given back: no answer. */
	absent = 3;
	lost = true;
	put_struct(RAM, 0x11 << 16 | SELECT | READ, 5000, RAM + 0x1000);
	kick(RAM);
	work();
	lost = false;
	memcpy(&answer, &ram[0], 4);
	assert_int_not_equal(answer, 0);
	absent = 0;
	stop = true;
	assert_int_equal(fetch(0x11, sizeof(kernel), RAM + 0x1000), 0);
	put_struct(RAM, 0x11 << 16 | SELECT | READ, 5000, RAM + 0x1000);
	put_struct(RAM + 0x100, SELECT | READ, 4, RAM + 0x200);
	kick(RAM);
	kick(RAM + 0x100); /* too early: nothing happens */
	work();
	memcpy(&answer, &ram[0], 4);
	assert_int_equal(answer, 0);
	assert_int_equal(ram[0x200], 0);
	put_struct(RAM, 0x11 << 16 | SELECT | READ, 5000, RAM + 0x1000);
	kick(RAM);
	vfwcfg_class.reset(&dev);
	work();
	memcpy(&answer, &ram[0], 4);
	assert_int_not_equal(answer, 0);
	assert_int_equal(fetch(0, 4, RAM + 0x200), 0);
	assert_memory_equal(&ram[0x200], "QEMU", 4);
}

#define fw_cfg_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fw_cfg_test(test_items),     fw_cfg_test(test_no_kernel),
		fw_cfg_test(test_dma),       fw_cfg_test(test_dma_trusts_nothing),
		fw_cfg_test(test_dma_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
