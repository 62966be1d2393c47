/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/uart.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"

static void (*receiver)(char c);

void uart_init(void)
{
	mmio_write32(UART_IMSC, 0);
	mmio_write32(UART_LCR_H, UART_LCR_8N1 | UART_LCR_FEN);
	mmio_write32(UART_CR, UART_CR_EN | UART_CR_TXE | UART_CR_RXE);
}

void uart_putc(char c)
{
	while (mmio_read32(UART_FR) & UART_FR_TXFF)
		cpu_relax();
	mmio_write32(UART_DR, (uint8_t)c);
}

int uart_try_getc(void)
{
	if (mmio_read32(UART_FR) & UART_FR_RXFE)
		return -1;
	return (int)(mmio_read32(UART_DR) & 0xff);
}

static void uart_irq(unsigned int intid, void *arg)
{
	int c;

	(void)intid;
	(void)arg;
	mmio_write32(UART_ICR, UART_INT_RX | UART_INT_RT);
	while ((c = uart_try_getc()) >= 0)
		receiver((char)c);
}

void uart_receive(void (*receive)(char c))
{
	receiver = receive;
	irq_set_handler(UART_INTID, uart_irq, NULL);
	gic_route(UART_INTID, cpu_id());
	gic_enable(UART_INTID);
	mmio_write32(UART_IMSC, UART_INT_RX | UART_INT_RT);
}
