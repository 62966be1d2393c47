/* SPDX-License-Identifier: Apache-2.0 */
/* Control functions as in ECMA-48. */
#include <lib/string.h>
#include <lib/utf8.h>
#include <lib/visible.h>
#include <lib/word.h>

#define ESC 0x1b
#define DEL 0x7f

/*
 * In order: none; after ESC and intermediates; in a control sequence (ESC [); in a control string
 * (ESC ] and others); after ESC in a string.
 */
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
	u32 c = utf8_code(seq, len);

	if (c == '\n') {
		newline(v);
	} else if (c != '\t' && (c < ' ' || c == DEL)) {
		put_control(v, (u8)c);
	} else if (c != '\t' && !utf8_length((const char *)seq, len)) {
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
	u32 len = utf8_sequence(v->have ? v->seq[0] : byte);

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

/*
 * True if the byte belongs to a sequence that is left out. A line end also ends the sequence, so an
 * unfinished one hides no more than its line.
 */
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

/* True if all bytes of a word are: from 0x20 to 0x7e. */
static bool all_printable(u64 w)
{
	return !((w | (w + EACH_BYTE(1)) | (w - EACH_BYTE(0x20))) & EACH_BYTE(0x80));
}

static size_t printable_run(const char *s, size_t len)
{
	size_t n = 0;

	while (len - n >= sizeof(word_t) && all_printable(*(const word_t *)(s + n)))
		n += sizeof(word_t);
	while (n < len && is_printable(s[n]))
		n++;
	return n;
}

static void visible_put(struct print_sink *sink, const char *s, size_t len)
{
	struct visible *v = container_of(sink, struct visible, sink);

	for (size_t i = 0, run; i < len; i += run) {
		u8 byte = (u8)s[i];

		if (v->have && !utf8_may_follow(v->seq[0], v->have, byte))
			visible_end(v);
		if (v->cr && byte != '\r') {
			v->cr = false;
			if (byte != '\n' && v->midline)
				newline(v);
		}
		run = v->escape ? 0 : printable_run(s + i, len - i);
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
