/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive: entries lie inside it, and the walk ends. */
#include "grammar.h"

#include <lib/cpio.h>
#include <string.h>

static const char *const names[] = {
	"a",  "a/b", "./a",        "/a",           "b",   "a/../b",
	"..", "",    "TRAILER!!!", "./TRAILER!!!", "vms", "vms/a.dtb",
};

/* Files, hard and symbolic links, folders, archives in a row. */
static void grow(struct fuzz_input *in, struct archive *a)
{
	static const u32 modes[] = { CPIO_REGULAR, CPIO_LINK, 0040000, CPIO_REGULAR };
	static const char *const contents[] = { "", "a", "../b", "/a/b", "a//.", "data and more" };

	for (u32 n = fuzz_below(in, 16); n > 0; n--) {
		const char *content = fuzz_word(in, contents);

		archive_add(in, a, fuzz_word(in, names), fuzz_word(in, modes), content,
			    strlen(content));
	}
}

static bool lies_within(const void *data, u64 len, const u8 *bytes, size_t size)
{
	return (const u8 *)data >= bytes && (const u8 *)data <= bytes + size &&
	       len <= (size_t)(bytes + size - (const u8 *)data);
}

static void find(const u8 *bytes, size_t size, const char *path)
{
	char real[CPIO_PATH_MAX];
	struct cpio_entry e;

	if (cpio_find(bytes, size, path, &e) == 0)
		fuzz_assert(lies_within(e.data, e.size, bytes, size) &&
			    (e.mode & CPIO_TYPE) == CPIO_REGULAR);
	if (cpio_real_path(bytes, size, path, real) == 0)
		fuzz_assert(memchr(real, '\0', sizeof(real)));
}

static void walk(const u8 *bytes, size_t size)
{
	struct cpio_entry e;
	struct cpio c;
	size_t entries = 0;

	cpio_open(&c, bytes, size);
	while (cpio_next(&c, &e) > 0) {
		fuzz_assert(++entries <= size / 110);
		fuzz_assert(lies_within(e.name, strlen(e.name) + 1, bytes, size));
		fuzz_assert(lies_within(e.data, e.size, bytes, size));
		/* Another entry of the name may count, or it may lead away. */
		if (entries <= 8)
			find(bytes, size, e.name);
	}
	fuzz_assert(c.offset <= size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	static struct archive a;
	u8 *bytes;

	a.size = 0;
	if (fuzz_byte(&in) % 4)
		grow(&in, &a);
	/* Something behind the archive, or instead of it. */
	if (!a.size || fuzz_once_in(&in, 4)) {
		memcpy(a.bytes + a.size, in.at, in.left);
		a.size += in.left;
	}
	bytes = malloc(a.size);
	fuzz_assert(bytes || !a.size);
	if (a.size)
		memcpy(bytes, a.bytes, a.size);
	walk(bytes, a.size);
	for (u32 i = 0; i < 3; i++)
		find(bytes, a.size, fuzz_word(&in, names));
	free(bytes);
	return 0;
}
