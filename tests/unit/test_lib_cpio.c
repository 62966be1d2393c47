/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cpio reader on archives made here, valid and broken. The archive lies in memory of its exact
 * size: the sanitizer sees a read beyond.
 */
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

/* What of an entry is not the same for all. */
struct fields {
	const char *magic;
	u32 inode, mode, links, minor, check;
};

static void add_entry(struct archive *a, const char *name, const void *data, u32 size,
		      struct fields f)
{
	size_t name_size = strlen(name) + 1;

	a->size += (u32)sprintf((char *)a->bytes + a->size,
				"%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x", f.magic,
				f.inode, f.mode, 0, 0, f.links, 0, size, 8, f.minor, 0, 0,
				name_size, f.check);
	memcpy(a->bytes + a->size, name, name_size);
	a->size += (u32)name_size;
	pad(a);
	memcpy(a->bytes + a->size, data, size);
	a->size += size;
	pad(a);
}

static void add(struct archive *a, const char *magic, const char *name, u32 mode, const void *data,
		u32 size)
{
	add_entry(a, name, data, size, (struct fields){ magic, 1, mode, 1, 1, 0 });
}

static void add_file(struct archive *a, const char *name, const char *text)
{
	add(a, "070701", name, REGULAR, text, (u32)strlen(text));
}

static void add_symlink(struct archive *a, const char *name, const char *target)
{
	add(a, "070701", name, 0120777, target, (u32)strlen(target));
}

/* One of so many links to a file. */
static void add_hard_link(struct archive *a, const char *name, u32 inode, u32 links,
			  const char *text)
{
	add_entry(a, name, text, (u32)strlen(text),
		  (struct fields){ "070701", inode, REGULAR, links, 1, 0 });
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
	add_entry(&a, "linux/Image", "MZ", 2,
		  (struct fields){ "070702", 1, REGULAR, 1, 1, 'M' + 'Z' });
	add(&a, "070701", "empty", REGULAR, "", 0);
	add_trailer(&a);
	return &a;
}

/*
 * Walk the first `size` bytes of an archive; the last answer of cpio_next, *files: how many entries
 * there were.
 */
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
	assert_int_equal(cpio_find(a->bytes, 50, "linux/Image", &e), -ENOENT);
}

/* What `path` reads as; NULL: there is no such file. */
static const char *text_of(const struct archive *a, const char *path)
{
	static char text[64];
	struct cpio_entry e;

	if (cpio_find(a->bytes, a->size, path, &e))
		return NULL;
	assert_true(e.size < sizeof(text));
	memcpy(text, e.data, e.size);
	text[e.size] = '\0';
	return text;
}

static void what_follows_an_archive(void **state)
{
	struct archive *a = sample();
	const u32 end = a->size;
	struct cpio_entry e;
	struct cpio c;
	u32 files;

	(void)state;
	memset(a->bytes + end, 0, 300);
	assert_int_equal(walk(a->bytes, end + 300, &files), 0);
	assert_int_equal(files, 5);
	memset(a->bytes + end + 100, 0xee, 200);
	assert_int_equal(walk(a->bytes, end + 300, &files), -EINVAL);
	assert_int_equal(files, 5);
	cpio_open(&c, a->bytes, end + 300);
	while (cpio_next(&c, &e) > 0)
		;
	assert_int_equal(c.offset, end + 100); /* where to look at what it is */
}

/* As an initramfs with a second one behind it: the later file of a name counts. */
static void archives_in_a_row(void **state)
{
	static const u32 gaps[] = { 0, 4, 508 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(gaps); i++) {
		struct archive a = { .size = 0 };

		add_file(&a, "one", "first");
		add_file(&a, "two", "second");
		add_file(&a, "two", "2nd");
		add_trailer(&a);
		a.size += gaps[i];
		add_file(&a, "one", "1st");
		add_file(&a, "three", "third");
		add_trailer(&a);
		assert_string_equal(text_of(&a, "one"), "1st");
		assert_string_equal(text_of(&a, "two"), "2nd");
		assert_string_equal(text_of(&a, "three"), "third");
	}
}

