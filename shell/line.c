/* SPDX-License-Identifier: Apache-2.0 */
/* Line editor. The screen always shows prompt and text; the terminal's cursor is at e->cursor. */
#include <lib/string.h>
#include <lib/utf8.h>
#include "line.h"

#define DEL  0x7f
#define BELL "\a"

/*
 * ECMA-48: ESC [ parameters final is a control sequence. ESC O final is an SS3 key. ESC P, X, ], ^
 * or _ begins a string that ends at ST. Keys are of the first two kinds. Strings, and the three
 * bytes behind CSI M (the mouse), are answers of the terminal to a guest that asked earlier: they
 * are not text.
 */
enum escape { ESC_NONE, ESC_SEEN, ESC_CSI, ESC_SS3, ESC_MOUSE, ESC_STRING, ESC_STRING_SEEN };

#define MOUSE_BYTES 3

static void put(struct line_editor *e, const char *s, u32 len)
{
	e->out->put(e->out, s, len);
}

static void puts_line(struct line_editor *e, const char *s)
{
	put(e, s, (u32)strlen(s));
}

static void back(struct line_editor *e, u32 count)
{
	while (count-- > 0)
		puts_line(e, "\b");
}

/* Redraw the text right of the cursor and clear the rest of the terminal's line. */
static void redraw_tail(struct line_editor *e)
{
	put(e, e->text + e->cursor, e->len - e->cursor);
	puts_line(e, "\x1b[K");
	back(e, e->len - e->cursor);
}

static void redraw_all(struct line_editor *e)
{
	puts_line(e, e->prompt);
	put(e, e->text, e->cursor);
	redraw_tail(e);
}

static void move_to(struct line_editor *e, u32 cursor)
{
	if (cursor < e->cursor)
		back(e, e->cursor - cursor);
	else
		put(e, e->text + e->cursor, cursor - e->cursor);
	e->cursor = cursor;
}

static void insert(struct line_editor *e, const char *s, u32 len)
{
	if (len > LINE_SIZE - 1 - e->len) {
		puts_line(e, BELL);
		return;
	}
	memmove(e->text + e->cursor + len, e->text + e->cursor, e->len - e->cursor + 1);
	memcpy(e->text + e->cursor, s, len);
	e->len += len;
	put(e, s, len);
	e->cursor += len;
	if (e->cursor < e->len)
		redraw_tail(e);
}

/* Remove [from, to); the cursor goes to from. */
static void remove_range(struct line_editor *e, u32 from, u32 to)
{
	move_to(e, from);
	if (from == to)
		return;
	memmove(e->text + from, e->text + to, e->len - to + 1);
	e->len -= to - from;
	redraw_tail(e);
}

static void kill_range(struct line_editor *e, u32 from, u32 to)
{
	if (from == to)
		return;
	memcpy(e->killed, e->text + from, to - from);
	e->killed[to - from] = '\0';
	remove_range(e, from, to);
}

static void replace(struct line_editor *e, const char *text)
{
	move_to(e, 0);
	str_copy(e->text, text, sizeof(e->text));
	e->len = (u32)strlen(e->text);
	redraw_tail(e);
	move_to(e, e->len);
}

static u32 word_left(const struct line_editor *e)
{
	u32 at = e->cursor;

	while (at > 0 && e->text[at - 1] == ' ')
		at--;
	while (at > 0 && e->text[at - 1] != ' ')
		at--;
	return at;
}

static u32 word_right(const struct line_editor *e)
{
	u32 at = e->cursor;

	while (at < e->len && e->text[at] == ' ')
		at++;
	while (at < e->len && e->text[at] != ' ')
		at++;
	return at;
}

/* ---- history ---- */

static char *history_line(struct line_editor *e, u32 lines_back)
{
	return e->history[(e->history_count - lines_back) % LINE_HISTORY];
}

static void history_add(struct line_editor *e)
{
	if (e->len == 0 || (e->history_count && str_eq(history_line(e, 1), e->text)))
		return;
	str_copy(e->history[e->history_count % LINE_HISTORY], e->text, LINE_SIZE);
	e->history_count++;
}

static void browse(struct line_editor *e, u32 lines_back)
{
	if (lines_back > MIN(e->history_count, LINE_HISTORY)) {
		puts_line(e, BELL);
		return;
	}
	if (e->browsing == 0)
		str_copy(e->draft, e->text, sizeof(e->draft));
	e->browsing = lines_back;
	replace(e, lines_back ? history_line(e, lines_back) : e->draft);
}

static void key_up(struct line_editor *e)
{
	browse(e, e->browsing + 1);
}

static void key_down(struct line_editor *e)
{
	if (e->browsing)
		browse(e, e->browsing - 1);
}

