/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/histogram.h>

static u32 bucket_of(u32 value)
{
	static struct histogram h;

	return (u32)(histogram_bucket(&h, value) - h.buckets);
}

/*
 * Every bucket begins where the one before it ends, and none that has values is wider than a
 * quarter of its least one.
 */
static void buckets_follow_each_other(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(histogram_least(0), 0);
	assert_int_equal(bucket_of(0), 0);
	for (i = 1; i < HISTOGRAM_BUCKETS; i++) {
		u64 before = histogram_least(i - 1), least = histogram_least(i);

		assert_true(least >= before);
		assert_true((least - before) * 4 <= MAX(before, 4));
		if (least == before)
			continue;
		assert_true(bucket_of((u32)least) >= i);
		assert_true(bucket_of((u32)least - 1) < i);
	}
}

static void large_values_share_the_last(void **state)
{
	struct histogram h = { .max = 0 };

	(void)state;
	assert_int_equal(bucket_of(0xffffffff), HISTOGRAM_BUCKETS - 1);
	histogram_add(&h, 1ULL << 40);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 2);
	assert_int_equal(h.max, UINT64_MAX);
	assert_int_equal(histogram_quantile(&h, 500000), UINT64_MAX);
}

static void empty(void **state)
{
	struct series s = { .count = 0 };

	(void)state;
	assert_int_equal(histogram_count(&s.h), 0);
	assert_int_equal(series_mean(&s), 0);
	assert_int_equal(histogram_quantile(&s.h, 0), 0);
	assert_int_equal(histogram_quantile(&s.h, 1000000), 0);
}

/* 1 to 1000, once each: the p-quantile is p * 1000, within a bucket's width. */
static void quantiles(void **state)
{
	static const u32 ppm[] = { 1000, 10000, 500000, 900000, 990000, 999000 };
	struct series s = { .count = 0 };
	size_t i;
	u64 value;

	(void)state;
	for (value = 1000; value >= 1; value--)
		series_add(&s, value);
	assert_int_equal(s.count, 1000);
	assert_int_equal(histogram_count(&s.h), 1000);
	assert_int_equal(s.min, 1);
	assert_int_equal(s.h.max, 1000);
	assert_int_equal(series_mean(&s), 500);
	for (i = 0; i < ARRAY_SIZE(ppm); i++) {
		u64 exact = ppm[i] / 1000;
		u64 found = histogram_quantile(&s.h, ppm[i]);

		assert_true(found >= exact);
		assert_true(found <= exact + exact / 4);
	}
	assert_int_equal(histogram_quantile(&s.h, 0), 1);
	assert_int_equal(histogram_quantile(&s.h, 1000000), 1000);
}

/* The one bad value of a million is above p99.999 and is the maximum. */
static void the_outlier_shows(void **state)
{
	struct histogram h = { .max = 0 };
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

/* What is tallied is in the same buckets, as long as it is no more than there was. */
static void tallied(void **state)
{
	struct histogram h = { .max = 0 }, added = { .max = 0 };
	u32 value;

	(void)state;
	assert_false(histogram_tally(&h, 1));
	assert_int_equal(histogram_count(&h), 0);
	histogram_add(&h, 100000);
	histogram_add(&added, 100000);
	for (value = 0; value <= 100000; value += 7) {
		assert_true(histogram_tally(&h, value));
		histogram_add(&added, value);
	}
	assert_memory_equal(&h, &added, sizeof(h));
	assert_false(histogram_tally(&h, 100001));
	/* A difference that was negative never is taken for a value. */
	histogram_add(&h, UINT64_MAX);
	assert_true(histogram_tally(&h, 0x7fffffff));
	assert_false(histogram_tally(&h, 0x80000000));
}

static void merged(void **state)
{
	struct histogram all = { .max = 0 }, one = { .max = 0 };

	(void)state;
	histogram_add(&one, 5);
	histogram_add(&one, 70);
	histogram_merge(&all, &one);
	histogram_merge(&all, &one);
	assert_int_equal(histogram_count(&all), 4);
	assert_int_equal(all.max, 70);
	assert_int_equal(histogram_quantile(&all, 500000), 5);
	*histogram_bucket(&one, 5) = UINT32_MAX;
	histogram_merge(&all, &one);
	assert_int_equal(*histogram_bucket(&all, 5), UINT32_MAX);
}

/* A counter that is full stays full: years of a 10 kHz loop do not make its usual value rare. */
static void full_counters(void **state)
{
	struct histogram h = { .max = 0 };
	u32 *bucket = histogram_bucket(&h, 3);

	(void)state;
	histogram_add(&h, 3);
	*bucket = UINT32_MAX;
	histogram_add(&h, 3);
	assert_int_equal(*bucket, UINT32_MAX);
	assert_true(histogram_tally(&h, 3));
	assert_int_equal(*bucket, UINT32_MAX);
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
		cmocka_unit_test(tallied),
		cmocka_unit_test(merged),
		cmocka_unit_test(full_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
