/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling on one CPU: priorities, turns, sleeping, preemption, exit and join. */
#include "test_kernel.h"

#include <kernel/irq.h>
#include <kernel/log.h>

static struct thread t[6];
static struct sem sem;
static bool stop;

static int setup(void **state)
{
	*state = NULL;
	trace_reset();
	stop = false;
	sem_init(&sem, 0, 100);
	thread_set_priority(thread_current(), MAIN_PRIO);
	return 0;
}

static void join(u32 count)
{
	for (u32 i = 0; i < count; i++)
		thread_join(&t[i]);
}

static void mark_once(void *name)
{
	mark(*(const char *)name);
}

static void starts_at_once_if_more_urgent(void **state)
{
	(void)state;
	start(&t[0], "urgent", mark_once, "u", 10, 0);
	mark('m');
	start(&t[1], "equal", mark_once, "e", MAIN_PRIO, 0);
	mark('m');
	start(&t[2], "later", mark_once, "l", 40, 0);
	mark('m');
	join(3); /* blocks */
	assert_string_equal(trace, "ummmel");
	assert_int_equal(host_stacks_in_use, 1); /* idle's */
}

static void take_sem(void *name)
{
	if (sem_take(&sem, DEADLINE_NEVER) == 0)
		mark(*(const char *)name);
}

static void wakes_by_priority_then_order(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	static const u8 prios[] = { 20, 10, 20, 10, 5, 20 };

	(void)state;
	for (u32 i = 0; i < 6; i++) {
		union {
			const char *in;
			void *out;
		} arg = { names[i] };

		start(&t[i], names[i], take_sem, arg.out, prios[i], 0);
	}
	thread_set_priority(&t[5], 1); /* while it waits */
	for (u32 i = 0; i < 6; i++)
		sem_give(&sem);
	assert_string_equal(trace, "febdac");
	join(6);
}

static void yields(void *name)
{
	for (u32 i = 0; i < 3; i++) {
		mark(*(const char *)name);
		thread_yield();
	}
}

static void yield_lets_equals_run(void **state)
{
	(void)state;
	hold_cpu();
	start(&t[0], "a", yields, "a", 20, 0);
	start(&t[1], "b", yields, "b", 20, 0);
	start(&t[2], "c", yields, "c", 21, 0);
	assert_string_equal(trace, "");
	give_cpu();
	assert_string_equal(trace, "abababccc");
	join(3);
}

static void spin(void *name)
{
	while (!stop) {
		mark(*(const char *)name);
		host_advance(MS);
	}
}

static void equals_take_turns_of_10_ms(void **state)
{
	(void)state;
	start(&t[0], "a", spin, "a", 40, 0);
	start(&t[1], "b", spin, "b", 40, 0);
	thread_sleep_ms(38);
	stop = true;
	join(2);
	/* Marks stand at the start of each millisecond. */
	assert_string_equal(trace, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbb");
}

static void alone_needs_no_timer(void **state)
{
	(void)state;
	start(&t[0], "a", spin, "a", 40, 0);
	thread_sleep_ms(5);
	assert_true(list_empty(&percpus[0].slice.node));
	assert_int_equal(host_timer_deadline[0], UINT64_MAX);
	stop = true;
	join(1);
	assert_string_equal(trace, "aaaaa");
}

/* Whether another thread wants the CPU, at the start of each millisecond. */
static void spin_for_5_ms(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < 5; i++) {
		mark(host_give_way[0] ? 'y' : 'n');
		host_advance(MS);
	}
}

static void only_equals_are_worth_giving_way_to(void **state)
{
	(void)state;
	start(&t[0], "a", spin_for_5_ms, NULL, 40, 0);
	start(&t[1], "less urgent", spin_for_5_ms, NULL, 41, 0);
	thread_sleep_ms(2);
	start(&t[2], "equal", spin_for_5_ms, NULL, 40, 0);
	assert_false(host_give_way[0]); /* no other thread is as urgent as the test */
	join(3);
	assert_string_equal(trace, "nnyyynnnnnnnnnn");
}

static void interrupted_every_4_ms(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < 4; i++) {
		thread_sleep_until(host_counter + 4 * MS);
		mark('!');
	}
}

static void preemption_does_not_cost_the_turn(void **state)
{
	(void)state;
	start(&t[0], "a", spin, "a", 40, 0);
	start(&t[1], "b", spin, "b", 40, 0);
	start(&t[2], "urgent", interrupted_every_4_ms, NULL, 10, 0);
	thread_sleep_ms(20);
	stop = true;
	join(3);
	assert_string_equal(trace, "aaaa!aaaa!aabb!bbbb!bbbb");
}

static u64 woke_at[3];

static void sleeper(void *arg)
{
	u32 n = (u32)(uintptr_t)arg;

	thread_sleep_ms(3 - n);
	woke_at[n] = host_counter;
	mark((char)('0' + n));
}

