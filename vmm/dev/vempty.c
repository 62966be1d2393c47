/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What software probes on `virt` before it knows what is there: virtio-mmio transports without a
 * device, and erased flash.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/mmio.h>
#include <vmm/vdev.h>
#include <vmm/vm.h>

/*
 * VIRTIO 1.2, 4.2.2: registers of a transport. Device id 0 says that there is no device; drivers
 * then look no further.
 */
#define MAGIC_VALUE 0x000
#define VERSION     0x004
#define VENDOR_ID   0x00c
#define SLOT_SIZE   0x200ULL

#define FLASH_SIZE    MIB(64)
#define ERASED_MAPPED MIB(1)

static enum mmio_result no_device(const struct mmio_region *r, struct vcpu *v, u64 offset,
				  struct mmio_access *a)
{
	(void)r;
	(void)v;
	if (a->write)
		return MMIO_OK;
	switch (offset % SLOT_SIZE) {
	case MAGIC_VALUE:
		a->value = 0x74726976; /* "virt" */
		break;
	case VERSION:
		a->value = 1;
		break;
	case VENDOR_ID:
		a->value = 0x204d565a; /* "ZVM " */
		break;
	default: /* DeviceID (8) is among the zeros */
		a->value = 0;
		break;
	}
	return MMIO_OK;
}

/*
 * U-Boot reads its whole environment from the start of flash1, byte by byte: after the first read of a page of it the
 * VM has one page of ones there, which all VMs share. Never written (stores come to erased_flash). A VM that does not
 * look pays no table for it.
 */
static void *erased_page;

/*
 * One vCPU of a VM at a time, and none waits for another that was preempted here. Not 0: another one is at
 * it, or has done it; or there is no memory, and every read comes here.
 */
static int map_erased_page(struct vm *vm, u64 offset)
{
	const ipa_t ipa = IPA(GUEST_FLASH1_BASE + ALIGN_DOWN(offset, PAGE_SIZE));
	int ret;

	if (__atomic_exchange_n(&vm->maps_flash, true, __ATOMIC_ACQUIRE))
		return -EBUSY;
	sched_open(); /* a table may have to be made */
	ret = stage2_map(&vm->s2, ipa, virt_to_phys(erased_page), PAGE_SIZE, STAGE2_ROM);
	arch_irq_disable();
	__atomic_store_n(&vm->maps_flash, false, __ATOMIC_RELEASE);
	return ret;
}

static enum mmio_result erased_flash(const struct mmio_region *r, struct vcpu *v, u64 offset,
				     struct mmio_access *a)
{
	if (a->write)
		return MMIO_OK;
	a->value = ~0ULL >> (64 - 8 * a->size);
	if (r->base == GUEST_FLASH1_BASE && offset < ERASED_MAPPED)
		(void)map_erased_page(v->vm, offset);
	return MMIO_OK;
}

int vempty_host_init(void)
{
	erased_page = page_alloc();
	if (!erased_page)
		return -ENOMEM;
	memset(erased_page, 0xff, PAGE_SIZE);
	arch_dcache_clean_inval(erased_page, PAGE_SIZE);
	return 0;
}

int vempty_init(struct vm *vm)
{
	static const struct mmio_region regions[] = {
		{ .base = GUEST_FLASH_BASE,
		  .size = FLASH_SIZE,
		  .name = "flash0",
		  .handler = erased_flash },
		{ .base = GUEST_FLASH1_BASE,
		  .size = FLASH_SIZE,
		  .name = "flash1",
		  .handler = erased_flash },
		{ .base = GUEST_VIRTIO_BASE,
		  .size = GUEST_VIRTIO_SIZE,
		  .name = "virtio-mmio",
		  .handler = no_device },
	};

	for (u32 i = 0; i < ARRAY_SIZE(regions); i++) {
		int ret = mmio_add(&vm->bus, &regions[i]);

		if (ret)
			return ret;
	}
	return 0;
}
