/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, made harmless. */
#include <unit.h>

#include <lib/visible.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	struct print_sink sink;
	char text[4096];
	size_t len;
} out;

static void collect(struct print_sink *sink, const char *s, size_t len)
{
	assert_ptr_equal(sink, &out.sink);
	assert_true(out.len + len < sizeof(out.text));
	memcpy(out.text + out.len, s, len);
	out.len += len;
	out.text[out.len] = '\0';
}

/* In pieces of this size. */
static const char *filtered(const char *s, size_t len, size_t piece, bool strip)
{
	struct visible v;

	out.sink.put = collect;
	out.len = 0;
	out.text[0] = '\0';
	visible_init(&v, &out.sink, strip);
	for (size_t at = 0; at < len; at += piece)
		v.sink.put(&v.sink, s + at, MIN(piece, len - at));
	visible_end(&v);
	return out.text;
}

static void check(const char *s, size_t len, bool strip, const char *wanted)
{
	for (size_t piece = 1; piece <= len; piece++)
		assert_string_equal(filtered(s, len, piece, strip), wanted);
}

#define shows(s, wanted)  check(s, sizeof(s) - 1, false, wanted)
#define leaves(s, wanted) check(s, sizeof(s) - 1, true, wanted)

static void text_passes(void **state)
{
	(void)state;
	shows("plain text, ~ and \\\t[tab]\nnext", "plain text, ~ and \\\t[tab]\nnext");
	shows("Gr\xc3\xbc\xc3\x9f"
	      "e \xe2\x82\xac \xf0\x9f\x90\xa7 \xe6\xbc\xa2\xe5\xad\x97",
	      "Gr\xc3\xbc\xc3\x9f"
	      "e \xe2\x82\xac \xf0\x9f\x90\xa7 \xe6\xbc\xa2\xe5\xad\x97");
}

static void controls_are_shown(void **state)
{
	(void)state;
	shows("\x1b[31mred\x1b[0m", "^[[31mred^[[0m");
	shows("\x1b]52;c;ZXZpbA==\a", "^[]52;c;ZXZpbA==^G");
	shows("\x1b]0;title\x1b\\", "^[]0;title^[\\");
	shows("a\bb\0c\x7f\x05\x0e\x0f", "a^Hb^@c^?^E^N^O");
	/* C1, as they are in UTF-8 and as bytes. */
	shows("\xc2\x9b"
	      "31m \xc2\x80 \xc2\x9f",
	      "\\u009b31m \\u0080 \\u009f");
	shows("\x9b"
	      "31m \x9d"
	      "0;x\x9c \x80",
	      "\\x9b31m \\x9d0;x\\x9c \\x80");
}

static void text_is_not_turned_round(void **state)
{
	(void)state;
	shows("a\xe2\x80\xae"
	      "b\xe2\x81\xa6"
	      "c\xe2\x80\x8f"
	      "d\xd8\x9c",
	      "a\\u202eb\\u2066c\\u200fd\\u061c");
	shows("in\xe2\x80\x8b"
	      "visible \xef\xbb\xbf \xe2\x80\xa8 \xf3\xa0\x81\xa1",
	      "in\\u200bvisible \\ufeff \\u2028 \\ue0061");
}

static void no_utf8_is_shown_as_bytes(void **state)
{
	(void)state;
	shows("\xc0\xaf \xc1\xbf", "\\xc0\\xaf \\xc1\\xbf"); /* too long */
	shows("\xe0\x9f\xbf \xf0\x8f\xbf\xbf", "\\xe0\\x9f\\xbf \\xf0\\x8f\\xbf\\xbf");
	shows("\xed\xa0\x80", "\\xed\\xa0\\x80");                                /* surrogate */
	shows("\xf4\x90\x80\x80 \xf5 \xff", "\\xf4\\x90\\x80\\x80 \\xf5 \\xff"); /* too large */
	shows("\xe2\x82", "\\xe2\\x82");                                         /* cut off */
	shows("\xe2\x82z\xe2\n\xf0\x9f\x1b[m", "\\xe2\\x82z\\xe2\n\\xf0\\x9f^[[m");
	shows("\xe2\xe2\x82\xac\xa9", "\\xe2\xe2\x82\xac\\xa9");
}

