/* SPDX-License-Identifier: Apache-2.0 */
/* The RTOS's control loop: releases that are met, late and missed, and a plant that follows. */
#include <unit.h>

#include "../../rtos/loop.h"

static void releases_do_not_drift(void **state)
{
	struct loop l = { .period = 0 };

	(void)state;
	loop_start(&l, 5000, 1000);
	assert_int_equal(l.next, 6000);
	loop_released(&l, 6000);
	assert_int_equal(l.next, 7000);
	/* Late, but before the next one: that is where it was. */
	loop_released(&l, 7999);
	assert_int_equal(l.next, 8000);
	assert_int_equal(l.missed, 0);
	assert_int_equal(l.late.count, 2);
	assert_int_equal(l.late.min, 0);
	assert_int_equal(l.late.h.max, 999);
}

static void missed_releases_are_counted_and_left_out(void **state)
{
	struct loop l = { .period = 0 };

	(void)state;
	loop_start(&l, 0, 1000);
	loop_released(&l, 2000); /* exactly at the second one: the first's work takes its place */
	assert_int_equal(l.missed, 1);
	assert_int_equal(l.next, 3000);
	loop_released(&l, 1000000500);
	assert_int_equal(l.missed, 1 + 999997);
	assert_int_equal(l.next, 1000001000);
	assert_int_equal(l.late.h.max, 1000000500 - 3000);
}

static void a_new_start_forgets(void **state)
{
	struct loop l = { .period = 0 };

	(void)state;
	loop_start(&l, 0, 1000);
	loop_released(&l, 9000);
	l.plant.output = 7;
	loop_start(&l, 9100, 50);
	assert_int_equal(l.next, 9150);
	assert_int_equal(l.missed, 0);
	assert_int_equal(l.late.count, 0);
	assert_int_equal(l.plant.output, 7);
}

/* Within 5 % of what is wanted before that changes, up and down, over and over. */
static void the_plant_follows(void **state)
{
	struct plant p = { .steps = 0 };
	s32 wanted = PLANT_ONE;
	u32 half, step;

	(void)state;
	for (half = 0; half < 20; half++) {
		for (step = 0; step < 500; step++) {
			plant_step(&p);
			assert_int_equal(p.wanted, wanted);
			assert_in_range(p.output + PLANT_ONE, 0, 3 * PLANT_ONE);
		}
		assert_in_range(p.output - wanted + PLANT_ONE / 20, 0, PLANT_ONE / 10);
		wanted = PLANT_ONE - wanted;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(releases_do_not_drift),
		cmocka_unit_test(missed_releases_are_counted_and_left_out),
		cmocka_unit_test(a_new_start_forgets),
		cmocka_unit_test(the_plant_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
