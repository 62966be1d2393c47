/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of arch/arm64, and what init/ asks of it at start. */
#ifndef ASM_BOOT_H
#define ASM_BOOT_H

#include <asm/guest.h>
#include <kernel/page.h>
#include <lib/types.h>

/*
 * mmu.c: final tables for the image at `image`, the devicetree and the RAM (kernel/ram.h); later tables come from the page allocator once it is ready. False: no
 * memory for them. Then mmu_enable_final(): the boot tables are gone.
 */
bool __must_check mmu_init(u64 image, struct phys_range fdt);
void mmu_enable_final(void);
void mmu_page_allocator_ready(void);
u64 mmu_root_pa(void);

/* vcpu.c: another VTTBR_EL2 on this CPU for a moment, for maintenance that goes by it, and back. Interrupts masked. */
struct stage2_loan {
	u64 vttbr, sctlr, tcr;
};
void stage2_borrow(struct stage2_loan *loan, u64 vttbr);
void stage2_return(const struct stage2_loan *loan);

/* stage2.c: VTCR_EL2 for this machine. */
u64 stage2_vtcr(void);

/* gicv3.c: the distributor (once) and this CPU's interfaces. gic_init: -ENODEV, -ENOMEM. */
int __must_check gic_init(paddr_t dist, u64 dist_size, const struct phys_range *redist,
			  u32 nredist);
int __must_check gic_init_cpu(void);
/* Acknowledge one interrupt and dispatch it; dispatch one that was acknowledged. Interrupts masked. */
void gic_handle(void);
void gic_dispatch(u32 iar);

/* timer.c: the kernel's timer has this INTID. timer_lower.c: the EL1 physical and virtual ones, guests', have these. */
int __must_check timer_init(u32 intid);
void timer_lower_init(u32 phys, u32 virt);

/* pmu.c: the performance monitors' interrupt, a PPI; this CPU's monitors made quiet: how many event counters it has. */
void pmu_init(u32 ppi);
u32 pmu_init_cpu(void);

/* power.c: the firmware's PSCI. -ENODEV: the devicetree has none; -EPERM: it is by HVC, which from here comes to ourselves. */
int __must_check power_init(void);

/* inject.c: of the PSTATE bits that an exception to EL1 sets, those that this CPU has. */
u64 entry_pstate_init_cpu(void);

/* guard.c: what this CPU needs done at its exits. Firmware can be asked by now (power_init). */
void guard_init_cpu(void);

/* exception.c: this CPU's vectors, as it needs them by now. */
void trap_init_cpu(void);

/*
 * What each exception level has a file of its own for (EL1: el1.c; EL2: el2.c, vcpu.c, gic_lower.c).
 */
/* Why this build cannot run where the loader entered it, at level `el`; NULL: it can. */
const char *el_refusal(u64 el);
/* This CPU's control registers, those that hold for all that runs below included. */
void el_init_cpu(void);
/* The part of the interrupt controller that serves a lower level: once, and on every CPU. -ENODEV, -ENOMEM. */
int __must_check gic_lower_init(void);
void gic_lower_init_cpu(void);

/* What this CPU lacks for us to run on it, with a GICv3 or another; NULL: nothing. */
const char *cpu_missing_feature(bool gicv3);

#endif
