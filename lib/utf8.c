/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/string.h>
#include <lib/utf8.h>

/*
 * Code points that a terminal obeys, that turn the direction of text (UAX #9), or that do not show.
 */
static const struct {
	u32 first, last;
} not_shown[] = {
	{ 0x0000, 0x001f },   /* C0 */
	{ 0x007f, 0x009f },   /* DEL, C1 */
	{ 0x00ad, 0x00ad },   /* soft hyphen */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x180e, 0x180e },   /* Mongolian vowel separator */
	{ 0x200b, 0x200f },   /* no width; direction marks */
	{ 0x2028, 0x202e },   /* separators; direction embedding and override */
	{ 0x2060, 0x206f },   /* joiners, isolates */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff0, 0xfffb },   /* specials except the replacement character */
	{ 0xe0000, 0xe0fff }, /* tags */
};

static bool is_shown(u32 code)
{
	for (u32 i = 0; i < ARRAY_SIZE(not_shown); i++)
		if (code >= not_shown[i].first && code <= not_shown[i].last)
			return false;
	return true;
}

u32 utf8_sequence(u8 first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The second byte rules out overlong forms, surrogates, and code points above U+10FFFF. */
bool utf8_may_follow(u8 first, u32 at, u8 byte)
{
	u8 low = 0x80, high = 0xbf;

	if (at == 1) {
		low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
		high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
	}
	return byte >= low && byte <= high;
}

u32 utf8_code(const u8 *seq, u32 len)
{
	u32 code = len == 1 ? seq[0] : seq[0] & (0xffU >> (len + 1));

	for (u32 i = 1; i < len; i++)
		code = code << 6 | (seq[i] & 0x3f);
	return code;
}

size_t utf8_length(const char *s, size_t max)
{
	const u8 *seq = (const u8 *)s;
	u32 len = max ? utf8_sequence(*seq) : 0;

	if (len > max)
		return 0;
	if (len == 1)
		return is_printable(*s);
	for (u32 i = 1; i < len; i++)
		if (!utf8_may_follow(*seq, i, seq[i]))
			return 0;
	return len && is_shown(utf8_code(seq, len)) ? len : 0;
}

void utf8_clean(char *s)
{
	while (*s) {
		const size_t len = is_printable(*s) ? 1 : utf8_length(s, strnlen(s, 4));

		if (len == 0)
			*s = '?';
		s += MAX(len, 1);
	}
}
