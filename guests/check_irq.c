/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: more interrupts at once than there are list registers, in the order of priority. */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/time.h"

#define SHORT_US  1000u
#define MANY      12u
#define FIRST_SPI 64u

/* A permutation, so that neither number nor order of setting is the order of priority. */
static const uint8_t shuffled[MANY] = { 7, 2, 11, 0, 5, 9, 1, 10, 4, 8, 3, 6 };

/* The mixed set: SGIs, unwired PPIs and SPIs. QEMU's GICv2 does not let PPIs be set pending. */
static const uint8_t mixed_v3[MANY] = { 66, 3, 20, 71, 15, 22, 64, 0, 21, 78, 9, 70 };
static const uint8_t mixed_v2[MANY] = { 66, 3, 72, 71, 15, 74, 64, 0, 73, 78, 9, 70 };

static unsigned int mixed(unsigned int n)
{
	return gic_version == 2 ? mixed_v2[n] : mixed_v3[n];
}

static uint8_t priority_of_rank(unsigned int rank)
{
	return (uint8_t)(0x10 + 0x10 * rank);
}

static void arm(unsigned int intid, uint8_t priority)
{
	if (intid >= 32) {
		gic_set_edge(intid, true);
		gic_route(intid, cpu_id());
	}
	gic_set_priority(intid, priority);
	irq_set_handler(intid, irq_log_handler, NULL);
	gic_enable(intid);
}

/* The INTID that has that rank, of the consecutive or of the mixed set. */
static unsigned int intid_of_rank(unsigned int rank, bool use_mixed)
{
	for (unsigned int n = 0; n < MANY; n++) {
		if (shuffled[n] == rank)
			return use_mixed ? mixed(n) : FIRST_SPI + n;
	}
	return GIC_SPURIOUS;
}

static void arm_all(bool use_mixed)
{
	for (unsigned int rank = 0; rank < MANY; rank++)
		arm(intid_of_rank(rank, use_mixed), priority_of_rank(rank));
}

static void pend_all(bool use_mixed)
{
	for (unsigned int n = 0; n < MANY; n++)
		gic_set_pending(use_mixed ? mixed(n) : FIRST_SPI + n);
}

static unsigned int still_pending_or_active(bool use_mixed)
{
	unsigned int left = 0;
	unsigned int intid;

	for (unsigned int n = 0; n < MANY; n++) {
		intid = use_mixed ? mixed(n) : FIRST_SPI + n;
		left += gic_pending(intid) || gic_active(intid);
	}
	return left;
}

/* Acknowledge and end one after the other: how many came in their turn. */
static void many_polled(const char *order, const char *rest, bool use_mixed)
{
	unsigned int right = 0;

	arm_all(use_mixed);
	pend_all(use_mixed);
	for (unsigned int rank = 0; rank < MANY; rank++) {
		unsigned int got = poll_ack(LONG_US);

		right += got == intid_of_rank(rank, use_mixed);
		gic_eoi(got);
	}
	(void)check_eq(order, right, MANY);
	(void)check_eq(rest, still_pending_or_active(use_mixed), 0);
}

static void many_by_vector(bool use_mixed, const char *all, const char *order)
{
	unsigned int right = 0;

	arm_all(use_mixed);
	irq_log_start(NULL);
	pend_all(use_mixed);
	(void)check_eq(all, irq_log_wait(MANY, LONG_US), MANY);
	for (unsigned int rank = 0; rank < MANY; rank++)
		right += irq_log.intid[rank] == intid_of_rank(rank, use_mixed);
	(void)check_eq(order, right, MANY);
}

/*
 * Eight are active at once, each preempting the one before, and end in reverse order. The state of
 * those without a list register must be kept elsewhere.
 */
