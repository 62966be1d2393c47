/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive: entries lie inside it, and the walk ends. */
#include "fuzz.h"

#include <lib/cpio.h>
#include <string.h>

/* A header for what libFuzzer can hardly guess: magic, and hexadecimal numbers. */
static void add_header(struct fuzz_input *in, u8 *p)
{
	static const char digits[] = "00000000000123456789abcdefABCDEF";
	size_t i;

	memset(p, '0', 110);
	memcpy(p, fuzz_byte(in) % 4 ? "070701" : "070702", 6);
	for (i = 0; i < 8; i++) {
		p[6 + 8 + i] = (u8)digits[fuzz_byte(in) % 32];
		p[6 + 32 + i] = i < 7 ? '0' : (u8)digits[fuzz_byte(in) % 32];
		/* Sizes: mostly small. */
		p[6 + 48 + i] = i < 6 && fuzz_byte(in) < 240 ? '0' : (u8)digits[fuzz_byte(in) % 32];
		p[6 + 88 + i] = i < 7 && fuzz_byte(in) < 240 ? '0' : (u8)digits[fuzz_byte(in) % 32];
	}
}

/* A symbolic link to what is near, or to itself. */
static void make_link(struct fuzz_input *in, u8 *p)
{
	static const char *const modes[] = { "0000a1ff", "000081a4", "000041ed" };

	memcpy(p + 14, modes[fuzz_byte(in) % ARRAY_SIZE(modes)], 8);
}

static void walk(const u8 *bytes, size_t size)
{
	struct cpio_entry e, found;
	struct cpio c;
	size_t entries = 0;

	cpio_open(&c, bytes, size);
	while (cpio_next(&c, &e) > 0) {
		const u8 *name = (const u8 *)e.name;

		fuzz_assert(++entries <= size / 110);
		fuzz_assert(name >= bytes && name + strlen(e.name) < bytes + size);
		fuzz_assert((const u8 *)e.data >= bytes);
		fuzz_assert(e.size <= (size_t)(bytes + size - (const u8 *)e.data));
		/* Another entry of the name may count, or it may lead away. */
		if (entries <= 8 && cpio_find(bytes, size, e.name, &found) == 0)
			fuzz_assert((const u8 *)found.data >= bytes &&
				    found.size <= (size_t)(bytes + size - (const u8 *)found.data));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	u8 headers = fuzz_byte(&in) % 4;
	size_t copied;
	u8 *bytes = fuzz_copy(&in, in.left, &copied);
	size_t at = 0;

	in = (struct fuzz_input){ data, size };
	while (headers-- && copied - at >= 110) {
		size_t step = 112 + (size_t)(fuzz_byte(&in) & ~3U);

		add_header(&in, bytes + at);
		if (fuzz_byte(&in) % 2)
			make_link(&in, bytes + at);
		at += MIN(copied - at, step);
	}
	walk(bytes, copied);
	free(bytes);
	return 0;
}
