/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for ivshmem version 2 behind a generic PCI host bridge: memory that VMs share, with
 * doorbells and a state for each. The interface is that of the guest kit and of Linux programs
 * (guests/kit/include/kit/ivshmem.h).
 */
#ifndef RTOS_IVSHMEM_H
#define RTOS_IVSHMEM_H

#include <kernel/irq.h>
#include <lib/types.h>

struct ivshmem {
	u32 slot, intid;
	volatile u8 *config, *registers, *memory;
	u32 id, peers;
	u32 protocol; /* 16 bits of the class code */
	u64 state_size, shared_size, output_size;
};

/*
 * The first channel whose protocol is RPMsg (or is not), where its BARs are; its memory is enabled
 * and mapped. False: there is none, or no bridge. Boot.
 */
bool ivshmem_find(bool rpmsg, struct ivshmem *d);

/* Its state table; what all write. */
volatile u32 *ivshmem_states(const struct ivshmem *d);
volatile void *ivshmem_shared(const struct ivshmem *d);

void ivshmem_set_state(const struct ivshmem *d, u32 state);
void ivshmem_enable(const struct ivshmem *d, bool on);
/* What was stored before is there when the peer is interrupted. */
void ivshmem_ring(const struct ivshmem *d, u32 peer);

#endif
