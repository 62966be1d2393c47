/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flash of a VM with firmware against a guest that obeys no sequence of commands, from two
 * vCPUs, while memory is short. Whatever it writes, the memory that it takes comes back, and what
 * it sees directly is what it reads by traps.
 */
#include "fuzz.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/core.h>
#include <vmm/disk.h>

#define SEEN MIB(2) /* what a guest may see directly */

static struct fuzz_input input;
static struct vm vm;
static struct vcpu vcpu;
static struct vdev dev;
static u8 image[5000];
static u32 pages;
static const u64 *window; /* what stage 2 shows */
static bool nested;

/* ---- in place of the house ---- */

void *page_alloc(void)
{
	void *page = fuzz_once_in(&input, 32) ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	if (page)
		memset(page, 0, PAGE_SIZE);
	pages += page != NULL;
	return page;
}

void page_free(void *page)
{
	pages--;
	free(page);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p, size_t size)
{
	(void)size;
	free(p);
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

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .free = fuzz_once_in(&input, 32) ? 0 : GIB(1) };
}

static u8 *block;
static u32 reserved;

bool block_reserve(u64 count)
{
	reserved += (u32)count;
	return true;
}

void block_unreserve(u64 count)
{
	reserved -= (u32)count;
}

bool block_alloc(u32 count, u32 align, paddr_t *pa)
{
	fuzz_assert(count == 1 && align == 1 && reserved == 1);
	block = block ? block : malloc(BLOCK_SIZE);
	fuzz_assert(block);
	*pa = PADDR((u64)(uintptr_t)block);
	return true;
}

void block_free(paddr_t pa, u32 count)
{
	fuzz_assert(pa.pa == (u64)(uintptr_t)block && count == 1);
}

bool block_use(paddr_t pa)
{
	fuzz_assert(pa.pa == (u64)(uintptr_t)block);
	return false;
}

void *phys_to_virt(paddr_t pa)
{
	return (void *)(uintptr_t)pa.pa;
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)(uintptr_t)va);
}

void arch_clean_for_guest(const void *va, u64 size)
{
	(void)va, (void)size;
}

int stage2_map(struct stage2 *s2, ipa_t ipa, paddr_t pa, u64 size, enum stage2_attr attr)
{
	fuzz_assert(s2 == &vm.s2 && attr == STAGE2_ROM);
	if (!vm.firmware.data)
		return fuzz_once_in(&input, 2) ? -EEXIST : 0;
	fuzz_assert(ipa.ipa == 0 && size == BLOCK_SIZE && pa.pa == (u64)(uintptr_t)block);
	return 0;
}

int stage2_prepare(struct stage2 *s2, ipa_t ipa, u64 size)
{
	fuzz_assert(s2 == &vm.s2 && ipa.ipa == GUEST_FLASH1_BASE && size == SEEN);
	return 0;
}

void stage2_window_set(u64 *w, u32 n, paddr_t pa, enum stage2_attr attr)
{
	fuzz_assert(!window && n < 512 && attr == STAGE2_DATA_READ);
	w[n] = pa.pa;
}

void stage2_window_show(struct stage2 *s2, ipa_t ipa, const u64 *w, u32 count)
{
	fuzz_assert(s2 == &vm.s2 && ipa.ipa == GUEST_FLASH1_BASE && count == 1);
	fuzz_assert(!window == !!w);
	window = w;
}

/* A disk of the machine: what its range holds. */
static u8 kept[MIB(1)] __aligned(8);
static u8 *buffer;
static struct disk disk;
static struct disk_range range;
static void (*done)(void *arg);
static void *done_arg;

int disk_open(const char *name, bool writable, const char *owner, struct disk_range **out,
	      char *why, size_t size)
{
	(void)owner, (void)why, (void)size;
	fuzz_assert(!strcmp(name, "d") && writable);
	buffer = malloc(DISK_BUFFER);
	range = (struct disk_range){ .disk = &disk,
				     .sectors = sizeof(kept) / DISK_SECTOR,
				     .count = 1,
				     .transfers = { { .buffer = buffer } } };
	disk.flush = fuzz_byte(&input) & 1;
	*out = &range;
	return 0;
}

void disk_set_done(struct disk_range *r, void (*fn)(void *arg), void *arg)
{
	fuzz_assert(r == &range);
	done = fn;
	done_arg = arg;
}

void disk_close(struct disk_range *r)
{
	fuzz_assert(r == &range && !done);
	free(buffer);
}

int disk_start(struct disk_transfer *t, enum disk_op op, u64 sector, u32 count)
{
	const u64 at = sector * DISK_SECTOR, bytes = count * DISK_SECTOR;

	fuzz_assert(at + bytes <= sizeof(kept) && bytes <= DISK_BUFFER && t == &range.transfers[0]);
	if (fuzz_once_in(&input, 64))
		return -EIO;
	if (op == DISK_READ)
		memcpy(buffer, kept + at, bytes);
	else if (op == DISK_WRITE)
		memcpy(kept + at, buffer, bytes);
	else
		fuzz_assert(op == DISK_FLUSH && disk.flush);
	return 0;
}

bool disk_take(struct disk_transfer *t)
{
	return t == &range.transfers[0] && !fuzz_once_in(&input, 64);
}

void sem_init(struct sem *s, u32 count, u32 limit)
{
	s->count = count;
	s->limit = limit;
}

