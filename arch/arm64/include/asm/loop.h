/* SPDX-License-Identifier: Apache-2.0 */
/* Code that leads nowhere: what a guest's instructions say of where it will be, without running them. */
#ifndef ASM_LOOP_H
#define ASM_LOOP_H

#include <lib/types.h>

struct vcpu;

/* The guest's code, and of it what was last read. */
struct guest_code {
	const struct vcpu *v;
	u64 line;         /* address of... */
	const u32 *words; /* ...these; NULL: none yet */
};

#define CODE_LINE 64

/* An instruction; false: its address leads to no RAM. In emulate.c; the vCPU is loaded, interrupts masked. */
bool __must_check guest_fetch(struct guest_code *c, u64 pc, u32 *insn);

/*
 * Executing from `from` on reaches `to`, over at most `max` instructions each of which has one successor only, and `over` is one of them, or `to`. The
 * instruction at `to` itself is not looked at.
 */
bool __must_check loop_leads_to(struct guest_code *c, u64 from, u64 to, u64 over, u32 max);

/* From pc on nothing is executed but up to four branches, hints (WFE, WFI, YIELD, NOP) and barriers, and it comes back to pc. */
bool __must_check loop_spins(struct guest_code *c, u64 pc);

#endif
