/* SPDX-License-Identifier: Apache-2.0 */
/* What a UART's driver gives to drivers/uart.c. */
#ifndef DRIVERS_UART_PRIVATE_H
#define DRIVERS_UART_PRIVATE_H

#include <lib/types.h>

/* Called with the UART's lock held, or (tx_full and tx) by a panic. */
struct uart_ops {
	const char *compatible;
	/* Ready to send and to receive, interrupts masked. The line's speed stays the firmware's. */
	void (*setup)(volatile void *base);
	bool (*tx_full)(const volatile void *base);
	/* All that was written has left the shift register. */
	bool (*tx_idle)(const volatile void *base);
	void (*tx)(volatile void *base, u8 byte);
	/* The next byte of the receive FIFO, or -1. */
	int (*rx)(volatile void *base);
	/* Which interrupts are wanted from now on. */
	void (*irq_enable)(volatile void *base, bool rx, bool tx);
};

extern const struct uart_ops pl011_ops;

#endif