static void names_are_paths(void **state)
{
	struct archive a = { .size = 0 };

	(void)state;
	add_file(&a, "./a/b", "1");
	add_file(&a, "/c/d", "2");
	add_file(&a, ".//e/./f", "3");
	assert_string_equal(text_of(&a, "a/b"), "1");
	assert_string_equal(text_of(&a, "./a//b"), "1");
	assert_string_equal(text_of(&a, "c/d"), "2");
	assert_string_equal(text_of(&a, "e/f"), "3");
	assert_string_equal(text_of(&a, "x/../e/f"), "3");
	assert_null(text_of(&a, "a"));
	assert_null(text_of(&a, "a/b/c"));
	assert_null(text_of(&a, "a/bb"));
}

/* GNU cpio writes the data with the last link, others with the first. */
static void hard_links(void **state)
{
	struct archive a = { .size = 0 };
	struct cpio_entry e;

	(void)state;
	add_hard_link(&a, "Image", 7, 3, "");
	add_hard_link(&a, "other", 8, 2, "");
	add_hard_link(&a, "Image-6.6", 7, 3, "");
	add_hard_link(&a, "vmlinuz", 7, 3, "kernel");
	add_hard_link(&a, "first", 9, 2, "data first");
	add_hard_link(&a, "second", 9, 2, "");
	add_hard_link(&a, "alone", 10, 2, "");
	add_hard_link(&a, "empty", 7, 1, ""); /* no link, whatever its number */
	add_entry(&a, "elsewhere", "", 0, (struct fields){ "070701", 7, REGULAR, 3, 2, 0 });
	add_trailer(&a);
	add_hard_link(&a, "later", 7, 3, "another archive");
	add_hard_link(&a, "later too", 8, 2, "");
	assert_string_equal(text_of(&a, "Image"), "kernel");
	assert_string_equal(text_of(&a, "Image-6.6"), "kernel");
	assert_string_equal(text_of(&a, "second"), "data first");
	assert_string_equal(text_of(&a, "alone"), "");
	assert_string_equal(text_of(&a, "empty"), "");
	assert_string_equal(text_of(&a, "elsewhere"), "");
	assert_string_equal(text_of(&a, "later too"), "");
	assert_int_equal(cpio_find(a.bytes, a.size, "other", &e), 0);
	assert_int_equal(e.size, 0);
}

static void symbolic_links(void **state)
{
	struct archive a = { .size = 0 };

	(void)state;
	add_symlink(&a, "boot/Image", "Image--6.6.52-r0.bin");
	add_file(&a, "boot/Image--6.6.52-r0.bin", "kernel");
	add_symlink(&a, "Image", "boot/Image");
	add_symlink(&a, "abs", "/boot/./Image");
	add_symlink(&a, "up/there", "../../../boot/Image");
	add_symlink(&a, "vms", "conf/vms");
	add_file(&a, "conf/vms/a.dtb", "desc");
	add_symlink(&a, "conf/vms/b.dtb", "../a b.dtb");
	add_file(&a, "conf/a b.dtb", "desc b");
	add_symlink(&a, "folder", "conf");
	add_symlink(&a, "nowhere", "none");
	add_symlink(&a, "nothing", "");
	assert_string_equal(text_of(&a, "boot/Image"), "kernel");
	assert_string_equal(text_of(&a, "Image"), "kernel");
	assert_string_equal(text_of(&a, "abs"), "kernel");
	assert_string_equal(text_of(&a, "up/there"), "kernel");
	assert_string_equal(text_of(&a, "vms/a.dtb"), "desc");
	assert_string_equal(text_of(&a, "vms/b.dtb"), "desc b");
	assert_string_equal(text_of(&a, "folder/vms/a.dtb"), "desc");
	assert_null(text_of(&a, "folder"));
	assert_null(text_of(&a, "nowhere"));
	assert_null(text_of(&a, "nothing"));
	assert_null(text_of(&a, "Image/x"));
	/* A file that takes the place of a link. */
	add_file(&a, "Image", "mine");
	assert_string_equal(text_of(&a, "Image"), "mine");
}

