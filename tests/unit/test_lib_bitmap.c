/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/bitmap.h>
#include <stdlib.h>
#include <string.h>

#define NBITS 200
#define WORDS BITMAP_WORDS(NBITS)

static size_t bitmap_weight(const u64 *map, size_t nbits)
{
	size_t n = 0;

	for (size_t i = 0; i < nbits; i++)
		n += bitmap_test(map, i);
	return n;
}

static void single_bits(void **state)
{
	u64 map[WORDS] = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NBITS; i++) {
		assert_false(bitmap_test(map, i));
		bitmap_set(map, i);
		assert_true(bitmap_test(map, i));
		assert_int_equal(bitmap_weight(map, NBITS), 1);
		assert_int_equal(bitmap_next_set(map, NBITS, 0), i);
		assert_int_equal(bitmap_next_set(map, NBITS, i), i);
		assert_int_equal(bitmap_next_set(map, NBITS, i + 1), NBITS);
		bitmap_clear(map, i);
		assert_false(bitmap_test(map, i));
	}
}

static void set_at_once(void **state)
{
	(void)state;
	for (size_t first = 0; first < NBITS; first++)
		for (size_t count = 0; count <= NBITS - first; count++) {
			u64 map[WORDS] = { 0 };

			bitmap_set_run(map, first, count);
			assert_int_equal(bitmap_weight(map, NBITS), count);
			assert_int_equal(bitmap_next_set(map, NBITS, 0), count ? first : NBITS);
			assert_int_equal(bitmap_next_clear(map, NBITS, first), first + count);
			memset(map, 0xff, sizeof(map));
			bitmap_clear_run(map, first, count);
			assert_int_equal(bitmap_weight(map, NBITS), NBITS - count);
			assert_int_equal(bitmap_next_clear(map, NBITS, 0), count ? first : NBITS);
			assert_int_equal(bitmap_next_set(map, NBITS, first), first + count);
		}
}

static void clear_in_both(void **state)
{
	u64 a[WORDS], b[WORDS];

	(void)state;
	for (size_t n = 0; n < NBITS; n++) {
		memset(a, 0x55, sizeof(a));
		memset(b, 0xaa, sizeof(b));
		assert_int_equal(bitmap_next_clear_both(a, b, NBITS, 0), NBITS);
		bitmap_clear(a, n);
		bitmap_clear(b, n);
		assert_int_equal(bitmap_next_clear_both(a, b, NBITS, 0), n);
		assert_int_equal(bitmap_next_clear_both(a, b, NBITS, n), n);
		assert_int_equal(bitmap_next_clear_both(a, b, NBITS, n + 1), NBITS);
	}
}

static void beyond_the_end(void **state)
{
	u64 map[WORDS];

	(void)state;
	/* Bits at and after nbits are unused: they must not show. */
	memset(map, 0xff, sizeof(map));
	assert_int_equal(bitmap_weight(map, NBITS), NBITS);
	assert_int_equal(bitmap_weight(map, 0), 0);
	assert_int_equal(bitmap_next_clear(map, NBITS, 0), NBITS);
	assert_int_equal(bitmap_next_set(map, NBITS, NBITS), NBITS);
	assert_int_equal(bitmap_next_set(map, NBITS, NBITS + 500), NBITS);
	assert_int_equal(bitmap_next_set(map, 0, 0), 0);
	memset(map, 0, sizeof(map));
	map[WORDS - 1] = ~0ULL << (NBITS % 64);
	assert_int_equal(bitmap_next_set(map, NBITS, 0), NBITS);
	memset(map, 0xff, sizeof(map));
	map[WORDS - 1] = BIT(NBITS % 64) - 1;
	assert_int_equal(bitmap_next_clear(map, NBITS, 0), NBITS);
}

/* No read behind the last word: the sanitizer watches. */
static void exact_words(void **state)
{
	u64 *map = calloc(1, sizeof(*map));

	(void)state;
	assert_int_equal(bitmap_next_set(map, 64, 0), 64);
	assert_int_equal(bitmap_next_clear(map, 64, 63), 63);
	assert_int_equal(bitmap_find_clear_run(map, 64, 0, 64, 64), 0);
	assert_int_equal(bitmap_find_clear_run(map, 64, 1, 64, 1), 64);
	assert_int_equal(bitmap_weight(map, 64), 0);
	free(map);
}

static void runs(void **state)
{
	u64 map[WORDS] = { 0 };

	(void)state;
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 0, NBITS, 1), 0);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 0, NBITS + 1, 1), NBITS);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 0, SIZE_MAX, 1), NBITS);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 3, 4, 8), 8);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, NBITS, 1, 1), NBITS);
	bitmap_set(map, 70);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 0, 71, 1), 71);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 0, 70, 1), 0);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 1, 70, 1), 71);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 1, 64, 64), 128);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 1, 73, 64), NBITS);
	bitmap_set(map, 199);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 72, 128, 1), NBITS);
	assert_int_equal(bitmap_find_clear_run(map, NBITS, 71, 128, 1), 71);
}

static size_t slow_run(const u64 *map, size_t from, size_t len, size_t align)
{
	size_t start, i;

	for (start = from; start + len <= NBITS; start++) {
		for (i = 0; i < len && !bitmap_test(map, start + i); i++)
			;
		if (i == len && start % align == 0)
			return start;
	}
	return NBITS;
}

static void random_maps(void **state)
{
	unsigned short seed[3] = { 9, 9, 9 };
	int round;

	(void)state;
	for (round = 0; round < 5000; round++) {
		size_t from = (size_t)nrand48(seed) % NBITS;
		size_t len = 1 + (size_t)nrand48(seed) % 20;
		size_t align = 1UL << (nrand48(seed) % 5);
		u64 map[WORDS] = { 0 };
		size_t i, count = 0, set, clear;

		for (i = 0; i < (size_t)round % 40; i++)
			bitmap_set(map, (size_t)nrand48(seed) % NBITS);
		for (i = 0; i < NBITS; i++)
			count += bitmap_test(map, i);
		for (set = from; set < NBITS && !bitmap_test(map, set); set++)
			;
		for (clear = from; clear < NBITS && bitmap_test(map, clear); clear++)
			;
		assert_int_equal(bitmap_weight(map, NBITS), count);
		assert_int_equal(bitmap_next_set(map, NBITS, from), set);
		assert_int_equal(bitmap_next_clear(map, NBITS, from), clear);
		assert_int_equal(bitmap_find_clear_run(map, NBITS, from, len, align),
				 slow_run(map, from, len, align));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_bits),   cmocka_unit_test(set_at_once),
		cmocka_unit_test(clear_in_both), cmocka_unit_test(beyond_the_end),
		cmocka_unit_test(exact_words),   cmocka_unit_test(runs),
		cmocka_unit_test(random_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
