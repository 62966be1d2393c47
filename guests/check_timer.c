/* SPDX-License-Identifier: Apache-2.0 */
/* The generic timers of EL1 (Arm ARM D11.2), each case for CNTV and CNTP. */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define LATE_US  1000000u /* between two instructions, at most */
#define SHORT_US 2000u
#define FAR      UINT64_C(0x00ffffffffffffff)

static enum timer_kind under_test;
static uint64_t expiry;
static uint64_t early;
static uint32_t stop_after;

/* Stops the timer at the stop_after-th interrupt; notes interrupts that came before their time. */
static void on_timer(unsigned int intid)
{
	(void)intid;
	if (timer_counter(under_test) < expiry)
		early++;
	if (irq_log.count + 1 >= stop_after)
		timer_stop(under_test);
}

static void arm(enum timer_kind kind, uint64_t cval, uint64_t ctl)
{
	under_test = kind;
	expiry = cval;
	early = 0;
	stop_after = 1;
	irq_log_start(on_timer);
	timer_set_ctl(kind, 0);
	timer_set_cval(kind, cval);
	timer_set_ctl(kind, ctl);
}

static uint64_t in_us(enum timer_kind kind, uint64_t us)
{
	return timer_counter(kind) + us_to_ticks(us);
}

static void registers(enum timer_kind kind)
{
	uint64_t before;

	timer_set_ctl(kind, 0);
	(void)check_eq("timer.ctl.off", timer_get_ctl(kind) & 3, 0);
	timer_set_cval(kind, FAR);
	(void)check_eq("timer.cval", timer_get_cval(kind), FAR);
	timer_set_ctl(kind, TIMER_ENABLE | TIMER_IMASK);
	(void)check_eq("timer.ctl.not-expired", timer_get_ctl(kind) & 7,
		       TIMER_ENABLE | TIMER_IMASK);
	timer_set_cval(kind, 0);
	(void)check_eq("timer.ctl.istatus", timer_get_ctl(kind) & 7,
		       TIMER_ENABLE | TIMER_IMASK | TIMER_ISTATUS);
	timer_set_cval(kind, FAR);
	(void)check_eq("timer.ctl.istatus-goes", timer_get_ctl(kind) & TIMER_ISTATUS, 0);
	before = timer_counter(kind);
	timer_set_tval(kind, 0x60000000);
	(void)check_range("timer.tval-sets-cval", timer_get_cval(kind) - before, 0x60000000,
			  0x60000000 + us_to_ticks(LATE_US));
	(void)check_range("timer.tval-counts-down", timer_get_tval(kind),
			  0x60000000 - us_to_ticks(LATE_US), 0x60000000);
	before = timer_counter(kind);
	timer_set_tval(kind, 0xfff00000);
	/* TVAL is signed: this one is in the past (or before 0, where CVAL wraps). */
	(void)check_range("timer.tval-negative", timer_get_cval(kind) - before + 0x100000, 0,
			  us_to_ticks(LATE_US));
	timer_set_ctl(kind, 0);
}

/* CVAL and the counter are unsigned: what lies half their range ahead has not come. */
static void wrapping(enum timer_kind kind)
{
	timer_set_ctl(kind, TIMER_ENABLE | TIMER_IMASK);
	timer_set_cval(kind, UINT64_C(0xa5a5a5a5a5a5a5a5));
	(void)check_eq("timer.cval.every-bit", timer_get_cval(kind), UINT64_C(0xa5a5a5a5a5a5a5a5));
	(void)check_eq("timer.cval.high-is-future", timer_get_ctl(kind) & TIMER_ISTATUS, 0);
	timer_set_cval(kind, UINT64_MAX);
	(void)check_eq("timer.cval.max-is-future", timer_get_ctl(kind) & TIMER_ISTATUS, 0);
	timer_set_cval(kind, timer_counter(kind) + BIT(63));
	(void)check_eq("timer.cval.half-is-future", timer_get_ctl(kind) & TIMER_ISTATUS, 0);
	timer_set_ctl(kind, UINT64_MAX);
	(void)check_eq("timer.ctl.res0", timer_get_ctl(kind), TIMER_ENABLE | TIMER_IMASK);
	/* TVAL shows the low 32 bits of the difference, and goes on below 0. */
	timer_set_cval(kind, timer_counter(kind) + BIT(32) + us_to_ticks(LATE_US));
	(void)check_range("timer.tval.low-half", timer_get_tval(kind), 0, us_to_ticks(LATE_US));
	timer_set_tval(kind, 0);
	delay_us(10);
	(void)check_range("timer.tval.below-0", 0 - (uint64_t)(int32_t)timer_get_tval(kind), 1,
			  us_to_ticks(LATE_US));
	(void)check_eq("timer.tval.below-0-is-past", timer_get_ctl(kind),
		       TIMER_ENABLE | TIMER_IMASK | TIMER_ISTATUS);
	timer_set_tval(kind, 0x7fffffff);
	(void)check_range("timer.tval.max", timer_get_cval(kind) - timer_counter(kind),
			  0x7fffffff - us_to_ticks(LATE_US), 0x7fffffff);
	timer_set_ctl(kind, 0);
}

