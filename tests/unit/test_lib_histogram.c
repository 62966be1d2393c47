/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/histogram.h>
#include <string.h>

/* Every bucket begins where the one before it ends, and no bucket is wider than a quarter of its least value. */
static void buckets_follow_each_other(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(histogram_least(0), 0);
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		u64 least = histogram_least(i);

		assert_int_equal(histogram_bucket(least), i);
		if (i == 0)
			continue;
		assert_int_equal(histogram_bucket(least - 1), i - 1);
		assert_true((least - histogram_least(i - 1)) * 4 <= MAX(least, 4));
	}
}

static void large_values_share_the_last(void **state)
{
	struct histogram h = { .count = 0 };

	(void)state;
	assert_int_equal(histogram_bucket(0xffffffff), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(1ULL << 32), HISTOGRAM_BUCKETS - 1);
	histogram_add(&h, 1ULL << 40);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 2);
	assert_int_equal(h.min, 1ULL << 40);
	assert_int_equal(h.max, UINT64_MAX);
	assert_int_equal(histogram_quantile(&h, 500000), UINT64_MAX);
}

static void empty(void **state)
{
	struct histogram h;

	(void)state;
	memset(&h, 0xa5, sizeof(h));
	histogram_reset(&h);
	assert_int_equal(h.count, 0);
	assert_int_equal(histogram_mean(&h), 0);
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_quantile(&h, 1000000), 0);
}

/* 1 to 1000, once each: the p-quantile is p * 1000, within a bucket's width. */
static void quantiles(void **state)
{
	static const u32 ppm[] = { 1000, 10000, 500000, 900000, 990000, 999000 };
	struct histogram h = { .count = 0 };
	size_t i;
	u64 value;

	(void)state;
	for (value = 1000; value >= 1; value--)
		histogram_add(&h, value);
	assert_int_equal(h.count, 1000);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 1000);
	assert_int_equal(histogram_mean(&h), 500);
	for (i = 0; i < ARRAY_SIZE(ppm); i++) {
		u64 exact = ppm[i] / 1000;
		u64 found = histogram_quantile(&h, ppm[i]);

		assert_true(found >= exact);
		assert_true(found <= exact + exact / 4);
	}
	assert_int_equal(histogram_quantile(&h, 0), 1);
	assert_int_equal(histogram_quantile(&h, 1000000), 1000);
}

/* The one bad value of a million is above p99.999 and is the maximum. */
static void the_outlier_shows(void **state)
{
	struct histogram h = { .count = 0 };
	u32 i;

	(void)state;
	for (i = 0; i < 999999; i++)
		histogram_add(&h, 300);
	histogram_add(&h, 90000);
	assert_in_range(histogram_quantile(&h, 999990), 300, 319);
	assert_in_range(histogram_quantile(&h, 999999), 300, 319);
	assert_int_equal(histogram_quantile(&h, 1000000), 90000);
	assert_int_equal(h.max, 90000);
}

/* A counter that is full stays full: years of a 10 kHz loop do not make its usual value rare. */
static void full_counters(void **state)
{
	struct histogram h = { .count = 0 };

	(void)state;
	histogram_add(&h, 3);
	h.buckets[3] = UINT32_MAX;
	histogram_add(&h, 3);
	assert_int_equal(h.buckets[3], UINT32_MAX);
	assert_int_equal(h.count, 2);
	histogram_add(&h, 100);
	assert_int_equal(histogram_quantile(&h, 999999), 3);
	assert_int_equal(histogram_quantile(&h, 1000000), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_follow_each_other),
		cmocka_unit_test(large_values_share_the_last),
		cmocka_unit_test(empty),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(the_outlier_shows),
		cmocka_unit_test(full_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
