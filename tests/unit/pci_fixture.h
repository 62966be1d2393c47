/* SPDX-License-Identifier: Apache-2.0 */
/* Three VMs with channels, and their guests' accesses. */
#ifndef PCI_FIXTURE_H
#define PCI_FIXTURE_H

#include <unit.h>

#include <arch/mmu.h>
#include <asm/host.h>
#include <vmm/core.h>
#include <vmm/pci.h>

#define ECAM  GUEST_PCI_ECAM
#define PEERS 3

struct pci_guest {
	struct vm vm;
	struct vcpu vcpu;
	struct desc_channel channels[DESC_CHANNELS_MAX];
	struct vdev host, functions[DESC_CHANNELS_MAX];
	u32 pended; /* interrupts so far, of any function */
	u32 intid;  /* of the last one */
};
extern struct pci_guest guests[PEERS];

/* The channel "loop" of the VMs a, b and c: 4 KiB of states, 16 KiB shared, 8 KiB for each. */
extern struct desc_channel loop;

/* A machine without VMs; all VMs are gone, and no memory is lost. */
int pci_setup(void **state);
int pci_teardown(void **state);
/* VM n, with `count` channels like `loop`; it does not run yet. 0 or create()'s error. */
int guest_make(u32 n, u32 count);
void guest_unmake(u32 n);
void guest_set(u32 n, enum vm_state s);
/* What the guest's thread does on its way back. Peers that were told in one section: 1. */
void guest_work(u32 n);
extern u32 pci_opened; /* calls of sched_open() */
extern char pci_why[VDEV_WHY];

/* An access by the guest, at an address; its result. */
enum mmio_result guest_access(u32 n, u64 ipa, u32 size, bool write, u64 *value);
u64 load(u32 n, u64 ipa, u32 size);
void store(u32 n, u64 ipa, u32 size, u64 value);

/* Configuration space of the function in device `slot`. */
u32 config(u32 n, u32 slot, u32 reg);
void set_config(u32 n, u32 slot, u32 reg, u32 value);
/* Let the guest enable memory; the address of its registers and of its memory. */
void guest_enable(u32 n, u32 slot);
u64 registers(u32 n, u32 slot);
u64 memory(u32 n, u32 slot);

#endif
