/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's C library, under other names so that it stands beside the build machine's, which is
 * the measure.
 */
#include <unit.h>

#include <lib/types.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define memcpy  zvm_memcpy
#define memmove zvm_memmove
#define memset  zvm_memset
#define memcmp  zvm_memcmp
#define memchr  zvm_memchr
#define strlen  zvm_strlen
#define strnlen zvm_strnlen
#define strcmp  zvm_strcmp
#define strncmp zvm_strncmp
#define strchr  zvm_strchr
#define strrchr zvm_strrchr
#define strtoul zvm_strtoul
#include "../../include/libc/stdlib.h"
#include "../../include/libc/string.h"
#include "../../lib/libc.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strtoul

#define SPAN 640

static void fill(u8 *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = (u8)(i * 7 + 1);
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void copies(void **state)
{
	u8 src[SPAN], ours[SPAN], theirs[SPAN];
	size_t from, to, len;

	(void)state;
	fill(src, SPAN);
	for (from = 0; from < 9; from++)
		for (to = 0; to < 9; to++)
			for (len = 0; len < 600; len += 1 + len / 64) {
				memset(ours, 0, SPAN);
				memset(theirs, 0, SPAN);
				assert_ptr_equal(zvm_memcpy(ours + to, src + from, len), ours + to);
				memcpy(theirs + to, src + from, len);
				assert_memory_equal(ours, theirs, SPAN);
			}
}

static void moves_within_an_object(void **state)
{
	u8 ours[SPAN], theirs[SPAN];
	size_t from, to, len;

	(void)state;
	for (from = 0; from < 70; from += 3)
		for (to = 0; to < 70; to++)
			for (len = 0; len < 560; len += 1 + len / 8) {
				fill(ours, SPAN);
				fill(theirs, SPAN);
				assert_ptr_equal(zvm_memmove(ours + to, ours + from, len),
						 ours + to);
				memmove(theirs + to, theirs + from, len);
				assert_memory_equal(ours, theirs, SPAN);
			}
}

static void sets(void **state)
{
	u8 ours[SPAN], theirs[SPAN];
	size_t to, len;

	(void)state;
	for (to = 0; to < 9; to++)
		for (len = 0; len < 150; len++) {
			fill(ours, SPAN);
			fill(theirs, SPAN);
			assert_ptr_equal(zvm_memset(ours + to, 0x1a5, len), ours + to);
			memset(theirs + to, 0xa5, len);
			assert_memory_equal(ours, theirs, SPAN);
		}
}

static void comparisons(void **state)
{
	u8 a[64], b[64];
	size_t len, at;

	(void)state;
	for (len = 0; len <= 60; len++) {
		fill(a, sizeof(a));
		fill(b + 1, sizeof(b) - 1);
		assert_int_equal(zvm_memcmp(a, b + 1, len), 0);
		for (at = 0; at < len; at++) {
			b[1 + at] ^= 0x80;
			assert_int_equal(sign(zvm_memcmp(a, b + 1, len)),
					 sign(memcmp(a, b + 1, len)));
			assert_int_equal(sign(zvm_memcmp(b + 1, a, len)),
					 sign(memcmp(b + 1, a, len)));
			b[1 + at] ^= 0x80;
		}
	}
}

static void searches(void **state)
{
	static const char text[] = "abcabc\xff";

	(void)state;
	assert_ptr_equal(zvm_memchr(text, 'c', sizeof(text)), text + 2);
	assert_null(zvm_memchr(text, 'c', 2));
	assert_null(zvm_memchr(text, 'a', 0));
	assert_ptr_equal(zvm_memchr(text, 0xff, sizeof(text)), text + 6);
	assert_ptr_equal(zvm_memchr(text, 0x100 + 'b', sizeof(text)), text + 1);
	assert_ptr_equal(zvm_strchr(text, 'b'), text + 1);
	assert_ptr_equal(zvm_strrchr(text, 'b'), text + 4);
	assert_null(zvm_strchr(text, 'z'));
	assert_null(zvm_strrchr(text, 'z'));
	assert_ptr_equal(zvm_strchr(text, '\0'), text + 7);
	assert_ptr_equal(zvm_strrchr(text, '\0'), text + 7);
	assert_ptr_equal(zvm_strchr(text, 0xff), text + 6);
}

static void strings(void **state)
{
	static const char *const texts[] = { "",  "a",    "ab",   "abc",         "abd",
					     "b", "\xff", "\x7f", "abcdefghijkl" };
	size_t i, j, n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(zvm_strlen(texts[i]), strlen(texts[i]));
		for (j = 0; j < ARRAY_SIZE(texts); j++) {
			assert_int_equal(sign(zvm_strcmp(texts[i], texts[j])),
					 sign(strcmp(texts[i], texts[j])));
			for (n = 0; n < 5; n++)
				assert_int_equal(sign(zvm_strncmp(texts[i], texts[j], n)),
						 sign(strncmp(texts[i], texts[j], n)));
		}
		for (n = 0; n < 15; n++)
			assert_int_equal(zvm_strnlen(texts[i], n), strnlen(texts[i], n));
	}
}

