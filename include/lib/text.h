/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line for a reader, in a buffer that may be too small for it. A line that is cut ends in
 * "...". Pure.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <lib/types.h>
#include <stdarg.h>

/*
 * Format a line and clean it as utf8_clean() does. A line that does not fit ends in "...". size >
 * 3.
 */
void text_print(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
void text_vprint(char *buf, size_t size, const char *fmt, va_list ap);
/* Mark that the text in a full buf goes on: "..." replaces whole characters at its end. */
void text_cut(char *buf, size_t size);

#endif
