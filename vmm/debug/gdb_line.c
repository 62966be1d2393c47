/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of GDB's remote protocol (GDB manual, appendix E): bytes in, contents out. */
#include <lib/printf.h>
#include <lib/string.h>
#include "gdb_internal.h"

static __noinline s32 digit_of(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin(struct gdb_line *l)
{
	l->state = LINE_DATA;
	l->sum = 0;
	l->len = 0;
	l->too_long = false;
}

static void keep(struct gdb_line *l, u8 byte)
{
	if (l->len < sizeof(l->data))
		l->data[l->len++] = byte;
	else
		l->too_long = true;
	l->state = LINE_DATA;
}

static enum gdb_event outside(struct gdb_line *l, u8 byte)
{
	if (byte == '$')
		begin(l);
	return byte == 0x03 ? GDB_INTERRUPT : byte == '-' ? GDB_AGAIN : GDB_NONE;
}

static void inside(struct gdb_line *l, u8 byte)
{
	if (byte == '$') {
		begin(l); /* the end of the one before was lost */
		return;
	}
	if (byte == '#') {
		l->state = LINE_SUM;
		return;
	}
	l->sum = (u8)(l->sum + byte);
	if (byte == '}')
		l->state = LINE_ESCAPED;
	else
		keep(l, byte);
}

static enum gdb_event at_end(struct gdb_line *l, u8 byte)
{
	const s32 digit = digit_of(byte);

	l->state = LINE_IDLE;
	if (digit < 0 || (l->told << 4 | (u8)digit) != l->sum || l->too_long)
		return GDB_PACKET_WRONG;
	return GDB_PACKET_CAME;
}

enum gdb_event gdb_line_take(struct gdb_line *l, u8 byte)
{
	switch (l->state) {
	case LINE_DATA:
		inside(l, byte);
		return GDB_NONE;
	case LINE_ESCAPED:
		l->sum = (u8)(l->sum + byte);
		keep(l, byte ^ 0x20);
		return GDB_NONE;
	case LINE_SUM:
		if (digit_of(byte) < 0) {
			l->state = LINE_IDLE;
			return GDB_PACKET_WRONG;
		}
		l->told = (u8)digit_of(byte);
		l->state = LINE_SUM_END;
		return GDB_NONE;
	case LINE_SUM_END:
		return at_end(l, byte);
	default:
		return outside(l, byte);
	}
}

/* ---- answers ---- */

void answer_bytes(struct gdb_answer *a, const void *data, u32 len)
{
	const u32 n = MIN(len, (u32)sizeof(a->data) - a->len);

	memcpy(a->data + a->len, data, n);
	a->len += n;
}

void answer_text(struct gdb_answer *a, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	answer_bytes(a, text, MIN((u32)n, (u32)sizeof(text) - 1));
}

void answer_hex(struct gdb_answer *a, const void *data, u32 len)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *bytes = data;

	for (u32 i = 0; i < len; i++) {
		const char two[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		answer_bytes(a, two, 2);
	}
}

/* ---- reading ---- */

bool text_word(struct gdb_text *t, const char *word)
{
	const size_t len = strlen(word);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0)
		return false;
	t->at += len;
	return true;
}

bool text_number(struct gdb_text *t, u64 *n)
{
	const u8 *at = t->at;

	for (*n = 0; at < t->end && digit_of(*at) >= 0; at++) {
		if (*n >> 60)
			return false;
		*n = *n << 4 | (u64)digit_of(*at);
	}
	if (at == t->at)
		return false;
	t->at = at;
	return true;
}

bool text_bytes(struct gdb_text *t, void *out, u32 len)
{
	u8 *to = out;

	if ((size_t)(t->end - t->at) / 2 < len)
		return false;
	for (u32 i = 0; i < len; i++) {
		const s32 high = digit_of(t->at[2 * i]), low = digit_of(t->at[2 * i + 1]);

		if ((high | low) < 0)
			return false;
		to[i] = (u8)(high << 4 | low);
	}
	t->at += 2 * (size_t)len;
	return true;
}
