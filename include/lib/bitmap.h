/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps over u64 words. Not atomic: the caller holds the lock. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <lib/types.h>

#define BITMAP_WORDS(nbits) (((nbits) + 63) / 64)

/* The number of the lowest set bit of a word, which is not 0. */
#define lowest_bit(word) \
	((u32)(sizeof(word) > 4 ? __builtin_ctzll(word) : __builtin_ctz((u32)(word))))

/* Each set bit of a word, the lowest first. `bit` is a variable; the word is read once. */
#define for_each_set_bit(bit, word)                      \
	for (__typeof__((word) + 0) bit##_left = (word); \
	     bit##_left && ((bit) = lowest_bit(bit##_left), true); bit##_left &= bit##_left - 1)

static inline void bitmap_set(u64 *map, size_t n)
{
	map[n / 64] |= BIT(n % 64);
}

static inline void bitmap_clear(u64 *map, size_t n)
{
	map[n / 64] &= ~BIT(n % 64);
}

static inline bool bitmap_test(const u64 *map, size_t n)
{
	return (map[n / 64] >> (n % 64)) & 1;
}

/* Set (clear) `count` bits from bit `first` on, a word at a time. */
void bitmap_set_run(u64 *map, size_t first, size_t count);
void bitmap_clear_run(u64 *map, size_t first, size_t count);

/* Index of the first set (clear) bit at or after `from`, or nbits if there is none. */
size_t bitmap_next_set(const u64 *map, size_t nbits, size_t from);
size_t bitmap_next_clear(const u64 *map, size_t nbits, size_t from);

/* The same for a bit that is clear in both maps. */
size_t bitmap_next_clear_both(const u64 *a, const u64 *b, size_t nbits, size_t from);

/*
 * The first run of `len` clear bits that begins at or after `from`, at a multiple of `align` (a
 * power of two). nbits if there is none.
 */
size_t bitmap_find_clear_run(const u64 *map, size_t nbits, size_t from, size_t len, size_t align);

/* Number of set bits. */
u32 word_weight(u64 x);

#endif