static void nested(void)
{
	unsigned int acks = 0;
	unsigned int running = 0;
	unsigned int active = 0;
	unsigned int restored = 0;

	for (unsigned int n = 0; n < 8; n++) {
		arm(FIRST_SPI + n, (uint8_t)(0xa0 - 0x10 * n));
		gic_set_pending(FIRST_SPI + n);
		acks += poll_ack(LONG_US) == FIRST_SPI + n;
		running += (gic_cpu_read(GIC_RPR) & 0xff) == 0xa0 - 0x10 * n;
	}
	(void)check_eq("irq.nested.acknowledged", acks, 8);
	(void)check_eq("irq.nested.running-priority", running, 8);
	for (unsigned int n = 0; n < 8; n++)
		active += gic_active(FIRST_SPI + n);
	(void)check_eq("irq.nested.all-active", active, 8);
	for (unsigned int n = 8; n-- > 0;) {
		restored += (gic_cpu_read(GIC_RPR) & 0xff) == 0xa0 - 0x10 * n;
		gic_eoi(FIRST_SPI + n);
	}
	(void)check_eq("irq.nested.priority-restored", restored, 8);
	(void)check_eq("irq.nested.idle", gic_cpu_read(GIC_RPR) & 0xff, 0xff);
	active = 0;
	for (unsigned int n = 0; n < 8; n++)
		active += gic_active(FIRST_SPI + n);
	(void)check_eq("irq.nested.none-active", active, 0);
}

/* Twelve pending of low priority, then one more urgent: it goes first. */
static void urgent_overtakes(void)
{
	unsigned int got;

	for (unsigned int n = 0; n < MANY; n++)
		arm(FIRST_SPI + n, 0xa0);
	pend_all(false);
	(void)check_true("irq.overtake.signalled", wait_for(irq_waiting(), LONG_US));
	arm(FIRST_SPI + MANY, 0x20);
	gic_set_pending(FIRST_SPI + MANY);
	delay_us(SHORT_US);
	got = gic_ack();
	(void)check_eq("irq.overtake.first", got, FIRST_SPI + MANY);
	gic_eoi(got);
	for (unsigned int n = 0; n < MANY; n++) {
		got = poll_ack(LONG_US);
		gic_eoi(got);
	}
	(void)check_eq("irq.overtake.all-came", still_pending_or_active(false), 0);
	(void)check_eq("irq.overtake.no-more", poll_ack(SHORT_US), GIC_SPURIOUS);
}

/* Each interrupt pends the next one from its handler. */
static void chain(unsigned int intid)
{
	if (intid < FIRST_SPI + MANY - 1)
		gic_set_pending(intid + 1);
}

static void chained(void)
{
	for (unsigned int n = 0; n < MANY; n++)
		arm(FIRST_SPI + n, 0xa0);
	irq_log_start(chain);
	gic_set_pending(FIRST_SPI);
	(void)check_eq("irq.chain", irq_log_wait(MANY, LONG_US), MANY);
}

static void again(unsigned int intid)
{
	if (irq_log.count < 200)
		gic_set_pending(intid);
}

/* Pended again from its own handler, while active. */
static void repeated(void)
{
	arm(FIRST_SPI, 0xa0);
	irq_log_start(again);
	gic_set_pending(FIRST_SPI);
	(void)check_eq("irq.repeated", irq_log_wait(201, LONG_US), 201);
}

void check_irq(void)
{
	many_polled("irq.many.spis-in-order", "irq.many.spis-all-done", false);
	irq_reset();
	many_polled("irq.many.mixed-in-order", "irq.many.mixed-all-done", true);
	irq_reset();
	many_by_vector(false, "irq.vector.spis-all", "irq.vector.spis-in-order");
	irq_reset();
	many_by_vector(true, "irq.vector.mixed-all", "irq.vector.mixed-in-order");
	irq_reset();
	nested();
	irq_reset();
	urgent_overtakes();
	irq_reset();
	chained();
	irq_reset();
	repeated();
	(void)check_eq("irq.unexpected", irq_unexpected(), 0);
}
