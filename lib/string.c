/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/string.h>

bool str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size);
	bool fits = len < size;

	if (!fits)
		len = size - 1;
	memcpy(dst, src, len);
	dst[len] = '\0';
	return fits;
}

bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Length of the sequence that this byte begins; 0: it begins none. */
static size_t sequence_length(u8 first)
{
	if (first < 0xc0 || first >= 0xf8)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t utf8_length(const char *s, size_t max)
{
	/* The lowest code point for each length; U+0080 to U+009F are controls. */
	static const u32 lowest[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	size_t len;
	u32 code;

	if (max == 0 || is_printable(*s))
		return max ? 1 : 0;
	len = sequence_length((u8)*s);
	if (len == 0 || len > max)
		return 0;
	code = (u8)*s & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if (((u8)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((u8)s[i] & 0x3f);
	}
	return code < lowest[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

void utf8_clean(char *s)
{
	while (*s) {
		const size_t len = utf8_length(s, strnlen(s, 4));

		if (len == 0)
			*s = '?';
		s += MAX(len, 1);
	}
}

/* Value of a digit in `base`, or -1. */
static int digit_value(char c, unsigned int base)
{
	int value;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	else
		return -1;
	return value < (int)base ? value : -1;
}

int parse_u64(const char *s, u64 *value)
{
	unsigned int base = 10;
	bool overflow = false;
	u64 sum = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (*s == '\0')
		return -EINVAL;
	/* To the end even after an overflow: a wrong character is the better message. */
	for (; *s != '\0'; s++) {
		int digit = digit_value(*s, base);

		if (digit < 0)
			return -EINVAL;
		if (!checked_mul(sum, base, &sum) || !checked_add(sum, (u64)digit, &sum))
			overflow = true;
	}
	if (overflow)
		return -ERANGE;
	*value = sum;
	return 0;
}
