/* SPDX-License-Identifier: Apache-2.0 */
/* The cpio reader on archives made here, whole and broken. The archive lies in memory of its exact size: the sanitizer sees a read beyond. */
#include <unit.h>

#include <lib/cpio.h>
#include <lib/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGULAR 0100644
#define FOLDER  040755

struct archive {
	u8 bytes[4096];
	u32 size;
};

static void pad(struct archive *a)
{
	while (a->size % 4)
		a->bytes[a->size++] = 0;
}

static void add(struct archive *a, const char *magic, const char *name, u32 mode, const void *data,
		u32 size)
{
	size_t name_size = strlen(name) + 1;

	a->size += (u32)sprintf((char *)a->bytes + a->size,
				"%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x", magic, 1,
				mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	memcpy(a->bytes + a->size, name, name_size);
	a->size += (u32)name_size;
	pad(a);
	memcpy(a->bytes + a->size, data, size);
	a->size += size;
	pad(a);
}

static void add_trailer(struct archive *a)
{
	add(a, "070701", "TRAILER!!!", 0, "", 0);
}

/* A folder, three files, the trailer. */
static struct archive *sample(void)
{
	static struct archive a;

	memset(&a, 0, sizeof(a));
	add(&a, "070701", ".", FOLDER, "", 0);
	add(&a, "070701", "vms", FOLDER, "", 0);
	add(&a, "070701", "./vms/linux.dtb", REGULAR, "devicetree", 10);
	add(&a, "070702", "linux/Image", REGULAR, "MZ", 2);
	add(&a, "070701", "empty", REGULAR, "", 0);
	add_trailer(&a);
	return &a;
}

/* Walk the first `size` bytes of an archive; the last answer of cpio_next, *files: how many entries there were. */
static int walk(const void *bytes, u32 size, u32 *files)
{
	u8 *exact = malloc(size ? size : 1);
	struct cpio_entry e;
	struct cpio c;
	int more;

	memcpy(exact, bytes, size);
	cpio_open(&c, exact, size);
	for (*files = 0; (more = cpio_next(&c, &e)) > 0; (*files)++) {
		assert_true(strlen(e.name) < size);
		assert_true((const u8 *)e.data >= exact &&
			    (const u8 *)e.data + e.size <= exact + size);
	}
	assert_int_equal(cpio_next(&c, &e), more); /* and stays so */
	free(exact);
	return more;
}

static void entries_in_order(void **state)
{
	static const char *const names[] = { ".", "vms", "vms/linux.dtb", "linux/Image", "empty" };
	struct archive *a = sample();
	struct cpio_entry e;
	struct cpio c;
	size_t i;

	(void)state;
	cpio_open(&c, a->bytes, a->size);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cpio_next(&c, &e), 1);
		assert_string_equal(e.name, names[i]);
		assert_int_equal(e.mode, i < 2 ? FOLDER : REGULAR);
	}
	assert_int_equal(cpio_next(&c, &e), 0);
	assert_int_equal(cpio_next(&c, &e), 0);
}

static void finding(void **state)
{
	struct archive *a = sample();
	struct cpio_entry e;

	(void)state;
	assert_int_equal(cpio_find(a->bytes, a->size, "linux/Image", &e), 0);
	assert_int_equal(e.size, 2);
	assert_memory_equal(e.data, "MZ", 2);
	assert_int_equal(cpio_find(a->bytes, a->size, "vms/linux.dtb", &e), 0);
	assert_int_equal(e.size, 10);
	assert_memory_equal(e.data, "devicetree", 10);
	assert_int_equal(cpio_find(a->bytes, a->size, "empty", &e), 0);
	assert_int_equal(e.size, 0);
	assert_int_equal(cpio_find(a->bytes, a->size, "vms", &e), -ENOENT); /* a folder */
	assert_int_equal(cpio_find(a->bytes, a->size, "linux", &e), -ENOENT);
	assert_int_equal(cpio_find(a->bytes, a->size, "", &e), -ENOENT);
	assert_int_equal(cpio_find(a->bytes, a->size, "TRAILER!!!", &e), -ENOENT);
	assert_int_equal(cpio_find(a->bytes, 0, "linux/Image", &e), -ENOENT);
	assert_int_equal(cpio_find(a->bytes, 50, "linux/Image", &e), -EINVAL);
}

