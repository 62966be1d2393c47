/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may have told the operator's terminal while it was attached, and what the terminal then sends. Pure. */
#ifndef SHELL_TERMINAL_H
#define SHELL_TERMINAL_H

#include <lib/types.h>

#define KEY_LEAVE 0x1d /* Ctrl-] */

/* How much of a key's control sequence has come; zero it at first. */
struct leave_key {
	u8 state;
	u8 count;       /* of parameters */
	u16 numbers[3]; /* the first of them */
};

/*
 * True if this byte ends the key Ctrl-]: as itself, or as the control sequence that a terminal sends for it once it was told to report keys so
 * (xterm's modifyOtherKeys, CSI 27;5;93~, and kitty's protocol, CSI 93;5u).
 */
bool leave_key_pressed(struct leave_key *k, u8 byte);

/* True if a terminal may do more with this byte, which came after `before`, than show it or move in its line. */
bool terminal_obeys(u8 before, u8 byte);

/*
 * What brings a terminal back to how a shell wants it, whatever it was told, and leaves what is on it. It ends at the
 * beginning of a line. Not its title, which nothing tells.
 */
extern const char terminal_reset[];

#endif
