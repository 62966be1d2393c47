/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that fits the terminal's screen: `more` stops at its end, `watch` shows one screen again
 * and again. Only these two ask the terminal for its size. All other output passes as it is, so a
 * script at the serial line meets no questions.
 */
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include "line.h"
#include "shell.h"

/* xterm's ctlseqs: save the cursor, go to the last place, report it (CPR), restore the cursor. */
#define ASK_SIZE                    \
	"\x1b"                      \
	"7\x1b[999;999H\x1b[6n\x1b" \
	"8"
#define ANSWER_MS 500
/* Of a terminal that does not answer, or answers with something absurd. */
#define ROWS     24
#define COLUMNS  80
#define SIZE_MIN 4

#define QUESTION   "-- Space: on, Enter: a line, q: end --"
#define CLEAR_LINE "\r\x1b[K"
#define HOME       "\x1b[H"
#define CLEAR_REST "\x1b[J"

#define PERIOD_S     2
#define PERIOD_MAX_S 3600

static struct {
	enum { PASS, PAGES, ONE } mode;
	u32 rows, columns; /* of the terminal; its last row stays free */
	u32 row, column;   /* of the output */
	bool left;         /* the operator has seen enough */
} screen;

static void send(const char *sequence)
{
	shell_write(sequence, strlen(sequence));
}

/* ---- the terminal's size ---- */

/* The answer is CSI rows ; columns R. False: there was none, or it is not sensible. */
static bool read_size(void)
{
	const u64 end = deadline_ms(ANSWER_MS);
	u32 numbers[2] = { 0, 0 }, n = 0;
	int key;

	while ((key = uart_getc(end)) >= 0 && key != 'R' && key != KEY_INTERRUPT) {
		if (key == ';')
			n = 1;
		else if (key >= '0' && key <= '9')
			numbers[n] = (numbers[n] * 10 + (u32)key - '0') % 10000;
		else
			numbers[0] = numbers[1] = n = 0;
	}
	if (key == KEY_INTERRUPT)
		shell_interrupt();
	screen.rows = numbers[0];
	screen.columns = numbers[1];
	return key == 'R' && screen.rows >= SIZE_MIN && screen.columns >= SIZE_MIN;
}

/* False: Ctrl-C came instead. */
static bool ask_size(void)
{
	send(ASK_SIZE);
	if (!read_size()) {
		screen.rows = ROWS;
		screen.columns = COLUMNS;
	}
	return !shell_was_interrupted();
}

/* ---- output ---- */

/* The screen is full: the rows that may follow now. */
static void ask_for_more(void)
{
	int key;

	send(QUESTION);
	do
		key = uart_getc(DEADLINE_NEVER);
	while (key >= 0 && key != ' ' && key != '\r' && key != 'q' && key != KEY_INTERRUPT);
	send(CLEAR_LINE);
	if (key == ' ')
		screen.row = 0;
	else if (key == '\r')
		screen.row--;
	else
		screen.left = true;
	if (key == KEY_INTERRUPT)
		shell_interrupt();
}

/* True: nothing fits. */
static bool is_full(bool may_wait)
{
	if (screen.row + 1 < screen.rows)
		return false;
	if (screen.mode == PAGES && !may_wait)
		return false;
	if (screen.mode == PAGES && !screen.left)
		ask_for_more();
	return screen.row + 1 >= screen.rows;
}

size_t screen_take(const char *s, size_t len, bool may_wait)
{
	if (screen.mode == PASS)
		return len;
	if (is_full(may_wait))
		return 0;
	if (screen.mode == ONE && !screen.column)
		send(CLEAR_LINE);
	for (size_t n = 0; n < len; n++) {
		const u8 c = (u8)s[n];

		if (c == '\n') {
			screen.row +=
				1 + (screen.column ? (screen.column - 1) / screen.columns : 0);
			screen.column = 0;
			return n + 1;
		}
		screen.column += c >= ' ' && (c & 0xc0) != 0x80; /* UTF-8: one for each character */
	}
	return len;
}

void screen_pass(void)
{
	screen.mode = PASS;
}

/* ---- more, watch ---- */

static void run_on_screen(const struct args *a, u32 skip)
{
	screen.row = screen.column = 0;
	screen.left = false;
	command_run_words(a->words + skip, a->nwords - skip);
	shell_flush();
}

void cmd_more(const struct args *a)
{
	if (!a->nwords) {
		command_help(a->path, a->command);
		return;
	}
	if (!ask_size())
		return;
	screen.mode = PAGES;
	run_on_screen(a, 0);
	screen.mode = PASS;
}

/* The number of words before the command. 0: the period is wrong, and a line says so. */
static bool take_period(const struct args *a, u64 *seconds, u32 *skip)
{
	*skip = a->nwords && str_eq(a->words[0], "-n") ? 2 : 0;
	if (*skip && (a->nwords < 2 || parse_u64(a->words[1], seconds) != 0 || !*seconds ||
		      *seconds > PERIOD_MAX_S)) {
		shell_error("%s: -n: the period in seconds must be 1 to %u\n", a->path,
			    PERIOD_MAX_S);
		return false;
	}
	return true;
}

/* False: Ctrl-C. */
static bool wait_for_next(u64 deadline)
{
	while (!shell_was_interrupted() && arch_counter() < deadline)
		shell_wait(deadline);
	return !shell_was_interrupted();
}

void cmd_watch(const struct args *a)
{
	u64 seconds = PERIOD_S, next;
	u32 skip;

	if (!take_period(a, &seconds, &skip))
		return;
	if (a->nwords == skip) {
		command_help(a->path, a->command);
		return;
	}
	if (!ask_size())
		return;
	send(HOME CLEAR_REST);
	do {
		next = deadline_ms(seconds * 1000);
		send(HOME);
		screen.mode = ONE;
		run_on_screen(a, skip);
		if (screen.mode == ONE)
			send(CLEAR_REST);
	} while (screen.mode == ONE && !shell_io()->failed && wait_for_next(next));
	screen.mode = PASS;
}
