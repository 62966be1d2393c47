/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GICv2's distributor (Arm IHI 0048), on SPIs that nothing is wired to: 64..95; SGIs by sender.
 */
#include "check.h"
#include "kit/gic.h"
#include "kit/smp.h"
#include "kit/time.h"

#define ALL      UINT32_MAX
#define TEST_SGI 5u

static const struct reg_case identity[] = {
	{ "gicd2.ctlr.off", WR, 32, 0x000, 0, 3, 0 },
	{ "gicd2.ctlr.group-0", WR, 32, 0x000, 1, 3, 1 },
	{ "gicd2.ctlr.both-groups", WR, 32, 0x000, 3, 3, 3 },
	{ "gicd2.typer.one-security-state", RD, 32, 0x004, 0, BIT(10), 0 },
	{ "gicd2.typer.nonzero", NZ, 32, 0x004, 0, 0x1f, 0 },
	{ "gicd2.pidr2.arch-rev", RD, 32, 0xfe8, 0, 0xf0, 0x20 },
	{ "gicd2.cidr", RD, 32, 0xffc, 0, 0xff, 0xb1 },
};

static const struct reg_case banks[] = {
	{ "gicd2.igroupr.ones", WR, 32, 0x088, ALL, ALL, ALL },
	{ "gicd2.igroupr.zero", WR, 32, 0x088, 0, ALL, 0 },
	{ "gicd2.isenabler0.sgis", RD, 32, 0x100, 0, 0xffff, 0xffff },
	{ "gicd2.icfgr0.sgis-edge", WR, 32, 0xc00, 0, 0xaaaaaaaa, 0xaaaaaaaa },
	{ "gicd2.icfgr.level", WR, 32, 0xc10, 0, 0xaaaaaaaa, 0 },
	{ "gicd2.icfgr.edge", WR, 32, 0xc10, 0xaaaaaaaa, 0xaaaaaaaa, 0xaaaaaaaa },
	{ "gicd2.ipriorityr.word", WR, 32, 0x440, 0xc0804020, ALL, 0xc0804020 },
	{ "gicd2.ipriorityr.byte-1", RD, 8, 0x441, 0, 0xff, 0x40 },
	{ "gicd2.ipriorityr.byte-write", WR, 8, 0x442, 0x10, 0xff, 0x10 },
	{ "gicd2.ipriorityr.byte-write-alone", RD, 32, 0x440, 0, ALL, 0xc0104020 },
	{ "gicd2.ipriorityr.private-word", WR, 32, 0x404, 0x30507090, ALL, 0x30507090 },
	{ "gicd2.raz.sgir", RD, 32, 0xf00, 0, ALL, 0 },
};

/* Two CPUs at least. */
static const struct reg_case targets[] = {
	{ "gicd2.itargetsr.own", RD, 8, 0x800, 0, 0xff, 1 },
	{ "gicd2.itargetsr.own-word", RD, 32, 0x81c, 0, ALL, 0x01010101 },
	{ "gicd2.itargetsr.own-read-only", WR, 8, 0x800, 2, 0xff, 1 },
	{ "gicd2.itargetsr.word", WR, 32, 0x840, 0x01020301, ALL, 0x01020301 },
	{ "gicd2.itargetsr.byte", RD, 8, 0x842, 0, 0xff, 2 },
	{ "gicd2.itargetsr.byte-write", WR, 8, 0x840, 2, 0xff, 2 },
	{ "gicd2.itargetsr.byte-alone", RD, 32, 0x840, 0, ALL, 0x01020302 },
};

static const struct reg_case one_cpu_targets[] = {
	{ "gicd2.itargetsr.one-cpu-private", WR, 8, 0x800, ALL, 0xff, 0 },
	{ "gicd2.itargetsr.one-cpu", WR, 32, 0x840, ALL, ALL, 0 },
};

/* Acknowledge and end one; INTID and sender as GICC_IAR had them. */
static unsigned int take_sgi(void)
{
	unsigned int intid = poll_ack(LONG_US);

	gic_eoi(intid);
	return intid == TEST_SGI ? intid | (unsigned int)gic_sgi_sender[cpu_id()][intid] << 10
				 : intid;
}