/* ---- completion ---- */

void completion_add(struct completions *c, const char *word, u32 len, const char *candidate)
{
	if (c->count == COMPLETIONS_MAX || strncmp(candidate, word, len) != 0 ||
	    strlen(candidate) >= COMPLETION_SIZE)
		return;
	str_copy(c->text[c->count++], candidate, COMPLETION_SIZE);
}

static u32 common_length(const struct completions *c)
{
	u32 len = (u32)strlen(c->text[0]);

	for (u32 i = 1; i < c->count; i++) {
		u32 same = 0;

		while (same < len && c->text[i][same] == c->text[0][same])
			same++;
		len = same;
	}
	return len;
}

static void list_completions(struct line_editor *e)
{
	puts_line(e, "\r\n");
	for (u32 i = 0; i < e->completions.count; i++) {
		puts_line(e, e->completions.text[i]);
		puts_line(e, i + 1 < e->completions.count ? "  " : "\r\n");
	}
	redraw_all(e);
}

static void key_tab(struct line_editor *e)
{
	struct completions *c = &e->completions;
	u32 typed, common;

	c->count = 0;
	c->start = e->cursor;
	if (e->complete)
		e->complete(e->text, e->cursor, c);
	if (c->count == 0) {
		puts_line(e, BELL);
		return;
	}
	typed = e->cursor - c->start;
	common = common_length(c);
	if (common > typed)
		insert(e, c->text[0] + typed, common - typed);
	else if (c->count > 1)
		list_completions(e);
	if (c->count == 1 && c->text[0][common - 1] != '=') /* its value follows without a blank */
		insert(e, " ", 1);
}

/* ---- keys ---- */

static void key_left(struct line_editor *e)
{
	if (e->cursor > 0)
		move_to(e, e->cursor - 1);
}

static void key_right(struct line_editor *e)
{
	if (e->cursor < e->len)
		move_to(e, e->cursor + 1);
}

static void key_home(struct line_editor *e)
{
	move_to(e, 0);
}

static void key_end(struct line_editor *e)
{
	move_to(e, e->len);
}

static void key_word_left(struct line_editor *e)
{
	move_to(e, word_left(e));
}

static void key_word_right(struct line_editor *e)
{
	move_to(e, word_right(e));
}

static void key_backspace(struct line_editor *e)
{
	if (e->cursor > 0)
		remove_range(e, e->cursor - 1, e->cursor);
}

static void key_delete(struct line_editor *e)
{
	if (e->cursor < e->len)
		remove_range(e, e->cursor, e->cursor + 1);
}

static void key_kill_end(struct line_editor *e)
{
	kill_range(e, e->cursor, e->len);
}

static void key_kill_start(struct line_editor *e)
{
	kill_range(e, 0, e->cursor);
}

static void key_kill_word(struct line_editor *e)
{
	kill_range(e, word_left(e), e->cursor);
}

static void key_yank(struct line_editor *e)
{
	insert(e, e->killed, (u32)strlen(e->killed));
}

static void key_clear(struct line_editor *e)
{
	puts_line(e, "\x1b[H\x1b[2J");
	redraw_all(e);
}

struct key {
	u8 byte;
	void (*act)(struct line_editor *e);
};

static const struct key control_keys[] = {
	{ CTRL('A'), key_home },      { CTRL('B'), key_left },     { CTRL('D'), key_delete },
	{ CTRL('E'), key_end },       { CTRL('F'), key_right },    { CTRL('H'), key_backspace },
	{ CTRL('I'), key_tab },       { CTRL('K'), key_kill_end }, { CTRL('L'), key_clear },
	{ CTRL('N'), key_down },      { CTRL('P'), key_up },       { CTRL('U'), key_kill_start },
	{ CTRL('W'), key_kill_word }, { CTRL('Y'), key_yank },     { DEL, key_backspace },
};

/* Final bytes of CSI and SS3 sequences. */
static const struct key final_keys[] = {
	{ 'A', key_up },   { 'B', key_down }, { 'C', key_right },
	{ 'D', key_left }, { 'H', key_home }, { 'F', key_end },
};

/* Parameters of CSI sequences that end in '~'. */
static const struct key tilde_keys[] = {
	{ 1, key_home }, { 3, key_delete }, { 4, key_end }, { 7, key_home }, { 8, key_end },
};

/* Keys after ESC: what terminals send for Alt. */
static const struct key alt_keys[] = {
	{ 'b', key_word_left },
	{ 'f', key_word_right },
	{ DEL, key_kill_word },
};

static void press(struct line_editor *e, const struct key *keys, u32 count, u32 byte)
{
	for (u32 i = 0; i < count; i++) {
		if (keys[i].byte == byte) {
			keys[i].act(e);
			return;
		}
	}
}

