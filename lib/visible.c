/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as in RFC 3629, control functions as in ECMA-48. */
#include <lib/string.h>
#include <lib/visible.h>

#define ESC 0x1b
#define DEL 0x7f

/* ---- characters ---- */

/* Code points that a terminal obeys, that turn the direction of text (UAX #9), or that do not show. */
static const struct {
	u32 first, last;
} harmful[] = {
	{ 0x0000, 0x001f },   /* C0 */
	{ 0x007f, 0x009f },   /* DEL, C1 */
	{ 0x00ad, 0x00ad },   /* soft hyphen */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x180e, 0x180e },   /* Mongolian vowel separator */
	{ 0x200b, 0x200f },   /* of no width; marks of direction */
	{ 0x2028, 0x202e },   /* separators; embedding and override of direction */
	{ 0x2060, 0x206f },   /* joiners, isolates */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff0, 0xfffb },   /* specials but for the replacement character */
	{ 0xe0000, 0xe0fff }, /* tags */
};

static bool is_harmful(u32 c)
{
	for (u32 i = 0; i < ARRAY_SIZE(harmful); i++)
		if (c >= harmful[i].first && c <= harmful[i].last)
			return true;
	return false;
}

/* How many bytes a character has that begins like this; 0: none does. */
static u32 sequence_length(u8 first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The byte may stand behind the first `at` ones. The second rules out what is too long, surrogates, and what lies beyond U+10FFFF. */
static bool may_follow(u8 first, u32 at, u8 byte)
{
	u8 low = 0x80, high = 0xbf;

	if (at == 1) {
		low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
		high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
	}
	return byte >= low && byte <= high;
}

static u32 code_point(const u8 *seq, u32 len)
{
	u32 c = len == 1 ? seq[0] : seq[0] & (0xffU >> (len + 1));

	for (u32 i = 1; i < len; i++)
		c = c << 6 | (seq[i] & 0x3f);
	return c;
}

void visible_line(char *s)
{
	u8 *p = (u8 *)s;

	while (*p) {
		u32 len = sequence_length(*p), n = 1;

		while (n < len && may_follow(*p, n, p[n]))
			n++;
		if (n != len || is_harmful(code_point(p, len))) {
			n = len && n == len ? len : 1;
			memset(p, '?', n);
		}
		p += n;
	}
}

/* ---- a stream ---- */

/* ESC and intermediates; control sequence (ESC [); control string (ESC ] and others), and ESC in it. */
enum escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI, ESCAPE_STRING, ESCAPE_STRING_ESC };

static void put(struct visible *v, const void *s, size_t len)
{
	v->midline = true;
	v->out->put(v->out, s, len);
}

static void put_control(struct visible *v, u8 c)
{
	const char text[2] = { '^', (char)(c ^ 0x40) };

	if (!v->strip)
		put(v, text, sizeof(text));
}

static void newline(struct visible *v)
{
	put(v, "\n", 1);
	v->midline = false;
}

static void put_character(struct visible *v, const u8 *seq, u32 len)
{
	u32 c = code_point(seq, len);

	if (c == '\n') {
		newline(v);
	} else if (c != '\t' && (c < ' ' || c == DEL)) {
		put_control(v, (u8)c);
	} else if (c != '\t' && is_harmful(c)) {
		(void)sink_printf(v->out, "\\u%04x", c);
		v->midline = true;
	} else {
		put(v, seq, len);
	}
}

void visible_end(struct visible *v)
{
	u32 have = v->have;

	v->have = 0;
	for (u32 i = 0; i < have; i++)
		(void)sink_printf(v->out, "\\x%02x", v->seq[i]);
	v->midline |= have != 0;
}

static void take(struct visible *v, u8 byte)
{
	u32 len = sequence_length(v->have ? v->seq[0] : byte);

	v->seq[v->have++] = byte;
	if (!len) {
		visible_end(v);
	} else if (v->have == len) {
		v->have = 0;
		put_character(v, v->seq, len);
	}
}

static enum escape after_escape(u8 byte)
{
	if (byte == '[')
		return ESCAPE_CSI;
	if (byte && strchr("]PX^_", byte))
		return ESCAPE_STRING;
	return byte > 0x2f ? ESCAPE_NONE : ESCAPE_BEGUN;
}

/* Ended by ST (ESC \), BEL, CAN or SUB. */
static enum escape in_string(u8 byte)
{
	if (byte == ESC)
		return ESCAPE_STRING_ESC;
	return byte == '\a' || byte == 0x18 || byte == 0x1a ? ESCAPE_NONE : ESCAPE_STRING;
}

/* True if the byte belongs to a sequence that is left out. A line's end ends it: one that is never finished hides no more than its line. */
static bool leave_out(struct visible *v, u8 byte)
{
	if (byte == '\n' || byte == '\r') {
		v->escape = ESCAPE_NONE;
		return false;
	}
	switch ((enum escape)v->escape) {
	case ESCAPE_NONE:
		if (byte != ESC)
			return false;
		v->escape = ESCAPE_BEGUN;
		break;
	case ESCAPE_BEGUN:
		v->escape = (u8)after_escape(byte);
		break;
	case ESCAPE_CSI:
		if (byte >= 0x40)
			v->escape = ESCAPE_NONE;
		break;
	case ESCAPE_STRING:
		v->escape = (u8)in_string(byte);
		break;
	case ESCAPE_STRING_ESC:
		v->escape = byte == '\\' ? ESCAPE_NONE : (u8)after_escape(byte);
		break;
	}
	return true;
}

static void visible_put(struct print_sink *sink, const char *s, size_t len)
{
	struct visible *v = container_of(sink, struct visible, sink);

	for (size_t i = 0, run; i < len; i += run) {
		u8 byte = (u8)s[i];

		if (v->have && !may_follow(v->seq[0], v->have, byte))
			visible_end(v);
		if (v->cr && byte != '\r') {
			v->cr = false;
			if (byte != '\n' && v->midline)
				newline(v);
		}
		for (run = 0; i + run < len && is_printable(s[i + run]) && !v->escape; run++)
			;
		if (run) {
			put(v, s + i, run);
			continue;
		}
		run = 1;
		if (v->strip && leave_out(v, byte))
			continue;
		if (byte == '\r')
			v->cr = true;
		else
			take(v, byte);
	}
}

void visible_init(struct visible *v, struct print_sink *out, bool strip)
{
	*v = (struct visible){ .sink.put = visible_put, .out = out, .strip = strip };
}

bool visible_complete(const struct visible *v)
{
	return !v->have && !v->cr && v->escape == ESCAPE_NONE;
}
