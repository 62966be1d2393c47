/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's UART: received bytes are kept until they are taken (when the ring is full, flow
 * control of the line does the rest), bytes to send go out by interrupt. One without an interrupt is polled.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <kernel/page.h>
#include <lib/types.h>

/*
 * Choose the UART: the one that /chosen names, else the first enabled one that a driver knows. Its registers are at *regs. 0; -ENODEV: there
 * is none. Boot, as soon as there is a devicetree.
 */
int __must_check uart_find(struct phys_range *regs);
/*
 * The same where the tree at fdt, with `size` bytes behind it, cannot be used: a UART on which to say so. 0, -ENODEV.
 */
int __must_check uart_find_in_broken(const void *fdt, u64 size, struct phys_range *regs);
/*
 * The registers of the UART that uart_find() chose are mapped at base from now on; log_putc goes there, polled. Needs no memory but the driver's own
 * data. Boot, again when the mapping changes.
 */
void uart_early_init(volatile void *base);

/*
 * Run it by interrupts, or polled if it has none. -ENODEV: there is no UART. Boot, after interrupts.
 */
int __must_check uart_probe(void);

/*
 * Make ports for VMs' consoles of the UARTs that the operator's is not, whose clocks need nobody to turn them on: behind those that are
 * there already. Boot, after interrupts and virtio_console_probe().
 */
void uart_ports_probe(void);

/* Devicetree's compatible string of the UART in use, or "none". */
const char *uart_name(void);

/* The next byte received: 0 to 255, or -ETIMEDOUT at counter value `deadline`. Thread context. */
int uart_getc(u64 deadline);
/* The same without waiting: -EAGAIN if there is none. Any context. */
int uart_poll(void);
/*
 * How many received bytes wait up to the first that is this one, itself included; 0 if it is not among them. Nothing is taken. For the one thread that
 * takes bytes.
 */
u32 uart_waiting(u8 byte);
/* fn is called, in interrupt context, whenever bytes were received (NULL: nothing is called). */
void uart_set_notify(void (*fn)(void));

/* Send len bytes as they are; waits while more than a few hundred are on their way. Thread context. */
void uart_write(const void *data, size_t len);
/* Wait until everything written has left. Thread context. */
void uart_drain(void);

#endif
