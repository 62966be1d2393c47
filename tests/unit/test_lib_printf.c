/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting, against the build machine's C library: its vasprintf is not ours, its vsnprintf would
 * be.
 */
#define _GNU_SOURCE
#include <unit.h>

#include <lib/printf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ours is what the C library gives, at every buffer size up to one that is large enough. */
static void check(const char *fmt, ...)
{
	char *expected, *ours;
	va_list ap, again;
	int len, size;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vasprintf(&expected, fmt, again);
	va_end(again);
	assert_true(len >= 0);
	ours = malloc((size_t)len + 2);
	for (size = len < 40 ? 1 : len; size <= len + 2; size++) {
		int got;

		memset(ours, 'Z', (size_t)size);
		va_copy(again, ap);
		got = vsnprintf(ours, (size_t)size, fmt, again);
		va_end(again);
		if (got != len || strncmp(ours, expected, (size_t)size - 1) != 0)
			fail_msg("\"%s\" in %d: \"%s\" (%d), not \"%s\" (%d)", fmt, size, ours, got,
				 expected, len);
		assert_int_equal(ours[size > len ? len : size - 1], '\0');
	}
	free(ours);
	free(expected);
	va_end(ap);
}

/* snprintf, out of the sight of a compiler that knows what that one does. */
static int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static const char *const widths[] = { "", "1", "5", "12", "30" };
static const char *const precisions[] = { "", ".", ".0", ".1", ".4", ".25" };

/*
 * All ways to write the part of a conversion before its length, one after the other; false at the
 * end.
 */
static bool next_prefix(char *out, size_t size, u32 *n)
{
	u32 flags = *n % 32;
	u32 width = *n / 32 % ARRAY_SIZE(widths);
	u32 precision = *n / 32 / ARRAY_SIZE(widths);
	size_t i, at = 0;
	char text[6];

	if (precision >= ARRAY_SIZE(precisions))
		return false;
	for (i = 0; i < 5; i++)
		if (flags & (1U << i))
			text[at++] = "-0+ #"[i];
	text[at] = '\0';
	(void)format(out, size, "<%%%s%s%s", text, widths[width], precisions[precision]);
	(*n)++;
	return true;
}

static void integers_in_all_forms(void **state)
{
	static const s64 values[] = { 0,    1,     -1,      7,       8,        255,
				      4711, -4711, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN };
	char prefix[32], fmt[40];
	u32 n = 0;

	(void)state;
	while (next_prefix(prefix, sizeof(prefix), &n)) {
		const char *c;
		size_t i;

		for (c = "diuxXo"; *c; c++) {
			for (i = 0; i < ARRAY_SIZE(values); i++) {
				/*
				 * A flag that the conversion has no meaning for is undefined: d and
				 * i have no "#".
				 */
				if (strchr("diu", *c) && strchr(prefix, '#'))
					continue;
				(void)format(fmt, sizeof(fmt), "%sl%c>", prefix, *c);
				check(fmt, values[i]);
			}
		}
	}
}

static void lengths(void **state)
{
	static const char *const narrow[] = { "hh", "h", "" };
	static const char *const wide[] = { "l", "ll", "z", "j", "t" };
	static const u64 values[] = { 0,      1,          0x7f,       0x80,           0xff,
				      0x8000, 0x7fffffff, 0x80000000, 0xdeadbeefcafe, 1ULL << 63,
				      ~0ULL };
	char fmt[16];
	size_t l, v;
	const char *c;

	(void)state;
	for (c = "diuxXo"; *c; c++) {
		for (v = 0; v < ARRAY_SIZE(values); v++) {
			for (l = 0; l < ARRAY_SIZE(narrow); l++) {
				(void)format(fmt, sizeof(fmt), "%%%s%c", narrow[l], *c);
				check(fmt, (int)values[v]);
			}
			for (l = 0; l < ARRAY_SIZE(wide); l++) {
				(void)format(fmt, sizeof(fmt), "%%%s%c", wide[l], *c);
				check(fmt, values[v]);
			}
		}
	}
}

