/* SPDX-License-Identifier: Apache-2.0 */
/* Arm PrimeCell UART PL011 (DDI 0183). */
#include <drivers/mmio.h>
#include "uart.h"

#define UARTDR    0x000 /* data */
#define UARTFR    0x018 /* flags */
#define UARTLCR_H 0x02c /* line control */
#define UARTCR    0x030 /* control */
#define UARTIFLS  0x034 /* trigger levels: RX 5:3, TX 2:0; by eighths */
#define UARTIMSC  0x038 /* interrupt mask: 1 enables */
#define UARTICR   0x044 /* interrupt clear */

#define FR_BUSY BIT(3)
#define FR_RXFE BIT(4) /* receive FIFO empty */
#define FR_TXFF BIT(5) /* transmit FIFO full */

#define LCR_H_FEN    BIT(4) /* FIFOs on */
#define LCR_H_WLEN_8 BITS(6, 5)

/* RX at half; TX at an eighth, so that uart.c's burst always rises above it */
#define IFLS_RX_HALF_TX_EIGHTH BIT(4)

#define CR_UARTEN BIT(0)
#define CR_TXE    BIT(8)
#define CR_RXE    BIT(9)

#define INT_RX  BIT(4)
#define INT_TX  BIT(5)
#define INT_RT  BIT(6) /* bytes below the FIFO's trigger level for 32 bit times */
#define INT_ALL BITS(10, 0)

#define DR_DATA  BITS(7, 0)
#define DR_BREAK BIT(10)

static u32 pl011_tx_room(const struct uart_chip *u)
{
	return mmio_read32(u->base, UARTFR) & FR_TXFF ? 0 : 1;
}

static bool pl011_tx_idle(const struct uart_chip *u)
{
	return !(mmio_read32(u->base, UARTFR) & FR_BUSY);
}

static void pl011_tx(const struct uart_chip *u, u8 byte)
{
	mmio_write32(u->base, UARTDR, byte);
}

static int pl011_rx(const struct uart_chip *u)
{
	while (!(mmio_read32(u->base, UARTFR) & FR_RXFE)) {
		u32 data = mmio_read32(u->base, UARTDR);

		if (!(data & DR_BREAK))
			return (int)(data & DR_DATA);
	}
	return -1;
}

static void pl011_irq_enable(const struct uart_chip *u, bool rx, bool tx)
{
	u32 mask = (rx ? (u32)(INT_RX | INT_RT) : 0) | (tx ? (u32)INT_TX : 0);

	/*
	 * All three follow the FIFOs' levels. A stale one is cleared only while it is not wanted; a
	 * wanted one goes away when UARTDR is read or written.
	 */
	mmio_write32(u->base, UARTICR, (u32)INT_ALL & ~mask & ~(u32)(INT_RX | INT_RT));
	mmio_write32(u->base, UARTIMSC, mask);
}

static void pl011_setup(const struct uart_chip *u)
{
	u32 line = (u32)(LCR_H_FEN | LCR_H_WLEN_8);
	u32 control = (u32)(CR_UARTEN | CR_TXE | CR_RXE);

	mmio_write32(u->base, UARTIMSC, 0);
	mmio_write32(u->base, UARTIFLS, IFLS_RX_HALF_TX_EIGHTH);
	/*
	 * Writing LCR_H empties the FIFOs. It is not written if it is right already: keys may be
	 * waiting.
	 */
	if ((mmio_read32(u->base, UARTLCR_H) & line) != line) {
		while (!pl011_tx_idle(u))
			;
		mmio_write32(u->base, UARTLCR_H, line);
	}
	if ((mmio_read32(u->base, UARTCR) & control) != control)
		mmio_write32(u->base, UARTCR, mmio_read32(u->base, UARTCR) | control);
}

const struct uart_ops pl011_ops = {
	.setup = pl011_setup,
	.tx_room = pl011_tx_room,
	.tx_idle = pl011_tx_idle,
	.tx = pl011_tx,
	.rx = pl011_rx,
	.irq_enable = pl011_irq_enable,
};
