/* SPDX-License-Identifier: Apache-2.0 */
/* Timeouts: order, cancel, re-arm, several CPUs, conversions. */
#include "test_kernel.h"

#include <arch/mmu.h>

struct alarm {
	struct timeout timeout; /* first */
	char name;
	u64 again_after; /* arms itself again */
	u64 fired_at;
	u32 fired_on;
};

static struct alarm a, b, c, many[100];

static void ring(struct timeout *t)
{
	struct alarm *alarm = container_of(t, struct alarm, timeout);

	mark(alarm->name);
	alarm->fired_at = host_counter;
	alarm->fired_on = host_cpu;
	if (alarm->again_after)
		timeout_set(t, host_counter + alarm->again_after);
}

static void alarm_init(struct alarm *alarm, char name)
{
	memset(alarm, 0, sizeof(*alarm));
	timeout_init(&alarm->timeout, ring);
	alarm->name = name;
}

static int setup(void **state)
{
	*state = NULL;
	host_reset();
	trace_reset();
	for (u32 cpu = 0; cpu < 2; cpu++) {
		host_set_cpu(cpu);
		memset(&percpus[cpu], 0, sizeof(percpus[cpu]));
		percpus[cpu].id = cpu;
		timeout_queue_init(&percpus[cpu].timeouts);
		arch_set_percpu(&percpus[cpu]);
	}
	host_set_cpu(0);
	host_irqs_on();
	arch_irq_enable();
	alarm_init(&a, 'a');
	alarm_init(&b, 'b');
	alarm_init(&c, 'c');
	return 0;
}

static void fire_in_order_of_deadline(void **state)
{
	(void)state;
	timeout_set(&a.timeout, 300);
	timeout_set(&b.timeout, 100);
	timeout_set(&c.timeout, 200);
	assert_int_equal(host_timer_deadline[0], 100);
	host_advance(99);
	assert_string_equal(trace, "");
	host_advance(1);
	assert_string_equal(trace, "b");
	host_advance(1000);
	assert_string_equal(trace, "bca");
	assert_int_equal(a.fired_at, 300);
	assert_int_equal(c.fired_at, 200);
	assert_int_equal(host_timer_deadline[0], UINT64_MAX);
}

static void equals_fire_as_they_were_armed(void **state)
{
	(void)state;
	timeout_set(&c.timeout, 50);
	timeout_set(&a.timeout, 50);
	timeout_set(&b.timeout, 50);
	host_advance(50);
	assert_string_equal(trace, "cab");
}

static void the_past_fires_at_once(void **state)
{
	(void)state;
	host_advance(1000);
	timeout_set(&a.timeout, 10);
	host_advance(1);
	assert_string_equal(trace, "a");
}

static void cancel(void **state)
{
	(void)state;
	assert_false(timeout_cancel(&a.timeout));
	timeout_set(&a.timeout, 100);
	timeout_set(&b.timeout, 200);
	assert_true(timeout_cancel(&a.timeout));
	assert_false(timeout_cancel(&a.timeout));
	assert_int_equal(host_timer_deadline[0], 200);
	assert_true(timeout_cancel(&b.timeout));
	assert_int_equal(host_timer_deadline[0], UINT64_MAX);
	host_advance(1000);
	assert_string_equal(trace, "");
	timeout_set(&a.timeout, 2000);
	timeout_set(&a.timeout, DEADLINE_NEVER);
	host_advance(5000);
	assert_string_equal(trace, "");
}

static void rearm_moves(void **state)
{
	(void)state;
	timeout_set(&a.timeout, 100);
	timeout_set(&b.timeout, 200);
	timeout_set(&a.timeout, 300);
	assert_int_equal(host_timer_deadline[0], 200);
	host_advance(1000);
	assert_string_equal(trace, "ba");
	timeout_set(&a.timeout, 5000);
	timeout_set(&a.timeout, 4000);
	assert_int_equal(host_timer_deadline[0], 4000);
	host_advance(10000);
	assert_string_equal(trace, "baa");
}

static void periodic(void **state)
{
	(void)state;
	a.again_after = 100;
	timeout_set(&a.timeout, 100);
	host_advance(1000);
	assert_string_equal(trace, "aaaaaaaaaa");
	assert_true(timeout_cancel(&a.timeout));
}

static void set_earlier(struct timeout *t)
{
	mark('x');
	timeout_set(t, 1); /* long past */
}

