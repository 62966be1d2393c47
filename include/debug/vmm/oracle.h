/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An oracle that runs along, for builds with -Dchecks=true and for unit tests. Other builds get
 * include/release/vmm/oracle.h. It computes once more what a VM's stage 2 must map, from its
 * description and from what each of its devices shows, and compares that with what the walker
 * finds. A difference is a panic that names the VM and the address.
 */
#ifndef VMM_ORACLE_H
#define VMM_ORACLE_H

#include <lib/types.h>

struct vm_ram;

/* The block of RAM at ipa came or left. Thread context, came.lock not held. */
void oracle_block(struct vm_ram *ram, u64 ipa);

/*
 * After each change of a VM:
 * - Stage 2 maps the RAM of the description's banks as far as it has come, the page of stolen time,
 *   a GICv2's CPU interface, flash (never writable) and the channels' windows, each with its
 *   attributes; and nothing else.
 * - A block of RAM has one owner. No page outside of RAM lies in such a block.
 * - VMs have no more memory than the machine. Budgets take no more than all of a CPU.
 * - Each CPU's run queue is in order: sched_check().
 * Lifecycle lock held, no spinlock.
 */
void oracle_vms(void);

#endif