static void counter(enum timer_kind kind)
{
	uint64_t last = timer_counter(kind);
	uint64_t first = last;
	unsigned int backwards = 0;

	for (unsigned int n = 0; n < 10000; n++) {
		uint64_t next = timer_counter(kind);

		backwards += next < last;
		last = next;
	}
	(void)check_eq("timer.counter.monotonic", backwards, 0);
	(void)check_true("timer.counter.moves", last > first);
}

static void delivery(enum timer_kind kind)
{
	arm(kind, in_us(kind, 1000), TIMER_ENABLE);
	(void)check_eq("timer.irq", irq_log_wait(1, LONG_US), 1);
	(void)check_eq("timer.irq.intid", irq_log.intid[0], timer_intid(kind));
	(void)check_eq("timer.irq.not-early", early, 0);
	arm(kind, 0, TIMER_ENABLE);
	(void)check_eq("timer.irq.past-fires-at-once", irq_log_wait(1, LONG_US), 1);
	arm(kind, timer_counter(kind) - 1, TIMER_ENABLE);
	(void)check_eq("timer.irq.just-past", irq_log_wait(1, LONG_US), 1);
	arm(kind, FAR, TIMER_ENABLE);
	(void)check_eq("timer.irq.far-does-not", irq_log_wait(1, SHORT_US), 0);
	arm(kind, in_us(kind, 100), 0);
	(void)check_eq("timer.irq.disabled-does-not", irq_log_wait(1, SHORT_US), 0);
	arm(kind, in_us(kind, 100), TIMER_ENABLE | TIMER_IMASK);
	(void)check_eq("timer.irq.masked-does-not", irq_log_wait(1, SHORT_US), 0);
	timer_set_ctl(kind, TIMER_ENABLE);
	(void)check_eq("timer.irq.unmasked-does", irq_log_wait(1, LONG_US), 1);
	/*
	 * Taken back when it is signalled already. That it goes is only promised in finite time:
	 * one interrupt may still come (and does, where a list register holds it), but no more.
	 */
	arm(kind, 0, TIMER_ENABLE);
	stop_after = UINT32_MAX;
	(void)wait_for(irq_waiting(), LONG_US);
	timer_set_cval(kind, FAR);
	(void)CHECK_ONE_OF("timer.irq.taken-back", irq_log_wait(2, SHORT_US), 0, 1);
	timer_stop(kind);
}

/* The line is a level: it comes again after EOI as long as the condition holds. */
static void level(enum timer_kind kind)
{
	unsigned int intid = timer_intid(kind);

	arm(kind, 0, TIMER_ENABLE);
	stop_after = 5;
	(void)check_eq("timer.level.fires-again", irq_log_wait(5, LONG_US), 5);
	(void)check_eq("timer.level.stops", irq_log_wait(6, SHORT_US), 5);

	gic_disable(intid);
	timer_set_ctl(kind, TIMER_ENABLE);
	(void)check_true("timer.level.pending-shown", wait_for(gic_pending(intid), LONG_US));
	timer_set_ctl(kind, TIMER_ENABLE | TIMER_IMASK);
	(void)check_true("timer.level.pending-follows", wait_for(!gic_pending(intid), LONG_US));
	gic_enable(intid);
	(void)check_eq("timer.level.nothing-latched", irq_log_wait(6, SHORT_US), 5);
	timer_stop(kind);
}

