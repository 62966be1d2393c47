/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets, windows, weights, FIFO and guards, on two CPUs. */
#include "test_kernel.h"

static struct thread t[3];
static u64 ran[3]; /* milliseconds */
static bool stop;

static int setup(void **state)
{
	(void)state;
	trace_reset();
	stop = false;
	memset(ran, 0, sizeof(ran));
	thread_set_priority(thread_current(), 2);
	return 0;
}

static void spin(void *arg)
{
	u32 n = (u32)(uintptr_t)arg;

	while (!stop) {
		mark((char)('a' + n));
		ran[n]++;
		host_advance(MS);
	}
}

static void start_with(u32 n, void (*fn)(void *), u8 prio, const struct sched_params *p)
{
	if (thread_create(&t[n], "t", fn, (void *)(uintptr_t)n, prio, BIT(0)))
		host_die("thread_create");
	thread_set_params(&t[n], p);
	thread_start(&t[n]);
}

/* Let them run for so long, and end them. */
static void run(u64 ms, u32 count)
{
	thread_sleep_ms(ms);
	stop = true;
	for (u32 n = 0; n < count; n++) {
		thread_set_params(&t[n], &sched_plain);
		thread_join(&t[n]);
	}
}

static void a_budget_is_kept(void **state)
{
	const struct sched_params p = { .budget = 2 * MS,
					.period = 10 * MS,
					.window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 10, &p);
	start_with(1, spin, 40, &sched_plain);
	thread_sleep_ms(30);
	assert_string_equal(trace, "aabbbbbbbbaabbbbbbbbaabbbbbbbb");
	assert_int_equal(t[0].server.throttled, 3);
	assert_int_equal(t[0].server.missed, 0);
	run(70, 2);
	assert_int_equal(ran[0], 20);
	assert_int_equal(ran[1], 80);
}

/* Even if no other thread wants the CPU. */
static void a_budget_is_kept_alone(void **state)
{
	const struct sched_params p = { .budget = 2 * MS,
					.period = 10 * MS,
					.window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 10, &p);
	run(50, 1);
	assert_int_equal(ran[0], 10);
}

static void sleep_and_spin(void *arg)
{
	u32 n = (u32)(uintptr_t)arg;

	while (!stop) {
		mark('a');
		ran[n]++;
		host_advance(MS);
		mark('-');
		thread_sleep_ms(3);
	}
}

static void within_its_budget_nothing_is_noticed(void **state)
{
	const struct sched_params p = { .budget = 3 * MS + 1,
					.period = 10 * MS,
					.window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, sleep_and_spin, 10, &p);
	run(39, 1);
	assert_string_equal(trace, "a-a-a-a-a-a-a-a-a-a-");
	assert_int_equal(t[0].server.throttled, 0);
}

static void a_budget_that_others_took_is_missed(void **state)
{
	const struct sched_params p = { .budget = 2 * MS,
					.period = 10 * MS,
					.window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 5, &sched_plain);
	start_with(1, spin, 10, &p);
	thread_sleep_ms(35);
	assert_int_equal(server_missed(&t[1].server, host_counter), 3);
	run(1, 2);
	assert_int_equal(ran[1], 0);
}

static void parameters_change_while_it_is_held(void **state)
{
	struct sched_params p = { .budget = MS, .period = 1000 * MS, .window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 10, &p);
	thread_sleep_ms(20);
	assert_int_equal(ran[0], 1);
	p.budget = 5 * MS;
	p.period = 10 * MS;
	thread_set_params(&t[0], &p);
	run(20, 1);
	assert_int_equal(ran[0], 10); /* 2 x 5, less what it had before */
}

static void weights_share(void **state)
{
	const struct sched_params one = { .weight = 100, .window = WINDOW_ALWAYS };
	const struct sched_params three = { .weight = 300, .window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 40, &one);
	start_with(1, spin, 40, &three);
	run(400, 2);
	assert_int_equal(ran[0], 100);
	assert_int_equal(ran[1], 300);
}

