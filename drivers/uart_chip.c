/* SPDX-License-Identifier: Apache-2.0 */
/* Move bytes between a UART's FIFOs and rings. */
#include <lib/ring.h>
#include "uart.h"

u32 uart_receive(const struct uart_chip *u, struct ring *rx)
{
	u32 n;

	for (n = 0; n < UART_BURST && ring_free(rx); n++) {
		int byte = u->ops->rx(u);

		if (byte < 0)
			break;
		(void)ring_put(rx, (u8)byte);
	}
	return n;
}

u32 uart_transmit(const struct uart_chip *u, struct ring *tx)
{
	u32 n = 0, room = 1;
	u8 byte;

	while (n < UART_BURST && ring_used(tx) && room) {
		room = MIN(u->ops->tx_room(u), UART_BURST - n);
		for (u32 i = 0; i < room && ring_get(tx, &byte); i++, n++)
			u->ops->tx(u, byte);
	}
	return n;
}
