/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/print.h"
#include "kit/lock.h"
#include "kit/types.h"
#include "kit/uart.h"

struct conversion {
	bool left;
	char pad;
	unsigned int width;
	unsigned int longs; /* l: 1, ll and z: 2 */
};

static struct lock print_lock;

static void put(char c)
{
	if (c == '\n')
		uart_putc('\r');
	uart_putc(c);
}

static void put_padded(const char *text, unsigned int length, const struct conversion *conv)
{
	unsigned int fill = conv->width > length ? conv->width - length : 0;

	for (; fill && !conv->left; fill--)
		put(conv->pad);
	while (length--)
		put(*text++);
	for (; fill; fill--)
		put(' ');
}

static void put_string(const char *text, const struct conversion *conv)
{
	unsigned int length = 0;

	while (text[length])
		length++;
	put_padded(text, length, conv);
}

static void put_number(uint64_t value, unsigned int base, bool negative,
		       const struct conversion *conv)
{
	char digits[24];
	unsigned int at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	put_padded(&digits[at], (unsigned int)sizeof(digits) - at, conv);
}

static const char *parse(const char *format, struct conversion *conv)
{
	*conv = (struct conversion){ .pad = ' ' };
	for (;; format++) {
		if (*format == '-')
			conv->left = true;
		else if (*format == '0')
			conv->pad = '0';
		else
			break;
	}
	for (; *format >= '0' && *format <= '9'; format++)
		conv->width = conv->width * 10 + (unsigned int)(*format - '0');
	for (; *format == 'l'; format++)
		conv->longs++;
	if (*format == 'z') {
		conv->longs = 2;
		format++;
	}
	return format;
}

/* One conversion; args is a copy of the caller's by reference, so that it moves on. */
static void convert(char kind, const struct conversion *conv, va_list *args)
{
	int64_t number;
	char c;

	switch (kind) {
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(&c, 1, conv);
		break;
	case 's':
		put_string(va_arg(*args, const char *), conv);
		break;
	case 'd':
	case 'i':
		number = conv->longs ? va_arg(*args, long) : va_arg(*args, int);
		put_number(number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0, conv);
		break;
	case 'u':
	case 'x':
		put_number(conv->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int),
			   kind == 'x' ? 16 : 10, false, conv);
		break;
	case 'p':
		put_number((uintptr_t)va_arg(*args, void *), 16, false, conv);
		break;
	default:
		put(kind);
		break;
	}
}

void vprint(const char *format, va_list args)
{
	struct conversion conv;
	uint64_t flags = lock_acquire(&print_lock);
	va_list copy;

	va_copy(copy, args);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format = parse(format + 1, &conv);
		if (!*format)
			break;
		convert(*format, &conv, &copy);
	}
	va_end(copy);
	lock_release(&print_lock, flags);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
}
