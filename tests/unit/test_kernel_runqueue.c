/* SPDX-License-Identifier: Apache-2.0 */
/* Order of the run queue, and its bitmap. */
#include <unit.h>

#include "../../kernel/internal.h"

static struct run_queue rq;
static struct thread threads[8];

static struct thread *add(u32 n, u8 prio, bool first)
{
	threads[n].prio = prio;
	list_init(&threads[n].run_node);
	rq_insert(&rq, &threads[n], first);
	return &threads[n];
}

static int setup(void **state)
{
	*state = NULL;
	rq_init(&rq);
	return 0;
}

static void empty(void **state)
{
	(void)state;
	assert_null(rq_pop(&rq));
	assert_int_equal(rq_best(&rq), PRIORITIES);
	assert_int_equal(rq.ready, 0);
}

static void most_urgent_first_equals_in_order(void **state)
{
	(void)state;
	add(0, 62, false);
	add(1, 32, false);
	add(2, 0, false);
	add(3, 32, false);
	add(4, 32, true);
	add(5, 31, false);
	assert_int_equal(rq_best(&rq), 0);
	assert_ptr_equal(rq_pop(&rq), &threads[2]);
	assert_ptr_equal(rq_pop(&rq), &threads[5]);
	assert_ptr_equal(rq_pop(&rq), &threads[4]);
	assert_ptr_equal(rq_pop(&rq), &threads[1]);
	assert_ptr_equal(rq_pop(&rq), &threads[3]);
	assert_ptr_equal(rq_pop(&rq), &threads[0]);
	assert_null(rq_pop(&rq));
	assert_int_equal(rq.ready, 0);
}

static void removal_uses_the_queue_it_is_in(void **state)
{
	struct thread *t = add(0, 40, false);

	(void)state;
	add(1, 40, false);
	t->prio = 3; /* changed while queued */
	rq_remove(&rq, t);
	assert_true(list_empty(&t->run_node));
	assert_true(rq_has(&rq, 40));
	assert_false(rq_has(&rq, 3));
	assert_ptr_equal(rq_pop(&rq), &threads[1]);
	assert_int_equal(rq.ready, 0);
}

static void every_priority(void **state)
{
	(void)state;
	for (u8 p = 0; p < PRIORITIES; p++) {
		add(0, p, false);
		assert_int_equal(rq_best(&rq), p);
		assert_true(rq_has(&rq, p));
		assert_int_equal(rq.ready, BIT(63 - p));
		assert_ptr_equal(rq_pop(&rq), &threads[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty, setup),
		cmocka_unit_test_setup(most_urgent_first_equals_in_order, setup),
		cmocka_unit_test_setup(removal_uses_the_queue_it_is_in, setup),
		cmocka_unit_test_setup(every_priority, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
