/* SPDX-License-Identifier: Apache-2.0 */
/* What a UART's driver gives to drivers/uart.c, and which UARTs there are (drivers/uart_find.c). */
#ifndef DRIVERS_UART_PRIVATE_H
#define DRIVERS_UART_PRIVATE_H

#include <kernel/page.h>
#include <lib/types.h>

/* A UART of the machine: what the devicetree says of it, and where its registers are mapped. */
struct uart_chip {
	const struct uart_ops *ops; /* NULL: there is none */
	const char *compatible;     /* the string by which the driver knew it */
	volatile void *base;
	u64 pa;
	int node;
	u8 shift; /* an 8250's registers are 1 << shift bytes apart, */
	u8 width; /* and read and written as this many bytes */
	u8 fifo;  /* how many bytes the transmitter takes once it is empty */
};

/*
 * Called with the UART's lock held, or (tx_room and tx) by a panic. uart.c looks for bytes and for room after it called irq_clear, so an interrupt
 * may be a level or latch an event.
 */
struct uart_ops {
	/* Ready to send and to receive, interrupts masked. The line's speed stays the firmware's. */
	void (*setup)(const struct uart_chip *u);
	/* How many bytes it takes now, as far as the chip says: 0 if none. */
	u32 (*tx_room)(const struct uart_chip *u);
	/* All that was written has left the shift register. */
	bool (*tx_idle)(const struct uart_chip *u);
	void (*tx)(const struct uart_chip *u, u8 byte);
	/* The next byte of the receive FIFO, or -1. */
	int (*rx)(const struct uart_chip *u);
	/* Which interrupts are wanted from now on. */
	void (*irq_enable)(const struct uart_chip *u, bool rx, bool tx);
	/* Forget the events that it interrupts for. NULL: all are levels of its FIFOs. */
	void (*irq_clear)(const struct uart_chip *u);
};

/*
 * Of a tree that cannot be used, at `fdt` with `size` bytes behind it, as far as it is sound: the first UART that a driver knows and whose address
 * needs no translation. 0, -ENODEV.
 */
int __must_check uart_chip_in_broken(const void *fdt, u64 size, struct uart_chip *u,
				     struct phys_range *regs);

/* Bytes moved under the lock, interrupts masked: what a FIFO takes when its transmit interrupt comes. */
#define UART_BURST 16U
/*
 * After an interrupt that moved bytes the next one comes so much later at the earliest, or when a reader has found nothing more to read. QEMU's UART takes
 * and brings bytes at any speed: without a pause a line of text would keep the CPU from more urgent threads, an interrupt for each burst.
 */
#define UART_PAUSE_US 250
/* Without an interrupt it is looked at so often: 16 bytes, the smallest FIFO, are 1.4 ms at 115200 baud. */
#define UART_POLL_US 1000

struct ring;

/* FIFO to ring, at most a burst: how many. Where the ring is full the rest stays in the FIFO, and the sender is held off. */
u32 uart_receive(const struct uart_chip *u, struct ring *rx);
/* Ring to FIFO, at most a burst: how many. */
u32 uart_transmit(const struct uart_chip *u, struct ring *tx);

/* For trials: u sends no faster than a line of this speed would. One UART only. It interrupts nobody when there is room again: poll it. */
void uart_slow_down(struct uart_chip *u, u32 baud);

/* True if this node is the operator's UART. */
bool uart_is_ours(int node);

extern const struct uart_ops cadence_ops, dw_apb_ops, imx_ops, ns16550_ops, pl011_ops;

/*
 * The chip at this node, if a driver knows it, it is not disabled and the CPU can reach it; its registers are at *regs. 0, -ENODEV. Pure reader
 * of the devicetree.
 */
int __must_check uart_chip_at(int node, struct uart_chip *u, struct phys_range *regs);

#endif
