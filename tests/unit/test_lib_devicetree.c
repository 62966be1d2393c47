/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check that every devicetree from outside goes through, with libfdt's trees and every lie
 * about them.
 */
#include "unit.h"

#include <lib/devicetree.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static u8 made[4096] __aligned(8);
static u8 *tree; /* of exactly `size` bytes, 8-byte aligned */
static u32 size;

#define ok(call) assert_int_equal(call, 0)

/* Behind the root's name: a, its value "ab", the node x with b inside. */
static int setup(void **state)
{
	*state = NULL;
	ok(fdt_create(made, sizeof(made)));
	ok(fdt_add_reservemap_entry(made, 0x1000, 0x2000));
	ok(fdt_finish_reservemap(made));
	ok(fdt_begin_node(made, ""));
	ok(fdt_property(made, "a", "ab", 2));
	ok(fdt_begin_node(made, "x@1"));
	ok(fdt_property(made, "bee", NULL, 0));
	ok(fdt_end_node(made));
	ok(fdt_end_node(made));
	ok(fdt_finish(made));
	size = fdt_totalsize(made);
	tree = malloc(size);
	memcpy(tree, made, size);
	return 0;
}

static int teardown(void **state)
{
	*state = NULL;
	free(tree);
	return 0;
}

static const char *check(void)
{
	return dt_check(tree, size, NULL);
}

static u32 get(u32 at)
{
	return fdt32_ld((const fdt32_t *)(const void *)(tree + at));
}

static void put(u32 at, u32 value)
{
	fdt32_st(tree + at, value);
}

/* Where fields of the header are, and places in the structure block. */
enum {
	MAGIC = 0,
	TOTAL = 4,
	STRUCTS = 8,
	STRINGS = 12,
	RESERVED = 16,
	VERSION = 20,
	LAST = 24,
	STRINGS_SIZE = 32,
	STRUCTS_SIZE = 36
};

static u32 in_structs(u32 offset)
{
	return get(STRUCTS) + offset;
}

/* Offsets of tags. */
enum { ROOT = 0, PROP_A = 8, NODE_X = 24, PROP_B = 32, END_X = 44, END_ROOT = 48, END = 52 };

static void test_a_good_tree_passes(void **state)
{
	struct dt_facts facts;

	(void)state;
	assert_null(dt_check(tree, size, &facts));
	assert_int_equal(facts.nodes, 2);
	assert_int_equal(facts.length, size);
	assert_int_equal(get(in_structs(END)), FDT_END);
	/* What is free behind it is not its length. */
	ok(fdt_open_into(made, made, sizeof(made)));
	assert_null(dt_check(made, sizeof(made), &facts));
	assert_int_equal(facts.length, size);
	/* A file that ends where the tree does is whole. */
	assert_null(dt_check(made, size, NULL));
	assert_string_equal(dt_check(made, size - 1, NULL), "is cut off");
}

/* At any place in memory: a file of a bundle is aligned to 4 bytes. */
static void test_any_alignment(void **state)
{
	u8 *moved = malloc(size + 8);

	(void)state;
	for (u32 shift = 0; shift < 8; shift++) {
		memcpy(moved + shift, tree, size);
		assert_null(dt_check(moved + shift, size, NULL));
	}
	free(moved);
}

static void test_every_lie_is_seen(void **state)
{
	const struct {
		u32 at, value;
		const char *says;
	} lies[] = {
		{ MAGIC, 0xedfe0dd0, "does not begin as one" },
		{ TOTAL, 0x7fffffff, "has 2 GiB or more" },
		{ TOTAL, size - 1, "has a block outside of it" },
		{ VERSION, 16, "has a version other than 17" },
		{ LAST, 18, "has a version other than 17" },
		{ STRUCTS, 0xfffffffc, "has a block outside of it" },
		{ STRUCTS, get(STRUCTS) + 2, "has a block outside of it" },
		{ STRUCTS, 0, "has a block outside of it" },
		{ STRUCTS_SIZE, 0xfffffffc, "has a block outside of it" },
		{ STRUCTS_SIZE, END, "has no end" },
		{ STRUCTS_SIZE, 0, "has no end" },
		{ STRINGS, 0xffffffff, "has a block outside of it" },
		{ STRINGS_SIZE, 0xffffffff, "has a block outside of it" },
		{ STRINGS_SIZE, get(STRINGS_SIZE) - 1, "has a name without an end" },
		{ STRINGS_SIZE, 0, "has a property's name outside of it" },
		{ RESERVED, get(RESERVED) + 4, "has a block outside of it" },
		{ RESERVED, 0xfffffff8, "has a block outside of it" },
		{ in_structs(ROOT), FDT_NOP, "has an unknown tag" },
		{ in_structs(ROOT), FDT_END_NODE, "ends more nodes than it has" },
		{ in_structs(ROOT), FDT_END, "ends inside a node" },
		{ in_structs(PROP_A), 7, "has an unknown tag" },
		{ in_structs(ROOT + 4), 0x2f000000, "has a root with a name" },
		{ in_structs(PROP_A + 4), 0xfffffffe, "has a property longer than the tree" },
		{ in_structs(PROP_A + 4), 0xfffffff4, "has a property longer than the tree" },
		{ in_structs(PROP_A + 4), 0x7fffffff, "has a property longer than the tree" },
		{ in_structs(PROP_A + 4), 45, "has a property longer than the tree" },
		{ in_structs(PROP_A + 8), get(STRINGS_SIZE),
		  "has a property's name outside of it" },
		{ in_structs(PROP_A + 8), 0xffffffff, "has a property's name outside of it" },
		{ in_structs(END_X), FDT_NOP, "ends inside a node" },
		{ in_structs(END_ROOT), FDT_END, "ends inside a node" },
		{ in_structs(END), FDT_END_NODE, "ends more nodes than it has" },
		{ in_structs(END), FDT_NOP, "has no end" },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		u32 before = get(lies[i].at);
		const char *why;

		put(lies[i].at, lies[i].value);
		why = check();
		if (!why || strcmp(why, lies[i].says))
			fail_msg("lie %u: %s, not: %s", i, why ? why : "passes", lies[i].says);
		put(lies[i].at, before);
		assert_null(check());
	}
}

