/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/bitmap.h>

/* Next bit of map ^ flip that is set, at or after from. */
static size_t next_bit(const u64 *map, u64 flip, size_t nbits, size_t from)
{
	size_t word = from / 64;
	u64 bits;

	if (from >= nbits)
		return nbits;
	bits = (map[word] ^ flip) & (~0ULL << (from % 64));
	while (bits == 0) {
		if (++word >= BITMAP_WORDS(nbits))
			return nbits;
		bits = map[word] ^ flip;
	}
	return MIN(word * 64 + (size_t)__builtin_ctzll(bits), nbits);
}

size_t bitmap_next_set(const u64 *map, size_t nbits, size_t from)
{
	return next_bit(map, 0, nbits, from);
}

size_t bitmap_next_clear(const u64 *map, size_t nbits, size_t from)
{
	return next_bit(map, ~0ULL, nbits, from);
}

size_t bitmap_next_clear_both(const u64 *a, const u64 *b, size_t nbits, size_t from)
{
	while (from < nbits) {
		u64 bits = ~(a[from / 64] | b[from / 64]) & (~0ULL << (from % 64));

		if (bits)
			return MIN(ALIGN_DOWN(from, 64) + (size_t)__builtin_ctzll(bits), nbits);
		from = ALIGN_DOWN(from, 64) + 64;
	}
	return nbits;
}

size_t bitmap_find_clear_run(const u64 *map, size_t nbits, size_t from, size_t len, size_t align)
{
	while (from < nbits) {
		size_t start = ALIGN_UP(bitmap_next_clear(map, nbits, from), align);
		size_t end;

		if (start >= nbits || len > nbits - start)
			break;
		end = bitmap_next_set(map, start + len, start);
		if (end == start + len)
			return start;
		from = end;
	}
	return nbits;
}

/* The bits of the first word of a run. *n: how many they are. */
static u64 run_in_word(size_t first, size_t count, size_t *n)
{
	*n = MIN(count, 64 - first % 64);
	return (~0ULL >> (64 - *n)) << (first % 64);
}

void bitmap_set_run(u64 *map, size_t first, size_t count)
{
	for (size_t n; count; first += n, count -= n)
		map[first / 64] |= run_in_word(first, count, &n);
}

void bitmap_clear_run(u64 *map, size_t first, size_t count)
{
	for (size_t n; count; first += n, count -= n)
		map[first / 64] &= ~run_in_word(first, count, &n);
}

/* In general registers: the compiler's own population count would want FP or a library call. */
u32 word_weight(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (u32)((x * 0x0101010101010101ULL) >> 56);
}
