/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exception level of this build, ZVM_EL: 2 for the hypervisor, 1 for the RTOS. Only this file
 * tells the two apart by name. Code that only one of them needs is in files that the other does not
 * compile (meson.build). Also included by assembly.
 */
#ifndef ASM_EL_H
#define ASM_EL_H

#if ZVM_EL == 2

#define EL_NAME "EL2"

/* Registers (Arm ARM D17.2) */
#define ELR_ELx     elr_el2
#define ESR_ELx     esr_el2
#define FAR_ELx     far_el2
#define SCTLR_ELx   sctlr_el2
#define SPSR_ELx    spsr_el2
#define TPIDR_ELx   tpidr_el2
#define TTBR0_ELx   ttbr0_el2
#define VBAR_ELx    vbar_el2
#define ICC_SRE_ELx ICC_SRE_EL2

/* SCTLR_EL2, E2H = 0 */
#define SCTLR_ELx_RES1 0x30c50830ULL

/* Stage 1 of a regime without a lower level: AP[1] is RES1, one XN (D8.4.1) */
#define PTE_AP1 BIT(6)
#define PTE_XN  BIT(54)

#define TLBI_ALL   alle2
#define TLBI_VA_IS vae2is

/* CPTR_EL2.TFP: FP and SIMD trap */
#define FP_CONTROL      cptr_el2
#define FP_TRAPPED(reg) ((reg) | CPTR_TFP)
#define FP_ALLOWED(reg) ((reg) & ~CPTR_TFP)

/* The kernel's timer and counter, and its name in the devicetree */
#define TIMER_CTL     cnthp_ctl_el2
#define TIMER_CVAL    cnthp_cval_el2
#define TIMER_COUNTER cntpct_el0
#define TIMER_OURS    HOST_TIMER_HYP

/*
 * Priority drop and deactivation of an interrupt are separate: guests' interrupts stay active until
 * the guests end them
 */
#define EOI_APART 1

/* The last of a GICv2's frames that is needed: the virtual CPU interface */
#define GICV2_LAST_FRAME 3

/* An HVC comes to ourselves, not to the firmware. */
#define HVC_IS_OURS 1

#else

#define EL_NAME "EL1"

#define ELR_ELx        elr_el1
#define ESR_ELx        esr_el1
#define FAR_ELx        far_el1
#define SCTLR_ELx      sctlr_el1
#define SPSR_ELx       spsr_el1
#define TPIDR_ELx      tpidr_el1
#define TTBR0_ELx      ttbr0_el1
#define VBAR_ELx       vbar_el1
#define ICC_SRE_ELx    ICC_SRE_EL1

/* SCTLR_EL1: LSMAOE, nTLSMD, SPAN, EIS, TSCXT, EOS */
#define SCTLR_ELx_RES1 0x30d00800ULL

/* There is an EL0 below, which AP[1] would let in: so it is 0. UXN and PXN */
#define PTE_AP1        0ULL
#define PTE_XN         (BIT(54) | BIT(53))

#define TLBI_ALL         vmalle1
#define TLBI_VA_IS       vaae1is

/* CPACR_EL1.FPEN, bits 21:20: 0 traps, 3 does not */
#define FP_CONTROL       cpacr_el1
#define FP_TRAPPED(reg)  ((reg) & ~BITS(21, 20))
#define FP_ALLOWED(reg)  ((reg) | BITS(21, 20))

/* The virtual timer: a guest may have no other one, and it stands still while the guest does */
#define TIMER_CTL        cntv_ctl_el0
#define TIMER_CVAL       cntv_cval_el0
#define TIMER_COUNTER    cntvct_el0
#define TIMER_OURS       HOST_TIMER_VIRT

/* One write ends an interrupt */
#define EOI_APART        0

/* The last one needed is the CPU interface */
#define GICV2_LAST_FRAME 1

#define HVC_IS_OURS 0

#endif

#endif
