/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's RAM: whatever ranges come in, a byte is used once or not at all. */
#include "unit.h"

#include <kernel/early.h>
#include <kernel/ram.h>
#include <stdlib.h>
#include <string.h>

static u64 early[KIB(256) / sizeof(u64)];

static struct phys_range range(u64 start, u64 size)
{
	return (struct phys_range){ PADDR(start), size };
}

static int setup(void **state)
{
	*state = NULL;
	early_init(early, sizeof(early));
	ram_reset();
	return 0;
}

static void add(u64 start, u64 size)
{
	assert_true(ram_add(range(start, size)));
}

static void take(u64 start, u64 size, enum ram_use use)
{
	assert_true(ram_take(range(start, size), use));
}

/* The list is these pairs of start and end, which end with 0. */
static void is(const struct ram_range *r, const u64 *pairs)
{
	for (; *pairs; pairs += 2, r = r->next) {
		assert_non_null(r);
		assert_int_equal(r->start, pairs[0]);
		assert_int_equal(r->end, pairs[1]);
	}
	assert_null(r);
}

#define is_list(list, ...) is(list, (const u64[]){ __VA_ARGS__, 0 })

static void test_what_touches_becomes_one(void **state)
{
	(void)state;
	add(0x8000, 0x2000);
	add(0x1000, 0x1000);
	add(0x4000, 0x1000);
	add(0x2000, 0x2000); /* closes the gap */
	add(0x9000, 0x800);  /* is there already */
	add(0xa000, 0x1800); /* half a page at its end */
	add(0x20000, 0);
	assert_true(ram_settle(BIT(47)));
	is_list(ram_all(), 0x1000, 0x5000, 0x8000, 0xb000);
	is_list(ram_free(), 0x1000, 0x5000, 0x8000, 0xb000);
}

static void test_the_ends_of_the_address_space(void **state)
{
	(void)state;
	add(0, 0x3000);
	add(BIT(47) - 0x2000, 0x8000);
	add(UINT64_MAX - 0x2000, 0x8000);
	assert_true(ram_settle(BIT(47)));
	is_list(ram_all(), 0x1000, 0x3000, BIT(47) - 0x2000, BIT(47));
	take(0x2800, UINT64_MAX, RAM_RESERVED);
	is_list(ram_free(), 0x1000, 0x2000);
	assert_non_null(ram_problem(range(UINT64_MAX, 2), 0));
	assert_non_null(ram_problem(range(0x1000, 0), 0));
	assert_non_null(ram_problem(range(0x1000, UINT64_MAX), 0));
}

static void test_what_is_taken(void **state)
{
	(void)state;
	add(0x10000, 0x10000);
	assert_true(ram_settle(BIT(47)));
	take(0x12800, 0x1000, RAM_RESERVED); /* two pages */
	take(0x16000, 0x1000, RAM_NO_MAP);
	take(0x18000, 0x1000, RAM_IMAGE);
	take(0x1a000, 0x1000, RAM_PRELOADED);
	take(0x1f000, 0x8000, RAM_BUNDLE); /* in part no RAM */
	take(0x1c000, 0, RAM_RESERVED);
	is_list(ram_free(), 0x10000, 0x12000, 0x14000, 0x16000, 0x17000, 0x18000, 0x19000, 0x1a000,
		0x1b000, 0x1f000);
	is_list(ram_mapped(), 0x10000, 0x16000, 0x17000, 0x18000, 0x19000, 0x20000);
	is_list(ram_all(), 0x10000, 0x20000);
	assert_int_equal(ram_free_from(0x11000, 0x10000), 0x1000);
	assert_int_equal(ram_free_from(0x11000, 0x10), 0x10);
	assert_int_equal(ram_free_from(0x12000, 0x10000), 0);
}

static void says(u64 start, u64 size, u32 but, const char *words)
{
	const char *why = ram_problem(range(start, size), but);

	if (!words)
		assert_null(why);
	else if (!why || !strstr(why, words))
		fail_msg("0x%lx, 0x%lx: %s, not: %s", start, size, why ? why : "nothing", words);
}

