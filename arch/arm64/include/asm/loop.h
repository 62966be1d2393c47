/* SPDX-License-Identifier: Apache-2.0 */
/* Finds code that does not get on: which instructions a guest will reach, without running them. */
#ifndef ASM_LOOP_H
#define ASM_LOOP_H

#include <lib/types.h>

struct vcpu;

/* A guest's code, with the line read last. */
struct guest_code {
	const struct vcpu *v;
	u64 line;         /* address of the words */
	const u32 *words; /* NULL: no line read yet */
};

#define CODE_LINE 64

/*
 * Fetch an instruction. False: its address does not lead to RAM. In emulate.c. The vCPU is loaded,
 * interrupts masked.
 */
bool __must_check guest_fetch(struct guest_code *c, u64 pc, u32 *insn);

/*
 * True if execution from `from` reaches `to` within at most `max` instructions, each with only one
 * successor, and passes `over` (which may be `to`). The instruction at `to` itself is not looked
 * at.
 */
bool __must_check loop_leads_to(struct guest_code *c, u64 from, u64 to, u64 over, u32 max);

/*
 * True if execution from pc returns to pc over nothing but at most four branches, hints (WFE, WFI,
 * YIELD, NOP) and barriers.
 */
bool __must_check loop_spins(struct guest_code *c, u64 pc);

#endif
