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
	/* Scan to the end even after an overflow: a wrong character is the better message. */
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
