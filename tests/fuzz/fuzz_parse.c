/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers against the C library's strtoull; rings against what went in; formatting of any string
 * against its own length.
 */
#include "fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <lib/string.h>
#include <string.h>

#define OUR_EINVAL 22
#define OUR_ERANGE 34

static void check_number(const char *text)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	bool well_formed = *digits != '\0';
	u64 value = 77;
	u64 expected;
	const char *c;
	int ret;

	for (c = digits; *c; c++)
		well_formed &= (hex ? isxdigit((u8)*c) : isdigit((u8)*c)) != 0;
	ret = parse_u64(text, &value);
	if (!well_formed) {
		fuzz_assert(ret == -OUR_EINVAL && value == 77);
		return;
	}
	errno = 0;
	expected = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno == ERANGE)
		fuzz_assert(ret == -OUR_ERANGE && value == 77);
	else
		fuzz_assert(ret == 0 && value == expected);
}

static void check_copy(const char *text, size_t room)
{
	char *out = malloc(room);
	size_t len = strlen(text);

	fuzz_assert(out);
	fuzz_assert(str_copy(out, text, room) == (len < room));
	fuzz_assert(strlen(out) == MIN(len, room - 1));
	fuzz_assert(str_starts(text, out));
	fuzz_assert(str_eq(text, out) == (len < room));
	free(out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	size_t room = 1 + (size_t)fuzz_byte(&in) % 32;
	bool digits_only = fuzz_byte(&in) & 1;
	size_t left = in.left;
	char *text = malloc(left + 1);
	size_t i;

	fuzz_assert(text);
	for (i = 0; i < left; i++) {
		u8 byte = fuzz_byte(&in);

		text[i] = digits_only ? "0123456789abcdefxX"[byte % 18] : (char)byte;
	}
	text[left] = '\0';
	check_number(text);
	check_copy(text, room);
	free(text);
	return 0;
}
