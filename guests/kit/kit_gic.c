/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/gic.h"
#include "kit/time.h"

static uintptr_t redist_of[KIT_MAX_CPUS];

static uintptr_t find_redist(void)
{
	uint64_t mpidr = read_sysreg(mpidr_el1);
	uint32_t affinity = (uint32_t)(field(mpidr, 39, 32) << 24 | field(mpidr, 23, 0));
	uintptr_t base = GICR_BASE;
	uint64_t typer;

	for (unsigned int n = 0; n < 64; n++) {
		typer = mmio_read64(base + GICR_TYPER);
		if ((uint32_t)(typer >> 32) == affinity)
			return base;
		if (typer & GICR_TYPER_LAST)
			break;
		base += typer & GICR_TYPER_VLPIS ? 2 * GICR_STRIDE : GICR_STRIDE;
	}
	return 0;
}

uintptr_t gic_redist(void)
{
	unsigned int cpu = cpu_id();

	if (!redist_of[cpu])
		redist_of[cpu] = find_redist();
	return redist_of[cpu];
}

/* Where the banks are that hold intid: the distributor, or this CPU's SGI page. */
static uintptr_t bank_base(unsigned int intid)
{
	return intid < 32 && gic_version != 2 ? gic_redist() + GICR_SGI_PAGE : GICD_BASE;
}

static void bank_write(unsigned int bank, unsigned int intid)
{
	mmio_write32(bank_base(intid) + bank + intid / 32 * 4, BIT32(intid % 32));
}

static bool bank_read(unsigned int bank, unsigned int intid)
{
	return (mmio_read32(bank_base(intid) + bank + intid / 32 * 4) & BIT32(intid % 32)) != 0;
}

bool gic_sync(void)
{
	if (gic_version == 2)
		return true;
	return wait_for(!(mmio_read32(GICD_CTLR) & GICD_CTLR_RWP) &&
				!(mmio_read32(gic_redist() + GICR_CTLR) & GICR_CTLR_RWP),
			100000);
}

void gic_enable(unsigned int intid)
{
	bank_write(GIC_ISENABLER, intid);
}

void gic_disable(unsigned int intid)
{
	bank_write(GIC_ICENABLER, intid);
	(void)gic_sync();
}

bool gic_enabled(unsigned int intid)
{
	return bank_read(GIC_ISENABLER, intid);
}

/* SGIs of a GICv2 are pending by sender. */
static bool by_sender(unsigned int intid)
{
	return gic_version == 2 && intid < 16;
}

void gic_set_pending(unsigned int intid)
{
	if (by_sender(intid))
		mmio_write8(GICD_SPENDSGIR + intid, (uint8_t)BIT(cpu_id()));
	else
		bank_write(GIC_ISPENDR, intid);
}

void gic_clear_pending(unsigned int intid)
{
	if (by_sender(intid))
		mmio_write8(GICD_CPENDSGIR + intid, 0xff);
	else
		bank_write(GIC_ICPENDR, intid);
}

bool gic_pending(unsigned int intid)
{
	return bank_read(GIC_ISPENDR, intid);
}

void gic_set_active(unsigned int intid)
{
	bank_write(GIC_ISACTIVER, intid);
}

void gic_clear_active(unsigned int intid)
{
	bank_write(GIC_ICACTIVER, intid);
}

bool gic_active(unsigned int intid)
{
	return bank_read(GIC_ISACTIVER, intid);
}

void gic_set_priority(unsigned int intid, uint8_t priority)
{
	mmio_write8(bank_base(intid) + GIC_IPRIORITYR + intid, priority);
}

uint8_t gic_get_priority(unsigned int intid)
{
	return mmio_read8(bank_base(intid) + GIC_IPRIORITYR + intid);
}

void gic_set_edge(unsigned int intid, bool edge)
{
	uintptr_t addr = bank_base(intid) + GIC_ICFGR + intid / 16 * 4;
	uint32_t bit = BIT32(intid % 16 * 2 + 1);
	uint32_t config = mmio_read32(addr);

	mmio_write32(addr, edge ? config | bit : config & ~bit);
}

