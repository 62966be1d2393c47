/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `virt` has and a VM has not, as empty: software that looks there before it knows what is there finds nothing and
 * goes on.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>

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

/*
 * An empty PCI bus. No function answers a read of the configuration space, and nothing is decoded in the windows: a
 * read is all ones (PCI Local Bus 3.0, 6.1), a write goes nowhere.
 */
static enum mmio_result reads_ones(const struct mmio_region *r, struct vcpu *v, u64 offset,
				   struct mmio_access *a)
{
	(void)r;
	(void)v;
	(void)offset;
	if (!a->write)
		a->value = ~0ULL >> (64 - 8 * a->size);
	return MMIO_OK;
}

/*
 * Devices that say what they are by a number that is not 0: no signature (fw_cfg, whose items that do not exist read as
 * 0 too), no PrimeCell identification (PL061, whose inputs are low), no GIC revision in GITS_PIDR2 (ITS), no
 * interrupts in MSI_TYPER (GICv2m).
 */
static enum mmio_result reads_zeros(const struct mmio_region *r, struct vcpu *v, u64 offset,
				    struct mmio_access *a)
{
	(void)r;
	(void)v;
	(void)offset;
	if (!a->write)
		a->value = 0;
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

#define PCI_WINDOW_SIZE    (0x3f000000ULL - GUEST_PCI_WINDOW) /* and behind it the ports, 64 KiB */
#define PCI_ECAM_SIZE      MIB(256)
#define PCI_WINDOW_64_SIZE GIB(512)

static const struct mmio_region everywhere[] = {
	{ .base = GUEST_FLASH_BASE, .size = FLASH_SIZE, .name = "flash0", .handler = erased_flash },
	{ .base = GUEST_FLASH1_BASE,
	  .size = FLASH_SIZE,
	  .name = "flash1",
	  .handler = erased_flash },
	{ .base = GUEST_FW_CFG_BASE, .size = KIB(4), .name = "fw-cfg", .handler = reads_zeros },
	{ .base = GUEST_GPIO_BASE, .size = KIB(4), .name = "gpio", .handler = reads_zeros },
	{ .base = GUEST_VIRTIO_BASE,
	  .size = GUEST_VIRTIO_SIZE,
	  .name = "virtio-mmio",
	  .handler = no_device },
	{ .base = GUEST_PCI_WINDOW, .size = PCI_WINDOW_SIZE, .name = "pci", .handler = reads_ones },
	{ .base = GUEST_PCI_ECAM,
	  .size = PCI_ECAM_SIZE,
	  .name = "pci-ecam",
	  .handler = reads_ones },
	{ .base = GUEST_PCI_WINDOW_64,
	  .size = PCI_WINDOW_64_SIZE,
	  .name = "pci-64",
	  .handler = reads_ones },
};

/* Beside the interrupt controller, for messages of PCI devices. */
static const struct mmio_region beside_gicv3 = {
	.base = GUEST_ITS_BASE, .size = KIB(128), .name = "its", .handler = reads_zeros
};
static const struct mmio_region beside_gicv2 = {
	.base = GUEST_GICV2M_BASE, .size = KIB(4), .name = "gicv2m", .handler = reads_zeros
};

int vempty_init(struct vm *vm)
{
	int r = mmio_add(&vm->bus, arch_vgic_version() == 2 ? &beside_gicv2 : &beside_gicv3);

	for (u32 i = 0; i < ARRAY_SIZE(everywhere) && !r; i++)
		r = mmio_add(&vm->bus, &everywhere[i]);
	return r;
}
