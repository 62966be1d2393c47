/* SPDX-License-Identifier: Apache-2.0 */
/* Checked arithmetic, and the macros of lib/types.h. */
#include <unit.h>

#include <lib/checked.h>

static void sums(void **state)
{
	u64 sum = 5;

	(void)state;
	assert_true(checked_add(1, 2, &sum));
	assert_int_equal(sum, 3);
	assert_true(checked_add(~0ULL, 0, &sum));
	assert_true(sum == ~0ULL);
	assert_false(checked_add(~0ULL, 1, &sum));
	assert_false(checked_add(1ULL << 63, 1ULL << 63, &sum));
}

static void products(void **state)
{
	u64 product;

	(void)state;
	assert_true(checked_mul(1ULL << 32, (1ULL << 32) - 1, &product));
	assert_true(product == ~0ULL << 32);
	assert_false(checked_mul(1ULL << 32, 1ULL << 32, &product));
	assert_true(checked_mul(~0ULL, 1, &product));
	assert_true(checked_mul(~0ULL, 0, &product));
	assert_int_equal(product, 0);
	assert_false(checked_mul(~0ULL, 2, &product));
}

static void within(void **state)
{
	(void)state;
	assert_true(range_within(10, 5, 10, 5));
	assert_true(range_within(12, 1, 10, 5));
	assert_false(range_within(12, 4, 10, 5));
	assert_false(range_within(9, 1, 10, 5));
	assert_false(range_within(15, 1, 10, 5));
	assert_true(range_within(15, 0, 10, 5));
	assert_false(range_within(16, 0, 10, 5));
	/* A length that would wrap around. */
	assert_false(range_within(12, ~0ULL, 10, 5));
	assert_false(range_within(12, ~0ULL - 1, 10, 5));
	assert_true(range_within(0, ~0ULL, 0, ~0ULL));
	assert_false(range_within(1, ~0ULL, 0, ~0ULL));
	/* A range that ends at the top of the address space. */
	assert_true(range_within(~0ULL - 4, 4, ~0ULL - 9, 9));
}

static void overlap(void **state)
{
	(void)state;
	assert_true(ranges_overlap(0, 10, 9, 1));
	assert_false(ranges_overlap(0, 10, 10, 1));
	assert_true(ranges_overlap(5, 1, 0, 10));
	assert_false(ranges_overlap(5, 0, 0, 10));
	assert_false(ranges_overlap(0, 10, 5, 0));
	assert_true(ranges_overlap(0, 10, 0, 10));
	assert_false(ranges_overlap(20, 5, 0, 20));
}

static void fields(void **state)
{
	(void)state;
	assert_true(BITS(63, 0) == ~0ULL);
	assert_true(BITS(7, 4) == 0xf0);
	assert_true(BITS(63, 63) == 1ULL << 63);
	assert_int_equal(FIELD(0xabcd, 11, 4), 0xbc);
	assert_int_equal(FIELD(1ULL << 63, 63, 60), 8);
	assert_int_equal(ALIGN_UP(1, 4096), 4096);
	assert_int_equal(ALIGN_UP(4096, 4096), 4096);
	assert_int_equal(ALIGN_DOWN(8191, 4096), 4096);
	assert_true(IS_ALIGNED(8192, 4096));
	assert_false(IS_ALIGNED(8193, 4096));
	assert_int_equal(MIN(1, 2), 1);
	assert_int_equal(MAX(1, 2), 2);
	assert_true(GIB(5) == 5ULL << 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),    cmocka_unit_test(products), cmocka_unit_test(within),
		cmocka_unit_test(overlap), cmocka_unit_test(fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
