/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/printf.h>
#include <lib/string.h>
#include <limits.h>

/* 22 octal digits of 64 bits. */
#define DIGITS_MAX 24

enum length { LEN_INT, LEN_CHAR, LEN_SHORT, LEN_LONG, LEN_LLONG, LEN_SIZE, LEN_MAX, LEN_PTRDIFF };

/* One conversion specification. */
struct spec {
	bool left, zero, plus, space, alt;
	u32 width;
	s32 precision; /* -1: none given */
	enum length length;
};

struct output {
	struct print_sink *sink;
	size_t total;
};

/* va_list may be an array type. Only inside a struct can its address be passed on every target. */
struct args {
	va_list ap;
};

static void emit(struct output *out, const char *s, size_t len)
{
	if (len)
		out->sink->put(out->sink, s, len);
	out->total += len;
}

#define FILL 16

static const char blanks[FILL + 1] = "                ", zeros[FILL + 1] = "0000000000000000";

static void emit_fill(struct output *out, const char *fill, size_t count)
{
	for (size_t n; count; count -= n) {
		n = MIN(count, FILL);
		emit(out, fill, n);
	}
}

static void emit_text(struct output *out, const struct spec *spec, const char *s, size_t len)
{
	size_t fill = spec->width > len ? spec->width - len : 0;

	if (!spec->left)
		emit_fill(out, blanks, fill);
	emit(out, s, len);
	if (spec->left)
		emit_fill(out, blanks, fill);
}

static void emit_string(struct output *out, const struct spec *spec, const char *s)
{
	size_t max = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

	if (!s)
		s = "(null)";
	emit_text(out, spec, s, strnlen(s, max));
}

/* Prefix (sign or radix), zeros and digits, in a field. */
static void emit_number(struct output *out, const struct spec *spec, const char *prefix,
			const char *digits, size_t ndigits)
{
	size_t nprefix = strlen(prefix);
	size_t nzeros = 0, fill = 0;

	if (spec->precision > 0 && (size_t)spec->precision > ndigits)
		nzeros = (size_t)spec->precision - ndigits;
	if (spec->width > nprefix + nzeros + ndigits)
		fill = spec->width - nprefix - nzeros - ndigits;
	/* A precision or a left-adjusted field turns the flag 0 off. */
	if (spec->zero && !spec->left && spec->precision < 0) {
		nzeros += fill;
		fill = 0;
	}
	if (!spec->left)
		emit_fill(out, blanks, fill);
	emit(out, prefix, nprefix);
	emit_fill(out, zeros, nzeros);
	emit(out, digits, ndigits);
	if (spec->left)
		emit_fill(out, blanks, fill);
}

/*
 * Write the digits of value at the end of buf; returns their number. A zero with precision 0 has
 * none.
 */
static size_t to_digits(char buf[DIGITS_MAX], u64 value, u32 base, const char *alphabet,
			s32 precision)
{
	char *p = buf + DIGITS_MAX;

	if (value == 0 && precision != 0)
		*--p = '0';
	for (; value; value /= base)
		*--p = alphabet[value % base];
	return (size_t)(buf + DIGITS_MAX - p);
}

static void emit_unsigned(struct output *out, struct spec *spec, char conversion, u64 value)
{
	const char *alphabet = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	u32 base = conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16;
	char buf[DIGITS_MAX];
	size_t n = to_digits(buf, value, base, alphabet, spec->precision);
	const char *prefix = "";

	/* "#" of octal: raise the precision until the first digit is a zero. */
	if (spec->alt && base == 8 && (n == 0 || buf[DIGITS_MAX - n] != '0') &&
	    spec->precision <= (s32)n)
		buf[DIGITS_MAX - ++n] = '0';
	if (spec->alt && base == 16 && value)
		prefix = conversion == 'X' ? "0X" : "0x";
	emit_number(out, spec, prefix, buf + DIGITS_MAX - n, n);
}

static void emit_signed(struct output *out, const struct spec *spec, s64 value)
{
	u64 magnitude = value < 0 ? 0 - (u64)value : (u64)value;
	const char *prefix = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
	char buf[DIGITS_MAX];
	size_t n = to_digits(buf, magnitude, 10, "0123456789", spec->precision);

	emit_number(out, spec, prefix, buf + DIGITS_MAX - n, n);
}

static s64 signed_arg(struct args *args, enum length length)
{
	switch (length) {
	case LEN_CHAR:
		return (signed char)va_arg(args->ap, int);
	case LEN_SHORT:
		return (short)va_arg(args->ap, int);
	case LEN_LONG:
		return va_arg(args->ap, long);
	case LEN_LLONG:
		return va_arg(args->ap, long long);
	case LEN_SIZE:
		return (s64)va_arg(args->ap, size_t);
	case LEN_MAX:
		return va_arg(args->ap, intmax_t);
	case LEN_PTRDIFF:
		return va_arg(args->ap, ptrdiff_t);
	case LEN_INT:
	default:
		return va_arg(args->ap, int);
	}
}

