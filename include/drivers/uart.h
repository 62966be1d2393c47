/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's UART. Received bytes are kept until they are taken; when the ring is full, the
 * line's flow control takes over. Bytes are sent by interrupt. A UART without an interrupt is
 * polled.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <kernel/page.h>
#include <lib/types.h>

/*
 * Choose the UART: the one that /chosen names, else the first enabled one that a driver knows. Its
 * registers go to *regs. 0; -ENODEV: there is none. Boot, as soon as there is a devicetree.
 */
int __must_check uart_find(struct phys_range *regs);
/*
 * The same for a tree at fdt that cannot be used, with `size` bytes behind it: finds a UART for the
 * error message. 0, -ENODEV.
 */
int __must_check uart_find_in_broken(const void *fdt, u64 size, struct phys_range *regs);
/*
 * Tell the driver that the registers of the UART chosen by uart_find() are mapped at base. log_putc
 * now writes there, polled. Needs no memory but the driver's own data. Boot; again when the mapping
 * changes.
 */
void uart_early_init(volatile void *base);

/*
 * Run the UART by interrupts, or polled if it has none. -ENODEV: there is no UART. Boot, after
 * interrupts.
 */
int __must_check uart_probe(void);

/*
 * Make ports for VMs' consoles of the other UARTs, if their clocks run without being turned on.
 * They follow the ports that exist already. Boot, after interrupts and virtio_console_register().
 */
void uart_ports_probe(void);

/* Devicetree's compatible string of the UART in use, or "none". */
const char *uart_name(void);

/* The next byte received: 0 to 255, or -ETIMEDOUT at counter value `deadline`. Thread context. */
int uart_getc(u64 deadline);
/* The same without waiting: -EAGAIN if there is none. Any context. */
int uart_poll(void);
/*
 * How many received bytes wait up to the first one equal to `byte`, itself included. 0 if no
 * waiting byte is equal. Nothing is taken. For the one thread that takes bytes.
 */
u32 uart_waiting(u8 byte);
/* Let fn be called in interrupt context whenever bytes were received. NULL: no call. */
void uart_set_notify(void (*fn)(void));

/*
 * Send len bytes unchanged. Waits while more than a few hundred bytes are on their way. Thread
 * context.
 */
void uart_write(const void *data, size_t len);
/* Wait until all written bytes have left the chip. Thread context. */
void uart_drain(void);

#endif