/* Sleep: wakes with PSTATE.I set, not early, and not much later than asked. */
static void sleep(enum timer_kind kind)
{
	uint64_t start;
	unsigned int awake = 0;
	unsigned int on_time = 0;

	for (unsigned int n = 0; n < 10; n++) {
		arm(kind, in_us(kind, 2000), TIMER_ENABLE);
		start = now();
		/* Another wake-up is allowed at any time. */
		while (!irq_waiting() && now() - start < us_to_ticks(LONG_US))
			wfi();
		on_time += timer_counter(kind) >= expiry;
		awake += irq_log_wait(1, SHORT_US) == 1;
	}
	(void)check_eq("timer.wfi.wakes", awake, 10);
	(void)check_eq("timer.wfi.not-early", on_time, 10);
	timer_stop(kind);
}

/*
 * What ends a WFI: an interrupt that only PSTATE.I keeps away. Other ends are allowed at any time,
 * but no tested machine has one.
 */
static void wakes_exactly(void)
{
	uint64_t due;
	struct {
		enum timer_kind early, late;
	} pairs[] = { { TIMER_VIRT, TIMER_PHYS }, { TIMER_PHYS, TIMER_VIRT } };

	for (size_t n = 0; n < ARRAY_SIZE(pairs); n++) {
		enum timer_kind late = pairs[n].late;

		gic_disable(timer_intid(pairs[n].early));
		gic_enable(timer_intid(late));
		due = in_us(late, 4000);
		timer_set_cval(late, due);
		timer_set_ctl(late, TIMER_ENABLE);
		timer_start_us(pairs[n].early, 1000);
		wfi();
		(void)check_true("timer.wfi.not-by-a-disabled-one", timer_counter(late) >= due);
		timer_stop(pairs[n].early);
		/* It pends: the next one does not wait. */
		timer_set_cval(pairs[n].early, in_us(pairs[n].early, LONG_US));
		timer_set_ctl(pairs[n].early, TIMER_ENABLE);
		gic_enable(timer_intid(pairs[n].early));
		wfi();
		(void)check_eq("timer.wfi.pending-ends-it",
			       timer_get_ctl(pairs[n].early) & TIMER_ISTATUS, 0);
		timer_stop(pairs[n].early);
		timer_stop(late);
		irq_reset(); /* nothing is left pending */
	}
}

/* A timer that never fires waits in the other's place without harm. */
static void never(void)
{
	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		irq_set_handler(timer_intid(kind), irq_log_handler, NULL);
		gic_enable(timer_intid(kind));
	}
	timer_set_cval(TIMER_VIRT, UINT64_MAX);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	arm(TIMER_PHYS, in_us(TIMER_PHYS, 2000), TIMER_ENABLE);
	while (!irq_waiting() && timer_counter(TIMER_PHYS) < expiry + us_to_ticks(LONG_US))
		wfi();
	(void)check_eq("timer.wfi.beside-one-that-never-comes", irq_log_wait(1, SHORT_US), 1);
	(void)check_eq("timer.wfi.beside-one-that-never-comes.intid", irq_log.intid[0], CNTP_INTID);
	irq_reset();
}

/* Physical minus virtual counter: the same at all times and on all CPUs. */
static uint64_t offset(void)
{
	uint64_t least = UINT64_MAX;

	/* The reads lie apart: the smallest of many differences is the nearest. */
	for (unsigned int n = 0; n < 100; n++) {
		uint64_t virt = timer_counter(TIMER_VIRT);
		uint64_t diff = timer_counter(TIMER_PHYS) - virt;

		least = diff < least ? diff : least;
	}
	return least;
}

static uint64_t other_offset;

static void note_offset(void *arg)
{
	(void)arg;
	store_release(&other_offset, offset() + 1);
}

