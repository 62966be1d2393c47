/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes: handing over, priority inheritance, chains, deadlines, across CPUs. */
#include "test_kernel.h"

static struct thread t[12];
static struct mutex m[12];
static struct sem go[12];
static int results[12];

/*
 * A script: 'a' locks m[0], 'A' unlocks it, and so on; '.' waits for go[self]; '!' locks the next
 * one with a deadline of 1 ms.
 */
struct actor {
	u32 self;
	const char *script;
};

static struct actor actors[12];

static void act(void *arg)
{
	const struct actor *actor = arg;

	for (const char *p = actor->script; *p; p++) {
		if (*p == '.') {
			if (sem_take(&go[actor->self], DEADLINE_NEVER))
				mark('?');
		} else if (*p == '!') {
			p++;
			results[actor->self] = mutex_lock_deadline(&m[*p - 'a'], host_counter + MS);
		} else if (*p >= 'a') {
			mutex_lock(&m[*p - 'a']);
		} else {
			mutex_unlock(&m[*p - 'A']);
		}
	}
	mark((char)('0' + actor->self));
}

static void play(u32 n, u8 prio, const char *script, u64 affinity)
{
	actors[n] = (struct actor){ n, script };
	start(&t[n], "actor", act, &actors[n], prio, affinity);
	host_run_others();
}

static int setup(void **state)
{
	*state = NULL;
	trace_reset();
	for (u32 i = 0; i < ARRAY_SIZE(m); i++) {
		/* b is outside of a, and so on. */
		mutex_init(&m[i], (enum lock_rank)(ARRAY_SIZE(m) - i));
		sem_init(&go[i], 0, 10);
		results[i] = 1;
	}
	thread_set_priority(thread_current(), 60);
	return 0;
}

static void continue_with(u32 n)
{
	sem_give(&go[n]);
	host_run_others();
}

static void join(u32 count)
{
	for (u32 i = 0; i < count; i++)
		thread_join(&t[i]);
	for (u32 i = 0; i < ARRAY_SIZE(m); i++) {
		assert_null(m[i].owner);
		assert_true(list_empty(&m[i].held_node));
		assert_true(list_empty(&m[i].wq.waiters));
	}
}

static void recursive(void **state)
{
	(void)state;
	mutex_lock(&m[0]);
	mutex_lock(&m[0]);
	assert_int_equal(mutex_lock_deadline(&m[0], 0), 0);
	mutex_unlock(&m[0]);
	mutex_unlock(&m[0]);
	assert_ptr_equal(m[0].owner, thread_current());
	play(0, 40, "aA", 1);
	assert_string_equal(trace, "");
	mutex_unlock(&m[0]);
	assert_string_equal(trace, "0");
	join(1);
}

static void tried(void *result)
{
	*(int *)result = mutex_lock_deadline(&m[0], 0);
}

static void trying_does_not_wait(void **state)
{
	(void)state;
	mutex_lock(&m[0]);
	start(&t[0], "tries", tried, &results[0], 20, 1);
	thread_join(&t[0]);
	assert_int_equal(results[0], -EAGAIN);
	mutex_unlock(&m[0]);
}

static void owner_inherits_and_returns(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	play(1, 20, "aA", 1);
	assert_int_equal(t[0].prio, 20);
	play(2, 10, "aA", 1);
	assert_int_equal(t[0].prio, 10);
	play(3, 40, ".", 1);
	continue_with(0);
	/* Handed to the most urgent, then the next. */
	assert_string_equal(trace, "210");
	assert_int_equal(t[0].base_prio, 50);
	continue_with(3);
	join(4);
}

static void boost_beats_the_middle(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	hold_cpu();
	play(1, 30, "", 1); /* would run before 0 */
	continue_with(0);
	play(2, 10, "aA", 1);
	give_cpu();
	assert_string_equal(trace, "210");
	join(3);
}