static void sleeps_end_in_order_and_on_time(void **state)
{
	u64 begin = host_counter;

	(void)state;
	for (u32 i = 0; i < 3; i++)
		start(&t[i], "sleeper", sleeper, (void *)(uintptr_t)i, (u8)(20 + i), 0);
	join(3);
	assert_string_equal(trace, "210");
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(woke_at[i], begin + (3 - i) * MS);
	thread_sleep_until(1); /* past */
	thread_sleep_ms(0);
	assert_int_equal(host_counter, begin + 3 * MS);
}

static void change_priorities(void **state)
{
	(void)state;
	start(&t[0], "a", spin, "a", 40, 0);
	start(&t[1], "b", spin, "b", 41, 0);
	thread_sleep_ms(2);
	thread_set_priority(&t[1], 39); /* queued */
	thread_sleep_ms(2);
	thread_set_priority(&t[1], 42);
	thread_sleep_ms(1);
	assert_string_equal(trace, "aabba");
	stop = true;
	thread_set_priority(thread_current(), 60); /* ours: the others finish at once */
	assert_int_equal(t[0].state, THREAD_DEAD);
	assert_int_equal(t[1].state, THREAD_DEAD);
	join(2);
}

static void woken_under_a_lock(void **state)
{
	unsigned long flags;

	(void)state;
	start(&t[0], "urgent", take_sem, "u", 10, 0);
	flags = spin_lock_irqsave(&sem.wq.lock);
	assert_ptr_equal(wait_wake_one_locked(&sem.wq), &t[0]);
	assert_null(wait_wake_one_locked(&sem.wq));
	sched_preempt_point(); /* masked: not here */
	spin_unlock_irqrestore(&sem.wq.lock, flags);
	mark('m');
	sched_preempt_point();
	assert_string_equal(trace, "mu");
	join(1);
}

static u32 gave;

static void give_in_interrupt(u32 intid, void *arg)
{
	(void)intid;
	sem_give(arg);
	mark('i');
	gave++;
}

static void an_interrupt_switches_when_it_returns(void **state)
{
	(void)state;
	assert_int_equal(irq_request(40, "test", give_in_interrupt, &sem, 0), 0);
	start(&t[0], "urgent", take_sem, "u", 10, 0);
	mark('m');
	host_irq_raise(40, 0);
	mark('m');
	assert_string_equal(trace, "mium");
	join(1);
}

/* ---- exit, join ---- */

static void join_first(void *arg)
{
	thread_join(arg);
	mark('j');
}

static void exits(void *arg)
{
	thread_sleep_ms(1);
	mark('x');
	(void)arg;
	thread_exit();
}

static void urgent_joiner_runs_as_soon_as_the_thread_is_gone(void **state)
{
	(void)state;
	start(&t[0], "exits", exits, NULL, 50, 0);
	start(&t[1], "joins", join_first, &t[0], 10, 0);
	start(&t[2], "spins", spin, ".", 60,
	      0); /* runs when t[0] exits: the joiner preempts it at once */
	thread_sleep_ms(2);
	stop = true;
	assert_string_equal(trace, ".xj.");
	thread_join(&t[1]);
	thread_join(&t[2]);
	assert_int_equal(host_stacks_in_use, 1);
}

static void urgent_joiner_runs_before_a_new_thread(void **state)
{
	(void)state;
	start(&t[0], "exits", mark_once, "x", 50, 0);
	start(&t[1], "joins", join_first, &t[0], 10, 0);
	start(&t[2], "spins", spin, ".", 60, 0); /* its first entry is the switch after the exit */
	thread_sleep_until(host_counter + 1);
	stop = true;
	assert_string_equal(trace, "xj.");
	thread_join(&t[1]);
	thread_join(&t[2]);
}

static void never_started(void **state)
{
	(void)state;
	assert_int_equal(thread_create(&t[0], "new", mark_once, "n", 20, 0), 0);
	assert_int_equal(t[0].state, THREAD_NEW);
	thread_join(&t[0]);
	assert_string_equal(trace, "");
	assert_int_equal(host_stacks_in_use, 1);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(thread_create(&t[0], "x", mark_once, "x", PRIO_IDLE, 0), -EINVAL);
	assert_int_equal(thread_create(&t[0], "x", mark_once, "x", 20, BIT(5)), -EINVAL);
	host_alloc_limit = 0;
	assert_int_equal(thread_create(&t[0], "x", mark_once, "x", 20, 0), -ENOMEM);
	host_alloc_limit = UINT32_MAX;
}

static void count_thread(const struct thread *thread, void *arg)
{
	(void)thread;
	++*(u32 *)arg;
}