static void test_what_stands_against_an_address(void **state)
{
	(void)state;
	add(0x10000, 0x10000);
	assert_true(ram_settle(BIT(47)));
	take(0x12000, 0x1000, RAM_RESERVED);
	take(0x13000, 0x1000, RAM_NO_MAP);
	take(0x14000, 0x1000, RAM_IMAGE);
	take(0x15000, 0x1000, RAM_TREE);
	take(0x16000, 0x1000, RAM_BUNDLE);
	take(0x17000, 0x1000, RAM_PRELOADED);
	says(0x10000, 0x2000, 0, NULL);
	says(0x18001, 0x7fff, 0, NULL);
	says(0x18000, 0x8001, 0, "not all of it is RAM");
	says(0xffff, 2, 0, "not all of it is RAM");
	says(0x100, 2, 0, "not all of it is RAM");
	says(0x11fff, 2, 0, "reserves it");
	says(0x13800, 1, 0, "no-map");
	says(0x13fff, 2, 0, "the hypervisor is there");
	says(0x15000, 1, 0, "devicetree is there");
	says(0x16fff, 1, 0, "the bundle is there");
	says(0x17000, 0x2000, 0, "preloaded image is there");
	says(0x17000, 0x2000, BIT(RAM_PRELOADED), NULL);
	says(0x16fff, 0x2000, BIT(RAM_PRELOADED), "the bundle is there");
	says(0x12000, 0x1000, BIT(RAM_RESERVED), NULL);
	/* What is not mapped is never allowed. */
	says(0x13000, 0x1000, BIT(RAM_NO_MAP), "not all of it is RAM");
	assert_true(ram_holds(range(0x17100, 0x100), RAM_PRELOADED));
	assert_false(ram_holds(range(0x17100, 0x1000), RAM_PRELOADED));
	assert_false(ram_holds(range(0x16000, 0x1000), RAM_PRELOADED));
}

static void test_no_room_is_told(void **state)
{
	u32 n = 0;

	(void)state;
	early_init(early, 1024);
	while (n < 1000 && ram_add(range(0x10000 * (n + 1), 0x1000)))
		n++;
	assert_in_range(n, 10, 100);
	early_init(early, 1024);
	ram_reset();
	add(0x10000, BIT(40));
	assert_true(ram_settle(BIT(47)));
	for (n = 0; n < 1000 && ram_take(range(0x20000 * (n + 1), 0x1000), RAM_NO_MAP); n++)
		;
	assert_in_range(n, 2, 50);
}

/* ---- a map of pages beside it ---- */

#define PAGES 256

struct model {
	bool ram[PAGES + 1], mapped[PAGES + 1], unused[PAGES + 1];
};

static void same(const struct ram_range *r, const bool *pages)
{
	u64 end = 0;

	for (u64 p = 0; p < PAGES; r = r->next) {
		while (p < PAGES && !pages[p])
			p++;
		if (p == PAGES)
			break;
		assert_non_null(r);
		assert_int_equal(r->start, p * PAGE_SIZE);
		assert_true(r->start > end || !end);
		while (p < PAGES && pages[p])
			p++;
		assert_int_equal(r->end, p * PAGE_SIZE);
		end = r->end;
	}
	assert_null(r);
}

/* Bytes anywhere and of any length; whole pages count. */
static void random_step(struct model *m, bool adding)
{
	u64 start = (u64)rand() % (PAGES * PAGE_SIZE);
	u64 size = (u64)rand() % (rand() % 4 ? 8 * PAGE_SIZE : 64 * PAGE_SIZE);
	u64 first, last;

	size = MIN(size, PAGES * PAGE_SIZE - start);
	if (rand() % 2) {
		start = ALIGN_DOWN(start, PAGE_SIZE);
		size = ALIGN_DOWN(size, PAGE_SIZE);
	}
	if (adding) {
		start = ALIGN_DOWN(start, PAGE_SIZE); /* halves of pages would add up */
		add(start, size);
		for (first = start / PAGE_SIZE, last = (start + size) / PAGE_SIZE; first < last;
		     first++)
			m->ram[first] = m->mapped[first] = m->unused[first] = first > 0;
		return;
	}
	enum ram_use use = (enum ram_use)(rand() % RAM_USES);

	take(start, size, use);
	last = size ? (start + size + PAGE_SIZE - 1) / PAGE_SIZE : 0;
	for (first = start / PAGE_SIZE; first < last; first++) {
		m->unused[first] = false;
		if (use == RAM_NO_MAP || use == RAM_IMAGE)
			m->mapped[first] = false;
	}
}

static void test_random(void **state)
{
	srand(1);
	for (u32 run = 0; run < 500; run++) {
		struct model m;

		memset(&m, 0, sizeof(m));

		setup(state);
		for (u32 n = (u32)rand() % 30; n > 0; n--)
			random_step(&m, true);
		assert_true(ram_settle(BIT(47)));
		same(ram_all(), m.ram);
		for (u32 n = (u32)rand() % 60; n > 0; n--) {
			random_step(&m, false);
			same(ram_all(), m.ram);
			same(ram_mapped(), m.mapped);
			same(ram_free(), m.unused);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_what_touches_becomes_one, setup),
		cmocka_unit_test_setup(test_the_ends_of_the_address_space, setup),
		cmocka_unit_test_setup(test_what_is_taken, setup),
		cmocka_unit_test_setup(test_what_stands_against_an_address, setup),
		cmocka_unit_test_setup(test_no_room_is_told, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
