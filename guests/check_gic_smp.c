/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CPU and the interrupts of another one, which polls for commands with interrupts masked: state
 * in both directions, routes that change on the way, CPUs that are off.
 */
#include "check.h"
#include "kit/gic.h"
#include "kit/lock.h"
#include "kit/smp.h"
#include "kit/time.h"

#define SHORT_US 2000u
#define TEST_SPI 72u
#define TEST_PPI 20u
#define OTHER    1u
#define MANY     500u

enum order {
	ACK,       /* what comes within argument microseconds */
	EOI,       /* of argument */
	DIR,       /* of argument */
	SPLIT,     /* EOImode */
	SIGNALLED, /* an interrupt is */
	READ,      /* GICD_ISACTIVER of argument, MANY times: how often it was active */
	LISTEN,    /* enable private interrupt argument */
	LEAVE,
};

static struct {
	uint32_t asked;
	uint32_t answered;
	enum order order;
	uint32_t argument;
	uint32_t result;
} other;

static uint32_t read_many(unsigned int intid)
{
	uint32_t count = 0;

	for (unsigned int n = 0; n < MANY; n++)
		count += gic_active(intid);
	return count;
}

static uint32_t obey(enum order order, uint32_t argument)
{
	switch (order) {
	case ACK:
		return poll_ack(argument);
	case EOI:
		gic_eoi(argument);
		return 0;
	case DIR:
		gic_cpu_write(GIC_DIR, argument);
		return 0;
	case SPLIT:
		gic_cpu_write(GIC_EOIMODE, argument);
		return 0;
	case SIGNALLED:
		return irq_waiting();
	case READ:
		return read_many(argument);
	case LISTEN:
		gic_set_priority(argument, 0x80);
		gic_enable(argument);
		return 0;
	default:
		return 0;
	}
}

static void listener(void *arg)
{
	enum order order = ACK;

	(void)arg;
	for (uint32_t n = 1; order != LEAVE; n++) {
		while (load_acquire(&other.asked) != n)
			cpu_relax();
		order = other.order;
		other.result = obey(order, other.argument);
		store_release(&other.answered, n);
	}
}

static void tell(enum order order, uint32_t argument)
{
	other.order = order;
	other.argument = argument;
	store_release(&other.asked, other.asked + 1);
}

/* UINT32_MAX: there is none. */
static uint32_t answer(void)
{
	return wait_for(load_acquire(&other.answered) == other.asked, 2 * LONG_US) ? other.result
										   : UINT32_MAX;
}

static uint32_t ask(enum order order, uint32_t argument)
{
	tell(order, argument);
	return answer();
}

static bool start(void)
{
	other.asked = 0;
	other.answered = 0;
	return cpu_start(OTHER, listener, NULL, 0) == 0 && ask(SIGNALLED, 0) == 0;
}

static void stop(void)
{
	(void)ask(LEAVE, 0);
	(void)cpu_wait_off(OTHER, LONG_US);
}

static void arm(unsigned int intid, unsigned int cpu)
{
	gic_set_edge(intid, true);
	gic_set_priority(intid, 0x80);
	gic_route(intid, cpu);
	gic_enable(intid);
}

