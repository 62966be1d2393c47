/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's GICv2 (IHI 0048): distributor and CPU interface. Interrupts stay in the group in
 * which they are found: group 1 if there are two security states, of which this software sees only
 * that group; else group 0. GICC_CTLR is the same for both.
 */
#include <arch/irqchip.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <drivers/host.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include "gicv2_regs.h"

#define GIC_COPIES    KIB(64)
#define GIC_LAST_COPY 0xf000u

volatile u8 *gicv2_cpu;
static u8 cpu_mask[MAX_CPUS]; /* bit of a CPU's interface in ITARGETSR and SGIR */

__cold int gicv2_node(void)
{
	static const char *const names[] = { "arm,cortex-a15-gic", "arm,gic-400",
					     "arm,cortex-a7-gic" };
	struct phys_range frame;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		int node = host_fdt_find(names[i], -1);

		if (node >= 0 && host_fdt_reg(node, GICV2_LAST_FRAME, &frame) == 0)
			return node;
	}
	return -1;
}

/*
 * A CPU interface is two pages; the second holds DIR. On some systems with 64 KiB pages (SBSA) each
 * page appears 16 times in 64 KiB. There the last copy of the first page and the first copy of the
 * second are neighbours. IIDR tells.
 */
__cold volatile u8 *gicv2_map(u32 index, paddr_t *pa)
{
	struct phys_range frame;
	volatile u8 *base;

	if (host_fdt_reg(gicv2_node(), index, &frame))
		return NULL;
	base = arch_map_device(frame.base, frame.size);
	if (base && frame.size >= 2 * GIC_COPIES && rd32(base, GICC_IIDR) &&
	    rd32(base, GICC_IIDR) == rd32(base, GIC_LAST_COPY + GICC_IIDR)) {
		base += GIC_LAST_COPY;
		frame.base.pa += GIC_LAST_COPY;
	}
	if (pa)
		*pa = frame.base;
	return base;
}

__cold int gicv2_init(void)
{
	volatile u8 *dist;

	if (gicv2_node() < 0)
		return -ENODEV;
	dist = gicv2_map(FRAME_DIST, NULL);
	gicv2_cpu = gicv2_map(FRAME_CPU, NULL);
	if (!dist || !gicv2_cpu)
		return -ENOMEM;
	gic_is_v2 = true;
	gic_dist_init(dist);
	wr32(gicd, GICD_CTLR, 1);
	return 0;
}

/*
 * A CPU's own bit, which it reads as the target of private interrupts. A GIC with one CPU reads as
 * 0.
 */
static u8 own_mask(void)
{
	u32 targets = 0;

	for (u32 n = 0; n < 32; n += 4)
		targets |= rd32(gicd, GICD_ITARGETSR + n);
	targets |= targets >> 16;
	targets |= targets >> 8;
	return targets & 0xff ? (u8)targets : 1;
}

/*
 * Turn off the system registers of a CPU that could have a GICv3. False if the CPU does not allow
 * it.
 */
static bool registers_off(void)
{
	if (FIELD(read_sysreg(id_aa64pfr0_el1), 27, 24) == 0)
		return true;
	write_sysreg_(ICC_SRE_ELx, 0);
	isb();
	return !(read_sysreg_(ICC_SRE_ELx) & 1);
}

__cold int gicv2_init_cpu(void)
{
	struct percpu *cpu = this_cpu();

	if (!registers_off())
		return -ENODEV;
	cpu_mask[cpu->id] = own_mask();
	/*
	 * gic.c expects the frame of private interrupts 64 KiB further on: here that is the
	 * distributor, which is banked for each CPU.
	 */
	cpu->arch.gicr = gicd - KIB(64);
	gic_private_init(gicd);
	wr32(gicd, GICD_ISENABLER, 0xffff); /* SGIs */
	wr32(gicv2_cpu, GICC_PMR, 0xff);
	wr32(gicv2_cpu, GICC_BPR, 0);
	wr32(gicv2_cpu, GICC_CTLR, (u32)(GICC_ENABLE | (EOI_APART ? GICC_EOIMODE : 0)));
	return 0;
}

void gicv2_handle(void)
{
	u32 iar = rd32(gicv2_cpu, GICC_IAR);
	u32 intid = iar & 0x3ff;

	if (intid >= 1020)
		return;
	struct percpu *cpu = this_cpu();

	cpu->irq_depth++;
	u32 flags = irq_dispatch(intid);

	cpu->irq_depth--;
	dsb(sy); /* the handler's writes have reached the device: a level is low */
	wr32(gicv2_cpu, GICC_EOIR, iar);
	if (EOI_APART && !(flags & IRQ_STAYS_ACTIVE))
		wr32(gicv2_cpu, GICC_DIR, iar);
}

void gicv2_route(u32 intid, u32 cpu)
{
	gicd[GICD_ITARGETSR + intid] = cpu_mask[cpu];
}

void gicv2_sgi_send(u32 sgi, u32 cpu)
{
	dsb(ishst); /* other CPUs see earlier writes before the interrupt */
	wr32(gicd, GICD_SGIR, (u32)cpu_mask[cpu] << 16 | sgi);
}
