/* SPDX-License-Identifier: Apache-2.0 */
/* The arch half of a vCPU and of an address space. */
#ifndef ASM_GUEST_H
#define ASM_GUEST_H

#include <asm/sysreg.h>
#include <lib/types.h>

/*
 * General registers of a lower exception level, at the top of its thread's stack. Laid out for
 * vectors.S.
 */
struct trap_frame {
	u64 x[32]; /* x[31] receives loads to the zero register */
	u64 elr;
	u64 spsr;
};

/* EL1 and EL0 system registers of a vCPU that is not loaded on a CPU. */
struct el1_regs {
	u64 cpacr, mair, ttbr0, ttbr1, vbar, contextidr;
	u64 esr, far, par, elr, spsr, cntkctl;
	u64 sp_el0, sp_el1, tpidr_el0, tpidrro_el0, tpidr_el1;
	u64 csselr;
	u64 sctlr, tcr; /* in pairs up to here, see guest_state.c */
	u64 amair, afsr0, afsr1;
	u64 tpidr2; /* SME: no trap covers it */
	u64 vdisr;  /* the value that the guest sees as DISR_EL1 */
	u64 pauth_keys[10];
};

#define ICH_AP_REGS 4

struct arch_vcpu {
	struct trap_frame *frame;
	struct el1_regs el1;
	u64 vmpidr;
	u64 ich_vmcr;
	u64 ich_ap0r[ICH_AP_REGS];
	u64 ich_ap1r[ICH_AP_REGS];
	struct {
		u64 esr, far, elr;
	} given; /* the last exception that take_exception() gave to code outside the vectors */
};

static inline u32 arch_vgic_ended(void)
{
	return (u32)read_sysreg_(ICH_ELRSR_EL2);
}

static inline u32 arch_guest_virt_late(void)
{
	return 0U - (u32)read_sysreg(cntv_tval_el0);
}

/* A stage-2 address space: level-1 root, 39-bit IPA. */
struct stage2 {
	u64 *root;
	u64 vttbr;
	u64 tables; /* pages in use */
};

#endif
