/* SPDX-License-Identifier: Apache-2.0 */
/* The distributor's registers (Arm IHI 0069, 12.9), on SPIs that nothing is wired to: 64..95. */
#include "check.h"
#include "kit/gic.h"
#include "kit/smp.h"

#define ALL UINT32_MAX

static const struct reg_case identity[] = {
	{ "gicd.ctlr.ds", RD, 32, 0x0000, 0, GICD_CTLR_DS, GICD_CTLR_DS },
	{ "gicd.ctlr.are", RD, 32, 0x0000, 0, GICD_CTLR_ARE, GICD_CTLR_ARE },
	{ "gicd.ctlr.rwp", RD, 32, 0x0000, 0, GICD_CTLR_RWP, 0 },
	{ "gicd.ctlr.groups-off", WR, 32, 0x0000, 0x10, 0x80000053, 0x50 },
	{ "gicd.ctlr.group-1", WR, 32, 0x0000, 0x12, 0x53, 0x52 },
	{ "gicd.ctlr.both-groups", WR, 32, 0x0000, 0x13, 0x53, 0x53 },
	{ "gicd.typer.one-security-state", RD, 32, 0x0004, 0, BIT(10), 0 },
	{ "gicd.typer.nonzero", NZ, 32, 0x0004, 0, 0x1f, 0 },
	{ "gicd.iidr", NZ, 32, 0x0008, 0, ALL, 0 },
	{ "gicd.iidr.implementer", NZ, 32, 0x0008, 0, 0xfff, 0 },
	{ "gicd.pidr2.arch-rev", RD, 32, 0xffe8, 0, 0xf0, 0x30 },
};

static const struct reg_case groups[] = {
	{ "gicd.igroupr.zero", WR, 32, 0x0088, 0, ALL, 0 },
	{ "gicd.igroupr.pattern", WR, 32, 0x0088, 0x5a5aa5a5, ALL, 0x5a5aa5a5 },
	{ "gicd.igroupr.ones", WR, 32, 0x0088, ALL, ALL, ALL },
	{ "gicd.icfgr.level", WR, 32, 0x0c10, 0, ALL, 0 },
	{ "gicd.icfgr.edge", WR, 32, 0x0c10, 0xaaaaaaaa, ALL, 0xaaaaaaaa },
	{ "gicd.icfgr.even-bits-res0", WR, 32, 0x0c10, ALL, ALL, 0xaaaaaaaa },
	{ "gicd.icfgr.one", WR, 32, 0x0c10, 0x00000008, ALL, 0x00000008 },
};

static const struct reg_case priorities[] = {
	{ "gicd.ipriorityr.word", WR, 32, 0x0440, 0xc0804020, ALL, 0xc0804020 },
	{ "gicd.ipriorityr.byte-0", RD, 8, 0x0440, 0, 0xff, 0x20 },
	{ "gicd.ipriorityr.byte-1", RD, 8, 0x0441, 0, 0xff, 0x40 },
	{ "gicd.ipriorityr.byte-2", RD, 8, 0x0442, 0, 0xff, 0x80 },
	{ "gicd.ipriorityr.byte-3", RD, 8, 0x0443, 0, 0xff, 0xc0 },
	{ "gicd.ipriorityr.byte-write", WR, 8, 0x0442, 0x10, 0xff, 0x10 },
	{ "gicd.ipriorityr.byte-write-alone", RD, 32, 0x0440, 0, ALL, 0xc0104020 },
	{ "gicd.ipriorityr.next-word", WR, 32, 0x0444, 0x30507090, ALL, 0x30507090 },
	{ "gicd.ipriorityr.word-alone", RD, 32, 0x0440, 0, ALL, 0xc0104020 },
};

static const struct reg_case routes[] = {
	{ "gicd.irouter.write-64", WR, 64, 0x6200, 1, ~UINT64_C(0), 1 },
	{ "gicd.irouter.low-half", RD, 32, 0x6200, 0, ALL, 1 },
	{ "gicd.irouter.high-half", RD, 32, 0x6204, 0, ALL, 0 },
	{ "gicd.irouter.write-low-32", WR, 32, 0x6200, 0, ALL, 0 },
	{ "gicd.irouter.write-low-32-one", WR, 32, 0x6200, 1, ALL, 1 },
	{ "gicd.irouter.write-high-32", WR, 32, 0x6204, 0, ALL, 0 },
	{ "gicd.irouter.halves-together", RD, 64, 0x6200, 0, ~UINT64_C(0), 1 },
	{ "gicd.irouter.next-alone", WR, 64, 0x6208, 0, ~UINT64_C(0), 0 },
	{ "gicd.irouter.kept", RD, 64, 0x6200, 0, ~UINT64_C(0), 1 },
	{ "gicd.irouter.back", WR, 64, 0x6200, 0, ~UINT64_C(0), 0 },
};