static void chain(void **state)
{
	(void)state;
	play(0, 50, "a.A.", 1);
	play(1, 45, "baAB", 1);
	play(2, 40, "cbBC", 1);
	assert_int_equal(t[0].prio, 40);
	play(3, 5, "cC", 1);
	assert_int_equal(t[0].prio, 5);
	assert_int_equal(t[1].prio, 5);
	assert_int_equal(t[2].prio, 5);
	continue_with(0);
	assert_string_equal(trace, "321");
	assert_int_equal(t[0].prio, 50);
	continue_with(0);
	join(4);
}

static void chain_follows_a_changed_priority(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	play(1, 45, "baAB", 1);
	play(2, 40, "bB", 1);
	thread_set_priority(&t[2], 7);
	assert_int_equal(t[0].prio, 7);
	assert_int_equal(t[1].prio, 7);
	thread_set_priority(&t[2], 48);
	assert_int_equal(t[0].prio, 45);
	assert_int_equal(t[1].prio, 45);
	thread_set_priority(&t[0], 3); /* more urgent than its waiters */
	assert_int_equal(t[0].prio, 3);
	thread_set_priority(&t[0], 50);
	assert_int_equal(t[0].prio, 45);
	continue_with(0);
	join(3);
}

static void giving_up_takes_the_priority_back(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	play(1, 45, "baAB", 1);
	play(2, 10, "!b", 1);
	assert_int_equal(t[0].prio, 10);
	assert_int_equal(t[1].prio, 10);
	thread_sleep_ms(2);
	assert_int_equal(results[2], -ETIMEDOUT);
	assert_int_equal(t[0].prio, 45);
	assert_int_equal(t[1].prio, 45);
	assert_null(t[2].blocked_mutex);
	continue_with(0);
	assert_string_equal(trace, "210");
	join(3);
}

static void got_it_before_the_deadline(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	play(1, 10, "!aA", 1);
	continue_with(0);
	assert_int_equal(results[1], 0);
	host_advance(2 * MS);
	assert_string_equal(trace, "10");
	join(2);
}

static void sleep_and_unlock(void *until)
{
	mutex_lock(&m[0]);
	thread_sleep_until(*(u64 *)until);
	mutex_unlock(&m[0]);
	mark('u');
}

/* The owner's time comes when interrupts are unmasked for the n-th time from now on. */
static void (*deliver)(void);
static u64 due;
static u32 times;

static void deliver_late(void)
{
	if (times && --times == 0)
		host_counter = due;
	deliver();
}

/*
 * A thread that finds the mutex taken gets it in the end, whenever the owner gives it up: before
 * the wait, or during it.
 */
static void given_up_in_between(void **state)
{
	deliver = host_deliver;
	for (u32 n = 1; n < 20; n++) {
		setup(state);
		due = host_counter + MS;
		start(&t[0], "owner", sleep_and_unlock, &due, 10, 1);
		host_deliver = deliver_late;
		times = n;
		if (n % 2)
			mutex_lock(&m[0]);
		else
			assert_int_equal(mutex_lock_deadline(&m[0], due + MS), 0);
		host_deliver = deliver;
		assert_string_equal(trace, "u");
		assert_ptr_equal(m[0].owner, thread_current());
		assert_false(arch_irqs_masked());
		mutex_unlock(&m[0]);
		join(1);
	}
}

static void several_held(void **state)
{
	(void)state;
	play(0, 50, "ba.B.A", 1);
	play(1, 20, "aA", 1);
	play(2, 10, "bB", 1);
	assert_int_equal(t[0].prio, 10);
	continue_with(0); /* gives b away, still owes a */
	assert_string_equal(trace, "2");
	assert_int_equal(t[0].prio, 20);
	continue_with(0);
	assert_string_equal(trace, "210");
	join(3);
}

static void new_owner_inherits_later_waiters(void **state)
{
	(void)state;
	play(0, 50, "a.A", 1);
	play(1, 30, "a.A", 1);
	continue_with(0);
	assert_ptr_equal(m[0].owner, &t[1]);
	play(2, 8, "aA", 1);
	assert_int_equal(t[1].prio, 8);
	continue_with(1);
	assert_string_equal(trace, "021");
	join(3);
}

