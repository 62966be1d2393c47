/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More interrupts are active or pending than a CPU interface may hold, and the order in which they
 * come: ends out of order, changed priorities, binary point, groups. Everything is polled, on
 * unwired SPIs.
 */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/time.h"

#define SHORT_US 1000u
#define MANY     8u
#define TEST_SPI 64u

static void arm(unsigned int n, uint8_t priority)
{
	gic_set_edge(TEST_SPI + n, true);
	gic_set_priority(TEST_SPI + n, priority);
	gic_route(TEST_SPI + n, cpu_id());
	gic_enable(TEST_SPI + n);
}

/* A bit for each of the SPIs. */
static unsigned int active_ones(void)
{
	return (mmio_read32(GICD_BASE + GIC_ISACTIVER + 8) & (BIT32(MANY) - 1));
}

static unsigned int pending_ones(void)
{
	return (mmio_read32(GICD_BASE + GIC_ISPENDR + 8) & (BIT32(MANY) - 1));
}

/* Each drops its priority before the next is acknowledged, so all are active at one priority. */
static void dir_out_of_order(void)
{
	static const uint8_t order[MANY] = { 5, 0, 7, 2, 1, 6, 3, 4 };
	unsigned int left = BIT32(MANY) - 1;
	unsigned int right = 0;

	gic_cpu_write(GIC_EOIMODE, 1);
	for (unsigned int n = 0; n < MANY; n++) {
		arm(n, (uint8_t)(0x20 + 0x10 * n));
		gic_set_pending(TEST_SPI + n);
		right += poll_ack(LONG_US) == TEST_SPI + n;
		gic_eoi(TEST_SPI + n);
	}
	(void)check_eq("order.dir.all-come", right, MANY);
	(void)check_eq("order.dir.all-active", active_ones(), left);
	(void)check_eq("order.dir.idle-priority", gic_cpu_read(GIC_RPR) & 0xff, 0xff);
	right = 0;
	for (unsigned int n = 0; n < MANY; n++) {
		gic_cpu_write(GIC_DIR, TEST_SPI + order[n]);
		left &= ~BIT32(order[n]);
		right += active_ones() == left;
	}
	(void)check_eq("order.dir.ends-what-it-names", right, MANY);
	/* Pending again while active: it is the one that comes after its DIR. */
	for (unsigned int n = 0; n < 6; n++) {
		gic_set_pending(TEST_SPI + n);
		(void)poll_ack(LONG_US);
		gic_eoi(TEST_SPI + n);
	}
	gic_set_pending(TEST_SPI + 3);
	(void)check_eq("order.dir.pending-waits", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_cpu_write(GIC_DIR, TEST_SPI);
	(void)check_eq("order.dir.of-another", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_cpu_write(GIC_DIR, TEST_SPI + 3);
	(void)check_eq("order.dir.its-own", poll_ack(LONG_US), TEST_SPI + 3);
	gic_eoi(TEST_SPI + 3);
	for (unsigned int n = 0; n < 6; n++)
		gic_cpu_write(GIC_DIR, TEST_SPI + n);
	(void)check_eq("order.dir.none-active", active_ones(), 0);
	gic_cpu_write(GIC_EOIMODE, 0);
}

/*
 * All are active, each nested in the one before. Their first ends come one after the other and end
 * none of them.
 */
static void dir_after_nesting(void)
{
	unsigned int right = 0;

	gic_cpu_write(GIC_EOIMODE, 1);
	for (unsigned int n = 0; n < MANY; n++) {
		arm(n, (uint8_t)(0xa0 - 0x10 * n));
		gic_set_pending(TEST_SPI + n);
		right += poll_ack(LONG_US) == TEST_SPI + n;
	}
	(void)check_eq("order.dir.nested", right, MANY);
	right = 0;
	for (unsigned int n = MANY; n-- > 0;) {
		gic_eoi(TEST_SPI + n);
		right += active_ones() == BIT32(MANY) - 1;
	}
	(void)check_eq("order.dir.nested-eoi-ends-none", right, MANY);
	(void)check_eq("order.dir.nested-idle", gic_cpu_read(GIC_RPR) & 0xff, 0xff);
	for (unsigned int n = 0; n < MANY; n++)
		gic_cpu_write(GIC_DIR, TEST_SPI + n);
	(void)check_eq("order.dir.nested-none-active", active_ones(), 0);
	gic_cpu_write(GIC_EOIMODE, 0);
}

/* Pending in order of number; then the last becomes the first and the first the last. */
static void priorities_change(void)
{
	unsigned int right = 0;

	gic_cpu_write(GIC_PMR, 0);
	for (unsigned int n = 0; n < MANY; n++) {
		arm(n, (uint8_t)(0x40 + 8 * n));
		gic_set_pending(TEST_SPI + n);
	}
	gic_set_priority(TEST_SPI + MANY - 1, 0x20);
	gic_set_priority(TEST_SPI, 0xc0);
	gic_cpu_write(GIC_PMR, 0xff);
	(void)check_eq("order.priority.raised-first", poll_ack(LONG_US), TEST_SPI + MANY - 1);
	gic_eoi(TEST_SPI + MANY - 1);
	for (unsigned int n = 1; n < MANY - 1; n++) {
		unsigned int got = poll_ack(LONG_US);

		right += got == TEST_SPI + n;
		gic_eoi(got);
	}
	(void)check_eq("order.priority.then-in-order", right, MANY - 2);
	(void)check_eq("order.priority.lowered-last", poll_ack(LONG_US), TEST_SPI);
	gic_eoi(TEST_SPI);
	(void)check_eq("order.priority.none-left", pending_ones() | active_ones(), 0);
}

/* Interrupts masked by group or distributor stay pending, however many there are. */
static void many_masked(void)
{
	unsigned int came = 0;

	for (unsigned int n = 0; n < MANY; n++) {
		arm(n, (uint8_t)(0x40 + 8 * n));
		gic_set_pending(TEST_SPI + n);
	}
	gic_dist_enable(false);
	(void)check_eq("order.masked.distributor", gic_ack(), GIC_SPURIOUS);
	(void)check_eq("order.masked.all-pending", pending_ones(), BIT32(MANY) - 1);
	gic_dist_enable(true);
	gic_cpu_write(GIC_ENABLE, 0);
	(void)check_eq("order.masked.interface", gic_ack(), GIC_SPURIOUS);
	gic_cpu_write(GIC_ENABLE, 1);
	for (unsigned int n = 0; n < MANY; n += 2)
		gic_disable(TEST_SPI + n);
	for (unsigned int n = 1; n < MANY; n += 2) {
		unsigned int got = poll_ack(LONG_US);

		came += got == TEST_SPI + n;
		gic_eoi(got);
	}
	(void)check_eq("order.masked.enabled-ones", came, MANY / 2);
	(void)check_eq("order.masked.no-more", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("order.masked.others-pending", pending_ones(), 0x55);
}

/* Two bits of a priority count: BPR 6 of a GICv3's group 1, 5 of a GICv2's group 0. */
static void binary_point(void)
{
	gic_cpu_write(GIC_BPR, gic_version == 2 ? 5 : 6);
	arm(0, 0xb0);
	arm(1, 0x80);
	arm(2, 0x70);
	gic_set_pending(TEST_SPI);
	(void)check_eq("order.bpr.first", poll_ack(LONG_US), TEST_SPI);
	(void)check_eq("order.bpr.rpr", gic_cpu_read(GIC_RPR) & 0xff, 0x80);
	gic_set_pending(TEST_SPI + 1);
	(void)check_eq("order.bpr.same-group-waits", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("order.bpr.but-is-the-highest", gic_cpu_read(GIC_HPPIR), TEST_SPI + 1);
	gic_set_pending(TEST_SPI + 2);
	(void)check_eq("order.bpr.next-group-comes", poll_ack(LONG_US), TEST_SPI + 2);
	(void)check_eq("order.bpr.rpr-nested", gic_cpu_read(GIC_RPR) & 0xff, 0x40);
	gic_eoi(TEST_SPI + 2);
	gic_eoi(TEST_SPI);
	(void)check_eq("order.bpr.then-the-other", poll_ack(LONG_US), TEST_SPI + 1);
	gic_eoi(TEST_SPI + 1);
	gic_cpu_write(GIC_BPR, 0);
}

/* ---- group 0: as FIQ. With a GICv3 and one security state. ---- */

static bool fiq_waiting(void)
{
	isb();
	return (read_sysreg(isr_el1) & BIT(6)) != 0;
}

static unsigned int ack_group0(void)
{
	return (unsigned int)read_icc(ICC_IAR0) & 0xffffff;
}

static unsigned int poll_group0(uint64_t us)
{
	return wait_for(fiq_waiting(), us) ? ack_group0() : GIC_SPURIOUS;
}

static void group0_on(void)
{
	mmio_write32(GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP0 | GICD_CTLR_GRP1);
	(void)gic_sync();
	write_icc(ICC_BPR0, 0);
	write_icc(ICC_IGRPEN0, 1);
	/* All SPIs of the word, but the last of ours. */
	mmio_write32(GICD_BASE + GIC_IGROUPR + 8, ~(BIT32(MANY - 1) - 1));
}

static void group0_off(void)
{
	write_icc(ICC_IGRPEN0, 0);
	write_icc(ICC_AP0R0, 0);
}

static void group0_one(void)
{
	arm(0, 0x40);
	gic_set_pending(TEST_SPI);
	(void)check_true("group0.is-fiq", wait_for(fiq_waiting(), LONG_US));
	(void)check_eq("group0.is-no-irq", irq_waiting(), false);
	(void)check_eq("group0.hppir0", read_icc(ICC_HPPIR0), TEST_SPI);
	(void)check_eq("group0.not-iar1", gic_ack(), GIC_SPURIOUS);
	(void)check_eq("group0.iar0", ack_group0(), TEST_SPI);
	(void)check_eq("group0.rpr", gic_cpu_read(GIC_RPR) & 0xff, 0x40);
	(void)check_true("group0.ap0r0", read_icc(ICC_AP0R0) != 0);
	(void)check_eq("group0.not-ap1r0", read_icc(ICC_AP1R0), 0);
	write_icc(ICC_EOIR0, TEST_SPI);
	(void)check_eq("group0.ended", active_ones() | pending_ones(), 0);
	(void)check_eq("group0.idle", gic_cpu_read(GIC_RPR) & 0xff, 0xff);
	write_icc(ICC_IGRPEN0, 0);
	gic_set_pending(TEST_SPI);
	(void)check_eq("group0.igrpen0-masks", poll_group0(SHORT_US), GIC_SPURIOUS);
	write_icc(ICC_IGRPEN0, 1);
	(void)check_eq("group0.igrpen0-opens", poll_group0(LONG_US), TEST_SPI);
	write_icc(ICC_EOIR0, TEST_SPI);
	mmio_write32(GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP1);
	(void)gic_sync();
	gic_set_pending(TEST_SPI);
	(void)check_eq("group0.gicd-masks", poll_group0(SHORT_US), GIC_SPURIOUS);
	mmio_write32(GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP0 | GICD_CTLR_GRP1);
	(void)check_eq("group0.gicd-opens", poll_group0(LONG_US), TEST_SPI);
	write_icc(ICC_EOIR0, TEST_SPI);
}

/* They preempt each other by priority alone. */
static void group0_and_1(void)
{
	unsigned int one = TEST_SPI + MANY - 1;

	arm(MANY - 1, 0x80);
	gic_set_pending(one);
	(void)check_eq("groups.one-comes", poll_ack(LONG_US), one);
	gic_set_pending(TEST_SPI);
	(void)check_eq("groups.zero-preempts", poll_group0(LONG_US), TEST_SPI);
	gic_set_priority(one, 0x20);
	write_icc(ICC_EOIR0, TEST_SPI);
	(void)check_eq("groups.rpr-back", gic_cpu_read(GIC_RPR) & 0xff, 0x80);
	gic_eoi(one);
	gic_set_pending(TEST_SPI);
	(void)check_eq("groups.zero-comes", poll_group0(LONG_US), TEST_SPI);
	gic_set_pending(one);
	(void)check_eq("groups.one-preempts", poll_ack(LONG_US), one);
	gic_eoi(one);
	write_icc(ICC_EOIR0, TEST_SPI);
	/* Moved to group 1 while pending. */
	gic_cpu_write(GIC_PMR, 0);
	gic_set_pending(TEST_SPI);
	mmio_write32(GICD_BASE + GIC_IGROUPR + 8, UINT32_MAX);
	gic_cpu_write(GIC_PMR, 0xff);
	(void)check_eq("groups.moved", poll_ack(LONG_US), TEST_SPI);
	gic_eoi(TEST_SPI);
	(void)check_eq("groups.not-fiq", fiq_waiting(), false);
}

/*
 * More of group 0 are pending than an interface may hold, more urgent, and not enabled there. Group
 * 1 must come all the same (IHI 0069, 4.6.2: the CPU interface passes its group enables to the
 * redistributor). QEMU's interface only looks at the most urgent of all.
 */
static void group0_blocks_nobody(void)
{
	unsigned int one = TEST_SPI + MANY - 1;
	unsigned int came = 0, got;

	write_icc(ICC_IGRPEN0, 0);
	mmio_write32(GICD_BASE + GIC_IGROUPR + 8, ~(BIT32(MANY - 1) - 1));
	for (unsigned int n = 0; n < MANY; n++) {
		arm(n, (uint8_t)(0x20 + 8 * n));
		gic_set_pending(TEST_SPI + n);
	}
	got = poll_ack(LONG_US);
	if (got == GIC_SPURIOUS && check_bare()) {
		check_skip("groups.disabled-zero-does-not-block", "here it does");
	} else {
		(void)check_eq("groups.disabled-zero-does-not-block", got, one);
		gic_eoi(got);
	}
	(void)check_eq("groups.disabled-zero-waits", poll_ack(SHORT_US), GIC_SPURIOUS);
	write_icc(ICC_IGRPEN0, 1);
	gic_cpu_write(GIC_ENABLE, 0);
	delay_us(SHORT_US);
	(void)check_eq("groups.disabled-one-waits", gic_ack(), GIC_SPURIOUS);
	gic_cpu_write(GIC_ENABLE, 1);
	for (unsigned int n = 0; n < MANY - 1; n++) {
		got = poll_group0(LONG_US);
		came += got == TEST_SPI + n;
		write_icc(ICC_EOIR0, got);
	}
	(void)check_eq("groups.enabled-zero-in-order", came, MANY - 1);
	gic_clear_pending(one);
}

/* SGI 1 of group 0, SGI 2 of group 1. */
static void group0_sgis(void)
{
	uint64_t self = BIT(cpu_id());

	mmio_write32(gic_redist() + GICR_SGI_PAGE + GIC_IGROUPR, ~BIT32(1));
	gic_enable(1);
	gic_enable(2);
	write_icc(ICC_SGI0R, self | 1 << 24);
	(void)check_eq("group0.sgi0r", poll_group0(LONG_US), 1);
	write_icc(ICC_EOIR0, 1);
	write_icc(ICC_ASGI1R, self | 1 << 24);
	(void)check_eq("group0.asgi1r", poll_group0(LONG_US), 1);
	write_icc(ICC_EOIR0, 1);
	write_icc(ICC_SGI0R, self | 2 << 24);
	(void)check_eq("group0.sgi0r-not-group-1", poll_ack(SHORT_US), GIC_SPURIOUS);
	write_icc(ICC_ASGI1R, self | 2 << 24);
	(void)check_eq("group0.asgi1r-not-group-1", poll_ack(SHORT_US), GIC_SPURIOUS);
	write_icc(ICC_SGI0R, BIT(40) | 1 << 24);
	(void)check_eq("group0.sgi0r-others", poll_group0(SHORT_US), GIC_SPURIOUS);
	mmio_write32(gic_redist() + GICR_SGI_PAGE + GIC_IGROUPR, UINT32_MAX);
}

/* Through the FIQ's vector, which PSTATE.F masks and nothing else. */
static void group0_by_vector(void)
{
	arm(0, 0x40);
	irq_set_handler(TEST_SPI, irq_log_handler, NULL);
	irq_log_start(NULL);
	gic_set_pending(TEST_SPI);
	(void)check_eq("group0.vector.not-by-unmasking-irq", irq_log_wait(1, SHORT_US), 0);
	plain_op("msr daifclr, #1");
	(void)wait_for(load_acquire(&irq_log.count) == 1, LONG_US);
	plain_op("msr daifset, #1");
	(void)check_eq("group0.vector.taken", irq_log.count, 1);
	(void)check_eq("group0.vector.ended", active_ones() | pending_ones(), 0);
	irq_set_handler(TEST_SPI, NULL, NULL);
}

/* The timer's, which is hardware's. */
static void group0_timer(void)
{
	mmio_write32(gic_redist() + GICR_SGI_PAGE + GIC_IGROUPR, ~BIT32(CNTV_INTID));
	gic_enable(CNTV_INTID);
	for (unsigned int n = 0; n < 2; n++) {
		timer_start_us(TIMER_VIRT, 500);
		while (!fiq_waiting())
			wfi();
		(void)check_eq("group0.timer.is-no-irq", irq_waiting(), false);
		(void)check_eq("group0.timer.wakes-wfi", ack_group0(), CNTV_INTID);
		timer_stop(TIMER_VIRT);
		write_icc(ICC_EOIR0, CNTV_INTID);
	}
	(void)check_eq("group0.timer.no-more", poll_group0(SHORT_US), GIC_SPURIOUS);
	mmio_write32(gic_redist() + GICR_SGI_PAGE + GIC_IGROUPR, UINT32_MAX);
}

void check_gic_order(void)
{
	dir_out_of_order();
	irq_reset();
	dir_after_nesting();
	irq_reset();
	priorities_change();
	irq_reset();
	many_masked();
	irq_reset();
	binary_point();
	irq_reset();
	if (gic_version == 2) {
		check_skip("group0", "a GICv2's guests use it for everything");
		return;
	}
	group0_on();
	group0_one();
	group0_and_1();
	group0_blocks_nobody();
	group0_sgis();
	group0_by_vector();
	group0_timer();
	group0_off();
	irq_reset();
}
