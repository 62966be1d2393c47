/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoes what a guest may have told the operator's terminal while it was attached, and recognises
 * what the terminal then sends. Pure.
 */
#ifndef SHELL_TERMINAL_H
#define SHELL_TERMINAL_H

#include <lib/types.h>

#define KEY_LEAVE 0x1d /* Ctrl-] */

/* Progress in a key's control sequence. Zero it at first. */
struct leave_key {
	u8 state;
	u8 count;       /* number of parameters */
	u16 numbers[3]; /* the first parameters */
};

/*
 * True if this byte ends the key Ctrl-]. The key comes as itself, or as a control sequence if the
 * terminal was told to report keys that way (xterm's modifyOtherKeys: CSI 27;5;93~; kitty's
 * protocol: CSI 93;5u).
 */
bool leave_key_pressed(struct leave_key *k, u8 byte);

/*
 * True if the terminal may do more with this byte, which came after `before`, than show it or move
 * within its line.
 */
bool terminal_obeys(u8 before, u8 byte);

/*
 * Brings a terminal back to the state that a shell needs, whatever state it is in, and keeps the
 * screen's text. It ends at the beginning of a line. The title stays: no sequence can query it.
 */
extern const char terminal_reset[];

#endif
