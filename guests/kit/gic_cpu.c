/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU interface: system registers of a GICv3, memory of a GICv2. */
#include "kit/gic.h"

#define GICC_CTLR  0x0000u
#define GICC_PMR   0x0004u
#define GICC_BPR   0x0008u
#define GICC_RPR   0x0014u
#define GICC_HPPIR 0x0018u
#define GICC_APR0  0x00d0u
#define GICC_DIR   0x1000u

#define GICC_CTLR_ENABLE  BIT32(0)
#define GICC_CTLR_EOIMODE BIT32(9)

unsigned int gic_version = 3;
uint8_t gic_sgi_sender[KIT_MAX_CPUS][16];

static const uint16_t gicc_offset[] = {
	[GIC_PMR] = GICC_PMR,     [GIC_BPR] = GICC_BPR,      [GIC_RPR] = GICC_RPR,
	[GIC_HPPIR] = GICC_HPPIR, [GIC_APR] = GICC_APR0,     [GIC_DIR] = GICC_DIR,
	[GIC_ENABLE] = GICC_CTLR, [GIC_EOIMODE] = GICC_CTLR,
};

static uint64_t read_v3(enum gic_cpu_reg reg)
{
	switch (reg) {
	case GIC_PMR:
		return read_icc(ICC_PMR);
	case GIC_BPR:
		return read_icc(ICC_BPR1);
	case GIC_RPR:
		return read_icc(ICC_RPR);
	case GIC_HPPIR:
		return read_icc(ICC_HPPIR1);
	case GIC_APR:
		return read_icc(ICC_AP1R0);
	case GIC_ENABLE:
		return read_icc(ICC_IGRPEN1);
	case GIC_EOIMODE:
		return field(read_icc(ICC_CTLR), 1, 1);
	default:
		return 0;
	}
}

uint64_t gic_cpu_read(enum gic_cpu_reg reg)
{
	uint32_t value;

	if (gic_version != 2)
		return read_v3(reg);
	value = mmio_read32(GICC_BASE + gicc_offset[reg]);
	if (reg == GIC_ENABLE)
		return value & GICC_CTLR_ENABLE;
	return reg == GIC_EOIMODE ? field(value, 9, 9) : value;
}

static void write_v3(enum gic_cpu_reg reg, uint64_t value)
{
	switch (reg) {
	case GIC_PMR:
		write_icc(ICC_PMR, value);
		break;
	case GIC_BPR:
		write_icc(ICC_BPR1, value);
		break;
	case GIC_APR:
		write_icc(ICC_AP1R0, value);
		break;
	case GIC_DIR:
		write_icc(ICC_DIR, value);
		break;
	case GIC_ENABLE:
		write_icc(ICC_IGRPEN1, value);
		break;
	case GIC_EOIMODE:
		write_icc(ICC_CTLR, value ? ICC_CTLR_EOIMODE : 0);
		break;
	default:
		break;
	}
}

/* The two of them that are one register. */
static uint32_t control(enum gic_cpu_reg reg, uint64_t value)
{
	uint32_t bit = reg == GIC_ENABLE ? GICC_CTLR_ENABLE : GICC_CTLR_EOIMODE;
	uint32_t others = mmio_read32(GICC_BASE + GICC_CTLR) & ~bit;

	return value ? others | bit : others;
}

void gic_cpu_write(enum gic_cpu_reg reg, uint64_t value)
{
	if (gic_version != 2) {
		write_v3(reg, value);
		return;
	}
	if (reg == GIC_ENABLE || reg == GIC_EOIMODE)
		value = control(reg, value);
	mmio_write32(GICC_BASE + gicc_offset[reg], (uint32_t)value);
	dsb();
}
