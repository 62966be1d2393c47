/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level-sensitive interrupts (IHI 0069, 4.1.2 and 4.1.3): pending while the line is high, or once
 * by software. The lines are those of the UART, whose transmitter has room, and of the virtual
 * timer. Everything is polled.
 */
#include "check.h"
#include "kit/gic.h"
#include "kit/print.h"
#include "kit/time.h"
#include "kit/uart.h"

#define SHORT_US 1000u

struct line {
	const char *name;
	unsigned int intid;
	void (*set)(bool high);
};

static void uart_line(bool high)
{
	mmio_write32(UART_IMSC, high ? UART_INT_TX : 0);
	(void)mmio_read32(UART_IMSC);
}

static void timer_line(bool high)
{
	timer_set_cval(TIMER_VIRT, 0);
	timer_set_ctl(TIMER_VIRT, high ? TIMER_ENABLE : 0);
}

static const struct line lines[] = {
	{ "level.spi", UART_INTID, uart_line },
	{ "level.ppi", CNTV_INTID, timer_line },
};

static void case_eq(const struct line *l, const char *what, uint64_t got, uint64_t want)
{
	(void)check_eq(check_name(l->name, what, NULL), got, want);
}

/* While nothing is enabled: what ISPENDR shows, and what ICPENDR can do. */
static void pending_is_the_line(const struct line *l)
{
	gic_disable(l->intid);
	l->set(true);
	case_eq(l, "high-is-pending", wait_for(gic_pending(l->intid), LONG_US), true);
	gic_clear_pending(l->intid);
	case_eq(l, "icpendr-clears-no-line", wait_for(gic_pending(l->intid), LONG_US), true);
	l->set(false);
	case_eq(l, "low-is-not", wait_for(!gic_pending(l->intid), LONG_US), true);
}

/* QEMU's GICv2 does not let a PPI be set pending. */
static void pending_by_software(const struct line *l)
{
	if (gic_version == 2 && l->intid < 32) {
		check_skip("level.ppi.ispendr", "not with a GICv2");
		return;
	}
	gic_set_pending(l->intid);
	case_eq(l, "ispendr", gic_pending(l->intid), true);
	gic_clear_pending(l->intid);
	case_eq(l, "icpendr", gic_pending(l->intid), false);
	gic_enable(l->intid);
	gic_set_pending(l->intid);
	case_eq(l, "ispendr-comes", poll_ack(LONG_US), l->intid);
	case_eq(l, "ispendr-used-up", gic_pending(l->intid), false);
	gic_eoi(l->intid);
	case_eq(l, "ispendr-once", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_disable(l->intid);
}

static void sampled_at_the_end(const struct line *l)
{
	gic_enable(l->intid);
	l->set(true);
	case_eq(l, "comes", poll_ack(LONG_US), l->intid);
	case_eq(l, "active", gic_active(l->intid), true);
	gic_eoi(l->intid);
	case_eq(l, "high-comes-again", poll_ack(LONG_US), l->intid);
	l->set(false);
	case_eq(l, "low-while-active", gic_pending(l->intid), false);
	gic_eoi(l->intid);
	case_eq(l, "low-comes-no-more", poll_ack(SHORT_US), GIC_SPURIOUS);
	case_eq(l, "inactive", gic_active(l->intid), false);
	/* Fallen and risen while active. */
	l->set(true);
	case_eq(l, "high-again", poll_ack(LONG_US), l->intid);
	l->set(false);
	l->set(true);
	gic_eoi(l->intid);
	case_eq(l, "risen-while-active", poll_ack(LONG_US), l->intid);
	l->set(false);
	gic_eoi(l->intid);
	gic_disable(l->intid);
}

/* The line falls before the interrupt is acknowledged. */
static void withdrawn(const struct line *l)
{
	gic_enable(l->intid);
	l->set(true);
	case_eq(l, "signalled", wait_for(irq_waiting(), LONG_US), true);
	l->set(false);
	case_eq(l, "withdrawn", wait_for(!gic_pending(l->intid), LONG_US), true);
	case_eq(l, "withdrawn-is-not-signalled", wait_for(!irq_waiting(), LONG_US), true);
	case_eq(l, "withdrawn-does-not-come", gic_ack(), GIC_SPURIOUS);
	l->set(true);
	case_eq(l, "rises-again", poll_ack(LONG_US), l->intid);
	l->set(false);
	gic_eoi(l->intid);
	gic_disable(l->intid);
}

/* Ended in two steps: sampled again by the second. */
static void split_end(const struct line *l)
{
	gic_cpu_write(GIC_EOIMODE, 1);
	gic_enable(l->intid);
	l->set(true);
	case_eq(l, "split.comes", poll_ack(LONG_US), l->intid);
	gic_eoi(l->intid);
	case_eq(l, "split.not-before-dir", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_cpu_write(GIC_DIR, l->intid);
	case_eq(l, "split.after-dir", poll_ack(LONG_US), l->intid);
	l->set(false);
	gic_eoi(l->intid);
	gic_cpu_write(GIC_DIR, l->intid);
	case_eq(l, "split.low", poll_ack(SHORT_US), GIC_SPURIOUS);
	case_eq(l, "split.inactive", gic_active(l->intid), false);
	gic_cpu_write(GIC_EOIMODE, 0);
	gic_disable(l->intid);
}

/* Active state that software sets keeps it away, and clearing it is as good as an end. */
static void active_by_software(const struct line *l)
{
	gic_enable(l->intid);
	gic_set_active(l->intid);
	l->set(true);
	case_eq(l, "isactiver-holds-back", poll_ack(SHORT_US), GIC_SPURIOUS);
	case_eq(l, "isactiver-pending", gic_pending(l->intid), true);
	gic_clear_active(l->intid);
	case_eq(l, "icactiver-lets-go", poll_ack(LONG_US), l->intid);
	gic_clear_active(l->intid);
	gic_eoi(l->intid);
	case_eq(l, "icactiver-ends", poll_ack(LONG_US), l->intid);
	l->set(false);
	gic_eoi(l->intid);
	case_eq(l, "icactiver-rest", poll_ack(SHORT_US), GIC_SPURIOUS);
	gic_disable(l->intid);
}

void check_gic_level(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(lines); n++) {
		const struct line *l = &lines[n];

		irq_reset();
		if (l->intid >= 32) {
			gic_set_edge(l->intid, false);
			gic_route(l->intid, cpu_id());
		}
		l->set(false);
		pending_is_the_line(l);
		pending_by_software(l);
		sampled_at_the_end(l);
		withdrawn(l);
		split_end(l);
		active_by_software(l);
		l->set(false);
	}
}