static void strings(void **state)
{
	static const char *const texts[] = { "", "a", "hello",
					     "a rather long text, longer than any field here" };
	char prefix[32], fmt[40];
	u32 n = 0;
	size_t i;

	(void)state;
	while (next_prefix(prefix, sizeof(prefix), &n)) {
		if (strpbrk(prefix, "+ #") || strstr(prefix, "%0") || strstr(prefix, "%-0"))
			continue;
		for (i = 0; i < ARRAY_SIZE(texts); i++) {
			(void)format(fmt, sizeof(fmt), "%ss|", prefix);
			check(fmt, texts[i]);
		}
		if (!strchr(prefix, '.')) {
			(void)format(fmt, sizeof(fmt), "%sc|", prefix);
			check(fmt, 'x');
		}
	}
	check("%s", (const char *)NULL);
}

static void precision_needs_no_terminator(void **state)
{
	char *text = malloc(4); /* the sanitizer watches its end */
	char out[16];

	(void)state;
	memcpy(text, "abcd", 4);
	assert_int_equal(format(out, sizeof(out), "[%.4s]", text), 6);
	assert_string_equal(out, "[abcd]");
	assert_int_equal(format(out, sizeof(out), "[%.*s]", 2, text), 4);
	assert_string_equal(out, "[ab]");
	free(text);
}

static void counts_from_arguments(void **state)
{
	(void)state;
	check("%*d|%-*d|%*d", 6, 12, 6, 12, -6, 12);
	check("%.*d|%.*d|%.*s", 4, 7, -1, 7, 2, "xyz");
	check("%*.*x", 10, 5, 0xabcU);
	check("%0*d", 8, -42);
	check("%*s", -9, "left");
	check("%*.*s|", 0, -5, "all");
}

static void pointers(void **state)
{
	int object;

	(void)state;
	check("%p %20p %-20p|", (void *)&object, (void *)&object, (void *)&object);
	check("%p", (void *)(uintptr_t)0xffff000012345678);
}

static void plain_text_and_percent(void **state)
{
	(void)state;
	check("");
	check("plain");
	check("100%%");
	check("%%%d%%", 5);
	check("a%cb", '\0' + 'q');
	check("%d %s %u %c %lx %%", -5, "five", 5U, '5', 0x5UL);
}

static void unknown_conversions_are_shown(void **state)
{
	const char *fmt = "%y %-5q|%";
	char out[32];
	int n = format(out, sizeof(out), fmt, 0);

	(void)state;
	assert_string_equal(out, "%y %-5q|%");
	assert_int_equal(n, 9);
}

static void no_room_writes_nothing(void **state)
{
	char c = 'Z';

	(void)state;
	assert_int_equal(snprintf(NULL, 0, "%d", 12345), 5);
	assert_int_equal(format(&c, 0, "%d", 12345), 5);
	assert_int_equal(c, 'Z');
	assert_int_equal(format(&c, 1, "%d", 12345), 5);
	assert_int_equal(c, '\0');
}

struct counting_sink {
	struct print_sink sink;
	size_t pieces, chars;
	char last;
};

static void count_put(struct print_sink *sink, const char *s, size_t len)
{
	struct counting_sink *c = container_of(sink, struct counting_sink, sink);

	assert_true(len > 0);
	c->pieces++;
	c->chars += len;
	c->last = s[len - 1];
}

static void sinks_get_pieces(void **state)
{
	struct counting_sink c = { .sink = { count_put } };

	(void)state;
	assert_int_equal(sink_printf(&c.sink, "abc%100d%s!", 7, ""), 104);
	assert_int_equal(c.chars, 104);
	assert_true(c.pieces < 12);
	assert_int_equal(c.last, '!');
}

static void random_numbers(void **state)
{
	unsigned short seed[3] = { 1, 2, 3 };
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		long v = (long)((u64)jrand48(seed) << 32 ^ (u64)jrand48(seed));

		check("%ld %lu %lx %lo %#lx %+ld", v, v, v, v, v, v);
		check("%*.*ld", (int)(v & 31), (int)(v >> 8 & 31), v >> (v & 63));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_in_all_forms),
		cmocka_unit_test(lengths),
		cmocka_unit_test(strings),
		cmocka_unit_test(precision_needs_no_terminator),
		cmocka_unit_test(counts_from_arguments),
		cmocka_unit_test(pointers),
		cmocka_unit_test(plain_text_and_percent),
		cmocka_unit_test(unknown_conversions_are_shown),
		cmocka_unit_test(no_room_writes_nothing),
		cmocka_unit_test(sinks_get_pieces),
		cmocka_unit_test(random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
