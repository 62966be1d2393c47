/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of `virt` that a VM does not have, as empty ones: software that probes them finds nothing
 * and continues.
 */
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>

/*
 * VIRTIO 1.2, 4.2.2: registers of a transport. Device id 0 means that there is no device. Drivers
 * then stop probing.
 */
#define MAGIC_VALUE 0x000
#define VERSION     0x004
#define VENDOR_ID   0x00c

static enum mmio_result no_device(const struct mmio_region *r, struct vcpu *v, u64 offset,
				  struct mmio_access *a)
{
	(void)r;
	(void)v;
	if (a->write)
		return MMIO_OK;
	switch (offset % GUEST_VIRTIO_SLOT) {
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
 * An empty PCI bus. No function answers a read of the configuration space, and nothing is decoded
 * in the windows. A read is all ones (PCI Local Bus 3.0, 6.1), a write has no effect.
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
 * Devices that identify themselves by a number that is not 0. Zeros mean: no signature (fw_cfg,
 * whose missing items also read as 0), no GIC revision in GITS_PIDR2 (ITS), no interrupts in
 * MSI_TYPER (GICv2m).
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

static const struct mmio_region everywhere[] = {
	{ .base = GUEST_FW_CFG_BASE, .size = KIB(4), .name = "fw-cfg", .handler = reads_zeros },
	{ .base = GUEST_PCI_WINDOW,
	  .size = GUEST_PCI_WINDOW_ALL,
	  .name = "pci",
	  .handler = reads_ones },
	{ .base = GUEST_PCI_ECAM,
	  .size = GUEST_PCI_ECAM_ALL,
	  .name = "pci-ecam",
	  .handler = reads_ones },
	{ .base = GUEST_PCI_WINDOW_64,
	  .size = GUEST_PCI_WINDOW_64_ALL,
	  .name = "pci-64",
	  .handler = reads_ones },
};

/* Next to the interrupt controller, for messages of PCI devices. */
static const struct mmio_region beside_gicv3 = {
	.base = GUEST_ITS_BASE, .size = KIB(128), .name = "its", .handler = reads_zeros
};
static const struct mmio_region beside_gicv2 = {
	.base = GUEST_GICV2M_BASE, .size = KIB(4), .name = "gicv2m", .handler = reads_zeros
};

/* The transports without a device: a region for each run of neighbours. */
static int add_transports(struct vm *vm)
{
	struct mmio_region r = { .name = "virtio-mmio", .handler = no_device };
	u32 taken = 0;
	int ret = 0;

	for (u32 i = 0; i < vm->desc.virtio_count; i++)
		taken |= (u32)BIT(vm->desc.virtio[i].slot);
	for (u32 slot = 0; slot <= VIRTIO_SLOTS && !ret; slot++) {
		const bool empty = slot < VIRTIO_SLOTS && !(taken >> slot & 1);

		if (empty && !r.size)
			r.base = GUEST_VIRTIO_BASE + slot * GUEST_VIRTIO_SLOT;
		if (!empty && r.size)
			ret = mmio_add(&vm->bus, &r);
		r.size = empty ? r.size + GUEST_VIRTIO_SLOT : 0;
	}
	return ret;
}

static int create(struct vdev *d)
{
	struct mmio_bus *bus = &d->vm->bus;
	int r = mmio_add(bus, arch_vgic_version() == 2 ? &beside_gicv2 : &beside_gicv3);

	if (!r)
		r = add_transports(d->vm);

	for (u32 i = 0; i < ARRAY_SIZE(everywhere) && !r; i++)
		if (!mmio_find(bus, everywhere[i].base)) /* fw_cfg and PCI may be there */
			r = mmio_add(bus, &everywhere[i]);
	return r;
}

const struct vdev_class vempty_class = { .name = "empty", .create = create };
