/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's GICv3 (IHI 0069): distributor, redistributors, CPU interface. On a GICv2 these call
 * gicv2.c.
 */
#include <arch/irqchip.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <lib/errno.h>

#define GICD_CTLR       0x0000
#define GICD_TYPER      0x0004
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_ICACTIVER  0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00
#define GICD_IROUTER    0x6000
#define GICD_CTLR_RWP   BIT(31)
#define GICD_CTLR_ARE   BIT(4)
#define GICD_CTLR_GRP1  BIT(1)

#define GICR_TYPER          0x0008
#define GICR_WAKER          0x0014
#define GICR_CTLR           0x0000
#define GICR_SGI            0x10000 /* the SGI and PPI frame */
#define GICR_IGROUPR0       (GICR_SGI + 0x0080)
#define GICR_ISENABLER0     (GICR_SGI + 0x0100)
#define GICR_ICENABLER0     (GICR_SGI + 0x0180)
#define GICR_ISACTIVER0     (GICR_SGI + 0x0300)
#define GICR_ICACTIVER0     (GICR_SGI + 0x0380)
#define GICR_IPRIORITYR     (GICR_SGI + 0x0400)
#define GICR_ICFGR1         (GICR_SGI + 0x0c04)
#define GICR_WAKER_SLEEP    BIT(1)
#define GICR_WAKER_CHILDREN BIT(2)
#define GICR_TYPER_VLPIS    BIT(1)
#define GICR_TYPER_LAST     BIT(4)

#define ICC_CTLR_EOIMODE BIT(1) /* priority drop and deactivation are separate */

#define PRIORITY_HOST   0xa0a0a0a0u
#define PRIORITY_URGENT 0x80 /* a lower value is more urgent */
#define REGION_MAX      4

static volatile u8 *gicd;
static u32 irq_count;
static struct {
	volatile u8 *base;
	u64 size;
} redists[REGION_MAX];
static u32 redist_regions;
static u64 sgi_targets[MAX_CPUS]; /* ICC_SGI1R_EL1 of an SGI to a CPU, without the SGI's number */

static u32 rd32(const volatile u8 *base, u32 offset)
{
	return *(const volatile u32 *)(base + offset);
}

static void wr32(volatile u8 *base, u32 offset, u32 value)
{
	*(volatile u32 *)(base + offset) = value;
}

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

u32 arch_irq_count(void)
{
	return irq_count;
}

void gic_adopt_dist(volatile u8 *dist, u32 irqs)
{
	gicd = dist;
	irq_count = irqs;
}

__cold int gic_init(paddr_t dist, u64 dist_size, const struct phys_range *redist, u32 nredist)
{
	gicd = arch_map_device(dist, dist_size);
	for (u32 i = 0; i < nredist && i < REGION_MAX; i++) {
		redists[i].base = arch_map_device(redist[i].base, redist[i].size);
		redists[i].size = redist[i].size;
		if (!redists[i].base)
			return -ENOMEM;
		redist_regions++;
	}
	if (!gicd)
		return -ENOMEM;
	irq_count = MIN(32 * ((u32)FIELD(rd32(gicd, GICD_TYPER), 4, 0) + 1), 1020u);

	wr32(gicd, GICD_CTLR, 0);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	for (u32 n = 32; n < irq_count; n += 32) {
		wr32(gicd, GICD_ICENABLER + n / 8, ~0u);
		wr32(gicd, GICD_ICACTIVER + n / 8, ~0u);
		wr32(gicd, GICD_IGROUPR + n / 8, ~0u);
	}
	for (u32 n = 32; n < irq_count; n += 4)
		wr32(gicd, GICD_IPRIORITYR + n, PRIORITY_HOST);
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	wr32(gicd, GICD_CTLR, (u32)(GICD_CTLR_ARE | GICD_CTLR_GRP1));
	wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	return gic_lower_init();
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
	wr32(r, GICR_ICENABLER0, ~0u);
	wr32(r, GICR_ICACTIVER0, ~0u);
	wr32(r, GICR_IGROUPR0, ~0u);
	for (u32 n = 0; n < 32; n += 4)
		wr32(r, GICR_IPRIORITYR + n, PRIORITY_HOST);
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
	gic_lower_init_cpu();
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

static volatile u8 *bank(u32 intid)
{
	return intid < 32 ? this_cpu()->arch.gicr + GICR_SGI : gicd;
}

void arch_irq_unmask(u32 intid, u32 cpu)
{
	if (intid >= 32 && gic_is_v2) {
		gicv2_route(intid, cpu);
	} else if (intid >= 32) {
		u64 hwid = percpus[cpu].hwid;

		*(volatile u64 *)(gicd + GICD_IROUTER + 8 * intid) = hwid & 0xff00ffffffULL;
	}
	wr32(bank(intid), GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

void arch_irq_mask(u32 intid)
{
	wr32(bank(intid), GICD_ICENABLER + intid / 32 * 4, 1u << intid % 32);
}

void arch_irq_set_edge(u32 intid, bool edge)
{
	volatile u8 *b = bank(intid);
	u32 offset = GICD_ICFGR + intid / 16 * 4;
	u32 bit = 2u << 2 * (intid % 16);
	u32 v = rd32(b, offset);

	wr32(b, offset, edge ? v | bit : v & ~bit);
}

/* Each interrupt has one byte in these registers. */
void arch_irq_set_urgent(u32 intid)
{
	*(bank(intid) + GICD_IPRIORITYR + intid) = PRIORITY_URGENT;
}

void arch_irq_set_active(u32 intid, bool active)
{
	wr32(this_cpu()->arch.gicr, active ? GICR_ISACTIVER0 : GICR_ICACTIVER0, 1u << intid);
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