static void one_that_never_ends_lets_others_in(void **state)
{
	struct timeout t;

	(void)state;
	timeout_init(&t, set_earlier);
	arch_irq_disable();
	timeout_set(&t, 1);
	host_counter = 1000;
	timeouts_expired();
	assert_int_equal(strlen(trace), 1);
	assert_int_equal(host_timer_deadline[0],
			 1); /* at once again, but other interrupts come first */
	assert_true(timeout_cancel(&t));
	arch_irq_enable();
}

static void hundreds(void **state)
{
	u64 last = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(many); i++) {
		alarm_init(&many[i], 'm');
		timeout_set(&many[i].timeout, 1000 + i * 7919 % 101 * 10);
	}
	host_counter = 3000; /* all at once: more than one interrupt's worth */
	host_advance(1);
	assert_int_equal(strlen(trace), ARRAY_SIZE(many));
	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		last += many[i].fired_at >= 3000;
	assert_int_equal(last, ARRAY_SIZE(many));
}

/* As the scheduler does it: masked. What the timer is set to then. */
static u64 hold(bool on)
{
	unsigned long flags = arch_irq_save();
	u64 deadline;

	timeouts_hold(&percpus[0].timeouts, on);
	deadline = host_timer_deadline[0];
	arch_irq_restore(flags);
	return deadline;
}

/* Behind the others that are due, and not at all while they are held back. */
static void patient_ones(void **state)
{
	struct timeout_queue *q = &percpus[0].timeouts;

	(void)state;
	a.timeout.patient = true;
	timeout_set(&a.timeout, 100);
	timeout_set(&b.timeout, 200);
	assert_int_equal(host_timer_deadline[0], 100);
	host_counter = 250;
	host_advance(1);
	assert_string_equal(trace, "ba");

	timeout_set(&a.timeout, 1000);
	timeout_set(&b.timeout, 2000);
	assert_int_equal(hold(true), 2000);
	assert_true(timeouts_held(q));
	host_advance(2500);
	assert_string_equal(trace, "bab");
	assert_int_equal(host_timer_deadline[0], UINT64_MAX);
	assert_int_equal(hold(false), 1000);
	host_advance(1);
	assert_string_equal(trace, "baba");
	(void)hold(true);
	assert_false(timeouts_held(q));
	timeout_set(&a.timeout, 3000);
	assert_true(timeout_cancel(&a.timeout));
	(void)hold(false);
}

static void of_another_cpu(void **state)
{
	(void)state;
	timeout_set(&a.timeout, 100);
	timeout_set(&b.timeout, 200);
	host_set_cpu(1);
	timeout_set(&a.timeout, 150); /* moves here */
	assert_true(timeout_cancel(&b.timeout));
	assert_int_equal(host_timer_deadline[1], 150);
	host_set_cpu(0);
	host_irqs_open[1] = true;
	host_advance(500); /* CPU 0's timer finds nothing due */
	assert_string_equal(trace, "a");
	assert_int_equal(a.fired_on, 1);
	assert_int_equal(host_timer_deadline[0], UINT64_MAX);
}

static void conversions_round_up_and_saturate(void **state)
{
	(void)state;
	assert_int_equal(us_to_ticks(1), 63); /* 62.5 */
	assert_int_equal(us_to_ticks(2), 125);
	assert_int_equal(us_to_ticks(0), 0);
	assert_int_equal(us_to_ticks(3000000001ULL), 187500000063ULL);
	assert_int_equal(ms_to_ticks(1), 62500);
	assert_true(us_to_ticks(UINT64_MAX) == DEADLINE_NEVER);
	assert_true(ms_to_ticks(UINT64_MAX) == DEADLINE_NEVER);
	assert_int_equal(ticks_to_us(62), 1);
	assert_int_equal(ticks_to_us(HOST_COUNTER_HZ * 100), 100000000);
	host_counter = 5;
	assert_int_equal(deadline_ms(2), 125005);
	assert_true(deadline_ms(UINT64_MAX) == DEADLINE_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fire_in_order_of_deadline, setup),
		cmocka_unit_test_setup(equals_fire_as_they_were_armed, setup),
		cmocka_unit_test_setup(the_past_fires_at_once, setup),
		cmocka_unit_test_setup(cancel, setup),
		cmocka_unit_test_setup(rearm_moves, setup),
		cmocka_unit_test_setup(periodic, setup),
		cmocka_unit_test_setup(one_that_never_ends_lets_others_in, setup),
		cmocka_unit_test_setup(hundreds, setup),
		cmocka_unit_test_setup(patient_ones, setup),
		cmocka_unit_test_setup(of_another_cpu, setup),
		cmocka_unit_test_setup(conversions_round_up_and_saturate, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