/* An SGI is pending once for each CPU that sent it. */
static void senders(void)
{
	uintptr_t set = GICD_SPENDSGIR + TEST_SGI;
	uintptr_t clear = GICD_CPENDSGIR + TEST_SGI;

	mmio_write8(set, 2);
	(void)check_eq("gicd2.spendsgir.reads", mmio_read8(set), 2);
	(void)check_eq("gicd2.cpendsgir.reads-same", mmio_read8(clear), 2);
	(void)check_eq("gicd2.spendsgir.ispendr", gic_pending(TEST_SGI), 1);
	mmio_write8(clear, 1);
	(void)check_eq("gicd2.cpendsgir.other", mmio_read8(set), 2);
	mmio_write8(clear, 2);
	(void)check_eq("gicd2.cpendsgir.clears", mmio_read8(set), 0);
	(void)check_eq("gicd2.cpendsgir.ispendr", gic_pending(TEST_SGI), 0);
	(void)check_eq("gicd2.cpendsgir.none-comes", poll_ack(1000), GIC_SPURIOUS);
	mmio_write8(set, 3);
	(void)check_true("gicd2.senders.signalled", wait_for(irq_waiting(), LONG_US));
	(void)check_eq("gicd2.senders.both-shown", mmio_read8(set), 3);
	(void)check_eq("gicd2.senders.first", take_sgi(), TEST_SGI);
	(void)check_eq("gicd2.senders.one-left", mmio_read8(set), 2);
	(void)check_eq("gicd2.senders.second", take_sgi(), TEST_SGI | 1 << 10);
	(void)check_eq("gicd2.senders.none-left", mmio_read8(set), 0);
	(void)check_eq("gicd2.senders.no-third", poll_ack(1000), GIC_SPURIOUS);
}

static void sgi_filters(void)
{
	gic_enable(TEST_SGI);
	mmio_write32(GICD_SGIR, 2u << 24 | TEST_SGI);
	(void)check_eq("gicd2.sgir.self", take_sgi(), TEST_SGI);
	mmio_write32(GICD_SGIR, 1u << 16 | TEST_SGI);
	(void)check_eq("gicd2.sgir.list", take_sgi(), TEST_SGI);
	mmio_write32(GICD_SGIR, TEST_SGI);
	(void)check_eq("gicd2.sgir.empty-list", poll_ack(1000), GIC_SPURIOUS);
	mmio_write32(GICD_BASE + GIC_ISPENDR, BIT32(TEST_SGI));
	(void)check_eq("gicd2.ispendr0.not-sgis", gic_pending(TEST_SGI), 0);
}

void check_gicv2(void)
{
	uint32_t typer = mmio_read32(GICD_TYPER);

	check_registers(GICD_BASE, identity, ARRAY_SIZE(identity));
	mmio_write32(GICD_TYPER, ~typer);
	(void)check_eq("gicd2.typer.read-only", mmio_read32(GICD_TYPER), typer);
	(void)check_eq("gicd2.typer.cpus", field(typer, 7, 5) + 1, check_cpus);
	(void)check_range("gicd2.typer.lines", (field(typer, 4, 0) + 1) * 32, 80, 1024);
	check_registers(GICD_BASE, banks, ARRAY_SIZE(banks));
	if (check_cpus > 1)
		check_registers(GICD_BASE, targets, ARRAY_SIZE(targets));
	else
		check_registers(GICD_BASE, one_cpu_targets, ARRAY_SIZE(one_cpu_targets));
	/* An SPI without a target may not become pending. */
	for (unsigned int intid = 64; intid < 96; intid++)
		gic_route(intid, 0);
	check_bit_banks("gicd2.word-2", GICD_BASE, 2, 0xf00ff00f);
	irq_reset();
	sgi_filters();
	if (check_cpus > 1)
		senders();
	else
		check_skip("gicd2.senders", "one cpu");
}
