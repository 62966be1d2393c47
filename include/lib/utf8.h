/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), and which of its characters a terminal shows. Pure. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <lib/types.h>

/*
 * Bytes of the character at s that a terminal shows: 1 for printable ASCII, 2 to 4 for a well-formed sequence; 0 for what is neither, and for a
 * sequence that does not end in max bytes. A terminal does not show but obey control characters (C0, DEL, C1); it hides some others, and by some
 * turns the order of what stands around them.
 */
size_t utf8_length(const char *s, size_t max);
/* One line in place: replace what utf8_length() does not accept by '?', a byte each. */
void utf8_clean(char *s);

/* For what comes byte by byte. How many bytes a character has that begins with this one; 0: none does. */
u32 utf8_sequence(u8 first);
/* This byte may stand behind the first `at` ones of such a character. */
bool utf8_may_follow(u8 first, u32 at, u8 byte);
/* The code point of a whole one. */
u32 utf8_code(const u8 *seq, u32 len);

/* This byte, which came after `before`, is a C1 control character, by itself or as UTF-8; not a part of another character. */
static inline bool utf8_is_c1(u8 before, u8 byte)
{
	return byte >= 0x80 && byte <= 0x9f && (before < 0x80 || before == 0xc2);
}

#endif
