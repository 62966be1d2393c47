/* SPDX-License-Identifier: Apache-2.0 */
/* The flash of `virt`, both banks, as erased: a VM has no firmware there and stores nothing. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>

#define FLASH_SIZE    MIB(64)
#define ERASED_MAPPED MIB(1)

struct vflash {
	bool mapping; /* a vCPU is mapping a page (atomic) */
};

/*
 * U-Boot reads its whole environment from the start of flash1, byte by byte. So after the first
 * read of a flash page, the VM has a page of ones there, which all VMs share. The page is never
 * written: stores come to erased_flash. A VM that does not read flash needs no table for it.
 */
static void *erased_page;

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
	ret = stage2_map(&vm->s2, ipa, virt_to_phys(erased_page), PAGE_SIZE, STAGE2_ROM);
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

static int host_init(void)
{
	erased_page = page_alloc();
	if (!erased_page)
		return -ENOMEM;
	memset(erased_page, 0xff, PAGE_SIZE);
	arch_dcache_clean_inval(erased_page, PAGE_SIZE);
	return 0;
}

static int create(struct vdev *d)
{
	struct mmio_region bank = { .base = GUEST_FLASH_BASE,
				    .size = FLASH_SIZE,
				    .name = "flash0",
				    .handler = erased_flash,
				    .dev = d->state };
	int r = mmio_add(&d->vm->bus, &bank);

	bank.base = GUEST_FLASH1_BASE;
	bank.name = "flash1";
	return r ? r : mmio_add(&d->vm->bus, &bank);
}

const struct vdev_class vflash_class = {
	.name = "flash",
	.size = sizeof(struct vflash),
	.host_init = host_init,
	.create = create,
};