static void links_that_lead_nowhere(void **state)
{
	struct archive a = { .size = 0 };
	char real[CPIO_PATH_MAX], longest[CPIO_PATH_MAX + 8], name[16], target[16];
	struct cpio_entry e;

	(void)state;
	add_symlink(&a, "a", "b");
	add_symlink(&a, "b", "./a");
	add_symlink(&a, "self", "self/x");
	assert_int_equal(cpio_find(a.bytes, a.size, "a", &e), -ERANGE);
	assert_int_equal(cpio_find(a.bytes, a.size, "self", &e), -ERANGE);
	for (u32 i = 0; i < 17; i++) {
		(void)sprintf(name, "l%u", i);
		(void)sprintf(target, "l%u", i + 1);
		add_symlink(&a, name, target);
	}
	add_file(&a, "l17", "end");
	assert_string_equal(text_of(&a, "l1"), "end");
	assert_int_equal(cpio_find(a.bytes, a.size, "l0", &e), -ERANGE);
	memset(longest, 'n', sizeof(longest));
	longest[CPIO_PATH_MAX - 2] = '\0';
	assert_int_equal(cpio_real_path(a.bytes, a.size, longest, real), 0);
	assert_string_equal(real, longest);
	longest[CPIO_PATH_MAX - 2] = 'n';
	longest[CPIO_PATH_MAX - 1] = '\0';
	assert_int_equal(cpio_real_path(a.bytes, a.size, longest, real), -ERANGE);
	assert_int_equal(cpio_real_path(a.bytes, a.size, "l17/../x//./y", real), 0);
	assert_string_equal(real, "x/y");
}

static void checksums(void **state)
{
	struct archive a = { .size = 0 };
	struct cpio_entry e;

	(void)state;
	add_entry(&a, "good", "\xff\x01", 2, (struct fields){ "070702", 1, REGULAR, 1, 1, 0x100 });
	add_entry(&a, "bad", "\xff\x01", 2, (struct fields){ "070702", 1, REGULAR, 1, 1, 0x101 });
	add_entry(&a, "none", "\xff\x01", 2, (struct fields){ "070701", 1, REGULAR, 1, 1, 0x101 });
	assert_int_equal(cpio_find(a.bytes, a.size, "good", &e), 0);
	assert_int_equal(cpio_find(a.bytes, a.size, "bad", &e), -EIO);
	assert_int_equal(cpio_find(a.bytes, a.size, "none", &e), 0);
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
	struct cpio_entry e;
	u32 at, files;
	size_t v;

	(void)state;
	for (at = 0; at < a->size; at++) {
		u8 good = a->bytes[at];

		for (v = 0; v < ARRAY_SIZE(values); v++) {
			a->bytes[at] = values[v];
			(void)walk(a->bytes, a->size, &files);
			(void)!cpio_find(a->bytes, a->size, "linux/Image", &e);
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

/* Every character, alone in a field that nothing else is asked of. */
static void digits(void **state)
{
	(void)state;
	for (u32 c = 0; c < 256; c++) {
		char text[] = "00000000";
		const bool digit = strchr("0123456789abcdefABCDEF", (int)c) && c;

		for (u32 at = 0; at < 8; at++) {
			memset(text, '0', 8);
			text[at] = (char)c;
			assert_int_equal(walk_with_field(5, text), digit ? 0 : -EINVAL);
		}
	}
	assert_int_equal(walk_with_field(11, "0000000a"), -EINVAL);
	assert_int_equal(walk_with_field(6, "0000000A"), -EINVAL);
	assert_int_equal(walk_with_field(11, "00000005"), 0);
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
	assert_int_equal(walk_with_field(0, "whatever"), -EINVAL);

	add(&a, "070707", "old", REGULAR, "", 0);
	assert_int_equal(walk(a.bytes, a.size, &files), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_in_order),
		cmocka_unit_test(finding),
		cmocka_unit_test(what_follows_an_archive),
		cmocka_unit_test(archives_in_a_row),
		cmocka_unit_test(names_are_paths),
		cmocka_unit_test(hard_links),
		cmocka_unit_test(symbolic_links),
		cmocka_unit_test(links_that_lead_nowhere),
		cmocka_unit_test(checksums),
		cmocka_unit_test(missing_trailer_is_an_end),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_damaged_byte),
		cmocka_unit_test(digits),
		cmocka_unit_test(hostile_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
