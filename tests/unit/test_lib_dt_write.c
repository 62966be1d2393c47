/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devicetrees as we write them, read by libfdt; copies keep names and reservations of what they are
 * copied from.
 */
#include "unit.h"

#include <lib/dt_write.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static u8 tree[4096] __aligned(8), source[4096] __aligned(8);

/* The same tree each time: two levels, a name that comes twice, values of any length. */
static int write(void *blob, u64 size, const void *from)
{
	struct dt_writer w;

	dt_create(&w, blob, size, from);
	dt_begin(&w, "");
	dt_put(&w, "model", "board", 6);
	dt_put(&w, "empty", NULL, 0);
	dt_begin(&w, "child@1");
	dt_put(&w, "reg", "\0\0\0\1\2", 5);
	dt_put(&w, "model", "x", 2);
	if (from) {
		struct dt t = dt_open(from);
		u32 at;

		(void)dt_tag(&t, 0, &at);
		dt_put_copy(&w, &(struct dt_prop){ dt_prop(&t, at).name, "copied", 7 });
	}
	dt_end(&w);
	dt_end(&w);
	return dt_finish(&w);
}

static void is(int node, const char *name, const char *value, int len)
{
	int got;
	const void *p = fdt_getprop(tree, node, name, &got);

	assert_non_null(p);
	assert_int_equal(got, len);
	assert_memory_equal(p, value, (size_t)len);
}

static void check(void)
{
	int child;

	assert_null(dt_check(tree, sizeof(tree), NULL));
	assert_int_equal(fdt_check_full(tree, sizeof(tree)), 0);
	child = fdt_path_offset(tree, "/child@1");
	assert_true(child > 0);
	is(0, "model", "board", 6);
	is(0, "empty", "", 0);
	is(child, "reg", "\0\0\0\1\2", 5);
	is(child, "model", "x", 2);
}

static void test_written(void **state)
{
	(void)state;
	memset(tree, 0xff, sizeof(tree));
	assert_int_equal(write(tree, sizeof(tree), NULL), 0);
	check();
	assert_int_equal(fdt_num_mem_rsv(tree), 0);
	/*
	 * U-Boot and others edit what they are given: the blocks are in the order that this needs.
	 */
	assert_int_equal(fdt_open_into(tree, tree, sizeof(tree)), 0);
	assert_int_equal(fdt_setprop_string(tree, 0, "more", "text"), 0);
	check();
}

static void test_copied(void **state)
{
	u64 base, size;

	(void)state;
	assert_int_equal(fdt_create(source, sizeof(source)), 0);
	assert_int_equal(fdt_add_reservemap_entry(source, 0x1000, 0x2000), 0);
	assert_int_equal(fdt_add_reservemap_entry(source, 0x100000000, 0x3000), 0);
	assert_int_equal(fdt_finish_reservemap(source), 0);
	assert_int_equal(fdt_begin_node(source, ""), 0);
	assert_int_equal(fdt_property_string(source, "theirs", "value"), 0);
	assert_int_equal(fdt_end_node(source), 0);
	assert_int_equal(fdt_finish(source), 0);
	assert_int_equal(write(tree, sizeof(tree), source), 0);
	check();
	is(fdt_path_offset(tree, "/child@1"), "theirs", "copied", 7);
	assert_int_equal(fdt_num_mem_rsv(tree), 2);
	assert_int_equal(fdt_get_mem_rsv(tree, 1, &base, &size), 0);
	assert_int_equal(base, 0x100000000);
	assert_int_equal(size, 0x3000);
}

/* Any room that is too small is told, and nothing is written behind it (the sanitizer sees). */
static void test_no_room(void **state)
{
	u32 needed;

	(void)state;
	assert_int_equal(write(tree, sizeof(tree), NULL), 0);
	needed = fdt_totalsize(tree);
	for (u32 size = 0; size < needed; size++) {
		u8 *small = malloc(size);

		assert_int_equal(write(small, size, NULL), -ENOSPC);
		free(small);
	}
	assert_int_equal(write(tree, needed, NULL), 0);
	check();
}

static void test_too_many_names_of_our_own(void **state)
{
	static char names[DT_OWN_NAMES + 1][4];
	struct dt_writer w;

	(void)state;
	for (u32 count = DT_OWN_NAMES; count <= DT_OWN_NAMES + 1; count++) {
		dt_create(&w, tree, sizeof(tree), NULL);
		dt_begin(&w, "");
		for (u32 i = 0; i < count; i++) {
			memcpy(names[i],
			       (char[]){ 'n', (char)('0' + i / 10), (char)('0' + i % 10), 0 }, 4);
			dt_put(&w, names[i], NULL, 0);
		}
		dt_end(&w);
		assert_int_equal(dt_finish(&w), count == DT_OWN_NAMES ? 0 : -ENOSPC);
	}
}

static void test_first_error_stays(void **state)
{
	struct dt_writer w;

	(void)state;
	dt_create(&w, tree, sizeof(tree), NULL);
	dt_fail(&w, -EINVAL);
	dt_fail(&w, -ENOENT);
	dt_begin(&w, "");
	dt_end(&w);
	assert_int_equal(dt_finish(&w), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_too_many_names_of_our_own),
		cmocka_unit_test(test_first_error_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
