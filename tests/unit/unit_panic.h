/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_PANIC_H
#define UNIT_PANIC_H

/* What panic() said last. */
extern char unit_panic_message[200];

#endif
