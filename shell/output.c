/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's output to its terminal. */
#include <drivers/uart.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "shell.h"
#include "table.h"

/*
 * A command's output is sent in pieces, with a check for Ctrl-C between two of them. At 115200 baud
 * a piece takes 22 ms.
 */
#define PIECE_BYTES 256

/* ---- unchanged bytes ---- */

void shell_write(const void *data, size_t len)
{
	uart_write(data, len);
}

static void put_raw(struct print_sink *sink __unused, const char *s, size_t len)
{
	shell_write(s, len);
}

struct print_sink shell_terminal = { .put = put_raw };

/* ---- Ctrl-C ---- */

static bool keys_taken, interrupted;

void shell_take_keys(void)
{
	keys_taken = true;
}

/* Ctrl-C discards the keys typed before it. */
static bool is_interrupted(void)
{
	u32 typed = keys_taken || interrupted ? 0 : uart_waiting(KEY_INTERRUPT);

	interrupted |= typed != 0;
	while (typed-- > 0)
		(void)uart_poll();
	return interrupted;
}

bool shell_interrupted(void)
{
	bool yes = is_interrupted();

	interrupted = false;
	return yes;
}

/* ---- text ---- */

/* Text written while a lock is held, see shell_hold(). */
static struct {
	bool on;
	u32 len;
	char text[KIB(16)];
} held;

static void send(const char *s, size_t len)
{
	for (size_t n; len && !is_interrupted(); s += n, len -= n) {
		n = MIN(len, (size_t)PIECE_BYTES);
		shell_write(s, n);
	}
}

static void send_held(void)
{
	send(held.text, held.len);
	held.len = 0;
}

void shell_hold(void)
{
	held.on = true;
}

void shell_release(void)
{
	held.on = false;
	send_held();
}

static void put_bytes(const char *s, size_t len)
{
	if (!held.on) {
		send(s, len);
		return;
	}
	while (len) {
		size_t n = MIN(len, sizeof(held.text) - held.len);

		memcpy(held.text + held.len, s, n);
		held.len += (u32)n;
		s += n;
		len -= n;
		if (held.len == sizeof(held.text))
			send_held(); /* full: the terminal is waited for after all */
	}
}

/* Send '\n' as CR LF. */
static void put_lines(struct print_sink *sink __unused, const char *s, size_t len)
{
	while (len) {
		const char *newline = memchr(s, '\n', len);
		size_t n = newline ? (size_t)(newline - s) : len;

		put_bytes(s, n);
		if (!newline)
			return;
		put_bytes("\r\n", 2);
		s += n + 1;
		len -= n + 1;
	}
}

struct print_sink shell_lines = { .put = put_lines };

struct visible shell_text;

void shell_begin(void)
{
	keys_taken = interrupted = false;
	visible_init(&shell_text, &shell_lines, false);
}

void shell_end(void)
{
	visible_end(&shell_text);
	if (interrupted)
		shell_write("^C\r\n", 4);
	shell_begin();
}

void shell_printf(const char *fmt, ...)
{
	char line[160]; /* a line goes on as a whole: its parts are short */
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	if (json_is_on()) {
		(void)vsink_printf(&json_beside, fmt, ap);
		va_end(ap);
		return;
	}
	len = (size_t)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (len < sizeof(line)) {
		shell_text.sink.put(&shell_text.sink, line, len);
		return;
	}
	va_start(ap, fmt);
	vsink_printf(&shell_text.sink, fmt, ap);
	va_end(ap);
}

const char *size_text(u64 bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	u32 unit = 0;

	while (unit + 1 < ARRAY_SIZE(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, size, "%lu %s", bytes, units[unit]);
	return buf;
}