void sem_give(struct sem *s)
{
	s->count++;
}

int sem_take(struct sem *s, u64 deadline)
{
	fuzz_assert(deadline == DEADLINE_NEVER && !s->count);
	sched_open();
	done(done_arg);
	s->count--;
	return 0;
}

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
struct percpu *host_percpu[HOST_CPUS];
void (*host_deliver)(void);

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

static void act(void);

/* Another vCPU does something meanwhile. */
void sched_open(void)
{
	if (nested || !fuzz_once_in(&input, 8))
		return;
	nested = true;
	act();
	nested = false;
}

/* ---- the guest ---- */

static u64 access(u64 ipa, u32 size, bool write, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, ipa);
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = value
	};

	fuzz_assert(r);
	if (r->size - (ipa - r->base) >= size)
		(void)r->handler(r, &vcpu, ipa - r->base, &a);
	return a.value;
}

static u64 some_offset(void)
{
	static const u64 starts[] = {
		0, KIB(256), SEEN - 16, SEEN, MIB(64) - 16, 0x40, KIB(4) - 8
	};

	return fuzz_word(&input, starts) + fuzz_below(&input, 16);
}

/* A buffered program as a driver does it: unlock, command, count less one, data, confirm. */
static void program(u64 offset)
{
	const u64 at = GUEST_FLASH1_BASE + ALIGN_DOWN(MIN(offset, MIB(64) - 16), 4);
	const u32 count = fuzz_below(&input, 4);

	(void)access(at, 4, true, 0x600060);
	(void)access(at, 4, true, 0xd000d0);
	(void)access(at, 4, true, 0xe800e8);
	(void)access(at, 4, true, count * 0x10001ULL);
	for (u32 i = 0; i <= count; i++)
		(void)access(at + 4UL * i, 4, true, fuzz_u64(&input));
	(void)access(at, 4, true, 0xd000d0);
}

static void act(void)
{
	static const u8 commands[] = { 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98,
				       0xd0, 0xe8, 0xff, 0x00, 0x01, 0x03, 0xb0 };
	static const u8 sizes[] = { 1, 2, 4, 8 };
	const u32 size = fuzz_word(&input, sizes);
	const u64 offset = some_offset();

	switch (fuzz_below(&input, 9)) {
	case 8:
		program(offset);
		break;
	case 0:
		(void)access(GUEST_FLASH1_BASE + offset, size, false, 0);
		break;
	case 1:
		(void)access(GUEST_FLASH1_BASE + offset, size, true, fuzz_u64(&input));
		break;
	case 2:
		(void)access(offset, size, fuzz_byte(&input) & 1, fuzz_byte(&input));
		break;
	default:
		(void)access(GUEST_FLASH1_BASE + ALIGN_DOWN(offset, size), size, true,
			     fuzz_word(&input, commands) * 0x10001ULL);
		break;
	}
}

/* Compare all ways to read a byte. */
static void compare(u64 offset)
{
	u8 byte;

	vflash_class.reset(&dev);
	fuzz_assert(!window);
	byte = (u8)access(GUEST_FLASH1_BASE + offset, 1, false, 0);
	fuzz_assert(!window == (offset >= SEEN));
	if (window)
		fuzz_assert(
			((const u8 *)(uintptr_t)window[offset / PAGE_SIZE])[offset % PAGE_SIZE] ==
			byte);
	fuzz_assert((u8)(access(GUEST_FLASH1_BASE + ALIGN_DOWN(offset, 8), 8, false, 0) >>
			 8 * (offset % 8)) == byte);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool ready;
	char text[160], why[VDEV_WHY] = "";
	int r;

	input = (struct fuzz_input){ .at = data, .left = size };
	memset(&vm, 0, sizeof(vm));
	vcpu.vm = &vm;
	memset(image, 0x5a, sizeof(image));
	vm.firmware = (struct vm_image){ .data = image, .size = sizeof(image) };
	if (fuzz_once_in(&input, 8))
		vm.firmware.data = NULL;
	strcpy(vm.desc.variables, fuzz_byte(&input) & 1 ? "d" : "");
	memset(kept, fuzz_byte(&input), KIB(8));
	dev = (struct vdev){ .class = &vflash_class, .vm = &vm, .why = why };
	dev.state = calloc(1, vflash_class.size);
	fuzz_assert(dev.state);
	while (!ready)
		ready = !vflash_class.host_init();
	pages = 0;     /* but for the one that all VMs share */
	nested = true; /* no guest runs yet */
	r = vflash_class.create(&dev);
	nested = false;
	fuzz_assert(!r || r == -ENOMEM || (r == -EIO && why[0]));
	vflash_class.reset(&dev);
	while (input.left && !r)
		act();
	for (u32 i = 0; i < 8 && vm.firmware.data && !r; i++)
		compare(some_offset() % MIB(64));
	fuzz_assert(vflash_class.memory(&dev) <=
		    (pages + 35UL) * PAGE_SIZE + reserved * BLOCK_SIZE);
	text[0] = '\0';
	vflash_class.info(&dev, text, sizeof(text));
	if (vm.firmware.data && !r)
		fuzz_check_line(text, sizeof(text));
	vflash_class.reset(&dev);
	fuzz_assert(!window);
	vflash_class.destroy(&dev);
	fuzz_assert(!pages && !reserved);
	free(dev.state);
	mmio_free(&vm.bus);
	return 0;
}
