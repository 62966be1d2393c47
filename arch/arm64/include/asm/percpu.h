/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

#include <lib/types.h>

struct thread;
struct vcpu;

#define ARCH_MAX_VMIDS 256

struct arch_percpu {
	u64 emergency_sp; /* first: assembly takes it when a stack has overflowed */
	u32 guard;        /* second: what the vectors do against trained predictors, see errata.h */
	u32 measured;     /* third: exits are measured */
	u32 errata;       /* a bit each, see errata.h */
	bool exposed;     /* it would need a guard, and there is none */
	struct thread *fp_owner; /* whose FP/SIMD state the registers hold */
	u64 fp_control;          /* CPTR_EL2, or CPACR_EL1, as written last */
	u32 features;            /* of its EL1, see vcpu.c */
	bool serror_awaited;     /* one that is pending is let in */
	u64 serror_esr;          /* its ESR */
	u64 entry_pstate;        /* see inject.c */
	bool more_aprs;          /* a vCPU's active priorities are more than a register a group */
	struct vcpu *loaded;     /* whose EL1 registers the CPU holds */
	u64 mdscr;               /* MDSCR_EL1 as written last: not 0 while a guest uses debug */
	volatile void *gicr;     /* this CPU's redistributor */
	u8 last_vcpu
		[ARCH_MAX_VMIDS]; /* by VMID: index + 1 of the vCPU that ran here last; another one must not meet its TLB entries */
};

#endif
