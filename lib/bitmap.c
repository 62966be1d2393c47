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

void bitmap_set_run(u64 *map, size_t first, size_t count)
{
	while (count) {
		size_t n = MIN(count, 64 - first % 64);

		map[first / 64] |= (~0ULL >> (64 - n)) << (first % 64);
		first += n;
		count -= n;
	}
}

/* In general registers: the compiler's own population count would want FP or a library call. */
u32 word_weight(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (u32)((x * 0x0101010101010101ULL) >> 56);
}
