/* SPDX-License-Identifier: Apache-2.0 */
/* One line for people, in a buffer that may be too small for it: what is cut ends in "...". Pure. */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <lib/types.h>
#include <stdarg.h>

/* Format; replace what utf8_clean() replaces, and the end by "..." if it does not fit. size > 3. */
void text_print(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
void text_vprint(char *buf, size_t size, const char *fmt, va_list ap);
/* The text that fills buf goes on: put "..." at its end, in place of whole characters. */
void text_cut(char *buf, size_t size);

#endif
