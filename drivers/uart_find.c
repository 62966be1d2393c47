/* SPDX-License-Identifier: Apache-2.0 */
/* Which UARTs of the devicetree have a driver. */
#include <drivers/host.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
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

/* ---- in a tree that is broken somewhere, by libfdt's careful steps ---- */

static u8 byte_property(const void *fdt, int node, const char *name, u8 otherwise)
{
	int len;
	const fdt32_t *value = fdt_getprop(fdt, node, name, &len);

	return value && len == 4 ? (u8)MIN(fdt32_ld(value), 8u) : otherwise;
}

static bool in_broken(const void *fdt, int node, const struct match *m, struct phys_range *regs)
{
	int len, parent = fdt_parent_offset(fdt, node);
	const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &len);
	const char *status = fdt_getprop(fdt, node, "status", NULL);
	int cells = parent < 0 ? 0 : byte_property(fdt, parent, "#address-cells", 2);

	if (fdt_node_check_compatible(fdt, node, m->compatible) || (status && *status == 'd') ||
	    !reg || cells < 1 || cells > 2 || len < 8)
		return false;
	/* Only where an address below is the same one above. */
	for (; parent > 0; parent = fdt_parent_offset(fdt, parent)) {
		const void *ranges = fdt_getprop(fdt, parent, "ranges", &len);

		if (!ranges || len)
			return false;
	}
	regs->base =
		PADDR(cells == 2 ? (u64)fdt32_ld(reg) << 32 | fdt32_ld(reg + 1) : fdt32_ld(reg));
	regs->size = PAGE_SIZE;
	return parent == 0;
}

int uart_chip_in_broken(const void *fdt, u64 size, struct uart_chip *u, struct phys_range *regs)
{
	if (fdt_check_header(fdt) || fdt_totalsize(fdt) > size)
		return -ENODEV;
	for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL)) {
		for (const struct match *m = matches; m < matches + ARRAY_SIZE(matches); m++) {
			if (!in_broken(fdt, node, m, regs))
				continue;
			*u = (struct uart_chip){
				.ops = m->ops,
				.compatible = m->compatible,
				.shift = byte_property(fdt, node, "reg-shift", m->shift),
				.width = byte_property(fdt, node, "reg-io-width", m->width),
				.fifo = m->fifo,
			};
			return 0;
		}
	}
	return -ENODEV;
}
