/* SPDX-License-Identifier: Apache-2.0 */
/* Redistributor registers (Arm IHI 0069, 12.11): identity of all frames, this CPU's SGI page. */
#include "check.h"
#include "kit/gic.h"
#include "kit/time.h"

#define ALL      UINT32_MAX
#define SGI_PAGE GICR_SGI_PAGE

static const struct reg_case frame[] = {
	{ "gicr.ctlr.rwp", RD, 32, GICR_CTLR, 0, GICR_CTLR_RWP | BIT(31), 0 },
	{ "gicr.iidr", NZ, 32, GICR_IIDR, 0, ALL, 0 },
	{ "gicr.pidr2.arch-rev", RD, 32, GICR_PIDR2, 0, 0xf0, 0x30 },
	{ "gicr.waker.awake", RD, 32, GICR_WAKER, 0, 0x6, 0 },
	{ "gicr.raz.0x30", WR, 32, 0x0030, ALL, ALL, 0 },
	{ "gicr.raz.0x8000", WR, 32, 0x8000, ALL, ALL, 0 },
};

/* INTIDs 20..22 are wired to nothing; SGI rows are those of the architecture. */
static const struct reg_case sgi_page[] = {
	{ "gicr.igroupr0.zero", WR, 32, SGI_PAGE + 0x080, 0, ALL, 0 },
	{ "gicr.igroupr0.ones", WR, 32, SGI_PAGE + 0x080, ALL, ALL, ALL },
	{ "gicr.isenabler0.sgis", WR, 32, SGI_PAGE + 0x100, 0x0000ffff, 0xffff, 0xffff },
	{ "gicr.icenabler0.sgis", WR, 32, SGI_PAGE + 0x180, 0x0000ff00, 0xffff, 0x00ff },
	{ "gicr.ipriorityr.sgi-word", WR, 32, SGI_PAGE + 0x400, 0xc0804020, ALL, 0xc0804020 },
	{ "gicr.ipriorityr.sgi-byte", WR, 8, SGI_PAGE + 0x401, 0x30, 0xff, 0x30 },
	{ "gicr.ipriorityr.byte-alone", RD, 32, SGI_PAGE + 0x400, 0, ALL, 0xc0803020 },
	{ "gicr.ipriorityr.ppi-word", WR, 32, SGI_PAGE + 0x414, 0xb0907050, ALL, 0xb0907050 },
	{ "gicr.ipriorityr.ppi-byte", RD, 8, SGI_PAGE + 0x416, 0, 0xff, 0x90 },
	{ "gicr.icfgr0.sgis-edge", RD, 32, SGI_PAGE + 0xc00, 0, 0xaaaaaaaa, 0xaaaaaaaa },
	{ "gicr.raz.sgi-page-0x500", WR, 32, SGI_PAGE + 0x500, ALL, ALL, 0 },
	{ "gicr.raz.sgi-page-word-1", WR, 32, SGI_PAGE + 0x104, ALL, ALL, 0 },
};

static void all_frames(void)
{
	uintptr_t base = GICR_BASE;
	uint64_t typer = 0;
	unsigned int cpu;

	for (cpu = 0; cpu < check_cpus; cpu++) {
		typer = mmio_read64(base + GICR_TYPER);
		(void)check_eq("gicr.typer.affinity", typer >> 32, cpu);
		(void)check_eq("gicr.typer.processor-number", field(typer, 23, 8), cpu);
		(void)check_eq("gicr.typer.low-half", mmio_read32(base + GICR_TYPER),
			       (uint32_t)typer);
		(void)check_eq("gicr.typer.high-half", mmio_read32(base + GICR_TYPER + 4),
			       typer >> 32);
		/* A frame can only be the last one if it is the last CPU's we can see. */
		if (cpu + 1 < check_cpus)
			(void)check_eq("gicr.typer.not-last", typer & GICR_TYPER_LAST, 0);
		base += typer & GICR_TYPER_VLPIS ? 2 * GICR_STRIDE : GICR_STRIDE;
	}
	if (check_cpus < KIT_MAX_CPUS)
		(void)check_eq("gicr.typer.last", typer & GICR_TYPER_LAST, GICR_TYPER_LAST);
}

static void waker(void)
{
	uintptr_t addr = gic_redist() + GICR_WAKER;

	mmio_write32(addr, GICR_WAKER_SLEEP);
	(void)check_true("gicr.waker.asleep", wait_for((mmio_read32(addr) & 0x6) == 0x6, 100000));
	mmio_write32(addr, 0);
	(void)check_true("gicr.waker.awake-again",
			 wait_for((mmio_read32(addr) & 0x6) == 0, 100000));
}

void check_gicr(void)
{
	uintptr_t base = gic_version == 2 ? 0 : gic_redist();
	uintptr_t icfgr1 = base + SGI_PAGE + GIC_ICFGR + 4;
	uint32_t before;

	if (gic_version == 2) {
		check_skip("gicr", "a GICv2 has none");
		return;
	}
	if (!check_true("gicr.found", base != 0))
		return;
	all_frames();
	check_registers(base, frame, ARRAY_SIZE(frame));
	waker();
	check_registers(base, sgi_page, ARRAY_SIZE(sgi_page));
	/* Whether PPIs can be configured is up to the implementation. */
	before = mmio_read32(icfgr1);
	mmio_write32(icfgr1, before ^ 0x2a00);
	(void)CHECK_ONE_OF("gicr.icfgr1", mmio_read32(icfgr1), before ^ 0x2a00, before);
	mmio_write32(icfgr1, before);
	mmio_write32(base + SGI_PAGE + GIC_IGRPMODR, 0x00700000);
	(void)CHECK_ONE_OF("gicr.igrpmodr0", mmio_read32(base + SGI_PAGE + GIC_IGRPMODR), 0,
			   0x00700000);
	mmio_write32(base + SGI_PAGE + GIC_IGRPMODR, 0);
	check_bit_banks("gicr.ppi", base + SGI_PAGE, 0, 0x00700000);
	check_bit_banks("gicr.sgi", base + SGI_PAGE, 0, 0x00000f0f);
}
