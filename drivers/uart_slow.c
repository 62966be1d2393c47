/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uart.baud=N: the operator's UART behaves as if its line had that speed, with a FIFO of one burst.
 */
#include <arch/timer.h>
#include "uart.h"

static const struct uart_ops *fast;
static struct uart_ops slow;
static u64 byte_ticks, free_at; /* free_at: when the line will have sent all bytes given to it */

static u32 tx_room(const struct uart_chip *u)
{
	u64 now = arch_counter(), waiting;

	if (free_at < now)
		free_at = now;
	waiting = (free_at - now) / byte_ticks;
	return MIN(fast->tx_room(u), UART_BURST - (u32)MIN(waiting, (u64)UART_BURST));
}

static void tx(const struct uart_chip *u, u8 byte)
{
	free_at += byte_ticks;
	fast->tx(u, byte);
}

void uart_slow_down(struct uart_chip *u, u32 baud)
{
	byte_ticks = MAX(10 * arch_counter_hz() / baud, 1);
	fast = u->ops;
	slow = *fast;
	slow.tx_room = tx_room;
	slow.tx = tx;
	u->ops = &slow;
}