static void feed_csi(struct line_editor *e, u8 byte)
{
	if (byte >= '0' && byte <= '9') {
		e->parameter = (e->parameter * 10 + byte - '0') % 1000;
	} else if (byte == ';') {
		/* "1;5C": the number behind ';' is the modifier. The last number counts. */
		e->parameter = 0;
	} else if (byte == 'M' && e->parameter == 0) {
		e->escape = ESC_MOUSE;
	} else if (byte >= 0x40 && byte <= 0x7e) {
		e->escape = ESC_NONE;
		if (byte == '~')
			press(e, tilde_keys, ARRAY_SIZE(tilde_keys), e->parameter);
		else if (byte == 'C' && e->parameter > 1)
			key_word_right(e);
		else if (byte == 'D' && e->parameter > 1)
			key_word_left(e);
		else
			press(e, final_keys, ARRAY_SIZE(final_keys), byte);
	} else if (byte < 0x20) {
		e->escape = ESC_NONE; /* no sequence continues like this */
	}
}

/* Begin the sequence for the byte behind ESC. A C1 control character begins the same one. */
static u8 begin_sequence(struct line_editor *e, u8 byte)
{
	e->parameter = 0;
	if (byte == '[')
		return ESC_CSI;
	if (byte == 'O')
		return ESC_SS3;
	return byte && strchr("PX]^_", byte) ? ESC_STRING : ESC_NONE;
}

/* ST is ESC \. xterm also ends a string at BEL. CAN and SUB abort it. */
static u8 feed_string(u8 byte)
{
	if (byte == CTRL('['))
		return ESC_STRING_SEEN;
	return byte == CTRL('G') || byte == CTRL('X') || byte == CTRL('Z') ? ESC_NONE : ESC_STRING;
}

static void feed_escape(struct line_editor *e, u8 byte)
{
	switch ((enum escape)e->escape) {
	case ESC_SEEN:
		e->escape = begin_sequence(e, byte);
		if (e->escape == ESC_NONE)
			press(e, alt_keys, ARRAY_SIZE(alt_keys), byte);
		break;
	case ESC_MOUSE:
		if (++e->parameter == MOUSE_BYTES)
			e->escape = ESC_NONE;
		break;
	case ESC_STRING:
		e->escape = feed_string(byte);
		break;
	case ESC_STRING_SEEN:
		e->escape = begin_sequence(e, byte);
		break;
	case ESC_CSI:
		feed_csi(e, byte);
		break;
	case ESC_SS3:
		e->escape = ESC_NONE;
		press(e, final_keys, ARRAY_SIZE(final_keys), byte);
		break;
	case ESC_NONE:
		break;
	}
}

static enum line_result finish(struct line_editor *e, enum line_result result)
{
	move_to(e, e->len);
	if (result == LINE_ABANDONED) {
		puts_line(e, "^C");
		e->text[0] = '\0';
		e->len = e->cursor = 0;
	}
	puts_line(e, "\r\n");
	history_add(e);
	return result;
}

enum line_result line_feed(struct line_editor *e, u8 byte)
{
	bool after_cr = e->after_cr;
	u8 before = e->before;
	char c = (char)byte;

	e->after_cr = byte == '\r';
	e->before = byte;
	if (e->escape != ESC_NONE) {
		feed_escape(e, byte);
		return LINE_EDITING;
	}
	if (byte == '\r' || (byte == '\n' && !after_cr))
		return finish(e, LINE_ENTERED);
	if (byte == CTRL('C'))
		return finish(e, LINE_ABANDONED);
	if (byte == CTRL('['))
		e->escape = ESC_SEEN;
	else if (utf8_is_c1(before, byte))
		e->escape = begin_sequence(e, byte - 0x40);
	else if (byte >= ' ' && byte < DEL)
		insert(e, &c, 1);
	else
		press(e, control_keys, ARRAY_SIZE(control_keys), byte);
	return LINE_EDITING;
}

bool line_is_fresh(const struct line_editor *e)
{
	return e->len == 0 && e->escape == ESC_NONE;
}

bool line_in_sequence(const struct line_editor *e)
{
	return e->escape != ESC_NONE;
}

void line_forget_sequence(struct line_editor *e)
{
	e->escape = ESC_NONE;
}

void line_init(struct line_editor *e, struct print_sink *out, const char *prompt,
	       void (*complete)(const char *line, u32 cursor, struct completions *c))
{
	memset(e, 0, sizeof(*e));
	e->out = out;
	e->prompt = prompt;
	e->complete = complete;
}

void line_start(struct line_editor *e)
{
	e->text[0] = '\0';
	e->len = e->cursor = e->browsing = 0;
	puts_line(e, e->prompt);
}
