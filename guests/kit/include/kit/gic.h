/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 (Arm IHI 0069): distributor, redistributors, CPU interface by system registers. Or GICv2
 * (IHI 0048): distributor and CPU interface in memory; there interrupts stay in Group 0, and SGIs
 * are always enabled.
 */
#ifndef KIT_GIC_H
#define KIT_GIC_H

#include "kit/cpu.h"
#include "kit/mmio.h"

#define GICD_CTLR       (GICD_BASE + 0x0000)
#define GICD_TYPER      (GICD_BASE + 0x0004)
#define GICD_IIDR       (GICD_BASE + 0x0008)
#define GICD_PIDR2      (GICD_BASE + 0xffe8)
#define GICD_SGIR       (GICD_BASE + 0x0f00) /* this and the next three: GICv2 */
#define GICD_ITARGETSR  (GICD_BASE + 0x0800)
#define GICD_CPENDSGIR  (GICD_BASE + 0x0f10)
#define GICD_SPENDSGIR  (GICD_BASE + 0x0f20)
#define GICD_IROUTER(n) (GICD_BASE + 0x6000 + 8 * (n))

#define GICD_CTLR_GRP0 BIT32(0)
#define GICD_CTLR_GRP1 BIT32(1)
#define GICD_CTLR_ARE  BIT32(4)
#define GICD_CTLR_DS   BIT32(6)
#define GICD_CTLR_RWP  BIT32(31)

/* A redistributor's two frames of 64 KiB, relative to its base. */
#define GICR_STRIDE   0x20000u
#define GICR_SGI_PAGE 0x10000u
#define GICR_CTLR     0x0000u
#define GICR_IIDR     0x0004u
#define GICR_TYPER    0x0008u
#define GICR_WAKER    0x0014u
#define GICR_PIDR2    0xffe8u

#define GICR_CTLR_RWP     BIT32(3)
#define GICR_TYPER_LAST   BIT(4)
#define GICR_TYPER_VLPIS  BIT(1)
#define GICR_WAKER_SLEEP  BIT32(1)
#define GICR_WAKER_ASLEEP BIT32(2)

/* Register banks of one bit per interrupt: the same offsets in GICD and in the SGI page. */
#define GIC_IGROUPR    0x0080u
#define GIC_ISENABLER  0x0100u
#define GIC_ICENABLER  0x0180u
#define GIC_ISPENDR    0x0200u
#define GIC_ICPENDR    0x0280u
#define GIC_ISACTIVER  0x0300u
#define GIC_ICACTIVER  0x0380u
#define GIC_IPRIORITYR 0x0400u
#define GIC_ICFGR      0x0c00u
#define GIC_IGRPMODR   0x0d00u

/* GICv2. */
#define GICC_IAR  (GICC_BASE + 0x000c)
#define GICC_EOIR (GICC_BASE + 0x0010)

/* CPU interface, by encoding: older assemblers do not know the names. */
#define ICC_PMR     S3_0_C4_C6_0
#define ICC_DIR     S3_0_C12_C11_1
#define ICC_RPR     S3_0_C12_C11_3
#define ICC_SGI1R   S3_0_C12_C11_5
#define ICC_IAR1    S3_0_C12_C12_0
#define ICC_EOIR1   S3_0_C12_C12_1
#define ICC_HPPIR1  S3_0_C12_C12_2
#define ICC_BPR1    S3_0_C12_C12_3
#define ICC_CTLR    S3_0_C12_C12_4
#define ICC_SRE     S3_0_C12_C12_5
#define ICC_IGRPEN1 S3_0_C12_C12_7
#define ICC_AP1R0   S3_0_C12_C9_0
/* Group 0. */
#define ICC_IAR0    S3_0_C12_C8_0
#define ICC_EOIR0   S3_0_C12_C8_1
#define ICC_HPPIR0  S3_0_C12_C8_2
#define ICC_BPR0    S3_0_C12_C8_3
#define ICC_AP0R0   S3_0_C12_C8_4
#define ICC_ASGI1R  S3_0_C12_C11_6
#define ICC_SGI0R   S3_0_C12_C11_7
#define ICC_IGRPEN0 S3_0_C12_C12_6