static void threads_are_listed(void **state)
{
	u32 before = 0, with = 0, after = 0;

	(void)state;
	thread_for_each(count_thread, &before);
	start(&t[0], "a", mark_once, "a", 10, 0);
	thread_for_each(count_thread, &with);
	join(1);
	thread_for_each(count_thread, &after);
	assert_int_equal(before, 2); /* main, idle */
	assert_int_equal(with, 3);
	assert_int_equal(after, 2);
	assert_int_equal(percpus[0].homed, 1);
}

/* ---- hooks and time ---- */

static void in(struct thread *thread)
{
	(void)thread;
	mark('(');
}

static void out(struct thread *thread)
{
	(void)thread;
	mark(')');
}

static void gone(struct thread *thread)
{
	(void)thread;
	mark('#');
}

static void work(struct thread *thread)
{
	mark('w');
	(void)__atomic_exchange_n(&thread->work, 0, __ATOMIC_ACQUIRE);
}

static const struct thread_hooks hooks = { in, out, gone, work };

static void with_hooks(void *arg)
{
	(void)arg;
	thread_sleep_ms(1);
	arch_irq_disable();
	sched_exit_work(); /* nothing to do */
	thread_post_work(thread_current(), 4);
	sched_exit_work();
	arch_irq_enable();
}

static void hooks_surround_a_thread(void **state)
{
	(void)state;
	assert_int_equal(thread_create(&t[0], "hooked", with_hooks, NULL, 20, 0), 0);
	t[0].hooks = &hooks;
	thread_start(&t[0]);
	join(1);
	assert_string_equal(trace, "()(w)#");
}

static void time_is_accounted(void **state)
{
	u64 idle = sched_idle_ticks(0), begin = host_counter;

	(void)state;
	start(&t[0], "a", spin, ".", 40, 0);
	thread_sleep_ms(4);
	stop = true;
	thread_set_priority(thread_current(), 50);
	assert_int_equal(t[0].run_ticks, host_counter - begin);
	assert_int_equal(sched_idle_ticks(0), idle);
	thread_sleep_ms(7);
	assert_int_equal(sched_idle_ticks(0), idle + 7 * MS);
	join(1);
}

static void spin_2_ms(void *arg)
{
	(void)arg;
	host_advance(2 * MS);
}

static void time_ready_is_accounted(void **state)
{
	(void)state;
	start(&t[0], "a", sleeper, (void *)1, 40, 0);
	host_advance(3 * MS);
	assert_int_equal(t[0].ready_ticks, 0); /* known when it runs */
	thread_sleep_ms(1);
	assert_int_equal(t[0].ready_ticks, 3 * MS);
	assert_int_equal(t[0].state, THREAD_BLOCKED);
	thread_sleep_ms(3);
	join(1);
	assert_int_equal(t[0].ready_ticks, 3 * MS);

	start(&t[0], "a", spin, ".", 40, 0);
	thread_sleep_ms(1);
	start(&t[1], "urgent", spin_2_ms, NULL, 10, 0);
	thread_sleep_ms(1);
	host_advance(4 * MS);
	stop = true;
	join(2);
	assert_int_equal(t[0].ready_ticks, (2 + 4) * MS);
	assert_int_equal(t[1].ready_ticks, 0);
}

static int boot_one(void **state)
{
	*state = NULL;
	unit_boot(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starts_at_once_if_more_urgent, setup),
		cmocka_unit_test_setup(wakes_by_priority_then_order, setup),
		cmocka_unit_test_setup(yield_lets_equals_run, setup),
		cmocka_unit_test_setup(equals_take_turns_of_10_ms, setup),
		cmocka_unit_test_setup(only_equals_are_worth_giving_way_to, setup),
		cmocka_unit_test_setup(alone_needs_no_timer, setup),
		cmocka_unit_test_setup(preemption_does_not_cost_the_turn, setup),
		cmocka_unit_test_setup(sleeps_end_in_order_and_on_time, setup),
		cmocka_unit_test_setup(change_priorities, setup),
		cmocka_unit_test_setup(woken_under_a_lock, setup),
		cmocka_unit_test_setup(an_interrupt_switches_when_it_returns, setup),
		cmocka_unit_test_setup(urgent_joiner_runs_as_soon_as_the_thread_is_gone, setup),
		cmocka_unit_test_setup(urgent_joiner_runs_before_a_new_thread, setup),
		cmocka_unit_test_setup(never_started, setup),
		cmocka_unit_test_setup(refused, setup),
		cmocka_unit_test_setup(threads_are_listed, setup),
		cmocka_unit_test_setup(hooks_surround_a_thread, setup),
		cmocka_unit_test_setup(time_is_accounted, setup),
		cmocka_unit_test_setup(time_ready_is_accounted, setup),
	};

	return cmocka_run_group_tests(tests, boot_one, NULL);
}
