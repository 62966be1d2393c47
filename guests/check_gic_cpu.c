/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU interface (ICC_*, or GICC_*): priorities, masking, preemption, split end of interrupt.
 * Everything is polled with PSTATE.I set, on unwired SPIs.
 */
#include "check.h"
#include "kit/gic.h"
#include "kit/time.h"

#define SHORT_US 1000u /* for events that must not come */
#define IDLE     0xffu
#define SPI_A    64u
#define SPI_B    65u
#define SPI_C    66u

/* Enabled, edge-triggered, to this CPU. */
static void arm_spi(unsigned int intid, uint8_t priority)
{
	gic_set_edge(intid, true);
	gic_set_priority(intid, priority);
	gic_route(intid, cpu_id());
	gic_enable(intid);
}

static void finish(unsigned int intid)
{
	gic_clear_pending(intid);
	gic_disable(intid);
	gic_clear_active(intid);
}

static void registers(void)
{
	if (gic_version != 2) {
		(void)check_eq("icc.sre", read_icc(ICC_SRE) & 1, 1);
		(void)check_range("icc.ctlr.pribits", field(read_icc(ICC_CTLR), 10, 8), 3, 7);
	}
	gic_cpu_write(GIC_PMR, 0);
	(void)check_eq("icc.pmr.zero", gic_cpu_read(GIC_PMR), 0);
	gic_cpu_write(GIC_PMR, 0x80);
	(void)check_eq("icc.pmr.0x80", gic_cpu_read(GIC_PMR), 0x80);
	gic_cpu_write(GIC_PMR, 0xff);
	(void)CHECK_ONE_OF("icc.pmr.bits", gic_cpu_read(GIC_PMR), 0xf8, 0xf0, 0xfc, 0xfe, 0xff);
	gic_cpu_write(GIC_BPR, 7);
	(void)check_eq("icc.bpr1.seven", gic_cpu_read(GIC_BPR), 7);
	gic_cpu_write(GIC_BPR, 0);
	/* 0 becomes the smallest value: 3 with five bits of preemption. */
	(void)check_range("icc.bpr1.smallest", gic_cpu_read(GIC_BPR), 0, 4);
	gic_cpu_write(GIC_ENABLE, 0);
	(void)check_eq("icc.igrpen1.off", gic_cpu_read(GIC_ENABLE), 0);
	gic_cpu_write(GIC_ENABLE, 1);
	(void)check_eq("icc.igrpen1.on", gic_cpu_read(GIC_ENABLE), 1);
	gic_cpu_write(GIC_EOIMODE, 1);
	(void)check_eq("icc.ctlr.eoimode", gic_cpu_read(GIC_EOIMODE), 1);
	gic_cpu_write(GIC_EOIMODE, 0);
	(void)check_eq("icc.ap1r0.idle", gic_cpu_read(GIC_APR), 0);
}

static void idle_state(void)
{
	(void)check_eq("icc.idle.not-signalled", irq_waiting(), 0);
	(void)check_eq("icc.idle.rpr", gic_cpu_read(GIC_RPR) & 0xff, IDLE);
	(void)check_eq("icc.idle.hppir", gic_cpu_read(GIC_HPPIR), GIC_SPURIOUS);
	(void)check_eq("icc.idle.iar", gic_ack(), GIC_SPURIOUS);
	gic_eoi(GIC_SPURIOUS);
	(void)check_eq("icc.eoi-of-spurious.rpr", gic_cpu_read(GIC_RPR) & 0xff, IDLE);
}