#define read_icc_(name) read_sysreg(name)
#define read_icc(name)  read_icc_(name)
#define write_icc_(name, value)            \
	do {                               \
		write_sysreg(name, value); \
		isb();                     \
	} while (0)
#define write_icc(name, value) write_icc_(name, value)

#define ICC_CTLR_EOIMODE BIT(1)
#define GIC_SPECIAL      1020u /* 1020..1023 are no interrupts */
#define GIC_SPURIOUS     1023u
#define GIC_PRIORITY     0xa0u /* what gic_init gives to all */

/* 2 or 3: as ID_AA64PFR0_EL1.GIC says; known from gic_init on. */
extern unsigned int gic_version;

/* GICv2: which CPU sent the SGI that this CPU acknowledged last, of each number. */
extern uint8_t gic_sgi_sender[KIT_MAX_CPUS][16];

/*
 * Distributor and this CPU's redistributor and interface: all interrupts Group 1 (GICv2: 0),
 * disabled.
 */
void gic_init(void);
void gic_cpu_init(void);

/* Base of the redistributor of this CPU, found by affinity; 0 if there is none. GICv3 only. */
uintptr_t gic_redist(void);

/* INTIDs below 32 mean this CPU's own. */
void gic_enable(unsigned int intid);
void gic_disable(unsigned int intid);
bool gic_enabled(unsigned int intid);
void gic_set_pending(unsigned int intid);
void gic_clear_pending(unsigned int intid);
bool gic_pending(unsigned int intid);
void gic_set_active(unsigned int intid);
void gic_clear_active(unsigned int intid);
bool gic_active(unsigned int intid);
void gic_set_priority(unsigned int intid, uint8_t priority);
uint8_t gic_get_priority(unsigned int intid);
void gic_set_edge(unsigned int intid, bool edge);
void gic_route(unsigned int intid, unsigned int cpu);

/* The interrupts' group in the distributor, on or off. */
void gic_dist_enable(bool on);

/* Waits, bounded, for GICD_CTLR.RWP and GICR_CTLR.RWP to be 0. */
bool gic_sync(void);

/* SGIs: to CPUs 0..15 by a bit each, or to all but this one. */
void gic_send_sgi(unsigned int intid, uint16_t cpus);
void gic_send_sgi_others(unsigned int intid);

/* The CPU interface's registers of the interrupts' group. */
enum gic_cpu_reg {
	GIC_PMR,
	GIC_BPR,
	GIC_RPR,
	GIC_HPPIR,
	GIC_APR,     /* the first of them */
	GIC_DIR,     /* write only; of an SGI of a GICv2 the sender too */
	GIC_ENABLE,  /* 1: the group is signalled */
	GIC_EOIMODE, /* 1: end of interrupt only drops the priority */
};

uint64_t gic_cpu_read(enum gic_cpu_reg reg);
void gic_cpu_write(enum gic_cpu_reg reg, uint64_t value);

/* The INTID alone. */
static inline unsigned int gic_ack(void)
{
	unsigned int iar, intid;

	if (gic_version == 2) {
		iar = mmio_read32(GICC_IAR);
		intid = iar & 0x3ff;
		if (intid < 16)
			gic_sgi_sender[cpu_id()][intid] = (uint8_t)(iar >> 10);
	} else {
		intid = (unsigned int)read_icc(ICC_IAR1) & 0xffffff;
	}
	dsb();
	return intid;
}

static inline void gic_eoi(unsigned int intid)
{
	if (gic_version != 2) {
		write_icc(ICC_EOIR1, intid);
		return;
	}
	if (intid < 16)
		intid |= (unsigned int)gic_sgi_sender[cpu_id()][intid] << 10;
	mmio_write32(GICC_EOIR, intid);
	dsb();
}

#endif
