/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flash of `virt`. In a VM with firmware, flash0 holds it, read-only, and flash1 is a bank that
 * the firmware can program (vnor.c). In other VMs both are as erased and store nothing.
 */
#include "vflash.h"

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/disk.h>
#include "vnor.h"

#define ERASED_MAPPED MIB(1)
#define ROM_BLOCKS    (GUEST_FLASH_SIZE / BLOCK_SIZE)

/* Of a VM with firmware. */
struct firmware {
	struct vnor nor;
	u64 size;   /* bytes of the firmware's file */
	u32 blocks; /* that hold it, and are mapped; zeroes at its end need none */
	paddr_t block[ROM_BLOCKS];
};
_Static_assert(sizeof(struct firmware) <= PAGE_SIZE, "kzalloc()");

struct vflash {
	bool mapping; /* a vCPU is mapping a page (atomic) */
	struct firmware *firmware;
};

/*
 * U-Boot reads its whole environment from the start of flash1, byte by byte. So after the first
 * read of a flash page, the VM has a page of ones there, which all VMs share. The page is never
 * written: stores come to erased_flash. A VM that does not read flash needs no table for it.
 */
u8 *vflash_erased;

/* ---- without firmware ---- */

/*
 * One vCPU of a VM at a time, and none waits for another one that was preempted here. Not 0:
 * another vCPU is mapping or has mapped the page; or there is no memory, and every read comes here.
 */
static int map_erased_page(struct vflash *f, struct vm *vm, u64 offset)
{
	const ipa_t ipa = IPA(GUEST_FLASH1_BASE + ALIGN_DOWN(offset, PAGE_SIZE));
	int ret;

	if (__atomic_exchange_n(&f->mapping, true, __ATOMIC_ACQUIRE))
		return -EBUSY;
	sched_open(); /* a table may have to be allocated */
	ret = stage2_map(&vm->s2, ipa, virt_to_phys(vflash_erased), PAGE_SIZE, STAGE2_ROM);
	arch_irq_disable();
	__atomic_store_n(&f->mapping, false, __ATOMIC_RELEASE);
	return ret;
}

static enum mmio_result erased_flash(const struct mmio_region *r, struct vcpu *v, u64 offset,
				     struct mmio_access *a)
{
	if (a->write)
		return MMIO_OK;
	a->value = ~0ULL >> (64 - 8 * a->size);
	if (r->base == GUEST_FLASH1_BASE && offset < ERASED_MAPPED)
		(void)map_erased_page(r->dev, v->vm, offset);
	return MMIO_OK;
}

/* ---- with firmware ---- */

/* What is not mapped: stores (EDK2 does a few), and the rest of the bank. */
static enum mmio_result rom(const struct mmio_region *r, struct vcpu *v, u64 offset,
			    struct mmio_access *a)
{
	const struct vflash *f = r->dev;

	(void)v;
	if (!a->write)
		a->value = offset < f->firmware->size ? 0 : ~0ULL >> (64 - 8 * a->size);
	return MMIO_OK;
}

static bool is_zero(const u8 *data, u64 size)
{
	while (size && !data[size - 1])
		size--;
	return !size;
}

/* A block of the firmware, in memory of its own: its file is not aligned. */
static int add_block(struct firmware *fw, struct vm *vm, u64 from, u64 size)
{
	bool clean __unused;
	paddr_t pa;
	u8 *to;

	if (!block_reserve(1))
		return -ENOMEM;
	if (!block_alloc(1, 1, &pa)) {
		block_unreserve(1);
		return -ENOMEM;
	}
	clean = block_use(pa); /* all of it is written in either case */
	fw->block[fw->blocks++] = pa;
	to = phys_to_virt(pa);
	memcpy(to, (const u8 *)vm->firmware.data + from, size);
	memset(to + size, 0xff, BLOCK_SIZE - size);
	arch_clean_for_guest(to, BLOCK_SIZE);
	return stage2_map(&vm->s2, IPA(GUEST_FLASH_BASE + from), pa, BLOCK_SIZE, STAGE2_ROM);
}

static int add_firmware(struct firmware *fw, struct vdev *d)
{
	struct vm *vm = d->vm;
	const u8 *data = vm->firmware.data;
	u64 end = MIN(vm->firmware.size, GUEST_FLASH_SIZE);
	int r = vnor_create(&fw->nor, d);

	fw->size = end;
	while (end && is_zero(data + ALIGN_DOWN(end - 1, BLOCK_SIZE), (end - 1) % BLOCK_SIZE + 1))
		end = ALIGN_DOWN(end - 1, BLOCK_SIZE);
	for (u64 at = 0; at < end && !r; at += BLOCK_SIZE)
		r = add_block(fw, vm, at, MIN(end - at, BLOCK_SIZE));
	return r;
}

/* ---- the class ---- */

static int host_init(void)
{
	vflash_erased = page_alloc();
	if (!vflash_erased)
		return -ENOMEM;
	memset(vflash_erased, 0xff, PAGE_SIZE);
	arch_clean_for_guest(vflash_erased, PAGE_SIZE);
	return 0;
}

static int create(struct vdev *d)
{
	struct vflash *f = d->state;
	const bool firmware = d->vm->firmware.data;
	struct mmio_region bank = { .base = GUEST_FLASH_BASE,
				    .size = GUEST_FLASH_SIZE,
				    .name = "flash0",
				    .handler = firmware ? rom : erased_flash,
				    .dev = f };
	int r = mmio_add(&d->vm->bus, &bank);

	if (r)
		return r;
	if (firmware) {
		f->firmware = kzalloc(sizeof(*f->firmware));
		return f->firmware ? add_firmware(f->firmware, d) : -ENOMEM;
	}
	bank.base = GUEST_FLASH1_BASE;
	bank.name = "flash1";
	return mmio_add(&d->vm->bus, &bank);
}

static void reset(struct vdev *d)
{
	const struct vflash *f = d->state;

	if (f->firmware)
		vnor_reset(&f->firmware->nor);
}

static void destroy(struct vdev *d)
{
	struct vflash *f = d->state;
	struct firmware *fw = f->firmware;

	if (!fw)
		return;
	vnor_destroy(&fw->nor);
	for (u32 i = 0; i < fw->blocks; i++) {
		block_free(fw->block[i], 1);
		block_unreserve(1);
	}
	kfree(fw, sizeof(*fw));
}

static void info(struct vdev *d, char *text, size_t size)
{
	const struct vflash *f = d->state;
	const char *disk = d->vm->desc.variables;

	if (f->firmware)
		(void)snprintf(text, size, "firmware %lu KiB, %lu KiB written%s%s",
			       f->firmware->size / KIB(1),
			       f->firmware->nor.pages * PAGE_SIZE / KIB(1),
			       disk[0] ? ", kept on " : "", disk);
}

static u64 memory(const struct vdev *d)
{
	const struct firmware *fw = ((const struct vflash *)d->state)->firmware;

	if (!fw)
		return 0;
	return sizeof(*fw) + fw->blocks * BLOCK_SIZE + vnor_pages_memory(&fw->nor) +
	       (fw->nor.range ? DISK_BUFFER + PAGE_SIZE : 0);
}

const struct vdev_class vflash_class = {
	.name = "flash",
	.size = sizeof(struct vflash),
	.host_init = host_init,
	.create = create,
	.reset = reset,
	.destroy = destroy,
	.info = info,
	.memory = memory,
};
