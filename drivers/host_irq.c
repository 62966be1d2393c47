/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host's devices are wired, from its devicetree: interrupts (Devicetree Specification v0.4,
 * 2.4), and clocks.
 */
#include <drivers/host.h>
#include <kernel/irq.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
#include "host_tree.h"

#define CELL ((u32)sizeof(fdt32_t))

/*
 * The last phandle looked up, usually the interrupt controller's, and its node's #interrupt-cells.
 */
static struct {
	const void *fdt;
	u32 phandle, cells;
} last_parent;

static int node_of(u32 phandle)
{
	static const char *const names[] = { "phandle", "linux,phandle" };
	int node = -1;

	for (u32 i = 0; node < 0 && i < ARRAY_SIZE(names); i++) {
		node = tree_next(-1);
		while (node >= 0 && host_fdt_u32(node, names[i], 0) != phandle)
			node = tree_next(node);
	}
	return node;
}

bool host_fdt_clocked(int node)
{
	u32 len;
	const fdt32_t *clock = tree_prop(node, "clocks", &len);

	/* A fixed clock's phandle has no arguments. */
	for (; len >= CELL; len -= CELL, clock++)
		if (!host_fdt_is(node_of(fdt32_ld(clock)), "fixed-clock"))
			return false;
	return true;
}

/*
 * The number of cells of a specifier of this interrupt controller. 0: there is no such controller.
 */
static u32 controller_cells(u32 phandle)
{
	if (phandle && (phandle != last_parent.phandle || host_fdt != last_parent.fdt)) {
		last_parent.fdt = host_fdt;
		last_parent.phandle = phandle;
		last_parent.cells = host_fdt_u32(node_of(phandle), "#interrupt-cells", 0);
	}
	return phandle ? last_parent.cells : 0;
}

/* The same for the interrupt parent of this node. */
static u32 interrupt_cells(int node)
{
	u32 phandle = 0;

	for (; !phandle && node >= 0; node = tree_parent(node))
		phandle = host_fdt_u32(node, "interrupt-parent", 0);
	return controller_cells(phandle);
}

/*
 * A specifier of the GIC binding: kind (0 SPI, 1 PPI), number, trigger (1, 2: edges; 4, 8: levels).
 */
#define GIC_CELLS    3
#define MAX_CELLS    4 /* the fourth names a PPI's CPU partition */
#define GIC_KIND_SPI 0
#define GIC_KIND_PPI 1
#define GIC_EDGES    3

/*
 * Entry `index` of interrupts-extended, in which each entry names its controller. *cells is its
 * size. NULL: there is none.
 */
static const fdt32_t *extended_spec(int node, u32 index, u32 *cells)
{
	u32 len;
	const fdt32_t *entry = tree_prop(node, "interrupts-extended", &len);

	for (; len > CELL; index--) {
		*cells = controller_cells(fdt32_ld(entry));
		if (*cells == 0 || *cells >= len / CELL)
			return NULL;
		if (index == 0)
			return entry + 1;
		entry += 1 + *cells;
		len -= (1 + *cells) * CELL;
	}
	return NULL;
}

int host_fdt_irq(int node, u32 index, u32 *intid, u32 *flags)
{
	u32 len, kind, number, cells = 0;
	/* interrupts-extended takes precedence (Devicetree Specification v0.4, 2.4.1.4). */
	const fdt32_t *spec = extended_spec(node, index, &cells);

	if (!spec && (spec = tree_prop(node, "interrupts", &len)) != NULL) {
		cells = interrupt_cells(node);
		spec = cells && index < len / (cells * CELL) ? spec + index * cells : NULL;
	}
	if (cells && (cells < GIC_CELLS || cells > MAX_CELLS))
		return -EINVAL;
	if (!spec)
		return -ENOENT;
	kind = fdt32_ld(&spec[0]);
	number = fdt32_ld(&spec[1]);
	if (kind > GIC_KIND_PPI || (kind == GIC_KIND_PPI && number > 15) || number > 987)
		return -EINVAL;
	*intid = number + (kind == GIC_KIND_SPI ? 32 : 16);
	*flags = fdt32_ld(&spec[2]) & GIC_EDGES ? IRQ_EDGE : 0;
	return 0;
}

/*
 * The index of a string in a list of strings. `otherwise` if there is no list. If the list lacks
 * the string, an index past every end.
 */
static u32 index_of(int node, const char *list, const char *name, u32 otherwise)
{
	u32 len, index = 0;
	const char *s = tree_prop(node, list, &len), *end;

	if (!len || s[len - 1])
		return otherwise;
	for (end = s + len; s < end; s += strlen(s) + 1, index++)
		if (str_eq(s, name))
			return index;
	return ~0U;
}

int host_fdt_timer_irq(enum host_timer timer, u32 *intid)
{
	static const char names[][9] = { "sec-phys", "phys", "virt", "hyp-phys" };
	int node = host_fdt_find("arm,armv8-timer", -1);
	u32 index = index_of(node, "interrupt-names", names[timer], timer), flags;

	if (host_fdt_irq(node, index, intid, &flags) || *intid >= 32)
		return -ENODEV;
	return 0;
}
