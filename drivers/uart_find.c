/* SPDX-License-Identifier: Apache-2.0 */
/* Which UARTs of the devicetree have a driver. */
#include <drivers/host.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "host_tree.h"
#include "uart.h"

/*
 * `compatible` strings, with an 8250's defaults. Boards add their own string before one of these.
 */
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

/* The bits of all rows (tree_kind()). */
static u64 match_kinds(void)
{
	static u64 kinds;

	if (!kinds)
		for (u32 i = 0; i < ARRAY_SIZE(matches); i++)
			kinds |= tree_kind(matches[i].compatible);
	return kinds;
}

/* The first row whose string is in the list. NULL: none. */
static const struct match *match_of(const struct dt_prop *list)
{
	const struct match *const end = matches + ARRAY_SIZE(matches), *found = end;

	for (const char *s = NULL; (s = dt_string(list, s)) != NULL;)
		for (const struct match *m = matches; m < found; m++)
			if (*m->compatible == *s && str_eq(m->compatible, s))
				found = m;
	return found < end ? found : NULL;
}

int uart_chip_at(int node, struct uart_chip *u, struct phys_range *regs)
{
	const struct dt_prop strings = tree_strings(node);
	const struct match *m = tree_may_be(node, match_kinds()) ? match_of(&strings) : NULL;
	u64 offset;

	if (!m || !host_fdt_enabled(node) || host_fdt_reg(node, 0, regs) != 0)
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

/* ---- a broken tree: the part before the error ---- */

/*
 * A node on the path of the walk: cells of its children's addresses, and whether these are the same
 * addresses above it.
 */
struct level {
	u8 cells;
	bool same;
};

/* The innermost node. */
struct seen {
	const struct match *m;
	struct dt_prop reg;
	int shift, width; /* -1: the node does not say */
	bool disabled;
};

static int small_number(const struct dt_prop *p)
{
	const u8 *value = p->value;

	return p->len != 4 ? -1 : value[0] | value[1] | value[2] ? 8 : MIN(value[3], 8);
}

static void look_at(const struct dt_prop *p, struct level *level, struct seen *s)
{
	if (str_eq(p->name, "compatible")) {
		s->m = match_of(p);
	} else if (str_eq(p->name, "reg")) {
		s->reg = *p;
	} else if (str_eq(p->name, "status")) {
		s->disabled = p->len && *(const char *)p->value == 'd';
	} else if (str_eq(p->name, "reg-shift")) {
		s->shift = small_number(p);
	} else if (str_eq(p->name, "reg-io-width")) {
		s->width = small_number(p);
	} else if (str_eq(p->name, "#address-cells")) {
		level->cells = (u8)small_number(p);
	} else if (str_eq(p->name, "ranges")) {
		level->same = !p->len;
	}
}

/*
 * True if the current node, `depth` deep, is a UART that the CPU can reach without a translation.
 */
static bool is_uart(const struct seen *s, const struct level *path, u32 depth)
{
	u32 cells = depth < 2 ? 0 : path[depth - 2].cells;

	for (u32 i = 1; i + 1 < depth; i++)
		if (!path[i].same)
			return false;
	return s->m && !s->disabled && (cells == 1 || cells == 2) && s->reg.len >= 8;
}

static void take(const struct seen *s, u32 cells, struct uart_chip *u, struct phys_range *regs)
{
	const u8 *reg = s->reg.value;
	u64 address = 0;

	for (u32 i = 0; i < cells * 4; i++)
		address = address << 8 | reg[i];
	*regs = (struct phys_range){ PADDR(address), PAGE_SIZE };
	*u = (struct uart_chip){
		.ops = s->m->ops,
		.compatible = s->m->compatible,
		.shift = s->shift < 0 ? s->m->shift : (u8)s->shift,
		.width = s->width < 0 ? s->m->width : (u8)s->width,
		.fifo = s->m->fifo,
	};
}

int uart_chip_in_broken(const void *fdt, u64 size, struct uart_chip *u, struct phys_range *regs)
{
	const struct seen nothing = { .shift = -1, .width = -1 };
	const u32 sound = dt_sound(fdt, size);
	struct level path[DT_DEPTH_MAX];
	struct seen s = nothing;
	u32 depth = 0, next;
	struct dt t;

	if (!sound)
		return -ENODEV;
	t = dt_open(fdt);
	for (u32 at = 0; at < sound; at = next) {
		const enum dt_tag tag = dt_tag(&t, at, &next);

		if (tag == DT_PROP) {
			const struct dt_prop p = dt_prop(&t, at);

			look_at(&p, &path[depth - 1], &s);
		}
		/* The node's properties end here, or the sound part does. */
		if ((tag == DT_BEGIN_NODE || tag == DT_END_NODE || next >= sound) &&
		    is_uart(&s, path, depth)) {
			take(&s, path[depth - 2].cells, u, regs);
			return 0;
		}
		if (tag == DT_BEGIN_NODE)
			path[depth++] = (struct level){ .cells = 2 };
		else if (tag == DT_END_NODE)
			depth--;
		if (tag != DT_PROP && tag != DT_NOP)
			s = nothing;
	}
	return -ENODEV;
}
