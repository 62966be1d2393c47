/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <lib/utf8.h>

void text_cut(char *buf, size_t size)
{
	static const char mark[] = "...";
	size_t end = size - sizeof(mark);

	while (end > 0 && ((u8)buf[end] & 0xc0) == 0x80) /* not the first byte of a character */
		end--;
	memcpy(buf + end, mark, sizeof(mark));
}

void text_vprint(char *buf, size_t size, const char *fmt, va_list ap)
{
	if ((size_t)vsnprintf(buf, size, fmt, ap) >= size)
		text_cut(buf, size);
	utf8_clean(buf);
}

void text_print(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprint(buf, size, fmt, ap);
	va_end(ap);
}

#define DISTANCE_MAX  5
#define DISTANCE_TEXT 32

/* Optimal string alignment: three rows of the usual table, of which the last is the newest. */
u32 text_distance(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	u32 rows[3][DISTANCE_TEXT], *older = rows[0], *old = rows[1], *new = rows[2], *spare;

	if (n >= DISTANCE_TEXT || m >= DISTANCE_TEXT)
		return DISTANCE_MAX;
	for (u32 j = 0; j <= m; j++)
		old[j] = j;
	for (u32 i = 1; i <= n; i++) {
		new[0] = i;
		for (u32 j = 1; j <= m; j++) {
			new[j] = MIN(MIN(old[j], new[j - 1]) + 1,
				     old[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				new[j] = MIN(new[j], older[j - 2] + 1);
		}
		spare = older;
		older = old;
		old = new;
		new = spare;
	}
	return MIN(old[m], (u32)DISTANCE_MAX);
}
