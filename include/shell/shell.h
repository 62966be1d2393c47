/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's shell on the machine's first UART. */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include <lib/types.h>

/* Start its thread. Boot, once everything that it commands stands. */
int __must_check shell_start(void);

/* True in its thread once Ctrl-C was pressed: what the command waits for is called off. */
bool shell_calls_off(void);

/* Begin to serve the guests that control VMs. Boot, the same. 0 or -ENOMEM. */
int __must_check remote_start(void);

/* The thread: greets, then reads and carries out lines for ever. */
void shell_main(void *arg);

#endif
