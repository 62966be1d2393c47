/* SPDX-License-Identifier: Apache-2.0 */
/* The cleaner: when it works, where, and how much. */
#include "unit_boot.h"

#include <asm/host.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/thread.h>

static struct page_stats stats(void)
{
	struct page_stats s;

	page_stats(&s);
	return s;
}

/* A block is used, and given back as it is. */
static void make_dirty(void)
{
	paddr_t pa;

	assert_true(block_reserve(1) && block_alloc(1, 1, &pa));
	(void)!block_use(pa);
	block_free(pa, 1);
	block_unreserve(1);
}

/* On CPU 0, while the test waits; then it sleeps until there is something to do. */
static void it_cleans_what_is_free(void **state)
{
	const u64 all = stats().blocks_free;

	(void)state;
	assert_int_equal(stats().cleaned, 0);
	thread_sleep_ms(100);
	assert_int_equal(stats().blocks_clean, all);
	make_dirty();
	make_dirty();
	assert_int_equal(stats().blocks_clean, all - 2);
	thread_sleep_ms(100);
	assert_int_equal(stats().blocks_clean, all);
	assert_int_equal(stats().cleaned, all + 2);
	assert_int_equal(stats().free,
			 stats().blocks_free * BLOCK_SIZE + stats().free % BLOCK_SIZE);
}

static u32 ran_on;

static void note_cpu(void)
{
	ran_on |= (u32)BIT(this_cpu()->id);
}

static void where_it_may(void **state)
{
	const u64 all = stats().blocks_free;

	(void)state;
	page_cleaner_cpus(0);
	make_dirty();
	thread_sleep_ms(100);
	assert_int_equal(stats().blocks_clean, all - 1);
	host_zeroing = note_cpu;
	page_cleaner_cpus(0x2);
	host_run_others();
	thread_sleep_ms(100);
	host_zeroing = NULL;
	assert_int_equal(stats().blocks_clean, all);
	assert_int_equal(ran_on, 0x2);
	page_cleaner_cpus(0x3);
}

/* It is stopped in the middle of a block. */
static void stop_it(void)
{
	page_cleaner_cpus(0);
}

static void it_stops_at_once(void **state)
{
	const u64 all = stats().blocks_free;

	(void)state;
	make_dirty();
	host_zeroing = stop_it;
	thread_sleep_ms(100);
	assert_int_equal(stats().blocks_clean, all - 1);
	host_zeroing = NULL;
	page_cleaner_cpus(0x1);
	thread_sleep_ms(100);
	assert_int_equal(stats().blocks_clean, all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cleans_what_is_free),
		cmocka_unit_test(where_it_may),
		cmocka_unit_test(it_stops_at_once),
	};

	unit_boot(2);
	assert_int_equal(page_cleaner_start(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