static void characters(void **state)
{
	u8 text[40];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			memset(text, 0xfe, sizeof(text));
			text[at] = 0xff;
			assert_ptr_equal(zvm_memchr(text, 0xff, len), text + at);
			assert_null(zvm_memchr(text, 0xff, at));
			assert_null(zvm_memchr(text, 0, len));
			text[at] = 0;
			assert_ptr_equal(zvm_memchr(text, 0, len), text + at);
		}
	}
}

/* Strings of all lengths whose last byte is the last one before memory that cannot be read. */
static void at_the_end(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = p + 2 * page, other[40];

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p, 2 * page, PROT_READ | PROT_WRITE), 0);
	memset(p, 'x', 2 * page);
	for (size_t len = 0; len < 32; len++) {
		char *s = end - len - 1;

		end[-1] = 'x';
		assert_int_equal(zvm_strnlen(s, len), len);
		assert_int_equal(zvm_strnlen(s, len + 1), len + 1);
		end[-1] = '\0';
		assert_int_equal(zvm_strlen(s), len);
		assert_int_equal(zvm_strnlen(s, SIZE_MAX), len);
		for (size_t at = 0; at < 8; at++) {
			memcpy(other + at, s, len + 1);
			assert_int_equal(zvm_strcmp(s, other + at), 0);
			assert_int_equal(zvm_strcmp(other + at, s), 0);
			other[at + len] = 'y';
			other[at + len + 1] = '\0';
			assert_true(zvm_strcmp(s, other + at) < 0);
			assert_true(zvm_strcmp(other + at, s) > 0);
		}
	}
	assert_int_equal(zvm_strnlen(end, 0), 0);
	assert_int_equal(munmap(p, 3 * page), 0);
}

static void numbers(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"1",
		"-1",
		"+5",
		"  \t\n42abc",
		"0x",
		"0x1F",
		"0xg",
		"077",
		"08",
		"zz",
		"-",
		"+-1",
		"0x-1",
		"12 34",
		"0X10z",
		"- 1",
		"101",
		"000",
		"18446744073709551615",
		"18446744073709551616",
		"-18446744073709551615",
		"-18446744073709551616",
		"0xffffffffffffffff",
		"0x10000000000000000",
		"999999999999999999999x",
	};
	static const int bases[] = { 0, 2, 8, 10, 16, 36 };
	size_t i, b;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		for (b = 0; b < ARRAY_SIZE(bases); b++) {
			char *our_end, *their_end;

			assert_true(zvm_strtoul(texts[i], &our_end, bases[b]) ==
				    strtoul(texts[i], &their_end, bases[b]));
			assert_ptr_equal(our_end, their_end);
		}
	assert_int_equal(zvm_strtoul("12", NULL, 10), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters), cmocka_unit_test(at_the_end),
		cmocka_unit_test(copies),     cmocka_unit_test(moves_within_an_object),
		cmocka_unit_test(sets),       cmocka_unit_test(comparisons),
		cmocka_unit_test(searches),   cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
