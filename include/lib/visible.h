/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that others wrote (a guest, a description, a devicetree), made harmless for a terminal that reads UTF-8. What can be seen passes. Control
 * characters, C1 as well, what turns the direction of text or does not show, and bytes that are no UTF-8 do not: they are shown as ^[ (ESC), ^? (DEL),
 * \u009b, \x9b. Pure.
 */
#ifndef LIB_VISIBLE_H
#define LIB_VISIBLE_H

#include <lib/printf.h>

/*
 * A stream: what is put into `sink`, in pieces cut anywhere, comes out at `out`. Newlines and tabs stay. A carriage return before a newline goes, any
 * other begins a new line.
 */
struct visible {
	struct print_sink sink;
	struct print_sink *out;
	bool strip;   /* escape sequences and control characters are left out instead of shown */
	u8 escape;    /* how far into a sequence that is left out: enum in visible.c */
	u8 seq[4];    /* an unfinished UTF-8 character */
	u8 have;      /* bytes of it */
	bool cr;      /* the last byte was a carriage return */
	bool midline; /* something stands in the line */
};

void visible_init(struct visible *v, struct print_sink *out, bool strip);
/* The end of the text: an unfinished character comes out as bytes. */
void visible_end(struct visible *v);
/* No character, no line's end and no sequence that is left out is unfinished. */
bool visible_complete(const struct visible *v);

#endif
