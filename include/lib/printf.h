/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting: %d %i %u %x %X %o %c %s %p %% with flags - 0 + space #, width and precision (also *),
 * hh h l ll z j t. Pure.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <lib/types.h>
#include <stdarg.h>

/* Where formatted characters go, in pieces of any length. */
struct print_sink {
	void (*put)(struct print_sink *sink, const char *s, size_t len);
};

/* The number of characters produced, those that the sink dropped included. */
size_t vsink_printf(struct print_sink *sink, const char *fmt, va_list ap);
size_t sink_printf(struct print_sink *sink, const char *fmt, ...) __printf(2, 3);

/* As in ISO C: writes at most size bytes, the terminator included, and returns the full length. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