/* A thread that sleeps often gets its share as well, and soon. */
static void sleep_often(void *arg)
{
	u32 n = (u32)(uintptr_t)arg;

	while (!stop) {
		mark('s');
		ran[n]++;
		host_advance(MS);
		thread_sleep_ms(1);
	}
}

static void weights_share_with_sleepers(void **state)
{
	const struct sched_params p = { .weight = 100, .window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 40, &p);
	start_with(1, sleep_often, 40, &p);
	run(400, 2);
	assert_in_range(ran[1], 120, 200);
	assert_int_equal(ran[0] + ran[1], 400);
}

/* A long time alone is no debt, a long sleep no credit. */
static void nobody_pays_for_the_past(void **state)
{
	const struct sched_params p = { .weight = 100, .window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 40, &p);
	thread_sleep_ms(1000);
	start_with(1, spin, 40, &p);
	memset(ran, 0, sizeof(ran));
	run(100, 2);
	assert_in_range(ran[0], 40, 60);
	assert_in_range(ran[1], 40, 60);
}

static void fifo_does_not_take_turns(void **state)
{
	const struct sched_params p = { .fifo = true, .window = WINDOW_ALWAYS };

	(void)state;
	start_with(0, spin, 40, &p);
	start_with(1, spin, 40, &p);
	thread_sleep_ms(50);
	assert_int_equal(ran[0], 50);
	assert_int_equal(ran[1], 0);
	run(0, 2);
}

static void windows_open_and_close(void **state)
{
	static struct sched_frame frame = {
		.length = 10 * MS,
		.count = 3,
		.slots = { { 2 * MS, 1 }, { 5 * MS, 2 }, { 10 * MS, 0 } },
	};
	const struct sched_params first = { .window = 1 }, second = { .window = 2 };
	const struct sched_params gap = { .window = 0, .weight = 100 };

	(void)state;
	/* The more urgent ones do not get more than their windows. */
	start_with(0, spin, 10, &first);
	start_with(1, spin, 5, &second);
	start_with(2, spin, 40, &gap);
	frame.epoch = host_counter;
	sched_set_frame(0, &frame);
	thread_sleep_ms(20);
	assert_string_equal(trace, "aabbbcccccaabbbccccc");
	thread_sleep_ms(6);
	sched_set_frame(0, NULL);
	thread_sleep_ms(5);
	assert_string_equal(trace, "aabbbcccccaabbbcccccaabbbcbbbbb");
	run(0, 3);
}

static struct sem keys;

static void shell(void *arg)
{
	(void)arg;
	while (sem_take(&keys, DEADLINE_NEVER) == 0 && !stop)
		for (u32 n = 0; n < 10; n++) {
			mark('s');
			host_advance(MS);
		}
	mark('x');
}

