/* SPDX-License-Identifier: Apache-2.0 */
/* Strings in JSON. */
#include "unit.h"

#include <lib/json.h>
#include <string.h>

static char out[256];
static size_t len;

static void put(struct print_sink *sink, const char *s, size_t n)
{
	(void)sink;
	assert_true(len + n < sizeof(out));
	memcpy(out + len, s, n);
	len += n;
	out[len] = '\0';
}

static struct print_sink sink = { put };

/* The text in pieces of so many bytes. */
static const char *escaped(const char *text, size_t size, size_t piece)
{
	struct json_text t;

	len = 0;
	out[0] = '\0';
	json_text_init(&t, &sink);
	for (size_t at = 0; at < size; at += piece)
		t.sink.put(&t.sink, text + at, MIN(piece, size - at));
	json_text_end(&t);
	return out;
}

static void check(const char *text, size_t size, const char *want)
{
	for (size_t piece = 1; piece < 6; piece++)
		assert_string_equal(escaped(text, size, piece), want);
}

#define CHECK(text, want) check(text, sizeof(text) - 1, want)

static void test_ascii(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK("plain ~text", "plain ~text");
	CHECK("a\"b\\c/", "a\\\"b\\\\c/");
	CHECK("\0\r\n\x1b[31m\x7f", "\\u0000\\u000d\\u000a\\u001b[31m\\u007f");
}

static void test_utf8(void **state)
{
	(void)state;
	CHECK("\xc3\xa9\xe4\xb8\xad\xc2\x9b", "\\u00e9\\u4e2d\\u009b");
	CHECK("\xf0\x9f\x98\x80!", "\\ud83d\\ude00!");
	CHECK("\xf4\x8f\xbf\xbf", "\\udbff\\udfff");
}

static void test_wrong_bytes(void **state)
{
	(void)state;
	CHECK("\x80", "\\ufffd");
	CHECK("\xff\xc0\x80", "\\ufffd\\ufffd\\ufffd");
	CHECK("\xe4\xb8", "\\ufffd\\ufffd");            /* it ends too early */
	CHECK("\xe4\xb8\"", "\\ufffd\\ufffd\\\"");      /* what follows is not swallowed */
	CHECK("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"); /* a surrogate */
	CHECK("\xe4\xc3\xa9", "\\ufffd\\u00e9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_wrong_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
