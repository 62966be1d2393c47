/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control functions as in ECMA-48 and in xterm's ctlseqs. A terminal that does not know one ignores
 * it. C1 control characters come as one byte, or as two bytes in UTF-8 (U+0080 to U+009F: 0xc2 and
 * that byte).
 */
#include <lib/utf8.h>
#include "terminal.h"

#define ESC 0x1b
#define CSI 0x9b

bool terminal_obeys(u8 before, u8 byte)
{
	if (byte >= ' ')
		return utf8_is_c1(before, byte);
	return byte && (byte < '\a' || byte > '\r' || byte == '\v' || byte == '\f');
}

/* ---- Ctrl-] ---- */

enum {
	KEY_PLAIN,
	KEY_ESC,
	KEY_CSI,
	KEY_SUB /* parameters behind a colon, which are skipped */
};

/*
 * True for "93;5u" and "27;5;93~". A modifier is 1 plus one bit for each held key; the third bit is
 * Ctrl. No modifier is no number.
 */
static bool is_leave_sequence(const struct leave_key *k, u8 final)
{
	u16 key = final == 'u' ? k->numbers[0] : k->numbers[2];
	bool form = final == 'u' || (final == '~' && k->numbers[0] == 27);

	return form && key == ']' && k->numbers[1] && ((k->numbers[1] - 1) & 4);
}

bool leave_key_pressed(struct leave_key *k, u8 byte)
{
	u8 state = k->state;

	k->state = KEY_PLAIN;
	if (byte == ESC) {
		k->state = KEY_ESC;
	} else if (byte == CSI || (state == KEY_ESC && byte == '[')) {
		*k = (struct leave_key){ .state = KEY_CSI };
	} else if (state >= KEY_CSI && byte == ';') {
		k->state = KEY_CSI;
		k->count++;
	} else if (state >= KEY_CSI && byte >= '0' && byte <= ':') {
		k->state = byte == ':' ? KEY_SUB : state;
		if (k->state == KEY_CSI && k->count < ARRAY_SIZE(k->numbers))
			k->numbers[k->count] =
				(u16)((k->numbers[k->count] * 10 + byte - '0') % 10000);
	} else if (state >= KEY_CSI) {
		return is_leave_sequence(k, byte);
	}
	return byte == KEY_LEAVE;
}

/* ---- leaving ---- */

const char terminal_reset[] =
	/*
	 * End a half-sent sequence without running it. Leave xterm's Tektronix mode and VT52 mode.
	 */
	"\x18\x1b\x03\x18\x1b\\\x1b<"
	/* Output to the screen and not to a printer. The usual character sets. */
	"\x1b[4i\x1b[?4i\x0f\x1b(B\x1b)B"
	/*
	 * The main screen with its saved cursor; if it is the main screen already, the cursor
	 * stays. The whole screen scrolls.
	 */
	"\x1b"
	"7\x1b[?1049l\x1b"
	"7\x1b[?1047l\x1b[?47l\x1b[?69l\x1b[r\x1b[?6l\x1b"
	"8"
	/* Usual attributes, cursor keys and keypad. */
	"\x1b[m\x1b[?1l\x1b>"
	/* Keyboard unlocked, replace mode, Enter sends CR, no local echo. */
	"\x1b[2;4;20l\x1b[12h"
	/* Not inverse, lines wrap, the cursor is visible. */
	"\x1b[?5l\x1b[?7;25h"
	/*
	 * No reports: mouse, focus, pasted text's brackets, colour scheme, size. Output is shown at
	 * once.
	 */
	"\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l\x1b[?2004;2026;2031;2048l"
	/*
	 * A new line, for a terminal that does not know the next sequence and may show a part of
	 * it; that line is then cleared. Soft reset (DECSTR).
	 */
	"\r\n\x1b[!p\r\x1b"
	"7"
	/* Sequences of 7 bits. UTF-8. A cursor of the usual shape. */
	"\x1b F\x1b%G\x1b[0 q"
	/* Usual keys: modifyOtherKeys off, kitty's protocol off, no user-defined keys (DECUDK). */
	"\x1b[>4m\x1b[=0u\x1b[<99u\x1bP0;1|\x1b\\"
	/* The usual colours. No hyperlink. */
	"\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]8;;\x1b\\"
	"\x1b"
	"8\x1b[m\r\x1b[K";
