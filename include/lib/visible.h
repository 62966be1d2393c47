/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes text from outside (a guest, a description, a devicetree) harmless for a terminal that reads
 * UTF-8. Pure.
 *
 * Characters that can be seen pass. The others are shown as ^[ (ESC), ^? (DEL), \u009b or \x9b:
 * control characters (C1 included), characters that turn the direction of text or do not show, and
 * bytes that are not UTF-8.
 */
#ifndef LIB_VISIBLE_H
#define LIB_VISIBLE_H

#include <lib/printf.h>

/*
 * A stream: text goes into `sink`, in pieces cut anywhere, and comes out at `out`. Newlines and
 * tabs stay. A carriage return before a newline is dropped; any other one begins a new line.
 */
struct visible {
	struct print_sink sink;
	struct print_sink *out;
	bool strip;   /* escape sequences and control characters are left out instead of shown */
	u8 escape;    /* progress in a sequence that is left out: enum in visible.c */
	u8 seq[4];    /* an unfinished UTF-8 character */
	u8 have;      /* bytes of it */
	bool cr;      /* the last byte was a carriage return */
	bool midline; /* the current line is not empty */
};

void visible_init(struct visible *v, struct print_sink *out, bool strip);
/* End the text. An unfinished character comes out as bytes. */
void visible_end(struct visible *v);
/* True if no character, no line end and no left-out sequence is unfinished. */
bool visible_complete(const struct visible *v);

#endif
