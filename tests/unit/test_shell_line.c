/* SPDX-License-Identifier: Apache-2.0 */
/* The line editor, looked at through a terminal: what is on the screen must be what it holds. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../../shell/line.h"

#define PROMPT "$ "

/* A terminal of one endless line at a time; CR LF begins a new one. */
struct terminal {
	struct print_sink sink;
	char row[1024];
	size_t column, bells, lines;
	char last[1024]; /* the row before */
	char escape[16];
	size_t escape_len;
	bool in_escape;
};

static struct terminal screen;
static struct line_editor editor;

static void escape_byte(struct terminal *t, char c)
{
	t->escape[t->escape_len++] = c;
	t->escape[t->escape_len] = '\0';
	assert_true(t->escape_len < sizeof(t->escape) - 1);
	if (c == '[' || (c >= '0' && c <= '9'))
		return;
	t->in_escape = false;
	if (strcmp(t->escape, "[K") == 0)
		memset(t->row + t->column, 0, sizeof(t->row) - t->column);
	else if (strcmp(t->escape, "[H") == 0)
		t->column = 0;
	else if (strcmp(t->escape, "[2J") == 0)
		memset(t->row, 0, sizeof(t->row));
	else
		fail_msg("terminal does not know ESC %s", t->escape);
}

static void terminal_put(struct print_sink *sink, const char *s, size_t len)
{
	struct terminal *t = (struct terminal *)sink;

	for (size_t i = 0; i < len; i++) {
		if (t->in_escape) {
			escape_byte(t, s[i]);
		} else if (s[i] == '\x1b') {
			t->in_escape = true;
			t->escape_len = 0;
		} else if (s[i] == '\b') {
			assert_true(t->column > 0);
			t->column--;
		} else if (s[i] == '\a') {
			t->bells++;
		} else if (s[i] == '\r') {
			t->column = 0;
		} else if (s[i] == '\n') {
			memcpy(t->last, t->row, sizeof(t->row));
			memset(t->row, 0, sizeof(t->row));
			t->lines++;
		} else {
			t->row[t->column++] = s[i];
		}
	}
}

static const char *const words[] = { "alpha", "alpine", "beta", "gamma" };

static void complete(const char *line, u32 cursor, struct completions *c)
{
	c->start = cursor;
	while (c->start > 0 && line[c->start - 1] != ' ')
		c->start--;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		completion_add(c, line + c->start, cursor - c->start, words[i]);
}

static int setup(void **state)
{
	*state = NULL;
	memset(&screen, 0, sizeof(screen));
	screen.sink.put = terminal_put;
	line_init(&editor, &screen.sink, PROMPT, complete);
	line_start(&editor);
	return 0;
}

static void check_screen(void)
{
	char expected[512];

	snprintf(expected, sizeof(expected), PROMPT "%s", editor.text);
	assert_string_equal(screen.row, expected);
	assert_int_equal(screen.column, strlen(PROMPT) + editor.cursor);
	assert_int_equal(strlen(editor.text), editor.len);
}

static enum line_result type(const char *keys)
{
	enum line_result result = LINE_EDITING;

	for (; *keys; keys++) {
		result = line_feed(&editor, (u8)*keys);
		if (result != LINE_EDITING) {
			assert_int_equal(keys[1], 0);
			return result;
		}
		if (editor.escape == 0)
			check_screen();
	}
	return result;
}

static void enter(const char *keys)
{
	type(keys);
	assert_int_equal(type("\r"), LINE_ENTERED);
	line_start(&editor);
}

static void check(const char *keys, const char *text, u32 cursor)
{
	type(keys);
	assert_string_equal(editor.text, text);
	assert_int_equal(editor.cursor, cursor);
}

static void test_typing(void **state)
{
	(void)state;
	check("zvm info", "zvm info", 8);
	assert_int_equal(type("\r"), LINE_ENTERED);
	assert_string_equal(editor.text, "zvm info");
	assert_string_equal(screen.last, PROMPT "zvm info");
	/* The line feed of CR LF belongs to it; one by itself ends a line too. */
	line_start(&editor);
	assert_int_equal(type("\n"), LINE_EDITING);
	assert_int_equal(type("\n"), LINE_ENTERED);
}

static void test_moving(void **state)
{
	(void)state;
	check("one three\x1b[D\x1b[D\x1bOD\x1b[D\x1b[D", "one three", 4);
	check("two ", "one two three", 8);
	check("\x01<", "<one two three", 1);
	check("\x05>", "<one two three>", 15);
	check("\x1b[H\x1b[C", "<one two three>", 1);
	check("\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1bOH\x1bOF\x02\x06", "<one two three>", 15);
	check("\x1b[1;5D", "<one two three>", 9);
	check("\x1b"
	      "b",
	      "<one two three>", 5);
	check("\x1b"
	      "f\x1b[1;5C",
	      "<one two three>", 15);
	check("\x1b[C\x1b[C", "<one two three>", 15);
}

static void test_deleting(void **state)
{
	(void)state;
	check("abcdef\x7f\x08", "abcd", 4);
	check("\x1b[D\x1b[D\x1b[3~", "abd", 2);
	check("\x04", "ab", 2);
	check("\x04\x1b[3~", "ab", 2);
	check("\x01\x7f", "ab", 0);
	check("\x05 cd ef  \x17", "ab cd ", 6);
	check("\x17", "ab ", 3);
	check("\x19\x19", "ab cd cd ", 9);
	check("\x01\x1b[C\x0b", "a", 1);
	check("\x19\x15", "", 0);
	check("\x19", "ab cd cd ", 9);
}

