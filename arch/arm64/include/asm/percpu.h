/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

#include <lib/types.h>

struct thread;
struct vcpu;

#define ARCH_MAX_VMIDS 256

/* What a vCPU has on some CPUs only: bits of arch_percpu.features. */
enum vcpu_feature {
	HAS_RAS = 1 << 0,
	HAS_SME = 1 << 1,
	HAS_PAUTH = 1 << 2,
	HAS_SPECULATIVE_AT = 1 << 3, /* an erratum */
	HAS_AUXILIARY = 1 << 4,
	HAS_MORE_APRS = 1 << 5, /* more than one register of active priorities a group */
	HAS_GICV2 = 1 << 6,
};

struct arch_percpu {
	u64 emergency_sp; /* first: assembly uses it when a stack has overflowed */
	u32 guard;        /* second: the vectors' action against trained predictors, see errata.h */
	u32 measured;     /* third: exits are measured */
	u32 errata;       /* one bit each, see errata.h */
	bool exposed;     /* needs a guard that does not exist */
	struct thread *fp_owner; /* the thread whose FP/SIMD state the registers hold */
	u64 fp_control;          /* last value written to CPTR_EL2 or CPACR_EL1 */
	u32 features;            /* enum vcpu_feature */
	bool serror_awaited;     /* a pending SError is being let in */
	u64 serror_esr;          /* its ESR */
	u64 entry_pstate;        /* see inject.c */
	struct vcpu *loaded;     /* the vCPU whose EL1 registers the CPU holds */
	u64 mdscr;               /* MDSCR_EL1 as last written: not 0 while a guest uses debug */
	volatile void *gicr;     /* this CPU's redistributor */
	u8 last_vcpu
		[ARCH_MAX_VMIDS]; /* by VMID: index + 1 of the vCPU that ran here last; another vCPU
				   * must not use its TLB entries. 0: none since stage2_flush() */
};

#endif
