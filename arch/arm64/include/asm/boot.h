/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of arch/arm64, and what init/ asks of it at start. */
#ifndef ASM_BOOT_H
#define ASM_BOOT_H

#include <asm/guest.h>
#include <kernel/page.h>
#include <lib/types.h>

/* mmu.c: final tables for the image at `image` and this RAM; later tables come from the page allocator once it is ready. */
void mmu_init(u64 image, const struct phys_range *ram, u32 nram);
void mmu_enable_final(void);
void mmu_page_allocator_ready(void);
u64 mmu_root_pa(void);

/* stage2.c: VTCR_EL2 for this machine. */
u64 stage2_vtcr(void);

/* gicv3.c: the distributor (once) and this CPU's interfaces. gic_init: -ENODEV, -ENOMEM. */
int __must_check gic_init(paddr_t dist, u64 dist_size, const struct phys_range *redist, u32 nredist,
			  u32 maintenance_intid);
int __must_check gic_init_cpu(void);
/* Acknowledge one interrupt and dispatch it. Interrupts masked. */
void gic_handle(void);

/* timer.c: INTIDs of the EL1 physical, EL1 virtual and EL2 physical timers; registers the latter. */
int __must_check timer_init(u32 phys, u32 virt, u32 hyp);

/* power.c: PSCI conduit of the machine. */
void power_init(bool hvc);

/* vcpu.c: EL2's control registers of this CPU that hold for every guest. */
void guest_init_cpu(void);
/* Write / read back the EL1 and virtual interface registers. */
void trap_init_cpu(void);

/* What this CPU lacks for us to run on it, with a GICv3 or another; NULL: nothing. */
const char *cpu_missing_feature(bool gicv3);

#endif
