/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library of the target, as ISO C and POSIX describe these functions: for us, for libfdt, and
 * for calls that compilers generate. It is built so that the compiler does not turn the loops below
 * into calls of themselves. Words are read and written unaligned, which is correct only for normal
 * memory (RAM, with the MMU on).
 */
#include <lib/word.h>
#include <stdlib.h>
#include <string.h>

/* Four bytes of any object, at any address. */
typedef u32 __attribute__((may_alias, aligned(1))) half_t;

static inline void copy_64(u8 *d, const u8 *s)
{
	const word_t *from = (const word_t *)s;
	const word_t w0 = from[0], w1 = from[1], w2 = from[2], w3 = from[3];
	const word_t w4 = from[4], w5 = from[5], w6 = from[6], w7 = from[7];
	word_t *to = (word_t *)d;

	to[0] = w0;
	to[1] = w1;
	to[2] = w2;
	to[3] = w3;
	to[4] = w4;
	to[5] = w5;
	to[6] = w6;
	to[7] = w7;
}

/* Upwards. Each step loads before it stores, so that dest may overlap src from below. */
static void copy_up(u8 *d, const u8 *s, size_t size)
{
	for (; size >= 256; size -= 256, d += 256, s += 256) {
		copy_64(d, s);
		copy_64(d + 64, s + 64);
		copy_64(d + 128, s + 128);
		copy_64(d + 192, s + 192);
	}
	for (; size >= 64; size -= 64, d += 64, s += 64)
		copy_64(d, s);
	for (; size >= 8; size -= 8, d += 8, s += 8)
		*(word_t *)d = *(const word_t *)s;
	if (size & 4) {
		*(half_t *)d = *(const half_t *)s;
		d += 4;
		s += 4;
	}
	for (size &= 3; size; size--)
		*d++ = *s++;
}

/* Downwards from the ends, for a dest that overlaps src from above. */
static void copy_down(u8 *d, const u8 *s, size_t size)
{
	for (; size & 7; size--)
		d[size - 1] = s[size - 1];
	for (; size; size -= 8)
		*(word_t *)(d + size - 8) = *(const word_t *)(s + size - 8);
}

void *memcpy(void *restrict dest, const void *restrict src, size_t size)
{
	copy_up(dest, src, size);
	return dest;
}

void *memmove(void *dest, const void *src, size_t size)
{
	if ((uintptr_t)dest - (uintptr_t)src >= size)
		copy_up(dest, src, size);
	else
		copy_down(dest, src, size);
	return dest;
}

void *memset(void *dest, int value, size_t size)
{
	u64 word = (u8)value * 0x0101010101010101ULL;
	u8 *d = dest;

	for (; size >= 32; size -= 32, d += 32) {
		((word_t *)d)[0] = word;
		((word_t *)d)[1] = word;
		((word_t *)d)[2] = word;
		((word_t *)d)[3] = word;
	}
	for (; size >= 8; size -= 8, d += 8)
		*(word_t *)d = word;
	for (; size; size--)
		*d++ = (u8)value;
	return dest;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *p = a;
	const u8 *q = b;

	for (; size >= 8 && *(const word_t *)p == *(const word_t *)q; size -= 8, p += 8, q += 8)
		;
	for (; size; size--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

/* The library's functions return a writable pointer into an argument that is const. */
static char *unconst(const char *s)
{
	return (char *)(uintptr_t)s;
}

void *memchr(const void *s, int c, size_t size)
{
	const u64 want = EACH_BYTE((u8)c);
	const char *p = s;

	for (; size >= 8 && !zero_bytes(*(const word_t *)p ^ want); size -= 8)
		p += 8;
	for (; size; size--, p++)
		if (*p == (char)c)
			return unconst(p);
	return NULL;
}

/* An aligned word may reach beyond the string, but not into another page. */
__attribute__((no_sanitize("address"))) size_t strnlen(const char *s, size_t max)
{
	const size_t before = (uintptr_t)s % sizeof(word_t);
	const word_t *w = (const word_t *)(s - before);
	u64 zeros = max ? zero_bytes(*w | ~(~0ULL << 8 * before)) : 0;
	size_t n = sizeof(word_t) - before; /* bytes of s in the words so far */

	for (; !zeros && n < max; n += sizeof(word_t))
		zeros = zero_bytes(*++w);
	if (zeros)
		n = n - sizeof(word_t) + (size_t)__builtin_ctzll(zeros) / 8;
	return n < max ? n : max;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t size)
{
	for (; size; size--, a++, b++)
		if (*a != *b || *a == '\0')
			return (u8)*a - (u8)*b;
	return 0;
}

/* True if the eight bytes at s are in one page. */
static bool in_page(const char *s)
{
	return (uintptr_t)s % 4096 <= 4096 - sizeof(word_t);
}

__attribute__((no_sanitize("address"))) int strcmp(const char *a, const char *b)
{
	for (; in_page(a) && in_page(b); a += sizeof(word_t), b += sizeof(word_t)) {
		const u64 x = *(const word_t *)a, y = *(const word_t *)b;
		const u64 last = (x ^ y) | zero_bytes(x);
		const u32 shift = last ? (u32)__builtin_ctzll(last) & ~7U : 0;

		if (last)
			return (u8)(x >> shift) - (u8)(y >> shift);
	}
	return strncmp(a, b, PTRDIFF_MAX);
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return unconst(s);
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++ != '\0');
	return last ? unconst(last) : NULL;
}

/* Value of a letter or digit, or 36 (no base has it). */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A') + 10;
	return 36;
}

/* Skip 0x where base 16 allows it, and settle base 0. */
static unsigned int prefix_base(const char **s, unsigned int base)
{
	const char *p = *s;
	bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_value(p[2]) < 16;

	if (hex && (base == 0 || base == 16)) {
		*s += 2;
		return 16;
	}
	if (base == 0)
		return p[0] == '0' ? 8 : 10;
	return base;
}

unsigned long strtoul(const char *restrict str, char **restrict end, int want_base)
{
	const char *s = str;
	const char *digits;
	unsigned long value = 0;
	unsigned int base, digit;
	bool overflow = false;
	bool negative;

	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	base = prefix_base(&s, (unsigned int)want_base);
	for (digits = s; (digit = digit_value(*s)) < base; s++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			overflow = true;
	if (end)
		*end = unconst(s == digits ? str : s);
	if (overflow)
		return ~0UL;
	return negative ? -value : value;
}
