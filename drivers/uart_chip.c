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
	const u32 most = MIN(ring_used(tx), UART_BURST);
	u32 n = 0, room = 0;

	for (; n < most; n++, room--) {
		if (!room)
			room = u->ops->tx_room(u);
		if (!room)
			break;
		u->ops->tx(u, ring_take(tx));
	}
	return n;
}
