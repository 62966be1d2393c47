/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's output to its terminal. */
#include <drivers/uart.h>
#include <kernel/thread.h>
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

static bool keys_taken, interrupted, pressed;

void shell_take_keys(void)
{
	keys_taken = true;
	screen_pass();
}

/* Ctrl-C discards the keys typed before it. */
static bool is_interrupted(void)
{
	u32 typed = keys_taken || interrupted ? 0 : uart_waiting(KEY_INTERRUPT);

	if (typed)
		shell_interrupt();
	while (typed-- > 0)
		(void)uart_poll();
	return interrupted;
}

void shell_interrupt(void)
{
	interrupted = pressed = true;
}

bool shell_was_interrupted(void)
{
	return is_interrupted() || pressed;
}

bool shell_interrupted(void)
{
	bool yes = is_interrupted();

	interrupted = false;
	return yes;
}

/* ---- each thread's ---- */

static struct shell_io terminal, *remote;
static const struct thread *remote_thread;

struct shell_io *shell_io(void)
{
	return remote && thread_current() == remote_thread ? remote : &terminal;
}

void shell_set_remote(const struct thread *t, struct shell_io *io)
{
	remote_thread = t;
	remote = io;
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
	for (size_t n = 1; n && len && !is_interrupted(); s += n, len -= n) {
		n = screen_take(s, MIN(len, (size_t)PIECE_BYTES), !held.on);
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
	if (shell_io() == &terminal)
		held.on = true;
}

void shell_release(void)
{
	if (shell_io() != &terminal)
		return;
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

void shell_begin(void)
{
	keys_taken = interrupted = pressed = false;
	terminal.failed = false;
	visible_init(&terminal.text, &shell_lines, false);
}

void shell_flush(void)
{
	visible_end(&terminal.text);
}

void shell_end(void)
{
	shell_flush();
	if (interrupted)
		shell_write("^C\r\n", 4);
	shell_begin();
}

static void print(struct shell_io *io, const char *fmt, va_list ap)
{
	char line[160]; /* a line goes on as a whole: its parts are short */
	va_list again;
	size_t len;

	if (io->failed && io->errors) {
		(void)vsink_printf(io->errors, fmt, ap);
		return;
	}
	if (json_is_on()) {
		(void)vsink_printf(&json_beside, fmt, ap);
		return;
	}
	va_copy(again, ap);
	len = (size_t)vsnprintf(line, sizeof(line), fmt, again);
	va_end(again);
	if (len < sizeof(line))
		io->text.sink.put(&io->text.sink, line, len);
	else
		(void)vsink_printf(&io->text.sink, fmt, ap);
}

void shell_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print(shell_io(), fmt, ap);
	va_end(ap);
}

void shell_error(const char *fmt, ...)
{
	struct shell_io *io = shell_io();
	va_list ap;

	io->failed = true;
	va_start(ap, fmt);
	print(io, fmt, ap);
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
