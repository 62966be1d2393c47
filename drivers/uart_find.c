/* SPDX-License-Identifier: Apache-2.0 */
/* Which UARTs of the devicetree have a driver. */
#include <drivers/host.h>
#include <lib/errno.h>
#include "uart.h"

/* `compatible` strings, with what an 8250's node need not say. Boards add their own string before one of these. */
static const struct match {
	const char *compatible;
	const struct uart_ops *ops;
	u8 shift, width, fifo;
} matches[] = {
	{ "arm,pl011", &pl011_ops, 0, 4, 1 },
	{ "snps,dw-apb-uart", &dw_apb_ops, 0, 1, 16 },
	{ "ns16550a", &ns16550_ops, 0, 1, 16 },
	{ "ns16550", &ns16550_ops, 0, 1, 1 },
	{ "ns16450", &ns16550_ops, 0, 1, 1 },
	{ "ns8250", &ns16550_ops, 0, 1, 1 },
	{ "nuvoton,npcm750-uart", &ns16550_ops, 0, 1, 16 },
	{ "ti,am654-uart", &ns16550_ops, 2, 4, 16 },
	{ "brcm,bcm2835-aux-uart", &ns16550_ops, 2, 4, 1 },
	{ "cdns,uart-r1p12", &cadence_ops, 0, 4, 1 },
	{ "cdns,uart-r1p8", &cadence_ops, 0, 4, 1 },
	{ "fsl,imx6q-uart", &imx_ops, 0, 4, 1 },
	{ "fsl,imx21-uart", &imx_ops, 0, 4, 1 },
};

int uart_chip_at(int node, struct uart_chip *u, struct phys_range *regs)
{
	const struct match *m = matches, *end = matches + ARRAY_SIZE(matches);
	u64 offset;

	while (m < end && !host_fdt_is(node, m->compatible))
		m++;
	if (m == end || !host_fdt_enabled(node) || host_fdt_reg(node, 0, regs) != 0)
		return -ENODEV;
	offset = host_fdt_u32(node, "reg-offset", 0);
	if (offset >= regs->size)
		return -ENODEV;
	regs->base.pa += offset;
	regs->size -= offset;
	*u = (struct uart_chip){
		.ops = m->ops,
		.compatible = m->compatible,
		.pa = regs->base.pa,
		.node = node,
		.shift = (u8)MIN(host_fdt_u32(node, "reg-shift", m->shift), 8u),
		.width = (u8)host_fdt_u32(node, "reg-io-width", m->width),
		.fifo = m->fifo,
	};
	return 0;
}
