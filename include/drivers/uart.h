/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's UART: received bytes are kept until they are taken (when the ring is full, flow
 * control of the line does the rest), bytes to send go out by interrupt.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <lib/types.h>

/*
 * Before anything else works: log_putc goes to the PL011 whose registers are at base, polled.
 * Needs no memory but the driver's own data. Boot.
 */
void pl011_early_init(volatile void *base);

/*
 * Find the UART that /chosen names (else the first one that a driver knows), map it and run it by
 * interrupts; log_putc goes to it. -ENODEV, -ENOMEM, or irq_request()'s. Boot, after interrupts.
 */
int __must_check uart_probe(void);

/* Devicetree's compatible string of the UART in use, or "none". */
const char *uart_name(void);

/* The next byte received: 0 to 255, or -ETIMEDOUT at counter value `deadline`. Thread context. */
int uart_getc(u64 deadline);
/* The same without waiting: -EAGAIN if there is none. Any context. */
int uart_poll(void);
/* fn is called, in interrupt context, whenever bytes were received (NULL: nothing is called). */
void uart_set_notify(void (*fn)(void));

/* Send len bytes as they are; waits while the ring is full. Thread context. */
void uart_write(const void *data, size_t len);
/* Wait until everything written has left. Thread context. */
void uart_drain(void);

#endif
