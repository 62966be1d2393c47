/* SPDX-License-Identifier: Apache-2.0 */
/* What a GICv3 and a GICv2 have in common: the distributor, and how it enables an interrupt. */
#include <arch/irqchip.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <kernel/percpu.h>
#include "gic_dist.h"

#define GICR_SGI        0x10000 /* the SGI and PPI frame of a redistributor */
#define GICR_ISACTIVER0 (GICR_SGI + 0x0300)
#define GICR_ICACTIVER0 (GICR_SGI + 0x0380)

volatile u8 *gicd;
bool gic_is_v2;
static u32 irq_count;

u32 arch_irq_count(void)
{
	return irq_count;
}

__cold void gic_dist_init(volatile u8 *dist)
{
	gicd = dist;
	irq_count = MIN(32 * ((u32)FIELD(rd32(gicd, GICD_TYPER), 4, 0) + 1), 1020u);
	wr32(gicd, GICD_CTLR, 0);
	for (u32 n = 32; n < irq_count; n += 32) {
		wr32(gicd, GICD_ICENABLER + n / 8, ~0u);
		wr32(gicd, GICD_ICACTIVER + n / 8, ~0u);
	}
	for (u32 n = 32; n < irq_count; n += 4)
		wr32(gicd, GICD_IPRIORITYR + n, GIC_PRIORITY_HOST);
}

__cold void gic_private_init(volatile u8 *frame)
{
	wr32(frame, GICD_ICENABLER, ~0u);
	wr32(frame, GICD_ICACTIVER, ~0u);
	for (u32 n = 0; n < 32; n += 4)
		wr32(frame, GICD_IPRIORITYR + n, GIC_PRIORITY_HOST);
}

static volatile u8 *bank(u32 intid)
{
	return intid < 32 ? this_cpu()->arch.gicr + GICR_SGI : gicd;
}

void gic_enable(u32 intid)
{
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
	*(bank(intid) + GICD_IPRIORITYR + intid) = GIC_PRIORITY_URGENT;
}

void arch_irq_set_active(u32 intid, bool active)
{
	wr32(this_cpu()->arch.gicr, active ? GICR_ISACTIVER0 : GICR_ICACTIVER0, 1u << intid);
}
