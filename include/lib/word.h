/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at a time. Pure. */
#ifndef LIB_WORD_H
#define LIB_WORD_H

#include <lib/types.h>

/* Eight bytes of any object, at any address: only in normal memory, with the MMU on. */
typedef u64 __attribute__((may_alias, aligned(1))) word_t;

/* A word whose bytes are all the same. */
#define EACH_BYTE(byte) (0x0101010101010101ULL * (byte))

/*
 * Not 0 if a byte of the word is 0; the lowest bit set is then in the first such byte. (Bytes
 * behind it may have bits too.)
 */
static inline u64 zero_bytes(u64 word)
{
	return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

#endif
