/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/list.h>

struct item {
	int value;
	struct list node;
};

static int sum(const struct list *head)
{
	struct item *item;
	int digits = 0;

	list_for_each_entry(item, head, node)
		digits = digits * 10 + item->value;
	return digits;
}

static void order(void **state)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list head = LIST_INIT(head);

	(void)state;
	assert_true(list_empty(&head));
	assert_null(list_first(&head));
	assert_int_equal(sum(&head), 0);
	list_add_tail(&head, &b.node);
	list_add_head(&head, &a.node);
	list_add_tail(&head, &c.node);
	assert_int_equal(sum(&head), 123);
	assert_ptr_equal(list_entry(list_first(&head), struct item, node), &a);
	list_del(&b.node);
	assert_true(list_empty(&b.node));
	assert_int_equal(sum(&head), 13);
	list_insert_before(&c.node, &b.node);
	assert_int_equal(sum(&head), 123);
	list_del(&b.node);
	list_del(&b.node); /* of something on no list: nothing */
	assert_int_equal(sum(&head), 13);
	assert_ptr_equal(list_pop(&head), &a.node);
	assert_true(list_empty(&a.node));
	assert_int_equal(sum(&head), 3);
	assert_ptr_equal(list_pop(&head), &c.node);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
