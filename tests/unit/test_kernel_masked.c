/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest sections with interrupts masked: which are kept, in what order, and what forgets
 * them.
 */
#include "test_kernel.h"

#include <kernel/masked.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>

static struct masked_section worst[MASKED_WORST];

/* A section of this CPU, as the places that have no mask to touch report it. */
static void section(u64 ticks, u64 from, u64 to)
{
	struct masked *m = &this_cpu()->masked;

	masked_restart(m, 1000, from);
	masked_stop(m, 1000 + ticks, to);
	masked_get(0, worst);
}

static void is(u32 row, u64 ticks, u64 from, u64 to)
{
	assert_int_equal(worst[row].ticks, ticks);
	assert_int_equal(worst[row].from, from);
	assert_int_equal(worst[row].to, to);
}

static int forget(void **state)
{
	*state = NULL;
	masked_reset();
	masked_get(0, worst);
	is(0, 0, 0, 0);
	return 0;
}

static void longest_first(void **state)
{
	(void)state;
	section(100, 0x1000, 0x2000);
	section(120, 0x1004, 0x2004);
	section(110, 0x1008, 0x2008);
	is(0, 120, 0x1004, 0x2004);
	is(1, 110, 0x1008, 0x2008);
	is(2, 100, 0x1000, 0x2000);
	is(3, 0, 0, 0);
}

static void one_row_for_a_place(void **state)
{
	(void)state;
	section(100, 0x1000, 0x2000);
	section(90, 0x1000, 0x2000);
	is(0, 100, 0x1000, 0x2000);
	section(95, 0x1000, 0x2004);
	section(200, 0x1000, 0x2004);
	is(0, 200, 0x1000, 0x2004);
	is(1, 100, 0x1000, 0x2000);
	is(2, 0, 0, 0);
}

/* Half of the longest and less is no news: it is not looked at. */
static void short_ones_are_left_out(void **state)
{
	(void)state;
	section(100, 0x1000, 0x2000);
	section(50, 0x1004, 0x2000);
	is(1, 0, 0, 0);
	section(51, 0x1004, 0x2000);
	is(1, 51, 0x1004, 0x2000);
}

static void full_table_keeps_the_longest(void **state)
{
	(void)state;
	for (u64 n = 0; n < 2 * MASKED_WORST; n++)
		section(100 + n, 0x1000 + n, 0x2000);
	for (u32 row = 0; row < MASKED_WORST; row++)
		assert_int_equal(worst[row].ticks, 100 + 2 * MASKED_WORST - 1 - row);
}

/* What began before a reset is no section of the time after it. */
static void reset_within_a_section(void **state)
{
	struct masked *m = &this_cpu()->masked;

	(void)state;
	masked_restart(m, 1000, 0x1000);
	masked_reset();
	masked_stop(m, 5000, 0x2000);
	masked_get(0, worst);
	is(0, 0, 0, 0);
}

static void exits_on_all_cpus(void **state)
{
	(void)state;
	masked_exits(MASKED_ASKED, true);
	for (u32 cpu = 0; cpu < 2; cpu++)
		assert_true(percpus[cpu].masked.exits && host_measures_exits[cpu]);
	masked_exits(MASKED_ASKED, false);
	for (u32 cpu = 0; cpu < 2; cpu++)
		assert_false(percpus[cpu].masked.exits || host_measures_exits[cpu]);
}

/* Longer sections than asked for are in the trace, also those that are short beside the longest. */
static void traced(void **state)
{
	static struct trace_record records[TRACE_RING_RECORDS];
	struct trace_ring *ring = &this_cpu()->trace;
	const u64 most = us_to_ticks(4), longest = 100 * most;
	unsigned long flags;

	(void)state;
	section(longest, 0x1000, 0x2000);
	ring->records = records;
	masked_trace(4);
	trace_set_groups(TRACE_MASKS, 0, 0);
	flags = arch_irq_save();
	ring->head = 0;
	section(most, 0x1000, 0x2004);
	section(most + 1, 0x1004, 0x400000002008);
	assert_int_equal(ring->head, 1);
	assert_int_equal(records[0].when, (u64)TRACE_MASKED << 56 | (1001 + most));
	assert_int_equal(records[0].what, (most + 1) << 32 | 0x2008);
	is(0, longest, 0x1000, 0x2000);
	is(1, most + 1, 0x1004, 0x400000002008);
	arch_irq_restore(flags);
	trace_set_groups(0, 0, 0);
	masked_trace(0);
	section(most + 2, 0x1004, 0x200c);
	is(1, most + 1, 0x1004, 0x400000002008);
	ring->records = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(longest_first, forget),
		cmocka_unit_test_setup(one_row_for_a_place, forget),
		cmocka_unit_test_setup(short_ones_are_left_out, forget),
		cmocka_unit_test_setup(full_table_keeps_the_longest, forget),
		cmocka_unit_test_setup(reset_within_a_section, forget),
		cmocka_unit_test_setup(exits_on_all_cpus, forget),
		cmocka_unit_test_setup(traced, forget),
	};

	unit_boot(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