static u64 unsigned_arg(struct args *args, enum length length)
{
	switch (length) {
	case LEN_CHAR:
		return (unsigned char)va_arg(args->ap, unsigned int);
	case LEN_SHORT:
		return (unsigned short)va_arg(args->ap, unsigned int);
	case LEN_LONG:
		return va_arg(args->ap, unsigned long);
	case LEN_LLONG:
		return va_arg(args->ap, unsigned long long);
	case LEN_SIZE:
		return va_arg(args->ap, size_t);
	case LEN_MAX:
		return va_arg(args->ap, uintmax_t);
	case LEN_PTRDIFF:
		return (u64)va_arg(args->ap, ptrdiff_t);
	case LEN_INT:
	default:
		return va_arg(args->ap, unsigned int);
	}
}

static const char *parse_flags(const char *f, struct spec *spec)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->left = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '#':
			spec->alt = true;
			break;
		default:
			return f;
		}
	}
}

/* A decimal number, or the next argument for "*". Saturates. */
static const char *parse_count(const char *f, struct args *args, s32 *count)
{
	s32 n = 0;

	if (*f == '*') {
		*count = va_arg(args->ap, int);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		n = n > (INT_MAX - 9) / 10 ? n : n * 10 + (*f - '0');
	*count = n;
	return f;
}

static const char *parse_length(const char *f, enum length *length)
{
	switch (*f) {
	case 'h':
		*length = f[1] == 'h' ? LEN_CHAR : LEN_SHORT;
		return f + (f[1] == 'h' ? 2 : 1);
	case 'l':
		*length = f[1] == 'l' ? LEN_LLONG : LEN_LONG;
		return f + (f[1] == 'l' ? 2 : 1);
	case 'z':
		*length = LEN_SIZE;
		return f + 1;
	case 'j':
		*length = LEN_MAX;
		return f + 1;
	case 't':
		*length = LEN_PTRDIFF;
		return f + 1;
	default:
		*length = LEN_INT;
		return f;
	}
}

/* Parse the part between "%" and the conversion's letter. Returns the letter's place. */
static const char *parse_spec(const char *f, struct args *args, struct spec *spec)
{
	s32 width;

	*spec = (struct spec){ .precision = -1 };
	f = parse_flags(f, spec);
	f = parse_count(f, args, &width);
	if (width < 0)
		spec->left = true;
	spec->width = width < 0 ? 0u - (u32)width : (u32)width;
	if (*f == '.') {
		f = parse_count(f + 1, args, &spec->precision);
		if (spec->precision < 0)
			spec->precision = -1;
	}
	return parse_length(f, &spec->length);
}

/* False if the letter is not a supported conversion. */
static bool convert(struct output *out, struct spec *spec, char conversion, struct args *args)
{
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		emit_signed(out, spec, signed_arg(args, spec->length));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		emit_unsigned(out, spec, conversion, unsigned_arg(args, spec->length));
		return true;
	case 'p':
		spec->alt = true;
		emit_unsigned(out, spec, 'x', (uintptr_t)va_arg(args->ap, void *));
		return true;
	case 'c':
		c = (char)va_arg(args->ap, int);
		emit_text(out, spec, &c, 1);
		return true;
	case 's':
		emit_string(out, spec, va_arg(args->ap, const char *));
		return true;
	case '%':
		emit(out, "%", 1);
		return true;
	default:
		return false;
	}
}

size_t vsink_printf(struct print_sink *sink, const char *fmt, va_list ap)
{
	struct output out = { .sink = sink };
	struct args args;
	const char *f = fmt;

	va_copy(args.ap, ap);
	while (*f != '\0') {
		const char *start = f;
		struct spec spec;

		while (*f != '\0' && *f != '%')
			f++;
		emit(&out, start, (size_t)(f - start));
		if (*f == '\0')
			break;
		start = f;
		f = parse_spec(f + 1, &args, &spec);
		/* An unknown conversion is printed as it is. */
		if (!convert(&out, &spec, *f, &args))
			emit(&out, start, (size_t)(f - start) + (*f != '\0'));
		f += *f != '\0';
	}
	va_end(args.ap);
	return out.total;
}

size_t sink_printf(struct print_sink *sink, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vsink_printf(sink, fmt, ap);
	va_end(ap);
	return n;
}

struct buffer_sink {
	struct print_sink sink;
	char *at;
	size_t room; /* room without the terminator */
};

static void buffer_put(struct print_sink *sink, const char *s, size_t len)
{
	struct buffer_sink *b = container_of(sink, struct buffer_sink, sink);

	len = MIN(len, b->room);
	if (len == 0)
		return;
	memcpy(b->at, s, len);
	b->at += len;
	b->room -= len;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct buffer_sink b = {
		.sink = { .put = buffer_put },
		.at = buf,
		.room = size ? size - 1 : 0,
	};
	size_t n = vsink_printf(&b.sink, fmt, ap);

	if (size)
		*b.at = '\0';
	return (int)MIN(n, (size_t)INT_MAX);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