static void test_reservations_have_to_end(void **state)
{
	const u32 at = get(RESERVED);

	(void)state;
	/* One without a length is no end of them. */
	memset(tree + at + 8, 0, 8);
	assert_null(check());
	/* All the rest of the tree looks like more of them. */
	memset(tree + at, 0xff, size - at);
	put(STRUCTS_SIZE, 0);
	put(STRINGS_SIZE, 0);
	assert_string_equal(check(), "has memory reservations without an end");
}

static void test_two_roots_or_a_late_property(void **state)
{
	(void)state;
	/* x ends before it has begun, and begins as a second root. */
	put(in_structs(PROP_A), FDT_END_NODE);
	for (u32 at = PROP_A + 4; at < NODE_X; at += 4)
		put(in_structs(at), FDT_NOP);
	assert_string_equal(check(), "has two roots");
	teardown(state);
	setup(state);
	/* The node x is over where its property begins. */
	put(in_structs(NODE_X + 4), 0);
	put(in_structs(PROP_B), FDT_NOP);
	put(in_structs(PROP_B + 4), FDT_END_NODE);
	put(in_structs(PROP_B + 8), FDT_PROP);
	put(in_structs(END_X), 0);
	put(in_structs(END_ROOT), 0);
	assert_string_equal(check(), "has a property behind its node's children");
}

static void test_names_end_soon(void **state)
{
	u8 *long_names = calloc(1, size + 300);
	const u32 end = get(STRINGS) + get(STRINGS_SIZE);

	(void)state;
	memcpy(long_names, tree, size);
	fdt32_st(long_names + TOTAL, size + 300);
	fdt32_st(long_names + STRINGS_SIZE, get(STRINGS_SIZE) + 257);
	memset(long_names + end, 'n', DT_NAME_MAX);
	assert_null(dt_check(long_names, size + 300, NULL));
	memset(long_names + end, 'n', DT_NAME_MAX + 1);
	assert_string_equal(dt_check(long_names, size + 300, NULL),
			    "has a name of more than 255 characters");
	free(long_names);
	/* A node's may be as long as it likes, but it is over before the block is. */
	memset(tree + in_structs(NODE_X + 4), 'n', get(STRUCTS_SIZE) - NODE_X - 4);
	assert_string_equal(check(), "has a node's name without an end");
}

static const char *check_depth(u32 depth)
{
	ok(fdt_create(made, sizeof(made)));
	ok(fdt_finish_reservemap(made));
	for (u32 i = 0; i < depth; i++)
		ok(fdt_begin_node(made, i ? "n" : ""));
	for (u32 i = 0; i < depth; i++)
		ok(fdt_end_node(made));
	ok(fdt_finish(made));
	return dt_check(made, sizeof(made), NULL);
}

static void test_depth(void **state)
{
	(void)state;
	assert_null(check_depth(DT_DEPTH_MAX));
	assert_string_equal(check_depth(DT_DEPTH_MAX + 1), "is deeper than 64 nodes");
}

static void test_walk(void **state)
{
	const enum dt_tag tags[] = { DT_BEGIN_NODE, DT_PROP,     DT_BEGIN_NODE, DT_PROP,
				     DT_END_NODE,   DT_END_NODE, DT_END };
	struct dt t = dt_open(tree);
	struct dt_prop prop;
	u32 at = 0, next;
	u64 base, length;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(tags); i++, at = next)
		assert_int_equal(dt_tag(&t, at, &next), tags[i]);
	assert_string_equal(dt_node_name(&t, NODE_X), "x@1");
	prop = dt_prop(&t, PROP_A);
	assert_string_equal(prop.name, "a");
	assert_int_equal(prop.len, 2);
	assert_memory_equal(prop.value, "ab", 2);
	assert_true(dt_reservation(tree, 0, &base, &length));
	assert_int_equal(base, 0x1000);
	assert_int_equal(length, 0x2000);
	assert_false(dt_reservation(tree, 1, &base, &length));
}

/*
 * With any bit wrong, and cut at any place: a tree that passes is walked to its end within its
 * bytes (the sanitizer checks).
 */
static void test_any_bit_wrong(void **state)
{
	(void)state;
	for (u32 n = 0; n < size * 8; n++) {
		tree[n / 8] ^= (u8)(1 << n % 8);
		if (!check()) {
			struct dt t = dt_open(tree);
			u32 at = 0, next, tags = 0;

			for (; dt_tag(&t, at, &next) != DT_END; at = next)
				assert_true(++tags < size);
			for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL))
				assert_non_null(fdt_get_name(tree, node, NULL));
			assert_true(fdt_num_mem_rsv(tree) >= 0);
		}
		tree[n / 8] ^= (u8)(1 << n % 8);
	}
	for (u32 n = 0; n < size; n++) {
		u8 *cut = malloc(n);

		if (n)
			memcpy(cut, tree, n);
		assert_non_null(dt_check(cut, n, NULL));
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_good_tree_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_alignment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_lie_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reservations_have_to_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_roots_or_a_late_property, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_end_soon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_bit_wrong, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
