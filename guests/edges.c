/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edges: both timers with the edge values of CVAL, TVAL and CTL, in every order of the three, awake
 * and in WFI. Whatever the values, the timer does what the architecture says (Arm ARM D11.2.4), and
 * the machine continues. First the timers are set up as by systems that write ~0 and enable before
 * they know a time. A typed line runs everything again; `stay` sets both to never fire and sleeps.
 */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define LONG_US  60000000u /* others may have the CPU most of the time */
#define GUARD_US 200u
#define TICKS    100u

/* At `at` from a fixed value or from the counter as it is then. */
struct edge {
	bool from_now;
	uint64_t at;
};

static const struct edge cvals[] = {
	{ false, 0 },
	{ false, 1 },
	{ false, BIT(31) - 1 },
	{ false, BIT(31) },
	{ false, BIT(32) - 1 },
	{ false, BIT(32) },
	{ false, BIT(48) },
	{ false, BIT(56) - 1 },
	{ false, BIT(56) },
	{ false, BIT(62) },
	{ false, BIT(63) - 1 },
	{ false, BIT(63) },
	{ false, UINT64_MAX - BIT(32) },
	{ false, UINT64_MAX - BIT(31) },
	{ false, UINT64_MAX - 1 },
	{ false, UINT64_MAX },
	{ true, 0 },
	{ true, 1 },
	{ true, UINT64_MAX }, /* now - 1 */
	{ true, BIT(31) },
	{ true, BIT(63) - 1 },
	{ true, BIT(63) },
	{ true, UINT64_MAX - BIT(31) },
};

static const uint32_t tvals[] = { 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff };
static const uint64_t ctls[] = { 0, TIMER_ENABLE, TIMER_ENABLE | TIMER_IMASK, TIMER_IMASK,
				 UINT64_MAX };

enum { CVAL, TVAL, CTL, REGISTERS };

static const uint8_t orders[][REGISTERS] = {
	{ CVAL, TVAL, CTL }, { CVAL, CTL, TVAL }, { TVAL, CVAL, CTL },
	{ TVAL, CTL, CVAL }, { CTL, CVAL, TVAL }, { CTL, TVAL, CVAL },
};

static unsigned int done, wrong;
static uint32_t came[TIMER_KINDS];

static void expect(const char *what, enum timer_kind kind, uint64_t cval, uint64_t got,
		   uint64_t want)
{
	if (got == want)
		return;
	if (++wrong <= 10)
		print("edges: %s: %s, cval %lx: expected %lx got %lx\n",
		      kind == TIMER_VIRT ? "cntv" : "cntp", what, cval, want, got);
}

static void on_timer(unsigned int intid, void *arg)
{
	enum timer_kind kind = intid == CNTV_INTID ? TIMER_VIRT : TIMER_PHYS;

	(void)arg;
	/*
	 * An interrupt from before the timer was set again may still come: it does not belong to
	 * this setting.
	 */
	if (timer_get_ctl(kind) & TIMER_ISTATUS)
		came[kind]++;
	timer_stop(kind);
}

static uint64_t value_of(enum timer_kind kind, const struct edge *edge)
{
	return edge->from_now ? timer_counter(kind) + edge->at : edge->at;
}

static void set_cval(enum timer_kind kind, const struct edge *edge)
{
	uint64_t cval = value_of(kind, edge);

	timer_set_cval(kind, cval);
	expect("cval", kind, cval, timer_get_cval(kind), cval);
}

/* CVAL becomes the counter and TVAL, sign-extended: from here to there, as it moves. */
static void set_tval(enum timer_kind kind, uint32_t tval)
{
	uint64_t sum = timer_counter(kind) + (uint64_t)(int64_t)(int32_t)tval;
	uint64_t late;

	timer_set_tval(kind, tval);
	late = timer_counter(kind) + (uint64_t)(int64_t)(int32_t)tval - sum;
	expect("tval", kind, timer_get_cval(kind), timer_get_cval(kind) - sum <= late, true);
}

/*
 * ISTATUS is whether CVAL has been reached; within the time that the reads take it may be either.
 */
static void check_status(enum timer_kind kind)
{
	uint64_t cval = timer_get_cval(kind), before, ctl;

	/* What is due now is given the time to come. */
	(void)wait_for(timer_counter(kind) < cval || !(timer_get_ctl(kind) & TIMER_ENABLE) ||
			       timer_get_ctl(kind) & TIMER_ISTATUS,
		       LONG_US);
	before = timer_counter(kind);
	ctl = timer_get_ctl(kind);
	if (!(ctl & TIMER_ENABLE))
		return;
	if (before >= cval)
		expect("is due", kind, cval, ctl & TIMER_ISTATUS, TIMER_ISTATUS);
	else if (timer_counter(kind) < cval)
		expect("is not due", kind, cval, ctl & TIMER_ISTATUS, 0);
}

