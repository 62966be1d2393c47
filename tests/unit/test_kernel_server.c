/* SPDX-License-Identifier: Apache-2.0 */
/* Sporadic servers: what comes back when, and that no period ever holds more than one budget. */
#include <unit.h>

#include <kernel/server.h>
#include <stdlib.h>

#define BUDGET 300
#define PERIOD 1000

static struct server s;

static int setup(void **state)
{
	(void)state;
	s = (struct server){ .count = 0 };
	server_init(&s, BUDGET, PERIOD, 0);
	return 0;
}

static u64 total(void)
{
	u64 sum = 0;

	for (u32 n = 0; n < s.count; n++)
		sum += s.refills[(s.head + n) % SERVER_REFILLS].amount;
	return sum;
}

static void all_at_once(void **state)
{
	(void)state;
	assert_int_equal(server_next(&s), 0);
	assert_int_equal(server_left(&s), BUDGET);
	server_charge(&s, BUDGET, BUDGET);
	assert_int_equal(server_next(&s), PERIOD);
	assert_int_equal(server_left(&s), BUDGET);
	assert_int_equal(s.missed, 0);
}

static void begins_when_it_is_woken(void **state)
{
	(void)state;
	server_wake(&s, 700);
	server_charge(&s, BUDGET, 1000);
	assert_int_equal(server_next(&s), 1700); /* not 1000: that would be 600 within 1300 */
}

static void comes_back_in_the_pieces_it_was_used_in(void **state)
{
	(void)state;
	server_charge(&s, 100, 100);
	server_wake(&s, 500);
	server_charge(&s, 200, 700);
	assert_int_equal(server_next(&s), 1000);
	assert_int_equal(server_left(&s), 100);
	server_wake(&s, 1000);
	server_charge(&s, 100, 1100);
	assert_int_equal(server_next(&s), 1500);
	assert_int_equal(server_left(&s), 200);
}

static void pieces_that_touch_are_one(void **state)
{
	(void)state;
	server_charge(&s, 100, 100);
	server_charge(&s, 100, 200);
	server_charge(&s, 100, 300);
	assert_int_equal(s.count, 1);
	assert_int_equal(server_next(&s), 1000);
	assert_int_equal(server_left(&s), BUDGET);
}

static void a_late_timer_costs_what_it_took(void **state)
{
	(void)state;
	server_charge(&s, 350, 350);
	assert_int_equal(total(), BUDGET);
	assert_true(server_next(&s) > PERIOD);
	server_charge(&s, 100000, 100350); /* more than there is: no loop, no underflow */
	assert_int_equal(total(), BUDGET);
}

static void what_others_took_is_counted(void **state)
{
	(void)state;
	server_begin(&s, 999);
	assert_int_equal(s.missed, 0);
	assert_int_equal(server_missed(&s, 2999), 2); /* as it waits */
	server_begin(&s, 3100);
	assert_int_equal(s.missed, 3);
	/* No hoard: at most the rest of this period's, and the next one's. */
	assert_int_equal(server_left(&s), BUDGET);
	server_charge(&s, BUDGET, 3400);
	assert_int_equal(server_next(&s), 4000);
	assert_int_equal(s.missed, 3);
}

/* What was used is missing until it would have come back; a change for the same is none. */
static void another_budget_is_not_a_fresh_one(void **state)
{
	(void)state;
	server_charge(&s, 200, 200);
	server_change(&s, BUDGET, PERIOD, 200);
	assert_int_equal(server_left(&s), 100);
	server_change(&s, 250, PERIOD, 300);
	assert_int_equal(total(), 250);
	assert_int_equal(server_next(&s), 300);
	assert_int_equal(server_left(&s), 50);
	server_charge(&s, 50, 350);
	assert_int_equal(server_next(&s), 1000);
	server_change(&s, 150, PERIOD, 350); /* used: 250, more than all of it */
	assert_int_equal(server_next(&s), 1300);
	assert_int_equal(total(), 150);
	server_change(&s, 800, PERIOD, 400);
	assert_int_equal(server_next(&s), 400);
	assert_int_equal(server_left(&s), 800 - 250);
}

/* Whatever is changed and whenever: on average no more than the larger budget in a period. */
static void changes_make_nothing(void **state)
{
	u64 now = 0, used = 0;

	(void)state;
	srand(2);
	for (u32 n = 0; n < 20000; n++) {
		u64 budget = n % 2 ? BUDGET : BUDGET / 2;

		server_change(&s, budget, PERIOD, now);
		assert_int_equal(total(), budget);
		assert_true(s.count <= SERVER_REFILLS);
		if (server_next(&s) > now) {
			now += (u64)rand() % 100;
			continue;
		}
		used += server_left(&s);
		now += server_left(&s);
		server_charge(&s, server_left(&s), now);
	}
	assert_true(now > 100 * PERIOD);
	assert_true(used <= (now / PERIOD + 1) * BUDGET);
}

static void a_full_budget_never_stops(void **state)
{
	(void)state;
	server_init(&s, PERIOD, PERIOD, 0);
	for (u64 now = 0; now < 50 * PERIOD; now += 125) {
		assert_true(server_next(&s) <= now);
		assert_true(server_left(&s) >= 125);
		server_charge(&s, 125, now + 125);
	}
	assert_int_equal(s.missed, 0);
}

/*
 * However it sleeps and runs: never more than one budget in a period, counted from any moment at
 * which it began to run.
 */
static void runs_at_random(u64 longest, u64 longest_sleep)
{
	static struct {
		u64 begin, end;
	} ran[4000];
	u64 now = 0;
	u32 runs = 0;

	server_init(&s, BUDGET, PERIOD, 0);
	while (runs < 4000) {
		u64 want = 1 + (u64)rand() % longest;

		now += (u64)rand() % longest_sleep;
		server_wake(&s, now);
		while (want && runs < 4000) {
			u64 part;

			now = MAX(now, server_next(&s));
			part = MIN(want, server_left(&s));
			ran[runs].begin = now;
			now += part;
			ran[runs++].end = now;
			server_charge(&s, part, now);
			assert_int_equal(total(), BUDGET);
			assert_true(s.count <= SERVER_REFILLS);
			want -= part;
		}
	}
	for (u32 from = 0; from < runs; from++) {
		u64 used = 0, limit = ran[from].begin + PERIOD;

		for (u32 n = from; n < runs && ran[n].begin < limit; n++)
			used += MIN(ran[n].end, limit) - ran[n].begin;
		assert_true(used <= BUDGET);
	}
}

/* Also with more pieces in a period than there is room for. */
static void never_more_than_one_budget_a_period(void **state)
{
	(void)state;
	srand(1);
	runs_at_random(400, 600);
	runs_at_random(20, 120);
	runs_at_random(60, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_at_once, setup),
		cmocka_unit_test_setup(begins_when_it_is_woken, setup),
		cmocka_unit_test_setup(comes_back_in_the_pieces_it_was_used_in, setup),
		cmocka_unit_test_setup(pieces_that_touch_are_one, setup),
		cmocka_unit_test_setup(a_late_timer_costs_what_it_took, setup),
		cmocka_unit_test_setup(what_others_took_is_counted, setup),
		cmocka_unit_test_setup(another_budget_is_not_a_fresh_one, setup),
		cmocka_unit_test_setup(changes_make_nothing, setup),
		cmocka_unit_test_setup(a_full_budget_never_stops, setup),
		cmocka_unit_test_setup(never_more_than_one_budget_a_period, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
