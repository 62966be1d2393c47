/* SPDX-License-Identifier: Apache-2.0 */
#include "rtos_ivshmem.h"

#include <arch/mmu.h>
#include <drivers/host.h>
#include <drivers/mmio.h>
#include <kernel/page.h>
#include <lib/rpmsg.h>

#define SLOTS     32
#define SLOT_SIZE 0x8000U /* of function 0 of each device, with its other functions */

/* Configuration space */
#define COMMAND        0x04
#define COMMAND_MEMORY BIT(1)
#define CLASS          0x08
#define BAR0           0x10
#define BAR2           0x18
#define CAPABILITIES   0x34
#define CAP_VENDOR     0x09
#define FUNCTION       0x4106110aU /* device, vendor */

/* Registers */
#define ID       0x00
#define PEERS    0x04
#define CONTROL  0x08
#define DOORBELL 0x0c
#define STATE    0x10

/* As on `virt`: INTA of device n is SPI 3 + n % 4. */
#define INTA(slot) (35 + (slot) % 4)

static u64 read_pair(const volatile u8 *config, u32 reg)
{
	return mmio_read32(config, reg) | (u64)mmio_read32(config, reg + 4) << 32;
}

static u32 find_capability(const volatile u8 *config)
{
	u32 at = mmio_read32(config, CAPABILITIES) & 0xfc, left = 16;

	while (at && left-- && (mmio_read32(config, at) & 0xff) != CAP_VENDOR)
		at = mmio_read32(config, at) >> 8 & 0xfc;
	return left ? at : 0;
}

static bool map(struct ivshmem *d)
{
	const u32 cap = find_capability(d->config);
	u64 size;

	if (!cap)
		return false;
	mmio_write32(d->config, COMMAND, COMMAND_MEMORY);
	d->state_size = mmio_read32(d->config, cap + 4);
	d->shared_size = read_pair(d->config, cap + 8);
	d->output_size = read_pair(d->config, cap + 16);
	d->registers = arch_map_device(PADDR(mmio_read32(d->config, BAR0) & ~0xfU), PAGE_SIZE);
	if (!d->registers)
		return false;
	d->id = mmio_read32(d->registers, ID);
	d->peers = mmio_read32(d->registers, PEERS);
	size = d->state_size + d->shared_size + d->peers * d->output_size;
	d->memory = arch_map_device(PADDR(read_pair(d->config, BAR2) & ~0xfULL), size);
	return d->memory;
}

bool ivshmem_find(bool rpmsg, struct ivshmem *d)
{
	const int bridge = host_fdt_find("pci-host-ecam-generic", -1);
	volatile u8 *ecam;
	struct phys_range regs;

	if (bridge < 0 || host_fdt_reg(bridge, 0, &regs) || regs.size < SLOTS * SLOT_SIZE)
		return false;
	ecam = arch_map_device(regs.base, SLOTS * SLOT_SIZE);
	for (u32 slot = 0; ecam && slot < SLOTS; slot++) {
		d->config = ecam + slot * SLOT_SIZE;
		d->slot = slot;
		d->intid = INTA(slot);
		d->protocol = mmio_read32(d->config, CLASS) >> 8 & 0xffff;
		if (mmio_read32(d->config, 0) == FUNCTION &&
		    (d->protocol == RPMSG_PROTOCOL) == rpmsg)
			return map(d);
	}
	return false;
}

volatile u32 *ivshmem_states(const struct ivshmem *d)
{
	return (volatile u32 *)d->memory;
}

volatile void *ivshmem_shared(const struct ivshmem *d)
{
	return d->memory + d->state_size;
}

void ivshmem_set_state(const struct ivshmem *d, u32 state)
{
	mmio_write32(d->registers, STATE, state);
}

void ivshmem_enable(const struct ivshmem *d, bool on)
{
	mmio_write32(d->registers, CONTROL, on);
}

void ivshmem_ring(const struct ivshmem *d, u32 peer)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mmio_write32(d->registers, DOORBELL, peer << 16);
}
