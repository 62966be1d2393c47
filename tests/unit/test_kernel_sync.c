/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphore, message queue, the races between a wake and a timeout, and places where a thread must
 * not wait.
 */
#include "test_kernel.h"

static struct thread t[4];
static struct sem sem;
static struct msgq q;
static u32 slots[3];
static int results[4];
static u64 deadline;

static int setup(void **state)
{
	*state = NULL;
	trace_reset();
	sem_init(&sem, 0, 3);
	msgq_init(&q, slots, sizeof(slots[0]), ARRAY_SIZE(slots));
	memset(results, 0x77, sizeof(results));
	thread_set_priority(thread_current(), MAIN_PRIO);
	return 0;
}

static void sem_counts_to_its_limit(void **state)
{
	u64 begin = host_counter;

	(void)state;
	assert_int_equal(sem_take(&sem, 0), -EAGAIN);
	for (u32 i = 0; i < 5; i++)
		sem_give(&sem);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(sem_take(&sem, 0), 0);
	assert_int_equal(sem_take(&sem, 0), -EAGAIN);
	assert_int_equal(sem_take(&sem, begin + MS), -ETIMEDOUT);
	assert_int_equal(host_counter, begin + MS);
	assert_int_equal(sem_take(&sem, 1), -ETIMEDOUT); /* past */
	assert_true(list_empty(&sem.wq.waiters));
}

static void take(void *result)
{
	*(int *)result = sem_take(&sem, deadline);
	mark('t');
}

static void woken_before_the_timeout(void **state)
{
	(void)state;
	deadline = host_counter + MS;
	start(&t[0], "takes", take, &results[0], 10, 0);
	sem_give(&sem);
	assert_int_equal(results[0], 0);
	host_advance(2 * MS); /* nothing is left to fire */
	assert_int_equal(sem.count, 0);
	thread_join(&t[0]);
}

static void wake_wins_over_a_pending_timeout(void **state)
{
	unsigned long flags;

	(void)state;
	deadline = host_counter + MS;
	start(&t[0], "takes", take, &results[0], 10, 0);
	flags = arch_irq_save();
	host_counter = deadline; /* due, but masked */
	sem_give(&sem);
	arch_irq_restore(flags);
	assert_int_equal(results[0], 0);
	assert_int_equal(sem.count, 0);
	assert_string_equal(trace, "t");
	thread_join(&t[0]);
}

static void timeout_wins_over_a_later_wake(void **state)
{
	(void)state;
	deadline = host_counter + MS;
	start(&t[0], "takes", take, &results[0], 40, 0);
	thread_sleep_until(host_counter + 1); /* let it block; we are more urgent again */
	hold_cpu();
	host_advance(MS);
	assert_int_equal(t[0].state, THREAD_READY); /* woken by its timeout, not yet run */
	sem_give(&sem);
	give_cpu();
	thread_join(&t[0]);
	assert_int_equal(results[0], -ETIMEDOUT);
	assert_int_equal(sem.count, 1); /* not lost */
}

static void every_give_is_taken_once(void **state)
{
	u32 taken = 0;

	(void)state;
	/* Gives and deadlines that coincide in every order. */
	for (u64 at = 0; at < 8; at++) {
		sem_init(&sem, 0, 10);
		deadline = host_counter + 4;
		for (u32 i = 0; i < 4; i++)
			start(&t[i], "takes", take, &results[i], (u8)(i % 2 ? 10 : 40), 0);
		thread_sleep_until(deadline - 4 + at / 2);
		for (u32 i = 0; i < 2; i++)
			sem_give(&sem);
		for (u32 i = 0; i < 4; i++)
			thread_join(&t[i]);
		taken = sem.count;
		for (u32 i = 0; i < 4; i++)
			taken += results[i] == 0;
		assert_int_equal(taken, 2);
	}
}

/* ---- message queue ---- */

static void messages_keep_their_order(void **state)
{
	u32 m;

	(void)state;
	assert_int_equal(msgq_get(&q, &m, 0), -EAGAIN);
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 3; i++)
			assert_int_equal(msgq_put(&q, &i, 0), 0);
		assert_int_equal(msgq_put(&q, &m, 0), -EAGAIN);
		for (u32 i = 0; i < 2; i++) {
			assert_int_equal(msgq_get(&q, &m, 0), 0);
			assert_int_equal(m, i);
		}
		assert_int_equal(msgq_get(&q, &m, DEADLINE_NEVER), 0);
		assert_int_equal(m, 2);
	}
	assert_int_equal(msgq_get(&q, &m, host_counter + 5), -ETIMEDOUT);
}

static void put_five(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < 5; i++)
		results[0] = msgq_put(&q, &i, DEADLINE_NEVER);
	mark('p');
}