static void carriage_returns(void **state)
{
	(void)state;
	shows("one\r\ntwo\r\r\nthree\n\rfour", "one\ntwo\nthree\nfour");
	/* Nothing is written over. */
	shows("10 %\r20 %\rzvm_host:~# ", "10 %\n20 %\nzvm_host:~# ");
	shows("\r\rx\r", "x");
}

static void sequences_are_left_out(void **state)
{
	(void)state;
	leaves("linux:/root# \x1b[6nls\x1b[1;32m a\x1b[0m b", "linux:/root# ls a b");
	leaves("a\x1b]52;c;ZXZpbA==\ab\x1b]0;t\x1b\\c\x1bP1$r\x18"
	       "d\x1b(Be\x1b"
	       "7f",
	       "abcdef");
	leaves("x\by\az\x0f", "xyz");
	leaves("\x1b]no end\r\nnext \x1b]x\x1b[1mbold", "\nnext bold");
	leaves("\xe2\x82\x1b[m \x9b"
	       "1m",
	       "\\xe2\\x82 \\x9b1m");
}

static void unfinished(void **state)
{
	struct visible v;

	(void)state;
	out.len = 0;
	visible_init(&v, &out.sink, true);
	assert_true(visible_complete(&v));
	v.sink.put(&v.sink, "a\xe2", 2);
	assert_false(visible_complete(&v));
	v.sink.put(&v.sink, "\x82\xac\x1b[", 4);
	assert_false(visible_complete(&v));
	v.sink.put(&v.sink, "m", 1);
	assert_true(visible_complete(&v));
	assert_string_equal(out.text, "a\xe2\x82\xac");
}

/* Whatever the bytes and wherever they are cut, what comes out is text. */
static void anything(void **state)
{
	static const u8 often[] = { 0x1b, '[',  ']',  0x9b, 0xc2, 0xe2,
				    0x80, 0xf0, '\r', '\n', 'm',  '\a' };

	(void)state;
	srandom(8);
	for (u32 round = 0; round < 20000; round++) {
		u8 bytes[64];
		char first[sizeof(bytes) * 6];
		bool strip = random() % 2;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = random() % 2 ? often[(size_t)random() % sizeof(often)]
						: (u8)random();
		(void)filtered((char *)bytes, sizeof(bytes), 1 + (size_t)random() % 64, strip);
		for (size_t i = 0; i < out.len; i++) {
			u8 c = (u8)out.text[i];

			assert_true(c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f));
		}
		/* It is UTF-8 without C1: nothing is left to do. */
		strcpy(first, out.text);
		assert_string_equal(filtered(first, strlen(first), 7, false), first);
	}
}

/* Each byte at each place of a word comes out as it does alone. */
static void bytes_in_words(void **state)
{
	(void)state;
	for (u32 c = 0; c < 256; c++) {
		for (size_t at = 0; at < 16; at++) {
			char text[] = "abcdefghijklmnop", whole[128];

			text[at] = (char)c;
			strcpy(whole, filtered(text, 16, 16, false));
			assert_string_equal(filtered(text, 16, 1, false), whole);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_passes),
		cmocka_unit_test(controls_are_shown),
		cmocka_unit_test(text_is_not_turned_round),
		cmocka_unit_test(no_utf8_is_shown_as_bytes),
		cmocka_unit_test(carriage_returns),
		cmocka_unit_test(sequences_are_left_out),
		cmocka_unit_test(unfinished),
		cmocka_unit_test(anything),
		cmocka_unit_test(bytes_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
