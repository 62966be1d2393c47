/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine under a running kernel: several CPUs, time, interrupts between CPUs. */
#include "unit_boot.h"

#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>

#define CPUS 4

static void all_cpus_are_online(void **state)
{
	(void)state;
	assert_int_equal(cpus_online_mask(), BIT(CPUS) - 1);
	assert_int_equal(host_cpu, 0);
	assert_false(arch_irqs_masked());
}

static void note_cpu(void *arg)
{
	*(u32 *)arg = host_cpu;
}

static void threads_run_on_their_cpus(void **state)
{
	static struct thread threads[CPUS];
	u32 ran_on[CPUS];
	u32 i;

	(void)state;
	for (i = 0; i < CPUS; i++) {
		ran_on[i] = 99;
		assert_int_equal(
			thread_create(&threads[i], "note", note_cpu, &ran_on[i], 10, BIT(i)), 0);
		thread_start(&threads[i]);
	}
	for (i = 0; i < CPUS; i++) {
		thread_join(&threads[i]);
		assert_int_equal(ran_on[i], i);
	}
	assert_int_equal(host_cpu, 0);
}

static void sleeping_lets_time_pass(void **state)
{
	u64 before = arch_counter();

	(void)state;
	thread_sleep_ms(10);
	assert_true(arch_counter() - before >= ms_to_ticks(10));
	assert_true(arch_counter() - before < ms_to_ticks(11));
}

static void calls_reach_other_cpus(void **state)
{
	u32 cpu;

	(void)state;
	for (cpu = 0; cpu < CPUS; cpu++) {
		u32 ran_on = 99;

		ipi_call(cpu, note_cpu, &ran_on);
		assert_int_equal(ran_on, cpu);
	}
}

struct pair {
	struct sem ping, pong;
	u32 rounds;
};

static void answer(void *arg)
{
	struct pair *p = arg;

	while (p->rounds < 100) {
		(void)!sem_take(&p->ping, DEADLINE_NEVER);
		p->rounds++;
		sem_give(&p->pong);
	}
}

static void ping_pong_across_cpus(void **state)
{
	static struct thread t;
	static struct pair p;
	u32 i;

	(void)state;
	sem_init(&p.ping, 0, 1);
	sem_init(&p.pong, 0, 1);
	assert_int_equal(thread_create(&t, "answer", answer, &p, 10, BIT(2)), 0);
	thread_start(&t);
	for (i = 1; i <= 100; i++) {
		sem_give(&p.ping);
		assert_int_equal(sem_take(&p.pong, deadline_ms(1000)), 0);
		assert_int_equal(p.rounds, i);
	}
	thread_join(&t);
}

static u64 fired_at;

static void fire(struct timeout *t)
{
	(void)t;
	fired_at = arch_counter();
}

static void timeouts_fire_at_their_deadline(void **state)
{
	u64 deadline = deadline_ms(5);
	struct timeout t;

	(void)state;
	timeout_init(&t, fire);
	timeout_set(&t, deadline);
	host_advance(ms_to_ticks(5) - 1);
	assert_int_equal(fired_at, 0);
	host_advance(ms_to_ticks(100));
	assert_int_equal(fired_at, deadline);
}

static void no_stack_is_lost(void **state)
{
	static struct thread t;
	u32 before = host_stacks_in_use;
	u32 i, ran_on;

	(void)state;
	for (i = 0; i < 50; i++) {
		assert_int_equal(thread_create(&t, "short", note_cpu, &ran_on, 10, BIT(i % CPUS)),
				 0);
		thread_start(&t);
		thread_join(&t);
	}
	assert_int_equal(host_stacks_in_use, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_cpus_are_online),
		cmocka_unit_test(threads_run_on_their_cpus),
		cmocka_unit_test(sleeping_lets_time_pass),
		cmocka_unit_test(calls_reach_other_cpus),
		cmocka_unit_test(ping_pong_across_cpus),
		cmocka_unit_test(timeouts_fire_at_their_deadline),
		cmocka_unit_test(no_stack_is_lost),
	};

	unit_boot(CPUS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