void gic_route(unsigned int intid, unsigned int cpu)
{
	if (gic_version == 2)
		mmio_write8(GICD_ITARGETSR + intid, (uint8_t)BIT(cpu));
	else
		mmio_write64(GICD_IROUTER(intid), cpu);
}

void gic_send_sgi(unsigned int intid, uint16_t cpus)
{
	dsb();
	if (gic_version == 2)
		mmio_write32(GICD_SGIR, (cpus & 0xffu) << 16 | intid);
	else
		write_icc(ICC_SGI1R, (uint64_t)intid << 24 | cpus);
}

void gic_send_sgi_others(unsigned int intid)
{
	dsb();
	if (gic_version == 2)
		mmio_write32(GICD_SGIR, 1u << 24 | intid);
	else
		write_icc(ICC_SGI1R, (uint64_t)intid << 24 | BIT(40));
}

static void bank_init(uintptr_t base, unsigned int first, unsigned int end)
{
	for (unsigned int intid = first; intid < end; intid += 32) {
		mmio_write32(base + GIC_ICENABLER + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_ICPENDR + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_ICACTIVER + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_IGROUPR + intid / 8, gic_version == 2 ? 0 : UINT32_MAX);
		for (unsigned int n = intid; n < intid + 32; n += 4)
			mmio_write32(base + GIC_IPRIORITYR + n, GIC_PRIORITY * 0x01010101u);
	}
}

static void cpu_init_v2(void)
{
	mmio_write32(GICD_CPENDSGIR, UINT32_MAX);
	mmio_write32(GICD_CPENDSGIR + 4, UINT32_MAX);
	mmio_write32(GICD_CPENDSGIR + 8, UINT32_MAX);
	mmio_write32(GICD_CPENDSGIR + 12, UINT32_MAX);
	bank_init(GICD_BASE, 0, 32);
	gic_cpu_write(GIC_EOIMODE, 0);
	gic_cpu_write(GIC_PMR, 0xff);
	gic_cpu_write(GIC_BPR, 0);
	gic_cpu_write(GIC_ENABLE, 1);
}

void gic_cpu_init(void)
{
	uintptr_t redist;
	uint32_t waker;

	if (gic_version == 2) {
		cpu_init_v2();
		return;
	}
	redist = gic_redist();
	waker = mmio_read32(redist + GICR_WAKER) & ~GICR_WAKER_SLEEP;
	mmio_write32(redist + GICR_WAKER, waker);
	(void)wait_for(!(mmio_read32(redist + GICR_WAKER) & GICR_WAKER_ASLEEP), 100000);
	bank_init(redist + GICR_SGI_PAGE, 0, 32);
	(void)gic_sync();
	write_icc(ICC_SRE, read_icc(ICC_SRE) | 1);
	write_icc(ICC_CTLR, 0);
	write_icc(ICC_PMR, 0xff);
	write_icc(ICC_BPR1, 0);
	write_icc(ICC_IGRPEN1, 1);
}

void gic_dist_enable(bool on)
{
	uint32_t off = gic_version == 2 ? 0 : GICD_CTLR_ARE;
	uint32_t group = gic_version == 2 ? GICD_CTLR_GRP0 : GICD_CTLR_GRP1;

	mmio_write32(GICD_CTLR, on ? off | group : off);
	(void)gic_sync();
}

void gic_init(void)
{
	unsigned int lines = (unsigned int)(field(mmio_read32(GICD_TYPER), 4, 0) + 1) * 32;

	gic_version = field(read_sysreg(id_aa64pfr0_el1), 27, 24) ? 3 : 2;
	mmio_write32(GICD_CTLR, 0);
	(void)gic_sync();
	bank_init(GICD_BASE, 32, lines < 1020 ? lines : 992);
	gic_dist_enable(false);
	gic_dist_enable(true);
	gic_cpu_init();
}
