/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short pieces of code run at EL0, A64 or AArch32, interrupts masked, until their first exception.
 */
#ifndef KIT_EL0_H
#define KIT_EL0_H

#include "kit/types.h"

typedef void (*el0_code)(void);

/*
 * EL0_CODE(name, "mrs x0, cntvct_el0"): a piece of code; SVC ends it. Its registers are x0 to x17.
 */
#define EL0_CODE(name, text)                                                            \
	void name(void);                                                                \
	asm(".pushsection .text.el0, \"ax\"\n" #name ":\n\t" text "\n\tsvc #0\n\tb .\n" \
	    ".popsection")

/* How it ended, and its first registers then. */
struct el0_exit {
	uint64_t x0;
	uint64_t x1;
	uint64_t esr;
	uint64_t far;
	uint64_t pc;
	/* Of AArch32 code. */
	bool a32;
	uint32_t r[8];
	uint64_t spsr;
};

/* Runs code, which may not refer to other code or data, as it runs elsewhere. */
struct el0_exit el0_run(el0_code code, uint64_t x0, uint64_t x1);

#define SPSR_A32 (BIT(4) | BIT(8) | BIT(7) | BIT(6)) /* user mode, A, I and F masked */
#define SPSR_T32 (SPSR_A32 | BIT(5))

/* AArch32 code at pc, which EL0 may execute, with r0 to r7 and this SPSR. */
struct el0_exit el0_run_a32(uintptr_t pc, const uint32_t r[8], uint64_t spsr);

/* el0.S, exc.c */
void el0_enter_a32(uintptr_t pc, const uint32_t r[8], uint64_t spsr);
void el0_enter(uintptr_t pc, uint64_t x0, uint64_t x1);
void el0_return(void);

#endif
