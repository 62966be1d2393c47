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
