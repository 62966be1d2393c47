/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NXP's i.MX UART (i.MX 8M Plus reference manual, chapter UART). Its interrupts follow the FIFOs'
 * levels.
 */
#include <drivers/mmio.h>
#include "uart.h"

#define URXD 0x00 /* receiver */
#define UTXD 0x40 /* transmitter */
#define UCR1 0x80 /* control 1 to 4 */
#define UCR2 0x84
#define UCR3 0x88
#define UCR4 0x8c
#define UFCR 0x90 /* FIFO control */
#define USR2 0x98 /* status 2 */
#define UTS  0xb4 /* test: the FIFOs' state */

#define URXD_DATA    BITS(7, 0)
#define URXD_BRK     BIT(11)
#define URXD_CHARRDY BIT(15)

#define UCR1_UARTEN BIT(0)
#define UCR1_RRDYEN BIT(9)  /* bytes as UFCR says */
#define UCR1_TRDYEN BIT(13) /* fewer bytes to send than UFCR says */

#define UCR2_SRST BIT(0) /* 0 resets */
#define UCR2_RXEN BIT(1)
#define UCR2_TXEN BIT(2)
#define UCR2_WS   BIT(5)  /* eight bits */
#define UCR2_IRTS BIT(14) /* RTS's pin is ignored */

#define UCR2_ON        (UCR2_SRST | UCR2_RXEN | UCR2_TXEN)
#define UCR2_INTERRUPT (BIT(3) | BIT(4) | BIT(15)) /* ATEN, RTSEN, ESCI */

#define UCR3_RXDMUXSEL BIT(2) /* always to be set */

#define UFCR_LEVELS  (BITS(15, 10) | BITS(5, 0))
#define UFCR_RX1_TX8 (8U << 10 | 1U)

#define USR2_TXDC BIT(3) /* sent, to the last bit */

#define UTS_TXFULL BIT(4)

static u32 imx_tx_room(const struct uart_chip *u)
{
	return mmio_read32(u->base, UTS) & UTS_TXFULL ? 0 : 1;
}

static bool imx_tx_idle(const struct uart_chip *u)
{
	return mmio_read32(u->base, USR2) & USR2_TXDC;
}

static void imx_tx(const struct uart_chip *u, u8 byte)
{
	mmio_write32(u->base, UTXD, byte);
}

static int imx_rx(const struct uart_chip *u)
{
	u32 data;

	while ((data = mmio_read32(u->base, URXD)) & URXD_CHARRDY) {
		if (!(data & URXD_BRK))
			return (int)(data & URXD_DATA);
	}
	return -1;
}

static void imx_irq_enable(const struct uart_chip *u, bool rx, bool tx)
{
	u64 wanted = UCR1_UARTEN | (rx ? UCR1_RRDYEN : 0) | (tx ? UCR1_TRDYEN : 0);

	mmio_write32(u->base, UCR1, (u32)wanted);
}

static void imx_setup(const struct uart_chip *u)
{
	u32 control = mmio_read32(u->base, UCR2);

	imx_irq_enable(u, false, false);
	mmio_write32(u->base, UCR3, (u32)UCR3_RXDMUXSEL);
	mmio_write32(u->base, UCR4, 0);
	mmio_write32(u->base, UFCR,
		     (u32)(mmio_read32(u->base, UFCR) & ~UFCR_LEVELS) | UFCR_RX1_TX8);
	if ((control & UCR2_ON) != UCR2_ON)
		control |= (u32)(UCR2_ON | UCR2_WS | UCR2_IRTS);
	mmio_write32(u->base, UCR2, (u32)(control & ~UCR2_INTERRUPT));
}

const struct uart_ops imx_ops = {
	.setup = imx_setup,
	.tx_room = imx_tx_room,
	.tx_idle = imx_tx_idle,
	.tx = imx_tx,
	.rx = imx_rx,
	.irq_enable = imx_irq_enable,
};