static void check_offset(const char *name, uint64_t got, uint64_t want)
{
	(void)check_range(name, got - want + us_to_ticks(SHORT_US), 0, 2 * us_to_ticks(SHORT_US));
}

static void offsets(void)
{
	uint64_t here = offset();

	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, 5000);
	wfi();
	timer_stop(TIMER_VIRT);
	check_offset("timer.offset.after-wfi", offset(), here);
	if (check_cpus == 1)
		return;
	other_offset = 0;
	(void)cpu_start(1, note_offset, NULL, 0);
	(void)wait_for(load_acquire(&other_offset), LONG_US);
	check_offset("timer.offset.other-cpu", other_offset - 1, here);
	(void)cpu_wait_off(1, LONG_US);
}

/* Many periods in a row, each set from the last expiry. */
static void periodic(enum timer_kind kind)
{
	uint64_t period = us_to_ticks(500);
	uint64_t cval = timer_counter(kind) + period;
	unsigned int right = 0;

	for (unsigned int n = 0; n < 100; n++, cval += period) {
		arm(kind, cval, TIMER_ENABLE);
		right += irq_log_wait(1, LONG_US) == 1 && !early;
	}
	(void)check_eq("timer.periodic", right, 100);
}

static void both(void)
{
	irq_log_start(NULL);
	timer_set_cval(TIMER_VIRT, 0);
	timer_set_cval(TIMER_PHYS, 0);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	timer_set_ctl(TIMER_PHYS, TIMER_ENABLE);
	gic_set_priority(CNTV_INTID, 0x60);
	gic_set_priority(CNTP_INTID, 0x40);
	(void)check_eq("timer.both.higher-first", poll_ack(LONG_US), CNTP_INTID);
	timer_stop(TIMER_PHYS);
	gic_eoi(CNTP_INTID);
	(void)check_eq("timer.both.then-other", poll_ack(LONG_US), CNTV_INTID);
	timer_stop(TIMER_VIRT);
	gic_eoi(CNTV_INTID);
	(void)check_eq("timer.both.done", poll_ack(SHORT_US), GIC_SPURIOUS);
}

static uint32_t came_on_other;

static void other_tick(unsigned int intid, void *arg)
{
	(void)arg;
	timer_stop(intid == CNTV_INTID ? TIMER_VIRT : TIMER_PHYS);
	if (cpu_id() == 1)
		atomic_inc(&came_on_other);
}

/* On CPU 1: both timers, one after the other, asleep in between. */
static void other_cpu(void *arg)
{
	(void)arg;
	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		gic_enable(timer_intid(kind));
		timer_start_us(kind, 1000);
		while (!irq_waiting() && !(timer_get_ctl(kind) & TIMER_ISTATUS))
			wfi();
		irq_unmask();
		(void)wait_for(!(timer_get_ctl(kind) & TIMER_ENABLE), LONG_US);
		irq_mask();
	}
}

static void on_other_cpu(void)
{
	irq_reset();
	came_on_other = 0;
	irq_set_handler(CNTV_INTID, other_tick, NULL);
	irq_set_handler(CNTP_INTID, other_tick, NULL);
	(void)cpu_start(1, other_cpu, NULL, 0);
	(void)check_true("timer.other-cpu", wait_for(load_acquire(&came_on_other) == 2, LONG_US));
	(void)cpu_wait_off(1, LONG_US);
}

void check_timer(void)
{
	(void)check_range("timer.cntfrq", read_sysreg(cntfrq_el0), 1000000, 1000000000);
	for (enum timer_kind kind = TIMER_VIRT; kind < TIMER_KINDS; kind++) {
		print("# %s\n", kind == TIMER_VIRT ? "cntv" : "cntp");
		irq_set_handler(timer_intid(kind), irq_log_handler, NULL);
		gic_enable(timer_intid(kind));
		counter(kind);
		registers(kind);
		wrapping(kind);
		delivery(kind);
		level(kind);
		sleep(kind);
		periodic(kind);
	}
	both();
	irq_reset();
	wakes_exactly();
	never();
	offsets();
	if (check_cpus > 1)
		on_other_cpu();
	else
		check_skip("timer.other-cpu", "one cpu");
}
