/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's GICv3 (IHI 0069): affinity routing, redistributors, CPU interface. On a GICv2 these
 * call gicv2.c.
 */
#include <arch/irqchip.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include "gic_dist.h"

#define GICD_IROUTER   0x6000
#define GICD_CTLR_RWP  BIT(31)
#define GICD_CTLR_ARE  BIT(4)
#define GICD_CTLR_GRP1 BIT(1)

#define GICR_TYPER          0x0008
#define GICR_WAKER          0x0014
#define GICR_CTLR           0x0000
#define GICR_SGI            0x10000 /* the SGI and PPI frame */
#define GICR_IGROUPR0       (GICR_SGI + 0x0080)
#define GICR_ISENABLER0     (GICR_SGI + 0x0100)
#define GICR_WAKER_SLEEP    BIT(1)
#define GICR_WAKER_CHILDREN BIT(2)
#define GICR_TYPER_VLPIS    BIT(1)
#define GICR_TYPER_LAST     BIT(4)

#define ICC_CTLR_EOIMODE BIT(1) /* priority drop and deactivation are separate */

#define REGION_MAX 4

static struct {
	volatile u8 *base;
	u64 size;
} redists[REGION_MAX];
static u32 redist_regions;
static u64 sgi_targets[MAX_CPUS]; /* ICC_SGI1R_EL1 of an SGI to a CPU, without the SGI's number */

/*
 * Wait for bits of a register to clear. The wait is bounded. Hardware that hangs is reported once.
 */
static void wait_clear(const volatile u8 *base, u32 offset, u64 bits)
{
	for (u32 i = 0; i < 1000000; i++)
		if (!(rd32(base, offset) & bits))
			return;
	log_err("gic: register 0x%x does not settle", offset);
}

__cold int gic_init(paddr_t dist, u64 dist_size, const struct phys_range *redist, u32 nredist)
{
	volatile u8 *base = arch_map_device(dist, dist_size);

	for (u32 i = 0; i < nredist && i < REGION_MAX; i++) {
		redists[i].base = arch_map_device(redist[i].base, redist[i].size);
		redists[i].size = redist[i].size;
		if (!redists[i].base)
			return -ENOMEM;
		redist_regions++;
	}
	if (!base)
		return -ENOMEM;
	gic_dist_init(base);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	for (u32 n = 32; n < arch_irq_count(); n += 32)
		wr32(gicd, GICD_IGROUPR + n / 8, ~0u);
	wr32(gicd, GICD_CTLR, (u32)(GICD_CTLR_ARE | GICD_CTLR_GRP1));
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	return 0;
}

/* The redistributor with this CPU's affinity, or NULL. */
static volatile u8 *find_redist(void)
{
	u64 hwid = arch_cpu_hwid();
	u64 affinity = FIELD(hwid, 39, 32) << 24 | (hwid & 0xffffff);

	for (u32 i = 0; i < redist_regions; i++) {
		volatile u8 *r = redists[i].base;

		while (r < redists[i].base + redists[i].size) {
			u64 typer = *(volatile u64 *)(r + GICR_TYPER);

			if (typer >> 32 == affinity)
				return r;
			if (typer & GICR_TYPER_LAST)
				break;
			r += typer & GICR_TYPER_VLPIS ? KIB(256) : KIB(128);
		}
	}
	return NULL;
}

/*
 * ICC_SGI1R_EL1 for this CPU alone: Aff3 55:48, RS 47:44, Aff2 39:32, Aff1 23:16, TargetList 15:0
 */
static u64 sgi_target(void)
{
	u64 hwid = arch_cpu_hwid(), aff0 = FIELD(hwid, 7, 0);

	return FIELD(hwid, 39, 32) << 48 | (aff0 / 16) << 44 | FIELD(hwid, 23, 16) << 32 |
	       FIELD(hwid, 15, 8) << 16 | BIT(aff0 % 16);
}

__cold int gic_init_cpu(void)
{
	volatile u8 *r;

	if (gic_is_v2)
		return gicv2_init_cpu();
	r = find_redist();
	if (!r)
		return -ENODEV;
	this_cpu()->arch.gicr = r;
	sgi_targets[this_cpu()->id] = sgi_target();
	wr32(r, GICR_WAKER, rd32(r, GICR_WAKER) & ~(u32)GICR_WAKER_SLEEP);
	wait_clear(r, GICR_WAKER, GICR_WAKER_CHILDREN);
	gic_private_init(r + GICR_SGI);
	wr32(r, GICR_IGROUPR0, ~0u);
	wait_clear(r, GICR_CTLR, BIT(3));
	wr32(r, GICR_ISENABLER0, 0xffff); /* SGIs */

	/* Use system registers. A lower level's access to this one traps (Enable, bit 3, is 0). */
	write_sysreg_(ICC_SRE_ELx, 0x7);
	isb();
	write_sysreg_(ICC_SRE_EL1, 0x7);
	isb();
	write_sysreg_(ICC_PMR_EL1, 0xff);
	write_sysreg_(ICC_BPR1_EL1, 0);
	write_sysreg_(ICC_CTLR_EL1, EOI_APART ? ICC_CTLR_EOIMODE : 0);
	write_sysreg_(ICC_IGRPEN1_EL1, 1);
	isb();
	return 0;
}

__noinline void gic_dispatch(u32 iar)
{
	struct percpu *cpu = this_cpu();
	u32 flags;

	if (unlikely(iar >= 1020)) /* spurious */
		return;
	cpu->irq_depth = 1; /* interrupts do not nest */
	flags = irq_dispatch(iar);
	cpu->irq_depth = 0;
	write_sysreg_(ICC_EOIR1_EL1, iar);
	if (EOI_APART && !(flags & IRQ_STAYS_ACTIVE))
		write_sysreg_(ICC_DIR_EL1, iar);
}

void gic_handle(void)
{
	if (unlikely(gic_is_v2))
		gicv2_handle();
	else
		gic_dispatch((u32)read_sysreg_(ICC_IAR1_EL1));
}

void arch_irq_unmask(u32 intid, u32 cpu)
{
	if (intid >= 32 && gic_is_v2) {
		gicv2_route(intid, cpu);
	} else if (intid >= 32) {
		u64 hwid = percpus[cpu].hwid;

		*(volatile u64 *)(gicd + GICD_IROUTER + 8 * intid) = hwid & 0xff00ffffffULL;
	}
	gic_enable(intid);
}

void arch_sgi_send(u32 sgi, u32 cpu)
{
	if (unlikely(gic_is_v2)) {
		gicv2_sgi_send(sgi, cpu);
		return;
	}
	dsb(ishst); /* other CPUs see earlier writes before the interrupt */
	write_sysreg_(ICC_SGI1R_EL1, sgi_targets[cpu] | (u64)sgi << 24);
}
