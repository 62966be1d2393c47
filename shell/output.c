/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's way to its terminal. */
#include <drivers/uart.h>
#include <lib/string.h>
#include "shell.h"

static void sink_put(struct print_sink *sink __unused, const char *s, size_t len)
{
	static char last;

	while (len) {
		const char *newline = memchr(s, '\n', len);
		size_t n = newline ? (size_t)(newline - s) : len;

		if (n) {
			uart_write(s, n);
			last = s[n - 1];
		}
		if (!newline)
			return;
		uart_write(last == '\r' ? "\n" : "\r\n", last == '\r' ? 1 : 2);
		last = '\n';
		s += n + 1;
		len -= n + 1;
	}
}

struct print_sink shell_sink = { .put = sink_put };

void shell_write(const void *data, size_t len)
{
	uart_write(data, len);
}

void shell_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsink_printf(&shell_sink, fmt, ap);
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
