/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI functions of bus 0, and a driver for ivshmem version 2: memory that VMs share, with doorbells
 * and a state for each of them. Its BARs stay where they are found. A program for Linux has the
 * same functions (linux_ivshmem.c).
 */
#ifndef KIT_IVSHMEM_H
#define KIT_IVSHMEM_H

#include "kit/mmio.h"
#include "kit/types.h"

/* Configuration space of device `slot`, function 0. All ones: there is none. */
uint32_t pci_read(unsigned int slot, unsigned int reg);
void pci_write(unsigned int slot, unsigned int reg, uint32_t value);

#define PCI_COMMAND        0x04u
#define PCI_COMMAND_MEMORY BIT32(1)
#define PCI_COMMAND_INTX   BIT32(10) /* off */
#define PCI_STATUS_INTX    BIT32(19)
#define PCI_BAR(n)         (0x10u + 4 * (n))
#define PCI_INTA(slot)     (35u + (slot) % 4) /* INTID */

#define IVSHMEM_ID       0x00u
#define IVSHMEM_PEERS    0x04u
#define IVSHMEM_CONTROL  0x08u
#define IVSHMEM_DOORBELL 0x0cu
#define IVSHMEM_STATE    0x10u

#define IVSHMEM_ONE_SHOT BIT32(24) /* in the capability's first word */

struct ivshmem {
	unsigned int slot;
	unsigned int intid;
	unsigned int capability; /* in configuration space */
	uintptr_t registers;
	uintptr_t memory;
	uint32_t id;
	uint32_t peers;
	uint64_t state_size, shared_size, output_size;
};

/* The n-th channel, from 0 on; its memory is enabled. False: there is none. */
bool ivshmem_find(unsigned int n, struct ivshmem *d);

/* Its state table; what all write; what peer `id` writes. */
static inline volatile uint32_t *ivshmem_states(const struct ivshmem *d)
{
	return (volatile uint32_t *)d->memory;
}

static inline volatile void *ivshmem_shared(const struct ivshmem *d)
{
	return (volatile void *)(d->memory + d->state_size);
}

static inline volatile void *ivshmem_output(const struct ivshmem *d, uint32_t id)
{
	return (volatile void *)(d->memory + d->state_size + d->shared_size + id * d->output_size);
}

static inline void ivshmem_set_state(const struct ivshmem *d, uint32_t state)
{
	mmio_write32(d->registers + IVSHMEM_STATE, state);
}

static inline void ivshmem_enable(const struct ivshmem *d, bool on)
{
	mmio_write32(d->registers + IVSHMEM_CONTROL, on);
}

static inline void ivshmem_ring(const struct ivshmem *d, uint32_t peer)
{
	mmio_write32(d->registers + IVSHMEM_DOORBELL, peer << 16);
}

#endif