static void test_abandon(void **state)
{
	(void)state;
	type("half a line");
	assert_int_equal(type("\x03"), LINE_ABANDONED);
	assert_int_equal(editor.len, 0);
	assert_string_equal(screen.last, PROMPT "half a line^C");
	line_start(&editor);
	check("\x1b[A", "", 0);
	assert_int_equal(screen.bells, 1);
}

static void test_clear(void **state)
{
	(void)state;
	check("some text\x1b[D\x0c", "some text", 8);
}

static void test_history(void **state)
{
	(void)state;
	enter("first");
	enter("second");
	enter("second");
	enter("");
	type("dra");
	check("\x1b[A", "second", 6);
	check("\x1b[A", "first", 5);
	check("\x10", "first", 5); /* Ctrl-P: there is no older one */
	check("\x1bOB", "second", 6);
	check("\x0e", "dra", 3);
	check("\x1b[B", "dra", 3);
	/* An old line that was changed is a new line. */
	check("\x1b[A\x1b[A!", "first!", 6);
	enter("");
	check("\x1b[A", "first!", 6);
	check("\x1b[A\x1b[A", "first", 5);
}

static void test_history_is_bounded(void **state)
{
	char line[16];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), "line %d", i);
		enter(line);
	}
	for (int i = 0; i < LINE_HISTORY; i++)
		type("\x1b[A");
	assert_string_equal(editor.text, "line 8");
	type("\x1b[A");
	assert_string_equal(editor.text, "line 8");
}

static void test_completion(void **state)
{
	(void)state;
	check("b\t", "beta ", 5);
	check("al\t", "beta alp", 8);
	check("\t", "beta alp", 8);
	assert_int_equal(screen.lines, 2);
	assert_string_equal(screen.last, "alpha  alpine");
	check("i\t", "beta alpine ", 12);
	check("x\t", "beta alpine x", 13);
	assert_int_equal(screen.bells, 1);
	/* In the middle of a line. */
	check("\x01g\t", "gamma beta alpine x", 6);
}

static void test_length_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		type("x");
	assert_int_equal(editor.len, LINE_SIZE - 1);
	assert_int_equal(screen.bells, 300 - (LINE_SIZE - 1));
	check("\x15\x19", editor.killed, LINE_SIZE - 1);
	type("\x19");
	assert_int_equal(editor.len, LINE_SIZE - 1);
}

/*
 * A terminal's answers to a guest, or its mouse reports, may come after the guest's console was
 * left.
 */
static void test_answers_are_no_text(void **state)
{
	static const char *const answers[] = {
		"\x1b[24;80R",                          /* where the cursor is */
		"\x1b[?62;22c\x1b[>41;330;0c",          /* what terminal it is */
		"\x1b]lzvm delete -f linux\x1b\\",      /* its title */
		"\x1b]52;c;cm0gLXJmIC8K\a",             /* the clipboard */
		"\x1bP1$rzvm delete -f linux\rx\x1b\\", /* a setting, from a terminal that checks
							 * nothing */
		"\x1b_Gi=1;OK\x1b\\\x1b^x\x1b\\\x1bXy\x1b\\",
		"\x1b]11;rgb:0000/0000/0000\x1b[24;1R", /* cut off by the next one */
		"\x1b]11;rgb\x18\x1bP1\x1a",
		"\x1b[M !\x7f\x1b[M#\x80\xff\x1b[<0;10;20M\x1b[<0;10;20m\x1b[I\x1b[O",
		"\x9b"
		"24;80R\xc2\x9b"
		"24;80R\x90"
		"1$rq\x1b\\",
	};

	(void)state;
	type("ab");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		check(answers[i], "ab", 2);
		assert_false(line_in_sequence(&editor));
	}
	/* A letter of several bytes is no control character. */
	check("\xc3\x9b"
	      "c\xe2\x90\x9b"
	      "d",
	      "abcd", 4);
	/* Alt-] was no answer: nothing more came. */
	type("\x1b]");
	assert_true(line_in_sequence(&editor));
	line_forget_sequence(&editor);
	check("e", "abcde", 5);
	assert_false(line_is_fresh(&editor));
	type("\x15");
	assert_true(line_is_fresh(&editor));
}

static void test_junk(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		static const char likely_keys[] =
			"\x1b[[OABCDHF~135;]P\\\x9bM\t \x7f\x17\x0b\x19\r";
		u8 byte = (u8)(rand() % 3 ? likely_keys[(size_t)rand() % (sizeof(likely_keys) - 1)]
					  : rand());

		if (line_feed(&editor, byte) != LINE_EDITING)
			line_start(&editor);
		if (editor.escape == 0)
			check_screen();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_typing, setup),
		cmocka_unit_test_setup(test_moving, setup),
		cmocka_unit_test_setup(test_deleting, setup),
		cmocka_unit_test_setup(test_abandon, setup),
		cmocka_unit_test_setup(test_clear, setup),
		cmocka_unit_test_setup(test_history, setup),
		cmocka_unit_test_setup(test_history_is_bounded, setup),
		cmocka_unit_test_setup(test_completion, setup),
		cmocka_unit_test_setup(test_length_is_bounded, setup),
		cmocka_unit_test_setup(test_answers_are_no_text, setup),
		cmocka_unit_test_setup(test_junk, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
