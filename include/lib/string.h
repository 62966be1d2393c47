/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's memory and string functions that the house uses, and checked conversions. Pure;
 * any context.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <lib/types.h>
#include <string.h>

/* Copy at most size - 1 characters and terminate. Returns true if all of src fitted. size > 0. */
bool str_copy(char *dst, const char *src, size_t size);
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);

/* True for a character that any terminal shows; a blank is one. */
static inline bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/*
 * Parse the whole of s as an unsigned number: decimal, or hexadecimal after 0x.
 * 0, -EINVAL (not a number, or trailing characters), -ERANGE (does not fit in 64 bits).
 */
int __must_check parse_u64(const char *s, u64 *value);

#endif