/* With affinity routing the rows of INTIDs 0..31 are RAZ/WI; so is what has no name. */
static const struct reg_case reserved[] = {
	{ "gicd.raz.igroupr0", WR, 32, 0x0080, ALL, ALL, 0 },
	{ "gicd.raz.isenabler0", WR, 32, 0x0100, ALL, ALL, 0 },
	{ "gicd.raz.ispendr0", WR, 32, 0x0200, ALL, ALL, 0 },
	{ "gicd.raz.isactiver0", WR, 32, 0x0300, ALL, ALL, 0 },
	{ "gicd.raz.ipriorityr0", WR, 32, 0x0400, ALL, ALL, 0 },
	{ "gicd.raz.itargetsr8", WR, 32, 0x0840, ALL, ALL, 0 },
	{ "gicd.raz.nsacr", WR, 32, 0x0e10, ALL, ALL, 0 },
	{ "gicd.raz.sgir", WR, 32, 0x0f00, 0x02000001, ALL, 0 },
	{ "gicd.raz.cpendsgir", WR, 32, 0x0f10, ALL, ALL, 0 },
	{ "gicd.raz.spendsgir", WR, 32, 0x0f20, ALL, ALL, 0 },
	{ "gicd.raz.0x14", WR, 32, 0x0014, ALL, ALL, 0 },
	{ "gicd.raz.0x60", WR, 32, 0x0060, ALL, ALL, 0 },
	{ "gicd.raz.0x5000", WR, 32, 0x5000, ALL, ALL, 0 },
	{ "gicd.raz.irouter0", WR, 64, 0x6000, 1, ~UINT64_C(0), 0 },
	{ "gicd.raz.0xc000", WR, 32, 0xc000, ALL, ALL, 0 },
};

/* Between INTIDs 640 and 671, if this distributor has none so high. */
static const struct reg_case beyond[] = {
	{ "gicd.beyond.isenabler", WR, 32, 0x0150, ALL, ALL, 0 },
	{ "gicd.beyond.ispendr", WR, 32, 0x0250, ALL, ALL, 0 },
	{ "gicd.beyond.ipriorityr", WR, 32, 0x0680, ALL, ALL, 0 },
	{ "gicd.beyond.icfgr", WR, 32, 0x0ca0, ALL, ALL, 0 },
	{ "gicd.beyond.irouter", WR, 64, 0x7400, 1, ~UINT64_C(0), 0 },
};

static void read_only(void)
{
	uint32_t typer = mmio_read32(GICD_TYPER);
	uint32_t iidr = mmio_read32(GICD_IIDR);

	mmio_write32(GICD_TYPER, ~typer);
	(void)check_eq("gicd.typer.read-only", mmio_read32(GICD_TYPER), typer);
	mmio_write32(GICD_IIDR, ~iidr);
	(void)check_eq("gicd.iidr.read-only", mmio_read32(GICD_IIDR), iidr);
}

void check_gicd(void)
{
	uint32_t lines = (uint32_t)field(mmio_read32(GICD_TYPER), 4, 0);

	if (gic_version == 2) {
		check_gicv2();
		return;
	}
	check_registers(GICD_BASE, identity, ARRAY_SIZE(identity));
	(void)check_true("gicd.ctlr.rwp-clears", gic_sync());
	/* SPIs of the last virtio-mmio slot: INTID 79. */
	(void)check_range("gicd.typer.lines", (lines + 1) * 32, 80, 1024);
	(void)check_range("gicd.typer.id-bits", field(mmio_read32(GICD_TYPER), 23, 19), 9, 23);
	read_only();
	check_registers(GICD_BASE, groups, ARRAY_SIZE(groups));
	/*
	 * With DS = 1 the architecture says RAZ/WI. A hypervisor may keep the bits for guests that
	 * believe they are secure and put their interrupts in Group 1 this way.
	 */
	mmio_write32(GICD_BASE + GIC_IGRPMODR + 8, 0x00ff00ff);
	(void)CHECK_ONE_OF("gicd.igrpmodr", mmio_read32(GICD_BASE + GIC_IGRPMODR + 8), 0,
			   0x00ff00ff);
	mmio_write32(GICD_BASE + GIC_IGRPMODR + 8, 0);
	/* Implemented bits come from the top; at least 16 levels with one security state. */
	mmio_write8(GICD_BASE + 0x440, 0xff);
	(void)CHECK_ONE_OF("gicd.ipriorityr.bits", mmio_read8(GICD_BASE + 0x440), 0xf8, 0xf0, 0xfc,
			   0xfe, 0xff);
	check_registers(GICD_BASE, priorities, ARRAY_SIZE(priorities));
	check_registers(GICD_BASE, routes, ARRAY_SIZE(routes));
	/* Interrupt_Routing_Mode is RAZ/WI where 1 of N is not supported (GICD_TYPER.No1N). */
	mmio_write64(GICD_IROUTER(64), BIT(31));
	(void)CHECK_ONE_OF("gicd.irouter.irm", mmio_read64(GICD_IROUTER(64)), BIT(31), 0);
	mmio_write64(GICD_IROUTER(64), 0);
	check_registers(GICD_BASE, reserved, ARRAY_SIZE(reserved));
	if (lines < 20)
		check_registers(GICD_BASE, beyond, ARRAY_SIZE(beyond));
	else
		check_skip("gicd.beyond", "this distributor has INTID 640");
	check_bit_banks("gicd.word-2", GICD_BASE, 2, 0xf00ff00f);
}
