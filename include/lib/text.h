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
/*
 * How many characters have to be added, removed, replaced, or changed in place with the next one,
 * to make b of a. More than 4 is 5, and so is any text of more than 31 bytes.
 */
u32 text_distance(const char *a, const char *b);
/* Mark that the text in a full buf goes on: "..." replaces whole characters at its end. */
void text_cut(char *buf, size_t size);

#endif
