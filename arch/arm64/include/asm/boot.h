/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces between the parts of arch/arm64, and those that init/ uses at the start.
 *
 * Calls go one way, but for two ties. Vectors name their handlers, and exception.c sets the
 * vectors. boot.S, efi_head.S and cpu_start.c are one image's entries: each names where the next
 * begins.
 */
#ifndef ASM_BOOT_H
#define ASM_BOOT_H

#include <asm/guest.h>
#include <kernel/page.h>
#include <lib/types.h>

/*
 * mmu.c: make the final tables for the image at `image`, the devicetree and the RAM (kernel/ram.h).
 * Later tables come from the page allocator once it is ready. False: no memory for them.
 * mmu_enable_final() then switches to them, and the boot tables are gone.
 */
bool __must_check mmu_init(u64 image, struct phys_range fdt);
void mmu_enable_final(void);
void mmu_page_allocator_ready(void);
u64 mmu_root_pa(void);

/*
 * vcpu.c: put another VTTBR_EL2 on this CPU for maintenance that depends on it, and restore the old
 * one. Interrupts masked.
 */
struct stage2_loan {
	u64 vttbr, sctlr, tcr;
};
void stage2_borrow(struct stage2_loan *loan, u64 vttbr);
void stage2_return(const struct stage2_loan *loan);
/* guest_state.c: no guest's stage 2 is in VTTBR_EL2: EL1's walks find nothing mapped. */
void stage2_unload(void);

/* stage2.c: VTCR_EL2 for this machine. */
u64 stage2_vtcr(void);

/*
 * gicv3.c: initialise the distributor (once) and this CPU's interfaces, also of a GICv2. The part
 * for a lower level comes behind each. gic_init: -ENODEV, -ENOMEM.
 */
int __must_check gic_init(paddr_t dist, u64 dist_size, const struct phys_range *redist,
			  u32 nredist);
int __must_check gic_init_cpu(void);
/*
 * Acknowledge one interrupt and dispatch it. gic_dispatch() dispatches one that is already
 * acknowledged. Interrupts masked.
 */
void gic_handle(void);
void gic_dispatch(u32 iar);
/* gic.c: enable an interrupt; a private one on this CPU. */
void gic_enable(u32 intid);

/*
 * timer.c: set the INTID of the kernel's timer. timer_lower.c: set those of the EL1 physical and
 * virtual timers, which belong to guests.
 */
int __must_check timer_init(u32 intid);
void timer_lower_init(u32 phys, u32 virt);

/*
 * pmu.c: set the performance monitors' interrupt, a PPI. Silence this CPU's monitors; returns how
 * many event counters it has.
 */
void pmu_init(u32 ppi);
u32 pmu_init_cpu(void);

/*
 * power.c: find the firmware's PSCI. -ENODEV: the devicetree has none. -EPERM: it uses HVC, which
 * from here comes back to ourselves.
 */
int __must_check power_init(void);
/*
 * power.c: PSCI CPU_ON, with physical addresses. -ENODEV: there is no PSCI. -EBUSY: it is on. -EIO:
 * any other answer.
 */
int __must_check power_cpu_on(u64 hwid, u64 entry, u64 arg);

/* inject.c: the PSTATE bits that this CPU has, of those that an exception to EL1 sets. */
u64 entry_pstate_init_cpu(void);

/*
 * guard.c: find out what this CPU needs at guests' exits. After power_init(): it may ask the
 * firmware.
 */
void guard_init_cpu(void);

/* exception.c: set this CPU's vectors, as it needs them now. */
void trap_init_cpu(void);

/*
 * Each exception level has its own files for these (EL1: el1.c; EL2: el2.c,
 * gic_lower.c).
 */
/* Why this build cannot run at level `el`, where the loader entered it. NULL: it can. */
const char *el_refusal(u64 el);
/* Initialise this CPU's control registers, including those that control the lower level. */
void el_init_cpu(void);
/*
 * Initialise the interrupt controller's part for a lower level: once, and on every CPU. -ENODEV,
 * -ENOMEM.
 */
int __must_check gic_lower_init(void);
void gic_lower_init_cpu(void);

/* A feature that this CPU lacks and ZVM needs, with a GICv3 or without. NULL: none. */
const char *cpu_missing_feature(bool gicv3);

#endif