/* One SPI from pending to inactive, with everything that shows its state on the way. */
static void one_spi(void)
{
	arm_spi(SPI_A, 0x40);
	gic_set_pending(SPI_A);
	(void)check_true("icc.spi.signalled", wait_for(irq_waiting(), LONG_US));
	(void)check_eq("icc.spi.hppir", gic_cpu_read(GIC_HPPIR), SPI_A);
	(void)check_eq("icc.spi.pending", gic_pending(SPI_A), 1);
	(void)check_eq("icc.spi.not-active-yet", gic_active(SPI_A), 0);
	(void)check_eq("icc.spi.iar", gic_ack(), SPI_A);
	(void)check_eq("icc.spi.rpr", gic_cpu_read(GIC_RPR) & 0xff, 0x40);
	/* A GICv2 may have more of these registers. */
	if (gic_version != 2)
		(void)check_true("icc.spi.ap1r0", gic_cpu_read(GIC_APR) != 0);
	(void)check_eq("icc.spi.active", gic_active(SPI_A), 1);
	(void)check_eq("icc.spi.pending-taken", gic_pending(SPI_A), 0);
	(void)check_eq("icc.spi.quiet-while-active", irq_waiting(), 0);
	/* Pending again while active: one more delivery after the end. */
	gic_set_pending(SPI_A);
	(void)check_eq("icc.spi.active-and-pending", gic_pending(SPI_A) && gic_active(SPI_A), 1);
	(void)check_eq("icc.spi.no-nesting-in-itself", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_eoi(SPI_A);
	(void)check_eq("icc.spi.rpr-after-eoi", gic_cpu_read(GIC_RPR) & 0xff, IDLE);
	(void)check_eq("icc.spi.second-delivery", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);
	(void)check_eq("icc.spi.no-third", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("icc.spi.inactive", gic_active(SPI_A), 0);
	finish(SPI_A);
}

/* Events that take back a pending interrupt before it is acknowledged. */
static void withdrawal(void)
{
	arm_spi(SPI_A, 0x40);
	gic_set_pending(SPI_A);
	(void)check_true("icc.withdraw.signalled", wait_for(irq_waiting(), LONG_US));
	gic_clear_pending(SPI_A);
	(void)check_eq("icc.withdraw.icpendr-reads", gic_pending(SPI_A), 0);
	(void)check_true("icc.withdraw.icpendr", wait_for(!irq_waiting(), LONG_US));
	(void)check_eq("icc.withdraw.iar", gic_ack(), GIC_SPURIOUS);
	gic_set_pending(SPI_A);
	(void)check_true("icc.withdraw.signalled-again", wait_for(irq_waiting(), LONG_US));
	gic_disable(SPI_A);
	(void)check_true("icc.withdraw.icenabler", wait_for(!irq_waiting(), LONG_US));
	(void)check_eq("icc.withdraw.still-pending", gic_pending(SPI_A), 1);
	gic_enable(SPI_A);
	(void)check_eq("icc.withdraw.isenabler", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);
	finish(SPI_A);
}

static void masking(void)
{
	arm_spi(SPI_A, 0x80);
	gic_cpu_write(GIC_PMR, 0x80);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.pmr.equal-is-masked", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("icc.pmr.iar-when-masked", gic_ack(), GIC_SPURIOUS);
	(void)check_eq("icc.pmr.still-pending", gic_pending(SPI_A), 1);
	gic_cpu_write(GIC_PMR, 0x90);
	(void)check_true("icc.pmr.above-is-not", wait_for(irq_waiting(), LONG_US));
	gic_cpu_write(GIC_PMR, 0x10);
	(void)check_true("icc.pmr.masked-again", wait_for(!irq_waiting(), LONG_US));
	gic_cpu_write(GIC_PMR, 0xff);
	(void)check_eq("icc.pmr.open", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);

	gic_cpu_write(GIC_ENABLE, 0);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.igrpen1.masks", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_cpu_write(GIC_ENABLE, 1);
	(void)check_eq("icc.igrpen1.opens", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);

	gic_dist_enable(false);
	gic_set_pending(SPI_A);
	(void)check_eq("gicd.ctlr.group-1-masks", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_dist_enable(true);
	(void)check_eq("gicd.ctlr.group-1-opens", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);
	finish(SPI_A);
}

static void preemption(void)
{
	arm_spi(SPI_A, 0x80);
	arm_spi(SPI_B, 0x40);
	arm_spi(SPI_C, 0x80);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.preempt.first", poll_ack(LONG_US), SPI_A);
	gic_set_pending(SPI_C);
	(void)check_eq("icc.preempt.equal-waits", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_set_pending(SPI_B);
	(void)check_eq("icc.preempt.higher-comes", poll_ack(LONG_US), SPI_B);
	(void)check_eq("icc.preempt.rpr-nested", gic_cpu_read(GIC_RPR) & 0xff, 0x40);
	gic_eoi(SPI_B);
	(void)check_eq("icc.preempt.rpr-back", gic_cpu_read(GIC_RPR) & 0xff, 0x80);
	gic_eoi(SPI_A);
	(void)check_eq("icc.preempt.then-equal", poll_ack(LONG_US), SPI_C);
	gic_eoi(SPI_C);
	/* Binary point 7: only bit 7 of a priority counts for preemption, and shows in RPR. */
	gic_cpu_write(GIC_BPR, 7);
	gic_set_priority(SPI_A, 0x70);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.bpr.first", poll_ack(LONG_US), SPI_A);
	(void)check_eq("icc.bpr.rpr", gic_cpu_read(GIC_RPR) & 0xff, 0);
	gic_set_pending(SPI_B);
	(void)check_eq("icc.bpr.same-group-waits", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_eoi(SPI_A);
	(void)check_eq("icc.bpr.then-second", poll_ack(LONG_US), SPI_B);
	gic_eoi(SPI_B);
	gic_cpu_write(GIC_BPR, 0);
	finish(SPI_A);
	finish(SPI_B);
	finish(SPI_C);
}

/* EOImode 1: EOIR drops the priority, DIR ends the interrupt. */
static void split_end(void)
{
	gic_cpu_write(GIC_EOIMODE, 1);
	arm_spi(SPI_A, 0x80);
	arm_spi(SPI_B, 0xa0);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.eoimode1.iar", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);
	(void)check_eq("icc.eoimode1.priority-dropped", gic_cpu_read(GIC_RPR) & 0xff, IDLE);
	(void)check_eq("icc.eoimode1.still-active", gic_active(SPI_A), 1);
	gic_set_pending(SPI_A);
	(void)check_eq("icc.eoimode1.not-again", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_set_pending(SPI_B);
	(void)check_eq("icc.eoimode1.lower-comes", poll_ack(LONG_US), SPI_B);
	gic_eoi(SPI_B);
	gic_cpu_write(GIC_DIR, SPI_B);
	(void)check_eq("icc.eoimode1.dir-of-second", gic_active(SPI_B), 0);
	gic_cpu_write(GIC_DIR, SPI_A);
	(void)check_eq("icc.eoimode1.dir-then-again", poll_ack(LONG_US), SPI_A);
	gic_eoi(SPI_A);
	gic_cpu_write(GIC_DIR, SPI_A);
	(void)check_eq("icc.eoimode1.inactive", gic_active(SPI_A), 0);
	gic_cpu_write(GIC_EOIMODE, 0);
	finish(SPI_A);
	finish(SPI_B);
}

void check_gic_cpu(void)
{
	registers();
	idle_state();
	one_spi();
	withdrawal();
	masking();
	preemption();
	split_end();
}
