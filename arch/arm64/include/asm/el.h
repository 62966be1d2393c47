/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exception level that this build runs at, ZVM_EL: the hypervisor's is 2, the RTOS's 1. The one place where they part
 * by name; what only one of them has lies in files that the other does not compile (meson.build). Also included by assembly.
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

/* The kernel's timer and counter, and which of the devicetree's it is */
#define TIMER_CTL     cnthp_ctl_el2
#define TIMER_CVAL    cnthp_cval_el2
#define TIMER_COUNTER cntpct_el0
#define TIMER_OURS    HOST_TIMER_HYP

/* An interrupt's priority drop and its deactivation are apart: guests' stay active until they end them */
#define EOI_APART 1

/* Last of a GICv2's frames that we need: the virtual CPU interface */
#define GICV2_LAST_FRAME 3

/* An HVC comes to ourselves, not to firmware. */
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

/* EL0 below: AP[1] would let it in, so it is 0; UXN and PXN */
#define PTE_AP1        0ULL
#define PTE_XN         (BIT(54) | BIT(53))

#define TLBI_ALL         vmalle1
#define TLBI_VA_IS       vaae1is

/* CPACR_EL1.FPEN, bits 21:20: 0 traps, 3 does not */
#define FP_CONTROL       cpacr_el1
#define FP_TRAPPED(reg)  ((reg) & ~BITS(21, 20))
#define FP_ALLOWED(reg)  ((reg) | BITS(21, 20))

/* The virtual timer: a guest's may be the only one it has, and stands still with it */
#define TIMER_CTL        cntv_ctl_el0
#define TIMER_CVAL       cntv_cval_el0
#define TIMER_COUNTER    cntvct_el0
#define TIMER_OURS       HOST_TIMER_VIRT

/* The end of an interrupt is one write */
#define EOI_APART        0

/* ... the CPU interface */
#define GICV2_LAST_FRAME 1

#define HVC_IS_OURS 0

#endif

#endif
