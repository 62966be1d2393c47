/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between a UART's driver and drivers/uart.c, and the search for UARTs
 * (drivers/uart_find.c).
 */
#ifndef DRIVERS_UART_PRIVATE_H
#define DRIVERS_UART_PRIVATE_H

#include <kernel/page.h>
#include <lib/types.h>

/* A UART of the machine: its facts from the devicetree, and where its registers are mapped. */
struct uart_chip {
	const struct uart_ops *ops; /* NULL: there is none */
	const char *compatible;     /* the string that the driver matched */
	volatile void *base;
	u64 pa;
	int node;
	u8 shift; /* an 8250's registers are 1 << shift bytes apart */
	u8 width; /* and are accessed with this width in bytes */
	u8 fifo;  /* how many bytes an empty transmitter takes */
};

/*
 * Called with the UART's lock held. Exception: a panic calls tx_room and tx without it. uart.c
 * checks for bytes and for room after it has called irq_clear, so an interrupt may be a level or
 * latch an event.
 */
struct uart_ops {
	/*
	 * Make the chip ready to send and receive, with interrupts masked. The line's speed stays
	 * as the firmware set it.
	 */
	void (*setup)(const struct uart_chip *u);
	/* How many bytes the chip takes now, as far as it tells. 0 if none. */
	u32 (*tx_room)(const struct uart_chip *u);
	/* True if all written bytes have left the shift register. */
	bool (*tx_idle)(const struct uart_chip *u);
	void (*tx)(const struct uart_chip *u, u8 byte);
	/* The next byte of the receive FIFO, or -1. */
	int (*rx)(const struct uart_chip *u);
	/* Enable exactly these interrupts. */
	void (*irq_enable)(const struct uart_chip *u, bool rx, bool tx);
	/*
	 * Clear the latched events behind its interrupts. NULL: all its interrupts are levels of
	 * its FIFOs.
	 */
	void (*irq_clear)(const struct uart_chip *u);
};

/*
 * For a tree at `fdt` that cannot be used, with `size` bytes behind it: the first UART in its sound
 * part that a driver knows and whose address needs no translation. 0, -ENODEV.
 */
int __must_check uart_chip_in_broken(const void *fdt, u64 size, struct uart_chip *u,
				     struct phys_range *regs);

/*
 * The most bytes moved under the lock, with interrupts masked: as many as a FIFO takes when its
 * transmit interrupt comes.
 */
#define UART_BURST 16U
/*
 * After an interrupt that moved bytes the next one comes this much later at the earliest, or once a
 * reader finds no more bytes. Reason: QEMU's UART takes and brings bytes at any speed. Without a
 * pause, a line of text would keep the CPU from more urgent threads, with an interrupt for each
 * burst.
 */
#define UART_PAUSE_US 250
/*
 * Poll interval of a UART without an interrupt: 16 bytes, the smallest FIFO, take 1.4 ms at 115200
 * baud.
 */
#define UART_POLL_US 1000

struct ring;

/*
 * Move at most a burst from FIFO to ring. Returns the number of bytes. If the ring is full, the
 * rest stays in the FIFO and holds off the sender.
 */
u32 uart_receive(const struct uart_chip *u, struct ring *rx);
/* Move at most a burst from ring to FIFO. Returns the number of bytes. */
u32 uart_transmit(const struct uart_chip *u, struct ring *tx);

/*
 * For trials: u sends no faster than a line of this speed would. Works for one UART only. The UART
 * then raises no interrupt when there is room again: poll it.
 */
void uart_slow_down(struct uart_chip *u, u32 baud);

/* True if this node is the operator's UART. */
bool uart_is_ours(int node);

extern const struct uart_ops cadence_ops, dw_apb_ops, imx_ops, ns16550_ops, pl011_ops;

/*
 * The chip at this node, if a driver knows it, it is enabled and the CPU can reach it. Its
 * registers go to *regs. 0, -ENODEV. Pure reader of the devicetree.
 */
int __must_check uart_chip_at(int node, struct uart_chip *u, struct phys_range *regs);

#endif
