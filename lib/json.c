/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/json.h>
#include <lib/utf8.h>

#define NO_CHARACTER 0xfffd
#define FIRST_OF_TWO 0x10000 /* from here on a code point is two surrogates */

static void put_unit(struct json_text *t, u32 unit)
{
	(void)sink_printf(t->out, "\\u%04x", unit);
}

static void put_code(struct json_text *t, u32 code)
{
	if (code >= FIRST_OF_TWO) {
		put_unit(t, 0xd800 + ((code - FIRST_OF_TWO) >> 10));
		put_unit(t, 0xdc00 + ((code - FIRST_OF_TWO) & 0x3ff));
	} else {
		put_unit(t, code);
	}
}

/* Each byte of what is unfinished is a wrong one. */
static void give_up(struct json_text *t)
{
	for (; t->have; t->have--)
		put_unit(t, NO_CHARACTER);
}

static void put_ascii(struct json_text *t, char c)
{
	if (c == '"' || c == '\\')
		t->out->put(t->out, "\\", 1);
	if (c >= ' ' && c < 0x7f)
		t->out->put(t->out, &c, 1);
	else
		put_unit(t, (u8)c);
}

static void put_byte(struct json_text *t, u8 byte)
{
	if (t->have && !utf8_may_follow(t->seq[0], t->have, byte))
		give_up(t);
	if (!t->have && byte < 0x80) {
		put_ascii(t, (char)byte);
		return;
	}
	if (!t->have && !utf8_sequence(byte)) {
		put_unit(t, NO_CHARACTER);
		return;
	}
	t->seq[t->have++] = byte;
	if (t->have < utf8_sequence(t->seq[0]))
		return;
	put_code(t, utf8_code(t->seq, t->have));
	t->have = 0;
}

static void put(struct print_sink *sink, const char *s, size_t len)
{
	struct json_text *t = container_of(sink, struct json_text, sink);

	for (size_t i = 0; i < len; i++)
		put_byte(t, (u8)s[i]);
}

void json_text_init(struct json_text *t, struct print_sink *out)
{
	*t = (struct json_text){ .sink.put = put, .out = out };
}

void json_text_end(struct json_text *t)
{
	give_up(t);
}
