/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UARTs of the 8250's family: NS16550 (National Semiconductor PC16550D) and DesignWare's
 * DW_apb_uart. The latter has a trap: a write to LCR while the line is busy is lost, and the chip
 * then interrupts until USR is read.
 */
#include <drivers/mmio.h>
#include "uart.h"

#define RBR 0x00 /* read: receive buffer */
#define THR 0x00 /* write: transmit holding */
#define IER 0x01 /* interrupt enable */
#define IIR 0x02 /* read: interrupt identification; clears the transmitter's */
#define FCR 0x02 /* write: FIFO control */
#define LCR 0x03 /* line control */
#define MCR 0x04 /* modem control */
#define LSR 0x05 /* line status */
#define USR 0x1f /* DW_apb_uart: UART status */

#define IER_RX BIT(0)
#define IER_TX BIT(1)

#define IIR_ID         BITS(3, 0)
#define IIR_BUSY       7U  /* DW_apb_uart: busy detect */
#define IIR_RX_TIMEOUT 12U /* bytes below the trigger level */

#define FCR_ENABLE BIT(0)
#define FCR_CLEAR  (BIT(1) | BIT(2)) /* both FIFOs */

#define LCR_8_BITS BITS(1, 0)
#define LCR_BREAK  BIT(6)
#define LCR_DLAB   BIT(7) /* RBR, THR and IER give access to the divisor */

#define MCR_DTR_RTS BITS(1, 0)
#define MCR_OUT2    BIT(3) /* where interrupts are wired as in a PC, they need this bit */

#define LSR_DR   BIT(0) /* data ready */
#define LSR_BI   BIT(4) /* break */
#define LSR_THRE BIT(5) /* transmit FIFO empty */
#define LSR_TEMT BIT(6) /* and the shift register */

static u32 get(const struct uart_chip *u, u32 reg)
{
	u32 offset = reg << u->shift;

	if (u->width == 4)
		return mmio_read32(u->base, offset);
	return u->width == 2 ? mmio_read16(u->base, offset) : mmio_read8(u->base, offset);
}

static void put(const struct uart_chip *u, u32 reg, u64 value)
{
	u32 offset = reg << u->shift;

	if (u->width == 4)
		mmio_write32(u->base, offset, (u32)value);
	else if (u->width == 2)
		mmio_write16(u->base, offset, (u16)value);
	else
		mmio_write8(u->base, offset, (u8)value);
}

static u32 ns16550_tx_room(const struct uart_chip *u)
{
	return get(u, LSR) & LSR_THRE ? u->fifo : 0;
}

static bool ns16550_tx_idle(const struct uart_chip *u)
{
	return get(u, LSR) & LSR_TEMT;
}

static void ns16550_tx(const struct uart_chip *u, u8 byte)
{
	put(u, THR, byte);
}

static int ns16550_rx(const struct uart_chip *u)
{
	u32 status;

	while ((status = get(u, LSR)) & LSR_DR) {
		u32 byte = get(u, RBR) & 0xff;

		if (!(status & LSR_BI))
			return (int)byte;
	}
	return -1;
}

static void ns16550_irq_enable(const struct uart_chip *u, bool rx, bool tx)
{
	put(u, IER, (rx ? IER_RX : 0) | (tx ? IER_TX : 0));
}

static void ns16550_irq_clear(const struct uart_chip *u)
{
	(void)get(u, IIR);
}

/*
 * Set eight bits. DW_apb_uart does not take the setting while its line is busy, so received bytes
 * are thrown away and the write is repeated, at most 1000 times.
 */
static void set_line(const struct uart_chip *u)
{
	const u64 matters = LCR_8_BITS | LCR_BREAK | LCR_DLAB;

	for (u32 tries = 0; tries < 1000 && (get(u, LCR) & matters) != LCR_8_BITS; tries++) {
		put(u, FCR, FCR_ENABLE | FCR_CLEAR);
		(void)get(u, RBR);
		put(u, LCR, LCR_8_BITS);
	}
}

static void ns16550_setup(const struct uart_chip *u)
{
	if (get(u, LCR) & LCR_DLAB)
		set_line(u);
	put(u, IER, 0);
	put(u, FCR, FCR_ENABLE);
	set_line(u);
	put(u, MCR, get(u, MCR) | MCR_DTR_RTS | MCR_OUT2);
}

static void dw_apb_irq_clear(const struct uart_chip *u)
{
	u32 id = (u32)(get(u, IIR) & IIR_ID);

	if (id == IIR_BUSY)
		(void)get(u, USR);
	/*
	 * The chip may report a timeout of an empty FIFO again and again, until that FIFO is read.
	 */
	else if (id == IIR_RX_TIMEOUT && !(get(u, LSR) & (LSR_DR | LSR_BI)))
		(void)get(u, RBR);
}

const struct uart_ops ns16550_ops = {
	.setup = ns16550_setup,
	.tx_room = ns16550_tx_room,
	.tx_idle = ns16550_tx_idle,
	.tx = ns16550_tx,
	.rx = ns16550_rx,
	.irq_enable = ns16550_irq_enable,
	.irq_clear = ns16550_irq_clear,
};

const struct uart_ops dw_apb_ops = {
	.setup = ns16550_setup,
	.tx_room = ns16550_tx_room,
	.tx_idle = ns16550_tx_idle,
	.tx = ns16550_tx,
	.rx = ns16550_rx,
	.irq_enable = ns16550_irq_enable,
	.irq_clear = dw_apb_irq_clear,
};
