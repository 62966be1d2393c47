/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets: rates, the burst, debts, numbers at their ends. */
#include "unit.h"

#include <lib/bucket.h>

#define MS 1000ULL

/* How many tokens pass in so many ms, in portions. */
static u64 passes(struct bucket *b, u64 *now, u64 ms, u64 portion)
{
	const u64 end = *now + ms * MS;
	u64 sum = 0;

	while (*now < end) {
		const u64 wait = bucket_wait(b, *now);

		if (wait) {
			*now += wait;
			continue;
		}
		bucket_take(b, portion);
		sum += portion;
	}
	return sum;
}

static void test_rate(void **unused)
{
	const struct rate_limit limit = { .size = 1000, .burst = 500, .ms = 100 };
	struct bucket b;
	u64 now = 12345;

	(void)unused;
	bucket_set(&b, &limit, 1024, now);
	/* The full bucket and the burst at once, then 10 MiB/s. */
	assert_in_range(passes(&b, &now, 1, 4096), 1500 * 1024, 1520 * 1024);
	assert_in_range(passes(&b, &now, 10000, 4096), 99900 * 1024, 100100 * 1024);
	/* A pause fills it, without the burst. */
	now += 100000 * MS;
	assert_in_range(passes(&b, &now, 1, 4096), 1000 * 1024, 1020 * 1024);
	/* Portions larger than the bucket pass at the same rate. */
	assert_in_range(passes(&b, &now, 100000, MIB(4)), 990000 * 1024, 1010000 * 1024);
}

static void test_slow(void **unused)
{
	const struct rate_limit limit = { .size = 3, .burst = 0, .ms = RATE_MS_MAX };
	struct bucket b;
	u64 now = 0;

	(void)unused;
	bucket_set(&b, &limit, 1, now);
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(bucket_wait(&b, now), 0);
		bucket_take(&b, 1);
	}
	/* Looks do not lose what has come in part. */
	for (; bucket_wait(&b, now); now += 10)
		assert_true(now < 20001 * MS);
	assert_true(now >= 19999 * MS);
}

static void test_ends(void **unused)
{
	const struct rate_limit none = { .size = 0 },
				most = { RATE_SIZE_MAX, RATE_SIZE_MAX, RATE_MS_MAX };
	struct bucket b;

	(void)unused;
	bucket_set(&b, &none, 1024, 5);
	bucket_take(&b, ~0ULL);
	assert_int_equal(bucket_wait(&b, 6), 0);
	bucket_set(&b, &most, 1024, 0);
	bucket_take(&b, 1ULL << 44);
	assert_int_not_equal(bucket_wait(&b, 1), 0);
	assert_int_not_equal(bucket_wait(&b, RATE_MS_MAX * MS), 0);
	while (bucket_wait(&b, b.at + RATE_MS_MAX * MS))
		;
	assert_true(b.left <= (s64)b.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