/* Once more to sleep with it, beside the other timer, which wakes. */
static void sleep_beside(enum timer_kind kind)
{
	enum timer_kind guard = kind == TIMER_VIRT ? TIMER_PHYS : TIMER_VIRT;
	uint32_t before = came[guard];

	timer_start_us(guard, GUARD_US);
	while (came[guard] == before) {
		if (!irq_waiting())
			wfi();
		irq_unmask();
		isb();
		irq_mask();
	}
}

static void one_order(enum timer_kind kind, const uint8_t *order, const struct edge *cval,
		      uint32_t tval, uint64_t ctl)
{
	timer_stop(kind);
	for (unsigned int n = 0; n < REGISTERS; n++) {
		if (order[n] == CVAL)
			set_cval(kind, cval);
		else if (order[n] == TVAL)
			set_tval(kind, tval);
		else
			timer_set_ctl(kind, ctl);
		check_status(kind);
	}
	done++;
}

static void all_orders(enum timer_kind kind)
{
	for (unsigned int o = 0; o < ARRAY_SIZE(orders); o++)
		for (unsigned int c = 0; c < ARRAY_SIZE(cvals); c++)
			for (unsigned int t = 0; t < ARRAY_SIZE(tvals); t++)
				for (unsigned int m = 0; m < ARRAY_SIZE(ctls); m++)
					one_order(kind, orders[o], &cvals[c], tvals[t], ctls[m]);
	timer_stop(kind);
	/*
	 * Those that are not due yet (TVAL's and the counter's own neighbours are, or soon will be)
	 * must not come.
	 */
	for (unsigned int c = 0; c < ARRAY_SIZE(cvals); c++) {
		uint64_t value = value_of(kind, &cvals[c]);
		bool far = value > timer_counter(kind) + us_to_ticks(LONG_US);
		uint32_t before = came[kind];

		timer_set_cval(kind, value);
		timer_set_ctl(kind, TIMER_ENABLE);
		sleep_beside(kind);
		expect("came early", kind, value, far && came[kind] != before, false);
		timer_stop(kind);
		done++;
	}
}

/*
 * Reset code writes ~0, the driver enables, and only then sets a compare value. Then it has to
 * tick.
 */
static void start_like_a_system(enum timer_kind kind)
{
	uint64_t period = us_to_ticks(GUARD_US), due;

	timer_set_cval(kind, UINT64_MAX);
	timer_set_ctl(kind, TIMER_ENABLE);
	due = timer_counter(kind);
	for (unsigned int n = 1; n <= TICKS; n++) {
		uint32_t before = came[kind];

		due += period;
		timer_set_cval(kind, due);
		timer_set_ctl(kind, TIMER_ENABLE);
		irq_unmask();
		(void)wait_for(came[kind] != before, LONG_US);
		irq_mask();
		expect("tick", kind, due, came[kind] - before, 1);
		expect("tick too early", kind, due, timer_counter(kind) >= due, true);
		timer_set_cval(kind, UINT64_MAX); /* nothing to do for now */
		timer_set_ctl(kind, TIMER_ENABLE);
	}
	timer_stop(kind);
}

static void run(void)
{
	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		irq_set_handler(timer_intid(kind), on_timer, NULL);
		gic_enable(timer_intid(kind));
	}
	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		start_like_a_system(kind);
		all_orders(kind);
	}
	print("edges: %u combinations, %u wrong\nedges: %s\n", done, wrong,
	      wrong ? "FAIL" : "PASS");
}

static uint32_t lines;

static void typed(char c)
{
	lines += c == '\r';
}

/* Asleep with both armed for never, by the largest value there is, until a line is typed. */
static void stay(void)
{
	uint64_t virt = timer_counter(TIMER_VIRT), phys = timer_counter(TIMER_PHYS);
	uint32_t before = lines;

	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		came[kind] = 0;
		timer_set_cval(kind, UINT64_MAX);
		timer_set_ctl(kind, TIMER_ENABLE);
	}
	print("edges: asleep\n");
	while (lines == before) {
		wfi();
		irq_unmask();
		isb();
		irq_mask();
	}
	virt = timer_counter(TIMER_VIRT) - virt;
	phys = timer_counter(TIMER_PHYS) - phys;
	print("edges: slept for %lu us, of which the virtual counter saw %lu; %u interrupts\n",
	      ticks_to_us(phys), ticks_to_us(virt), came[TIMER_VIRT] + came[TIMER_PHYS]);
}

void guest_main(void)
{
	uart_receive(typed);
	run();
	for (;;)
		stay();
}