static void writers_wait_for_room(void **state)
{
	u32 m;

	(void)state;
	start(&t[0], "puts", put_five, NULL, 10, 0);
	assert_string_equal(trace, "");
	for (u32 i = 0; i < 5; i++) {
		assert_int_equal(msgq_get(&q, &m, 0), 0);
		assert_int_equal(m, i);
	}
	assert_string_equal(trace, "p");
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(msgq_put(&q, &i, 0), 0);
	assert_int_equal(msgq_put(&q, &m, host_counter + 9), -ETIMEDOUT);
	thread_join(&t[0]);
}

static u32 got[2];

static void get_one(void *arg)
{
	u32 *n = arg;

	results[n - got] = msgq_get(&q, n, deadline);
}

static void readers_wait_for_messages(void **state)
{
	u32 m = 7;

	(void)state;
	deadline = DEADLINE_NEVER;
	start(&t[0], "less", get_one, &got[0], 20, 0);
	start(&t[1], "more", get_one, &got[1], 10, 0);
	assert_int_equal(msgq_put(&q, &m, 0), 0);
	m = 8;
	assert_int_equal(msgq_put(&q, &m, 0), 0);
	assert_int_equal(got[1], 7);
	assert_int_equal(got[0], 8);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

/* ---- wait queue ---- */

static struct wait_queue wq = WAIT_QUEUE_INIT(wq, LOCK_WAIT);
static bool flag;

static void wait_for_flag(void *name)
{
	wait_until(&wq, flag);
	mark(*(const char *)name);
}

static void park(void *rounds)
{
	for (u32 n = *(const u32 *)rounds; n; n--) {
		unsigned long flags = arch_irq_save();

		thread_park();
		arch_irq_restore(flags);
		mark('p');
	}
	mark('.');
}

static void parked_until_unparked(void **state)
{
	u32 rounds = 3;

	(void)state;
	start(&t[0], "parks", park, &rounds, 10, 0);
	assert_string_equal(trace, "");
	for (u32 n = 0; n < 3; n++) {
		thread_unpark(&t[0]);
		sched_preempt_point();
	}
	assert_string_equal(trace, "ppp.");
	thread_join(&t[0]);
}

static void one_permit_is_kept(void **state)
{
	u32 rounds = 2;

	(void)state;
	start(&t[0], "parks", park, &rounds, 40, 0); /* not before we wait */
	thread_unpark(&t[0]);
	thread_unpark(&t[0]);
	assert_string_equal(trace, "");
	thread_sleep_until(host_counter + MS);
	assert_string_equal(trace, "p"); /* it did not wait the first time, and waits now */
	thread_unpark(&t[0]);
	thread_join(&t[0]);
	assert_string_equal(trace, "pp.");
}

static void wait_until_holds(void **state)
{
	(void)state;
	flag = false;
	start(&t[0], "a", wait_for_flag, "a", 20, 0);
	start(&t[1], "b", wait_for_flag, "b", 10, 0);
	wait_wake_all(&wq); /* spurious */
	assert_string_equal(trace, "");
	flag = true;
	wait_wake_all(&wq);
	assert_string_equal(trace, "ba");
	wait_until(&wq, flag);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

static void block_in_interrupt(struct timeout *timeout)
{
	(void)timeout;
	if (sem_take(&sem, DEADLINE_NEVER) == 0)
		mark('?');
}

static void let_it_fire(void *timeout)
{
	timeout_set(timeout, host_counter + 1);
	host_advance(1);
}

static void blocking_in_an_interrupt_panics(void **state)
{
	struct timeout timeout;

	(void)state;
	timeout_init(&timeout, block_in_interrupt);
	assert_true(host_halts(let_it_fire, &timeout));
	lock_check_forget(); /* it halted with the semaphore's */
	assert_string_equal(trace, "");
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
		cmocka_unit_test_setup(sem_counts_to_its_limit, setup),
		cmocka_unit_test_setup(woken_before_the_timeout, setup),
		cmocka_unit_test_setup(wake_wins_over_a_pending_timeout, setup),
		cmocka_unit_test_setup(timeout_wins_over_a_later_wake, setup),
		cmocka_unit_test_setup(every_give_is_taken_once, setup),
		cmocka_unit_test_setup(messages_keep_their_order, setup),
		cmocka_unit_test_setup(writers_wait_for_room, setup),
		cmocka_unit_test_setup(readers_wait_for_messages, setup),
		cmocka_unit_test_setup(parked_until_unparked, setup),
		cmocka_unit_test_setup(one_permit_is_kept, setup),
		cmocka_unit_test_setup(wait_until_holds, setup),
		cmocka_unit_test_setup(blocking_in_an_interrupt_panics, setup), /* last */
	};

	return cmocka_run_group_tests(tests, boot_one, NULL);
}
