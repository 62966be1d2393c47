/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_GUEST_H
#define ASM_GUEST_H

#include <lib/list.h>
#include <lib/types.h>

struct guest_regs;

/* A record of the calls for a vCPU, for tests. */
struct arch_vcpu {
	u64 pc;
	u64 x0;
	u64 mpidr;
	u32 resets;
	bool was_open;
	bool vmcr_saved; /* pmr and groups below are to be loaded */
	u8 pmr;
	u32 groups;
	struct guest_regs *regs; /* what a debugger sees; NULL: pc and x0, and nothing is written */
};

/* A list of mappings, NULL before stage2_init(). */
struct stage2 {
	struct list *root;
	u64 prepared[16]; /* one bit each GiB: tables for 2 MiB blocks are there */
	u32 count;
	u32 tlb_flushes;
};

u32 arch_vgic_ended(void);
u32 arch_guest_virt_late(void);

#endif
