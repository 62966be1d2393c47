/* SPDX-License-Identifier: Apache-2.0 */
/* The random number generator: where its seed comes from, and when it says that it has none. */
#include <unit.h>

#include <arch/cpu.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <string.h>

static const u8 loader_seed[40] = { 1, 2, 3 };
static struct random r;

/* A generator of a machine that has just started. */
static void begin(const void *seed, size_t size)
{
	random_init(seed, size);
	random_fork(&r);
}

/* The fake machine's counter stands still: jitter there is none. */
static int setup(void **state)
{
	*state = NULL;
	host_reset();
	percpus[0].id = 0;
	arch_set_percpu(&percpus[0]);
	log_echo_level = LOG_ERR;
	return 0;
}

static void without_a_source_there_is_no_entropy(void **state)
{
	u8 a[32], b[32];

	(void)state;
	begin(NULL, 0);
	assert_false(random_bytes(&r, a, sizeof(a)));
	assert_false(random_bytes(&r, b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a)); /* but never twice the same */
	begin(loader_seed, 31);                   /* less than 256 bits */
	assert_false(random_bytes(&r, a, sizeof(a)));
}

static void loaders_seed_lasts_for_64_kib(void **state)
{
	u8 out[RANDOM_MAX];

	(void)state;
	begin(loader_seed, sizeof(loader_seed));
	for (u32 i = 0; i < KIB(64) / sizeof(out); i++)
		assert_true(random_bytes(&r, out, sizeof(out)));
	assert_false(random_bytes(&r, out, 1));
	host_entropy_words = 4; /* a new seed */
	assert_true(random_bytes(&r, out, 1));
	assert_int_equal(host_entropy_words, 0);
	assert_true(random_bytes(&r, out, sizeof(out)));
}

static void cpu_is_asked_for_more_than_is_given(void **state)
{
	u8 out[RANDOM_MAX];

	(void)state;
	host_entropy_words = 16;
	begin(NULL, 0);
	assert_int_equal(host_entropy_words, 0);
	for (u32 i = 0; i < 3000; i++) {
		host_entropy_words = 4;
		assert_true(random_bytes(&r, out, 24));
		assert_int_equal(host_entropy_words, 0);
		host_entropy_words = 9;
		assert_true(random_bytes(&r, out, sizeof(out)));
		assert_int_equal(host_entropy_words, 0);
	}
}

/* Every bit is set about half of the time, and no two outputs have a half in common. */
static void output_looks_random(void **state)
{
	u32 set[8 * 48] = { 0 };
	u8 out[48], last[48] = { 0 };

	(void)state;
	begin(loader_seed, sizeof(loader_seed));
	for (u32 n = 0; n < 1000; n++) {
		assert_true(random_bytes(&r, out, sizeof(out)));
		for (u32 bit = 0; bit < ARRAY_SIZE(set); bit++)
			set[bit] += out[bit / 8] >> bit % 8 & 1;
		assert_memory_not_equal(out, last, 24);
		assert_memory_not_equal(out + 24, last + 24, 24);
		memcpy(last, out, sizeof(last));
	}
	for (u32 bit = 0; bit < ARRAY_SIZE(set); bit++)
		assert_in_range(set[bit], 400, 600);
}

static void seeds_make_a_difference(void **state)
{
	u8 seed[40] = { 0 }, a[32], b[32];

	(void)state;
	begin(seed, sizeof(seed));
	assert_true(random_bytes(&r, a, sizeof(a)));
	seed[39] ^= 1;
	begin(seed, sizeof(seed));
	assert_true(random_bytes(&r, b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void nothing_is_written_behind(void **state)
{
	u8 out[RANDOM_MAX + 1];

	(void)state;
	begin(loader_seed, sizeof(loader_seed));
	for (size_t size = 0; size <= RANDOM_MAX; size++) {
		out[size] = 0xa5;
		assert_true(random_bytes(&r, out, size));
		assert_int_equal(out[size], 0xa5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_a_source_there_is_no_entropy, setup),
		cmocka_unit_test_setup(loaders_seed_lasts_for_64_kib, setup),
		cmocka_unit_test_setup(cpu_is_asked_for_more_than_is_given, setup),
		cmocka_unit_test_setup(output_looks_random, setup),
		cmocka_unit_test_setup(seeds_make_a_difference, setup),
		cmocka_unit_test_setup(nothing_is_written_behind, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
