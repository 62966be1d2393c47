/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011 console (Arm DDI 0183), by polling, and receiving by interrupt. */
#ifndef KIT_UART_H
#define KIT_UART_H

#include "kit/mmio.h"

#define UART_DR    (UART_BASE + 0x000)
#define UART_FR    (UART_BASE + 0x018)
#define UART_IBRD  (UART_BASE + 0x024)
#define UART_FBRD  (UART_BASE + 0x028)
#define UART_LCR_H (UART_BASE + 0x02c)
#define UART_CR    (UART_BASE + 0x030)
#define UART_IFLS  (UART_BASE + 0x034)
#define UART_IMSC  (UART_BASE + 0x038)
#define UART_RIS   (UART_BASE + 0x03c)
#define UART_MIS   (UART_BASE + 0x040)
#define UART_ICR   (UART_BASE + 0x044)

#define UART_FR_BUSY BIT32(3)
#define UART_FR_RXFE BIT32(4)
#define UART_FR_TXFF BIT32(5)
#define UART_FR_RXFF BIT32(6)
#define UART_FR_TXFE BIT32(7)

#define UART_LCR_FEN BIT32(4)
#define UART_LCR_8N1 (3u << 5)

#define UART_CR_EN  BIT32(0)
#define UART_CR_LBE BIT32(7)
#define UART_CR_TXE BIT32(8)
#define UART_CR_RXE BIT32(9)

#define UART_INT_RX  BIT32(4)
#define UART_INT_TX  BIT32(5)
#define UART_INT_RT  BIT32(6)
#define UART_INT_ALL 0x7ffu

/* 8n1, FIFOs on, all interrupts masked. */
void uart_init(void);

void uart_putc(char c);

/* A received character, or -1 if there is none. */
int uart_try_getc(void);

/* Calls receive for every character that comes, from the interrupt handler of this CPU. */
void uart_receive(void (*receive)(char c));

#endif
