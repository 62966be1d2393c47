/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line editor: bytes of a terminal in, a line and its echo out. Pure but for the sink that it
 * writes to.
 *
 * Keys: arrows, Home, End, Delete, Ctrl-A/B/C/D/E/F/H/K/L/N/P/U/W/Y, Alt-B/F, Tab, Enter.
 */
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <lib/printf.h>
#include <lib/types.h>

#define CTRL(c) ((c)&0x1f)

#define LINE_SIZE       256 /* including the terminator */
#define LINE_HISTORY    32
#define COMPLETIONS_MAX 48
#define COMPLETION_SIZE 32

/* Possible completions of the word before the cursor. */
struct completions {
	u32 start; /* where that word begins */
	u32 count;
	char text[COMPLETIONS_MAX][COMPLETION_SIZE];
};

enum line_result {
	LINE_EDITING,   /* the line is not finished */
	LINE_ENTERED,   /* Enter: text holds the line */
	LINE_ABANDONED, /* Ctrl-C: the line is empty */
};

struct line_editor {
	struct print_sink *out;
	const char *prompt;
	/* Fill *c for the first `cursor` characters of line. May be NULL. */
	void (*complete)(const char *line, u32 cursor, struct completions *c);
	char text[LINE_SIZE];
	u32 len, cursor;
	char killed[LINE_SIZE]; /* text removed by Ctrl-K/U/W, for Ctrl-Y */
	u8 escape;              /* state of the escape sequence: enum in line.c */
	u32 parameter;          /* the last one of a control sequence */
	u8 before;              /* the byte before this one */
	bool after_cr;          /* a line feed that follows belongs to the CR */
	char history[LINE_HISTORY][LINE_SIZE];
	u32 history_count;     /* lines ever entered; the last LINE_HISTORY are kept */
	u32 browsing;          /* how many lines back; 0: the new line */
	char draft[LINE_SIZE]; /* the new line while browsing */
	struct completions completions;
};

void line_init(struct line_editor *e, struct print_sink *out, const char *prompt,
	       void (*complete)(const char *line, u32 cursor, struct completions *c));
/* Show the prompt and begin a new, empty line. */
void line_start(struct line_editor *e);
/* True if nothing was typed yet. */
bool line_is_fresh(const struct line_editor *e);
/* True if a control sequence has begun. If no more of it comes, it was none: forget it. */
bool line_in_sequence(const struct line_editor *e);
void line_forget_sequence(struct line_editor *e);
/*
 * Take one byte from the terminal. An entered line is already in the history, and its end is
 * echoed.
 */
enum line_result line_feed(struct line_editor *e, u8 byte);

/* Add a candidate if it begins with the word's `len` characters and if there is room. */
void completion_add(struct completions *c, const char *word, u32 len, const char *candidate);

#endif