static void chains_are_cut_at_eight(void **state)
{
	static const char *const scripts[] = { "a.A",  "baAB", "cbBC", "dcCD", "edDE",
					       "feEF", "gfFG", "hgGH", "ihHI", "jiIJ" };

	(void)state;
	for (u32 i = 0; i < 10; i++)
		play(i, 50, scripts[i], 1);
	play(10, 5, "jJ", 1);
	for (u32 i = 2; i < 10; i++)
		assert_int_equal(t[i].prio, 5);
	assert_int_equal(t[1].prio, 50);
	continue_with(0);
	thread_set_priority(thread_current(), 61);
	join(11);
}

static void a_cycle_ends(void **state)
{
	(void)state;
	play(0, 50, "a.!bA", 1);
	play(1, 40, "b.!aB", 1);
	continue_with(1);
	/* Each waits for the other: the order of locks forbids it, and the checks would say so. */
	m[1].check.rank = m[0].check.rank + 1;
	continue_with(0);
	assert_int_equal(t[0].prio, 40);
	thread_sleep_ms(2);
	/* One gives up and so lets the other have it. */
	assert_int_equal(MIN(results[0], results[1]), -ETIMEDOUT);
	thread_sleep_ms(2);
	for (u32 i = 0; i < 2; i++)
		thread_join(&t[i]);
}

/* ---- across CPUs ---- */

static void inheritance_reaches_another_cpu(void **state)
{
	(void)state;
	play(0, 50, "a.A", BIT(1));
	play(1, 30, ".", BIT(1));
	play(2, 10, "aA", BIT(2));
	assert_int_equal(t[0].prio, 10);
	continue_with(0);
	assert_string_equal(trace,
			    "02"); /* any order would do for 0 and 2: they are on their own CPUs */
	assert_int_equal(t[2].cpu, 2);
	continue_with(1);
	join(3);
}

static bool spin;

/* Until the test ends it. Interrupts are taken where they are unmasked again. */
static void spin_on(void)
{
	while (spin) {
		arch_relax();
		arch_irq_enable();
	}
}

static void hold_and_spin(void *arg)
{
	(void)arg;
	mutex_lock(&m[0]);
	spin_on();
	mutex_unlock(&m[0]);
	mark('h');
}

static void hog(void *arg)
{
	(void)arg;
	spin_on();
	mark('s');
}

static void a_boosted_thread_in_another_run_queue_moves_up(void **state)
{
	(void)state;
	spin = true;
	start(&t[0], "holds", hold_and_spin, NULL, 50, BIT(1));
	host_run_others();
	start(&t[1], "hog", hog, NULL, 30, BIT(1));
	host_run_others();
	assert_ptr_equal(percpus[1].current, &t[1]);
	play(2, 10, "aA", BIT(2));
	assert_ptr_equal(percpus[1].current, &t[0]);
	thread_set_priority(&t[2], 40); /* the boost is withdrawn while it runs */
	host_run_others();
	assert_ptr_equal(percpus[1].current, &t[1]);
	spin = false;
	host_run_others();
	join(3);
}

static int boot_three(void **state)
{
	*state = NULL;
	unit_boot(3);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(recursive, setup),
		cmocka_unit_test_setup(trying_does_not_wait, setup),
		cmocka_unit_test_setup(owner_inherits_and_returns, setup),
		cmocka_unit_test_setup(boost_beats_the_middle, setup),
		cmocka_unit_test_setup(chain, setup),
		cmocka_unit_test_setup(chain_follows_a_changed_priority, setup),
		cmocka_unit_test_setup(giving_up_takes_the_priority_back, setup),
		cmocka_unit_test_setup(got_it_before_the_deadline, setup),
		cmocka_unit_test_setup(given_up_in_between, setup),
		cmocka_unit_test_setup(several_held, setup),
		cmocka_unit_test_setup(new_owner_inherits_later_waiters, setup),
		cmocka_unit_test_setup(chains_are_cut_at_eight, setup),
		cmocka_unit_test_setup(a_cycle_ends, setup),
		cmocka_unit_test_setup(inheritance_reaches_another_cpu, setup),
		cmocka_unit_test_setup(a_boosted_thread_in_another_run_queue_moves_up, setup),
	};

	return cmocka_run_group_tests(tests, boot_three, NULL);
}
