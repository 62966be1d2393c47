/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <lib/utf8.h>

static void copies_are_terminated(void **state)
{
	char buf[5] = "ZZZZ";

	(void)state;
	assert_true(str_copy(buf, "", sizeof(buf)));
	assert_string_equal(buf, "");
	assert_true(str_copy(buf, "abcd", sizeof(buf)));
	assert_string_equal(buf, "abcd");
	assert_false(str_copy(buf, "uvwxy", sizeof(buf)));
	assert_string_equal(buf, "uvwx");
	assert_false(str_copy(buf, "q", 1));
	assert_string_equal(buf, "");
	assert_int_equal(buf[1], 'v');
	assert_true(str_copy(buf, "", 1));
}

static void comparisons(void **state)
{
	(void)state;
	assert_true(str_eq("", ""));
	assert_true(str_eq("vm", "vm"));
	assert_false(str_eq("vm", "vmm"));
	assert_false(str_eq("vmm", "vm"));
	assert_true(str_starts("linux", ""));
	assert_true(str_starts("linux", "lin"));
	assert_true(str_starts("linux", "linux"));
	assert_false(str_starts("lin", "linux"));
	assert_false(str_starts("", "l"));
}

static void utf8(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
		{ "a", 1 },
		{ " ", 1 },
		{ "~", 1 },
		{ "\n", 0 },
		{ "\x1b[0m", 0 },
		{ "\x7f", 0 },
		{ "", 0 },
		{ "\xc3\xa9t\xc3\xa9", 2 },
		{ "\xe5\x86\x85", 3 },
		{ "\xf0\x9f\x90\xa7", 4 },
		{ "\xc2\x9b"
		  "31m",
		  0 }, /* CSI as a C1 control */
		{ "\xc2\xa0", 2 },
		{ "\xe2\x80\xae", 0 },     /* from right to left from here on */
		{ "\xe2\x81\xa6", 0 },     /* isolate */
		{ "\xe2\x80\x8b", 0 },     /* of no width */
		{ "\xf3\xa0\x81\xa1", 0 }, /* a tag */
		{ "\xc0\xaf", 0 },         /* longer than need be */
		{ "\xe0\x80\xaf", 0 },
		{ "\xed\xa0\x80", 0 },     /* half a surrogate pair */
		{ "\xf4\x90\x80\x80", 0 }, /* above U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", 0 },
		{ "\x80", 0 },
		{ "\xe5\x86", 0 },
		{ "\xe5"
		  "ab",
		  0 },
	};
	char text[] = "a\x1b\xe5\x86\x85\xff"
		      "b\xe5\x86";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(utf8_length(cases[i].text, strlen(cases[i].text)),
				 cases[i].length);
	assert_int_equal(utf8_length("a", 0), 0);
	assert_int_equal(utf8_length("\xe5\x86\x85", 2), 0);
	utf8_clean(text);
	assert_string_equal(text, "a?\xe5\x86\x85?b??");
}

/* What is cut says so, and leaves no part of a character. */
static void text_is_cut(void **state)
{
	char text[12];

	(void)state;
	text_print(text, sizeof(text), "%s", "eleven char");
	assert_string_equal(text, "eleven char");
	text_print(text, sizeof(text), "%s", "twelve chars");
	assert_string_equal(text, "twelve c...");
	text_print(text, sizeof(text), "%s", "\xe5\x86\x85\xe5\x86\x85\xe5\x86\x85\xe5\x86\x85");
	assert_string_equal(text, "\xe5\x86\x85\xe5\x86\x85...");
	text_print(text, sizeof(text), "\x1b[%d", 7);
	assert_string_equal(text, "?[7");
	text_print(text, 4, "%s", "whole");
	assert_string_equal(text, "...");
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		u64 value;
	} good[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "0010", 10 },
		{ "4294967296", 1ULL << 32 },
		{ "18446744073709551615", UINT64_MAX },
		{ "000000000000000000000000000018446744073709551615", UINT64_MAX },
		{ "0x0", 0 },
		{ "0xff", 255 },
		{ "0XfF", 255 },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "0x00000000000000000000000abcdef", 0xabcdef },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		u64 value = 12345;

		assert_int_equal(parse_u64(good[i].text, &value), 0);
		assert_true(value == good[i].value);
	}
}

static void no_numbers(void **state)
{
	static const char *const malformed[] = {
		"",    " ",  "x",  "0x",  "0xg",  "0x0x1", "-1",
		"+1",  " 1", "1 ", "1\n", "1k",   "12a",   "1.5",
		"1e3", "a",  "ff", "0x ", "0x-1", "00x1",  "99999999999999999999999z",
	};
	static const char *const large[] = {
		"18446744073709551616",
		"18446744073709551620",
		"99999999999999999999",
		"0x10000000000000000",
		"0xfffffffffffffffffffffffffffffff",
		"184467440737095516150",
	};
	u64 value = 12345;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(malformed); i++)
		assert_int_equal(parse_u64(malformed[i], &value), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(parse_u64(large[i], &value), -ERANGE);
	assert_int_equal(value, 12345);
}

static void errors_have_texts(void **state)
{
	static const int known[] = { EPERM,  ENOENT, EIO,     ENXIO,    E2BIG,  EAGAIN,
				     ENOMEM, EFAULT, EBUSY,   EEXIST,   ENODEV, EINVAL,
				     ENOSPC, ERANGE, ENOTSUP, ETIMEDOUT };
	size_t i, j;

	(void)state;
	assert_string_equal(strerror(0), "success");
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		assert_string_equal(strerror(known[i]), strerror(-known[i]));
		assert_string_not_equal(strerror(known[i]), strerror(1000));
		for (j = 0; j < i; j++)
			assert_string_not_equal(strerror(known[i]), strerror(known[j]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_terminated),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(utf8),
		cmocka_unit_test(text_is_cut),
		cmocka_unit_test(numbers),
		cmocka_unit_test(no_numbers),
		cmocka_unit_test(errors_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