/* State of the other's interrupt, as it changes without our doing. */
static void state(void)
{
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.state.pending", gic_pending(TEST_SPI), true);
	(void)check_eq("smp.state.comes", ask(ACK, LONG_US), TEST_SPI);
	(void)check_eq("smp.state.acknowledged", gic_pending(TEST_SPI), false);
	(void)check_eq("smp.state.active", gic_active(TEST_SPI), true);
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.state.both", gic_pending(TEST_SPI) && gic_active(TEST_SPI), true);
	(void)ask(EOI, TEST_SPI);
	(void)check_eq("smp.state.ended", gic_active(TEST_SPI), false);
	(void)check_eq("smp.state.still-pending", gic_pending(TEST_SPI), true);
	(void)check_eq("smp.state.comes-again", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
	(void)check_eq("smp.state.idle", gic_pending(TEST_SPI) || gic_active(TEST_SPI), false);
}

static bool signalled_there(void)
{
	return ask(SIGNALLED, 0) == 1;
}

/* State that is taken away is gone when it is read. */
static void taken_away(void)
{
	gic_set_pending(TEST_SPI);
	(void)check_true("smp.take.signalled", wait_for(signalled_there(), LONG_US));
	gic_disable(TEST_SPI);
	(void)check_eq("smp.take.disabled", ask(SIGNALLED, 0), false);
	(void)check_eq("smp.take.disabled-pending", gic_pending(TEST_SPI), true);
	gic_enable(TEST_SPI);
	(void)check_true("smp.take.enabled", wait_for(signalled_there(), LONG_US));
	gic_dist_enable(false);
	(void)check_eq("smp.take.distributor-off", ask(SIGNALLED, 0), false);
	gic_dist_enable(true);
	(void)check_true("smp.take.distributor-on", wait_for(signalled_there(), LONG_US));
	gic_clear_pending(TEST_SPI);
	(void)check_true("smp.take.icpendr", wait_for(!signalled_there(), LONG_US));
	(void)check_eq("smp.take.icpendr-reads", gic_pending(TEST_SPI), false);
	(void)check_eq("smp.take.icpendr-nothing-comes", ask(ACK, SHORT_US), GIC_SPURIOUS);
}

/* Active state that this CPU sets and clears. */
static void active(void)
{
	gic_set_pending(TEST_SPI);
	(void)check_true("smp.active.signalled", wait_for(signalled_there(), LONG_US));
	gic_set_active(TEST_SPI);
	(void)check_true("smp.active.held-back", wait_for(!signalled_there(), LONG_US));
	(void)check_eq("smp.active.both", gic_pending(TEST_SPI) && gic_active(TEST_SPI), true);
	gic_clear_active(TEST_SPI);
	(void)check_eq("smp.active.let-go", ask(ACK, LONG_US), TEST_SPI);
	gic_clear_active(TEST_SPI);
	(void)check_eq("smp.active.cleared", gic_active(TEST_SPI), false);
	(void)ask(EOI, TEST_SPI);
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.active.next", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
}

/* Each reads the other's state at the same time. */
static void both_look(void)
{
	uint32_t seen;

	arm(TEST_SPI + 1, 0);
	gic_set_pending(TEST_SPI);
	gic_set_pending(TEST_SPI + 1);
	(void)check_eq("smp.look.there", ask(ACK, LONG_US), TEST_SPI);
	(void)check_eq("smp.look.here", poll_ack(LONG_US), TEST_SPI + 1);
	tell(READ, TEST_SPI + 1);
	seen = read_many(TEST_SPI);
	(void)check_eq("smp.look.from-here", seen, MANY);
	(void)check_eq("smp.look.from-there", answer(), MANY);
	gic_eoi(TEST_SPI + 1);
	(void)ask(EOI, TEST_SPI);
	(void)check_eq("smp.look.ended", gic_active(TEST_SPI) || gic_active(TEST_SPI + 1), false);
}

/* ---- where QEMU's GICv2 differs from the manual: it keeps an SPI's state for each CPU ---- */

static void routes(void)
{
	gic_set_pending(TEST_SPI);
	(void)check_true("smp.route.signalled", wait_for(signalled_there(), LONG_US));
	gic_route(TEST_SPI, 0);
	(void)check_eq("smp.route.pending-comes-here", poll_ack(LONG_US), TEST_SPI);
	(void)check_eq("smp.route.not-there", ask(ACK, SHORT_US), GIC_SPURIOUS);
	/* Active here, pending, and sent away. */
	gic_set_pending(TEST_SPI);
	gic_route(TEST_SPI, OTHER);
	(void)check_eq("smp.route.not-while-active", ask(ACK, SHORT_US), GIC_SPURIOUS);
	gic_eoi(TEST_SPI);
	(void)check_eq("smp.route.after-the-end", ask(ACK, LONG_US), TEST_SPI);
	gic_route(TEST_SPI, 0);
	(void)ask(EOI, TEST_SPI);
	(void)check_eq("smp.route.ended-there", gic_active(TEST_SPI), false);
	/* Nowhere, and back. */
	mmio_write64(GICD_IROUTER(TEST_SPI), UINT64_C(0xff00000000));
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.route.nowhere", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("smp.route.nowhere-pending", gic_pending(TEST_SPI), true);
	gic_route(TEST_SPI, OTHER);
	(void)check_eq("smp.route.back", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
}

/* A DIR ends an SPI that another CPU has active. */
static void dir_from_afar(void)
{
	gic_cpu_write(GIC_EOIMODE, 1);
	(void)ask(SPLIT, 1);
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.dir.comes", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.dir.active", ask(ACK, SHORT_US), GIC_SPURIOUS);
	gic_cpu_write(GIC_DIR, TEST_SPI);
	(void)check_eq("smp.dir.ended-here", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
	(void)ask(DIR, TEST_SPI);
	(void)check_eq("smp.dir.inactive", gic_active(TEST_SPI), false);
	(void)ask(SPLIT, 0);
	gic_cpu_write(GIC_EOIMODE, 0);
}

/* The other's private interrupts by its redistributor's frame. */
static void private_ones(void)
{
	uintptr_t page = gic_redist() + GICR_STRIDE + GICR_SGI_PAGE;

	(void)ask(LISTEN, TEST_PPI);
	mmio_write32(page + GIC_ISPENDR, BIT32(TEST_PPI));
	(void)check_eq("smp.private.set-from-here", ask(ACK, LONG_US), TEST_PPI);
	(void)check_eq("smp.private.active", mmio_read32(page + GIC_ISACTIVER) & BIT32(TEST_PPI),
		       BIT32(TEST_PPI));
	(void)ask(EOI, TEST_PPI);
	(void)check_eq("smp.private.ended", mmio_read32(page + GIC_ISACTIVER) & BIT32(TEST_PPI), 0);
	mmio_write32(page + GIC_ISPENDR, BIT32(TEST_PPI));
	(void)check_true("smp.private.signalled", wait_for(signalled_there(), LONG_US));
	mmio_write32(page + GIC_ICENABLER, BIT32(TEST_PPI));
	(void)gic_sync();
	(void)check_true("smp.private.disabled", wait_for(!signalled_there(), LONG_US));
	mmio_write32(page + GIC_ICPENDR, BIT32(TEST_PPI));
	(void)check_eq("smp.private.own-untouched", gic_pending(TEST_PPI), false);
}

/* For a CPU that is off: the interrupt waits for it, and may be routed elsewhere. */
static void target_off(void)
{
	gic_set_pending(TEST_SPI);
	(void)check_eq("smp.off.not-here", poll_ack(SHORT_US), GIC_SPURIOUS);
	(void)check_eq("smp.off.pending", gic_pending(TEST_SPI), true);
	gic_route(TEST_SPI, 0);
	(void)check_eq("smp.off.sent-here", poll_ack(LONG_US), TEST_SPI);
	gic_eoi(TEST_SPI);
	gic_route(TEST_SPI, OTHER);
	gic_set_pending(TEST_SPI);
	other.asked = 0;
	other.answered = 0;
	(void)check_eq("smp.off.started", (uint32_t)cpu_start(OTHER, listener, NULL, 0), 0);
	(void)check_eq("smp.off.taken-at-start", ask(ACK, LONG_US), TEST_SPI);
	(void)ask(EOI, TEST_SPI);
	(void)check_eq("smp.off.idle", gic_pending(TEST_SPI) || gic_active(TEST_SPI), false);
	stop();
}

void check_gic_smp(void)
{
	if (check_cpus < 2) {
		check_skip("smp", "one cpu");
		return;
	}
	if (!check_true("smp.starts", start()))
		return;
	arm(TEST_SPI, OTHER);
	state();
	taken_away();
	active();
	both_look();
	if (gic_version == 2) {
		check_skip("smp.route", "QEMU's GICv2 keeps an SPI's state by CPU");
		stop();
		return;
	}
	routes();
	dir_from_afar();
	private_ones();
	stop();
	target_off();
}