static void bytes_after_the_trailer_do_not_matter(void **state)
{
	struct archive *a = sample();
	u32 files;

	(void)state;
	memset(a->bytes + a->size, 0xee, 300);
	assert_int_equal(walk(a->bytes, a->size + 300, &files), 0);
	assert_int_equal(files, 5);
}

static void missing_trailer_is_an_end(void **state)
{
	struct archive a = { .size = 0 };
	u32 files;

	(void)state;
	add(&a, "070701", "a", REGULAR, "12345", 5);
	assert_int_equal(walk(a.bytes, a.size, &files), 0);
	assert_int_equal(files, 1);
	assert_int_equal(walk(a.bytes, a.size - 3, &files), 0); /* without the last padding */
	assert_int_equal(files, 1);
	assert_int_equal(walk(a.bytes, a.size - 4, &files), -EINVAL);
}

static void every_truncation(void **state)
{
	struct archive *a = sample();
	u32 size, files;

	(void)state;
	for (size = 0; size < a->size; size++) {
		int end = walk(a->bytes, size, &files);

		assert_true(end == 0 || end == -EINVAL);
		assert_true(files <= 5);
	}
}

static void every_damaged_byte(void **state)
{
	static const u8 values[] = { 0, '0', '7', 'f', 'F', 'x', 0xff };
	struct archive *a = sample();
	u32 at, files;
	size_t v;

	(void)state;
	for (at = 0; at < a->size; at++) {
		u8 good = a->bytes[at];

		for (v = 0; v < ARRAY_SIZE(values); v++) {
			a->bytes[at] = values[v];
			(void)walk(a->bytes, a->size, &files);
		}
		a->bytes[at] = good;
	}
	assert_int_equal(walk(a->bytes, a->size, &files), 0);
}

/* Overwrite the field (its number after the magic) of the first header. */
static int walk_with_field(u32 field, const char *text)
{
	struct archive a = { .size = 0 };
	u32 files;

	add(&a, "070701", "name", REGULAR, "data", 4);
	add_trailer(&a);
	memcpy(a.bytes + 6 + 8 * field, text, 8);
	return walk(a.bytes, a.size, &files);
}

static void hostile_fields(void **state)
{
	struct archive a = { .size = 0 };
	u32 files;

	(void)state;
	assert_int_equal(walk_with_field(6, "00000004"), 0);
	assert_int_equal(walk_with_field(6, "ffffffff"), -EINVAL);
	assert_int_equal(walk_with_field(6, "fffffffc"), -EINVAL);
	assert_int_equal(walk_with_field(6, "-0000001"), -EINVAL);
	assert_int_equal(walk_with_field(6, "0x000004"), -EINVAL);
	assert_int_equal(walk_with_field(6, "       4"), -EINVAL);
	assert_int_equal(walk_with_field(6, "4\0\0\0\0\0\0\0"), -EINVAL);
	assert_int_equal(walk_with_field(1, "zzzzzzzz"), -EINVAL);
	assert_int_equal(walk_with_field(11, "00000000"), -EINVAL);
	assert_int_equal(walk_with_field(11, "ffffffff"), -EINVAL);
	assert_int_equal(walk_with_field(11, "00000004"), -EINVAL); /* no terminator */
	assert_int_equal(walk_with_field(0, "whatever"), 0);        /* not looked at */

	add(&a, "070707", "old", REGULAR, "", 0);
	assert_int_equal(walk(a.bytes, a.size, &files), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_in_order),
		cmocka_unit_test(finding),
		cmocka_unit_test(bytes_after_the_trailer_do_not_matter),
		cmocka_unit_test(missing_trailer_is_an_end),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_damaged_byte),
		cmocka_unit_test(hostile_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