/* A spinning thread above it keeps the shell waiting, not off. */
static void guarded(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(1, shell, 16, &sched_guarded);
	start_with(0, spin, 10, &sched_plain);
	sem_give(&keys);
	thread_sleep_ms(19);
	assert_null(strchr(trace, 's'));
	thread_sleep_ms(4);
	assert_string_equal(trace + 19, "assa");
	thread_sleep_ms(4 * 22);
	trace_reset();
	thread_sleep_ms(100);
	assert_null(strchr(trace, 's')); /* it has nothing to do */
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

/*
 * If there is room the guard is not needed, and the threads that the shell waits for are not
 * disturbed.
 */
static void guarded_but_not_kept_waiting(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(0, sleep_and_spin, 10, &sched_plain);
	start_with(1, shell, 16, &sched_guarded);
	for (u32 n = 0; n < 5; n++)
		sem_give(&keys);
	thread_sleep_ms(70);
	assert_int_equal(ran[0], 18);
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

static u64 latest;

static void periodic(void *arg)
{
	u64 due = arch_counter();

	(void)arg;
	while (!stop) {
		due += 3 * MS;
		thread_sleep_until(due);
		latest = MAX(latest, arch_counter() - due);
		host_advance(MS);
	}
}

/*
 * If a thread that is not real-time keeps it waiting, it runs before that thread, and real-time
 * threads do not notice.
 */
static void guarded_behind_an_ordinary_thread(void **state)
{
	(void)state;
	latest = 0;
	sem_init(&keys, 0, 10);
	start_with(0, periodic, 10, &sched_plain);
	start_with(2, spin, 16, &sched_plain);
	start_with(1, shell, 17, &sched_guarded);
	for (u32 n = 0; n < 5; n++)
		sem_give(&keys);
	thread_sleep_ms(9);
	assert_null(strchr(trace, 's'));
	thread_sleep_ms(191);
	stop = true;
	sem_give(&keys);
	for (u32 n = 0; n < 3; n++)
		thread_join(&t[n]);
	assert_non_null(strchr(trace, 's'));
	assert_int_equal(latest, 0);
}

static void spin_110_ms(void *arg)
{
	for (u32 n = 0; n < 110; n++) {
		mark((char)('a' + (uintptr_t)arg));
		host_advance(MS);
	}
}

/* FIFO threads of the very priorities that a guard raises to let it in, too. */
static void guarded_among_fifo_equals(void **state)
{
	const struct sched_params fifo = { .fifo = true, .window = WINDOW_ALWAYS };
	static const u8 prios[] = { PRIO_HIGHEST, PRIO_REALTIME };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(prios); i++) {
		stop = false;
		trace_reset();
		sem_init(&keys, 1, 10);
		thread_set_priority(thread_current(), PRIO_HIGHEST);
		start_with(0, spin_110_ms, prios[i], &fifo);
		start_with(2, spin_110_ms, prios[i], &fifo);
		start_with(1, shell, 16, &sched_guarded);
		thread_join(&t[0]);
		thread_join(&t[2]);
		assert_non_null(strchr(trace, 's'));
		assert_in_range(strchr(trace, 's') - trace, 10, 20);
		stop = true;
		sem_give(&keys);
		thread_join(&t[1]);
	}
}

/* One that is as urgent as they are, and comes behind them. */
static void guarded_behind_fifo_equals(void **state)
{
	const struct sched_params fifo = { .fifo = true, .window = WINDOW_ALWAYS };

	(void)state;
	sem_init(&keys, 1, 10);
	thread_set_priority(thread_current(), PRIO_HIGHEST);
	start_with(0, spin_110_ms, PRIO_HIGHEST, &fifo);
	start_with(1, shell, PRIO_HIGHEST, &sched_guarded);
	thread_join(&t[0]);
	assert_non_null(strchr(trace, 's'));
	assert_in_range(strchr(trace, 's') - trace, 10, 20);
	stop = true;
	sem_give(&keys);
	thread_join(&t[1]);
}

/* All but a fiftieth of the time, with a short sleep now and then. */
static void hog(void *arg)
{
	(void)arg;
	while (!stop) {
		for (u32 n = 0; n < 49; n++) {
			mark('a');
			host_advance(MS / 5);
		}
		thread_sleep_until(arch_counter() + MS / 5);
	}
}

/*
 * If a real-time thread leaves the shell next to nothing, the shell waits no longer than for one
 * that never sleeps.
 */
static void guarded_behind_one_that_hardly_sleeps(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(1, shell, 16, &sched_guarded);
	start_with(0, hog, 10, &sched_plain);
	thread_sleep_ms(1);
	sem_give(&keys);
	thread_sleep_ms(24);
	assert_non_null(strstr(trace, "ss"));
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

static void short_command(void *arg)
{
	(void)arg;
	while (sem_take(&keys, DEADLINE_NEVER) == 0 && !stop) {
		mark('s');
		host_advance(MS / 10);
	}
}

/*
 * The unused part of a share is there for the next key: not every step of a command waits for 20
 * ms.
 */
static void a_share_may_be_used_in_pieces(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(1, short_command, 16, &sched_guarded);
	start_with(0, spin, 10, &sched_plain);
	sem_give(&keys);
	thread_sleep_ms(21);
	for (u32 n = 0; n < 5; n++) {
		trace_reset();
		sem_give(&keys);
		thread_sleep_ms(2);
		assert_non_null(strchr(trace, 's'));
	}
	thread_sleep_ms(100); /* not for ever */
	trace_reset();
	sem_give(&keys);
	thread_sleep_ms(9);
	assert_null(strchr(trace, 's'));
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

static void forty_percent(const struct sched_params *change)
{
	const struct sched_params p = { .budget = 4 * MS,
					.period = 10 * MS,
					.window = WINDOW_ALWAYS };

	memset(ran, 0, sizeof(ran));
	stop = false;
	start_with(0, spin, 10, &p);
	for (u32 n = 0; n < 20; n++) {
		thread_sleep_ms(5);
		thread_set_params(&t[0], change);
		thread_set_params(&t[0], &p);
	}
	stop = true;
	thread_join(&t[0]);
}

/* Not by being lifted for a moment, and not by having no more than what it had. */
static void a_budget_is_not_refilled_by_a_change(void **state)
{
	const struct sched_params lifted = {
		.budget = 4 * MS, .period = 10 * MS, .window = WINDOW_ALWAYS, .guarded = true
	};
	const struct sched_params half = { .budget = 2 * MS,
					   .period = 10 * MS,
					   .window = WINDOW_ALWAYS };

	(void)state;
	forty_percent(&lifted);
	assert_in_range(ran[0], 38, 44);
	forty_percent(&half);
	assert_in_range(ran[0], 20, 44);
}

/* Nor is it guarded any more. */
static void no_longer_guarded(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(1, shell, 16, &sched_guarded);
	start_with(0, spin, 10, &sched_plain);
	sem_give(&keys);
	thread_sleep_ms(21);
	assert_non_null(strchr(trace, 's')); /* boosted, and in its share */
	thread_set_params(&t[1], &sched_plain);
	trace_reset();
	thread_sleep_ms(100);
	assert_null(strchr(trace, 's'));
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

/* Its time to be boosted comes in the middle of that change. */
static void no_longer_guarded_when_it_is_due(void **state)
{
	(void)state;
	sem_init(&keys, 0, 10);
	start_with(1, shell, 16, &sched_guarded);
	start_with(0, spin, 10, &sched_plain);
	sem_give(&keys);
	thread_sleep_ms(49);
	host_counter += 2 * MS; /* the interrupt is taken as soon as interrupts are unmasked
				 * again */
	thread_set_params(&t[1], &sched_plain);
	trace_reset();
	thread_sleep_ms(100);
	assert_null(strchr(trace, 's'));
	assert_int_equal(t[1].prio, 16);
	stop = true;
	sem_give(&keys);
	thread_join(&t[0]);
	thread_join(&t[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_budget_is_kept, setup),
		cmocka_unit_test_setup(a_budget_is_kept_alone, setup),
		cmocka_unit_test_setup(within_its_budget_nothing_is_noticed, setup),
		cmocka_unit_test_setup(a_budget_that_others_took_is_missed, setup),
		cmocka_unit_test_setup(parameters_change_while_it_is_held, setup),
		cmocka_unit_test_setup(weights_share, setup),
		cmocka_unit_test_setup(weights_share_with_sleepers, setup),
		cmocka_unit_test_setup(nobody_pays_for_the_past, setup),
		cmocka_unit_test_setup(fifo_does_not_take_turns, setup),
		cmocka_unit_test_setup(windows_open_and_close, setup),
		cmocka_unit_test_setup(guarded, setup),
		cmocka_unit_test_setup(guarded_but_not_kept_waiting, setup),
		cmocka_unit_test_setup(guarded_behind_an_ordinary_thread, setup),
		cmocka_unit_test_setup(no_longer_guarded, setup),
		cmocka_unit_test_setup(no_longer_guarded_when_it_is_due, setup),
		cmocka_unit_test_setup(guarded_among_fifo_equals, setup),
		cmocka_unit_test_setup(guarded_behind_fifo_equals, setup),
		cmocka_unit_test_setup(guarded_behind_one_that_hardly_sleeps, setup),
		cmocka_unit_test_setup(a_share_may_be_used_in_pieces, setup),
		cmocka_unit_test_setup(a_budget_is_not_refilled_by_a_change, setup),
	};

	unit_boot(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
