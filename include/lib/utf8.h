/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), and which of its characters a terminal shows. Pure. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <lib/types.h>

/*
 * How many bytes the character at s has that a terminal shows: 1 for printable ASCII, 2 to 4 for a
 * well-formed sequence. 0 for anything else, and for a sequence that does not end within max bytes.
 *
 * A terminal obeys control characters (C0, DEL, C1) instead of showing them. It hides some other
 * characters, and some turn the order of the text around them. Those give 0 too.
 */
size_t utf8_length(const char *s, size_t max);
/* Clean one line in place: each byte that utf8_length() does not accept becomes '?'. */
void utf8_clean(char *s);

/*
 * For bytes that come one by one. How many bytes a character has that begins with this one; 0: no
 * character does.
 */
u32 utf8_sequence(u8 first);
/* True if this byte may follow the first `at` bytes of a character that begins with `first`. */
bool utf8_may_follow(u8 first, u32 at, u8 byte);
/* The code point of a complete sequence. */
u32 utf8_code(const u8 *seq, u32 len);

/*
 * True if this byte, which came after `before`, is a C1 control character: alone or as UTF-8, but
 * not as a part of another character.
 */
static inline bool utf8_is_c1(u8 before, u8 byte)
{
	return byte >= 0x80 && byte <= 0x9f && (before < 0x80 || before == 0xc2);
}

#endif
