/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's virtio devices: each is given to the driver of its kind. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <drivers/host.h>
#include <drivers/virtio.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>

/* Map a device's registers. The mapping is of whole pages, which its neighbours may share. */
static volatile void *map_regs(const struct phys_range *regs)
{
	static u64 mapped_pa;
	static volatile u8 *mapped;
	u64 page = ALIGN_DOWN(regs->base.pa, PAGE_SIZE);
	u64 offset = regs->base.pa - page;

	if (!mapped || page != mapped_pa || offset + regs->size > PAGE_SIZE) {
		mapped = arch_map_device(PADDR(page), ALIGN_UP(offset + regs->size, PAGE_SIZE));
		mapped_pa = page;
	}
	return mapped ? mapped + offset : NULL;
}

static const struct virtio_driver *driver_of(const struct virtio_driver *const *drivers, u32 count,
					     u32 device_id)
{
	for (u32 i = 0; i < count; i++)
		if (drivers[i]->device_id == device_id)
			return drivers[i];
	return NULL;
}

/*
 * The device may have raised its interrupt before it was unmasked. An edge is lost then, and
 * another one comes only after this one was acknowledged.
 */
static int start_interrupt(const struct virtio_driver *driver, u32 intid, u32 flags, void *arg)
{
	int err = irq_request(intid, driver->name, driver->interrupt, arg, flags);
	unsigned long irq;

	if (err != 0)
		return err;
	irq = arch_irq_save();
	driver->interrupt(intid, arg);
	arch_irq_restore(irq);
	return 0;
}

static void probe_node(int node, const struct virtio_driver *const *drivers, u32 count)
{
	const struct virtio_driver *driver;
	struct phys_range regs;
	struct virtio_dev dev;
	volatile void *base;
	u32 intid, flags;
	void *arg = NULL;
	int err;

	if (host_fdt_reg(node, 0, &regs) != 0)
		return;
	base = map_regs(&regs);
	if (!base || !virtio_mmio_open(&dev, base))
		return;
	driver = driver_of(drivers, count, dev.device_id);
	if (!driver || host_fdt_irq(node, 0, &intid, &flags) != 0)
		return;
	err = driver->start(&dev, &arg);
	if (err == 0)
		err = start_interrupt(driver, intid, flags, arg);
	if (err != 0)
		log_warn("%s at 0x%llx: %s", driver->name, (unsigned long long)regs.base.pa,
			 strerror(err));
}

void virtio_probe(const struct virtio_driver *const *drivers, u32 count)
{
	for (int node = host_fdt_find("virtio,mmio", -1); node >= 0;
	     node = host_fdt_find("virtio,mmio", node))
		probe_node(node, drivers, count);
}
