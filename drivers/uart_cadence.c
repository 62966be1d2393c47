/* SPDX-License-Identifier: Apache-2.0 */
/* Cadence UART, as in Xilinx' Zynq and ZynqMP (UG1085, UG1087: module UART). */
#include <drivers/mmio.h>
#include "uart.h"

#define CR   0x00 /* control */
#define IER  0x08 /* interrupt enable: a 1 enables */
#define IDR  0x0c /* interrupt disable: a 1 disables */
#define ISR  0x14 /* interrupt status: latched; a 1 clears */
#define RXWM 0x20 /* receive FIFO's trigger level */
#define SR   0x2c /* channel status */
#define FIFO 0x30

#define CR_RXEN  BIT(2)
#define CR_RXDIS BIT(3)
#define CR_TXEN  BIT(4)
#define CR_TXDIS BIT(5)

#define INT_RTRIG  BIT(0) /* bytes as RXWM says */
#define INT_TEMPTY BIT(3) /* transmit FIFO has become empty */
#define INT_ALL    BITS(13, 0)

#define SR_REMPTY  BIT(1)
#define SR_TEMPTY  BIT(3)
#define SR_TFUL    BIT(4)
#define SR_TACTIVE BIT(11)

static u32 cadence_tx_room(const struct uart_chip *u)
{
	return mmio_read32(u->base, SR) & SR_TFUL ? 0 : 1;
}

static bool cadence_tx_idle(const struct uart_chip *u)
{
	return (mmio_read32(u->base, SR) & (SR_TEMPTY | SR_TACTIVE)) == SR_TEMPTY;
}

static void cadence_tx(const struct uart_chip *u, u8 byte)
{
	mmio_write32(u->base, FIFO, byte);
}

static int cadence_rx(const struct uart_chip *u)
{
	if (mmio_read32(u->base, SR) & SR_REMPTY)
		return -1;
	return (int)(mmio_read32(u->base, FIFO) & 0xff);
}

static void cadence_irq_enable(const struct uart_chip *u, bool rx, bool tx)
{
	u32 wanted = (rx ? (u32)INT_RTRIG : 0) | (tx ? (u32)INT_TEMPTY : 0);

	mmio_write32(u->base, IDR, (u32)INT_ALL & ~wanted);
	mmio_write32(u->base, IER, wanted);
}

static void cadence_irq_clear(const struct uart_chip *u)
{
	mmio_write32(u->base, ISR, (u32)INT_ALL);
}

static void cadence_setup(const struct uart_chip *u)
{
	u64 on = CR_RXEN | CR_TXEN, off = CR_RXDIS | CR_TXDIS;

	mmio_write32(u->base, IDR, (u32)INT_ALL);
	mmio_write32(u->base, RXWM, 1);
	if ((mmio_read32(u->base, CR) & (on | off)) != on)
		mmio_write32(u->base, CR, (u32)on);
}

const struct uart_ops cadence_ops = {
	.setup = cadence_setup,
	.tx_room = cadence_tx_room,
	.tx_idle = cadence_tx_idle,
	.tx = cadence_tx,
	.rx = cadence_rx,
	.irq_enable = cadence_irq_enable,
	.irq_clear = cadence_irq_clear,
};
