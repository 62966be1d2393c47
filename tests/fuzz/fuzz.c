/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <kernel/trace.h>
#include <lib/utf8.h>
#include <string.h>

/* No trace is recorded. */
u32 trace_groups;

void trace_event(u32 kind, u64 now, u32 tag, u32 a, u32 b)
{
	(void)kind, (void)now, (void)tag, (void)a, (void)b;
	fuzz_assert(!"nothing is recorded");
}

/*
 * Behind the end of the input a linear congruential generator continues. It begins with a sum of
 * all bytes (FNV-1a).
 */
u8 fuzz_byte(struct fuzz_input *in)
{
	if (in->left == 0) {
		in->sum = in->sum * 6364136223846793005 + 1442695040888963407;
		return (u8)(in->sum >> 56);
	}
	in->left--;
	in->sum = (in->sum ^ *in->at) * 0x100000001b3;
	return *in->at++;
}

u64 fuzz_u64(struct fuzz_input *in)
{
	u64 value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | fuzz_byte(in);
	return value;
}

void *fuzz_copy(struct fuzz_input *in, size_t size, size_t *copied)
{
	u8 *copy;

	*copied = MIN(size, in->left);
	copy = malloc(*copied);
	fuzz_assert(copy || *copied == 0);
	if (*copied)
		memcpy(copy, in->at, *copied);
	in->at += *copied;
	in->left -= *copied;
	return copy;
}

u32 fuzz_below(struct fuzz_input *in, u32 n)
{
	return fuzz_byte(in) % n;
}

bool fuzz_once_in(struct fuzz_input *in, u32 n)
{
	return fuzz_below(in, n) == n - 1;
}

void fuzz_lie(struct fuzz_input *in, void *blob, size_t size)
{
	static const u32 lies[] = {
		0, 1, 2, 3, 4, 9, 0xfffffffe, 0xfffffff4, 0x7fffffff, 0xffffffff
	};

	for (u32 count = fuzz_below(in, 8); count > 0; count--) {
		size_t at = ((size_t)fuzz_byte(in) << 8 | fuzz_byte(in)) % (size + 1) & ~3UL;
		u8 which = fuzz_byte(in);
		u32 value = __builtin_bswap32(which < ARRAY_SIZE(lies) ? lies[which] : which);

		if (at + 4 <= size)
			memcpy((u8 *)blob + at, &value, 4);
	}
}

void fuzz_check_line(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	fuzz_assert(end);
	while (text < end) {
		size_t len = utf8_length(text, (size_t)(end - text));

		fuzz_assert(len > 0);
		text += len;
	}
}
