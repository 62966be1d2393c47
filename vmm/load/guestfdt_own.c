/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's own devicetree: a copy, with the parts that depend on the VM filled in. Each of its tags
 * is looked at twice at most.
 */
#include <vmm/core.h>
#include "guestfdt_build.h"

#define RANGES_MAX 128U /* of one bus, that are used: large chips have about 60 */

/* A node on the path of the copy. */
struct level {
	struct fdt_cells cells; /* of its children */
	struct dt_prop ranges;  /* map its addresses to its parent's */
	bool has_ranges;        /* else its children have no addresses in memory; the root's have */
};

/* The place of the copy (in the root, a child of it, ...), and what has been seen. */
struct copy {
	struct dt_writer b;
	struct dt src;
	const struct guest_fdt_params *p;
	u32 depth;
	struct level levels[DT_DEPTH_MAX];
	bool has_chosen, has_gic;
	struct fdt_gic gic;
};

/* The parts of a node that matter. */
struct node {
	const char *name;
	u32 props; /* place behind its name */
	struct fdt_cells cells;
	u32 phandle, interrupt_cells;
	struct dt_prop type, compatible, reg, ranges; /* empty: absent, or without a value */
	bool has_ranges;
};

/* One cell. `otherwise` if the property is not one cell. */
static u32 cell(const struct dt_prop *prop, u32 otherwise)
{
	const u8 *p = prop->value;

	return prop->len == 4 ? (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]
			      : otherwise;
}

/* The node whose tag is at `at`. */
static void look(const struct dt *t, u32 at, struct node *n)
{
	struct dt_prop prop;
	u32 next;

	*n = (struct node){ .name = dt_node_name(t, at), .cells = { NO_CELLS, NO_CELLS } };
	(void)dt_tag(t, at, &n->props);
	for (next = n->props; dt_next_prop(t, &next, &prop);) {
		if (str_eq(prop.name, "device_type"))
			n->type = prop;
		else if (str_eq(prop.name, "compatible"))
			n->compatible = prop;
		else if (str_eq(prop.name, "reg"))
			n->reg = prop;
		else if (str_eq(prop.name, "#address-cells"))
			n->cells.addresses = cell(&prop, NO_CELLS);
		else if (str_eq(prop.name, "#size-cells"))
			n->cells.sizes = cell(&prop, NO_CELLS);
		else if (str_eq(prop.name, "phandle") || str_eq(prop.name, "linux,phandle"))
			n->phandle = cell(&prop, 0);
		else if (str_eq(prop.name, "#interrupt-cells"))
			n->interrupt_cells = cell(&prop, 0);
		else if (str_eq(prop.name, "ranges")) {
			n->ranges = prop;
			n->has_ranges = true;
		}
	}
}

/* The cells of a node's children. The defaults are those of Devicetree Specification 2.3.5. */
static struct fdt_cells cells_of(const struct node *n)
{
	return (struct fdt_cells){
		.addresses = n->cells.addresses == NO_CELLS ? 2 : n->cells.addresses,
		.sizes = n->cells.sizes == NO_CELLS ? 1 : n->cells.sizes,
	};
}

static bool lists_any(const struct dt_prop *prop, const char *const *strings, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (dt_lists(prop, strings[i]))
			return true;
	return false;
}

static bool is_replaced(const struct node *n)
{
	static const char *const psci[] = { "arm,psci", "arm,psci-0.2", "arm,psci-1.0" };

	if (str_eq(n->name, "memory") || str_starts(n->name, "memory@") || str_eq(n->name, "cpus"))
		return true;
	return lists_any(&n->compatible, psci, ARRAY_SIZE(psci)) || dt_lists(&n->type, "memory");
}

/*
 * True for the interrupt controller, of any version and at any place. The VM's controller replaces
 * it in the root, with the properties that other nodes refer to. Interrupts are numbered in the
 * same way and have three cells. Nodes below it (ITS, MSI frames) are dropped: the VM has none.
 */
static bool is_gic(const struct node *n)
{
	static const char *const gics[] = { "arm,gic-v3",        "arm,gic-v4",
					    "arm,gic-400",       "arm,cortex-a15-gic",
					    "arm,cortex-a9-gic", "arm,cortex-a7-gic",
					    "arm,pl390" };

	return lists_any(&n->compatible, gics, ARRAY_SIZE(gics));
}

/*
 * True if the VM has something at this address: a device, or a virtio transport without a device.
 * RAM holds no devices, but may have reserved parts.
 */
static bool is_present(const struct guest_fdt_params *p, u64 address)
{
	for (u32 i = 0; i < DEVICES; i++)
		if (address == desc_devices[i].base && desc_has_device(p->desc, &desc_devices[i]))
			return true;
	if (address == GUEST_FLASH_BASE || address == GUEST_FLASH1_BASE ||
	    address == GUEST_FW_CFG_BASE)
		return p->desc->firmware.path[0];
	if (address == GUEST_PCI_ECAM)
		return p->desc->channel_count;
	if (address >= GUEST_VIRTIO_BASE && address < GUEST_VIRTIO_BASE + GUEST_VIRTIO_SIZE)
		return true;
	return ram_map_bank(&p->desc->ram, address);
}

/* A number of this many cells, 1 or 2. */
static u64 number(const u8 *p, u32 cells)
{
	u64 value = 0;

	for (u32 i = 0; i < cells * 4; i++)
		value = value << 8 | p[i];
	return value;
}

static bool can_read(u32 cells)
{
	return cells == 1 || cells == 2;
}

/*
 * Translate an address through a bus (Devicetree Specification 2.3.8). The addresses of its parent
 * have this many cells. False: the bus does not map it.
 */
static bool through(const struct level *bus, u32 parent_cells, u64 *address)
{
	const u32 entry = 4 * (bus->cells.addresses + parent_cells + bus->cells.sizes);
	const u8 *p = bus->ranges.value;

	if (!bus->has_ranges || !bus->ranges.len) /* no ranges, or addresses are the same */
		return bus->has_ranges;
	if (!can_read(bus->cells.addresses) || !can_read(parent_cells) ||
	    !can_read(bus->cells.sizes))
		return false;
	for (u32 i = 0; i < MIN(bus->ranges.len / entry, RANGES_MAX); i++, p += entry) {
		const u64 child = number(p, bus->cells.addresses);
		const u8 *parent = p + 4 * bus->cells.addresses;

		if (*address < child ||
		    *address - child >= number(parent + 4 * parent_cells, bus->cells.sizes))
			continue;
		*address = *address - child + number(parent, parent_cells);
		return true;
	}
	return false;
}

/*
 * The address in memory of the first entry of a node's reg. False if there is none, or if it is not
 * in memory.
 */
static bool first_address(const struct copy *c, const struct node *n, u64 *address)
{
	const u32 cells = c->depth ? c->levels[c->depth - 1].cells.addresses : 0;

	if (!can_read(cells) || n->reg.len < cells * 4)
		return false;
	*address = number(n->reg.value, cells);
	for (u32 i = c->depth - 1; i > 0; i--)
		if (!through(&c->levels[i], c->levels[i - 1].cells.addresses, address))
			return false;
	return true;
}

/*
 * A driver that accesses a missing device gets an external abort, and most systems then crash. So
 * such devices are marked as disabled. So are performance monitors, which have no address. A device
 * on a bus of another kind disappears with its controller.
 */
static bool is_absent(const struct copy *c, const struct node *n)
{
	u64 address;

	if (!c->p->desc->pmu && dt_lists(&n->compatible, PMU_COMPATIBLE))
		return true;
	return !dt_lists(&n->compatible, "simple-bus") && first_address(c, n, &address) &&
	       !is_present(c->p, address);
}

static bool is_stale(const struct copy *c, const char *name)
{
	static const char *const stale[] = { "linux,initrd-start", "linux,initrd-end", "rng-seed",
					     "kaslr-seed" };

	for (u32 i = 0; i < ARRAY_SIZE(stale); i++)
		if (str_eq(name, stale[i]))
			return true;
	return str_eq(name, "bootargs") && c->p->desc->bootargs[0];
}

/* Copy the beginning of a node, with its properties except those that get another value. */
static void copy_node(struct copy *c, const struct node *n)
{
	bool absent = is_absent(c, n);
	bool chosen = c->depth == 1 && !c->has_chosen && str_eq(n->name, "chosen");
	struct dt_prop prop;
	u32 at = n->props;

	c->levels[c->depth++] = (struct level){ cells_of(n), n->ranges, n->has_ranges };
	begin(&c->b, n->name);
	if (absent)
		put_string(&c->b, "status", "disabled");
	if (chosen)
		guest_fdt_chosen(&c->b, c->p);
	c->has_chosen |= chosen;
	while (dt_next_prop(&c->src, &at, &prop))
		if (!(absent && str_eq(prop.name, "status")) && !(chosen && is_stale(c, prop.name)))
			dt_put_copy(&c->b, &prop);
}

static void put_missing(struct copy *c)
{
	if (!c->has_chosen) {
		begin(&c->b, "chosen");
		guest_fdt_chosen(&c->b, c->p);
		end(&c->b);
	}
	guest_fdt_nodes(&c->b, c->p, &c->levels[0].cells);
	if (c->has_gic)
		guest_fdt_gic(&c->b, c->p, &c->levels[0].cells, &c->gic);
}

/* Copy the end of a node. At the root's end, write the nodes that were left out or missing. */
static void copy_end(struct copy *c)
{
	if (--c->depth == 0)
		put_missing(c);
	end(&c->b);
}

/* True if nothing of a node is copied: another node replaces it in the root. */
static bool leave_out(struct copy *c, const struct node *n)
{
	if (c->depth == 1 && is_replaced(n))
		return true;
	if (c->has_gic || !is_gic(n))
		return false;
	c->has_gic = true;
	c->gic = (struct fdt_gic){
		.phandle = n->phandle,
		.interrupt_cells = n->interrupt_cells ? n->interrupt_cells : 3,
		.children = { n->cells.addresses, cells_of(n).sizes },
	};
	return true;
}

/* The tree has been checked: its nodes nest, and it ends. */
static void copy_nodes(struct copy *c)
{
	u32 at = 0, next, left_out = 0;
	struct node n;
	enum dt_tag tag;

	for (; !c->b.err && (tag = dt_tag(&c->src, at, &next)) != DT_END; at = next) {
		if (tag == DT_END_NODE && left_out) {
			left_out--;
		} else if (tag == DT_END_NODE) {
			copy_end(c);
		} else if (tag == DT_BEGIN_NODE && left_out) {
			left_out++;
		} else if (tag == DT_BEGIN_NODE) {
			look(&c->src, at, &n);
			if (leave_out(c, &n))
				left_out++;
			else
				copy_node(c, &n);
		}
	}
}

/* Check whether nodes can be put into the root. */
static const char *check_root(const struct copy *c)
{
	const struct fdt_cells *cells = &c->levels[0].cells;

	if (!can_read(cells->addresses) || !can_read(cells->sizes))
		return "its root has neither 1 nor 2 cells for addresses and sizes";
	if (c->has_gic && c->p->gic_version == 2 && c->gic.interrupt_cells != 3)
		return "its interrupts do not have the 3 cells of a GICv2's";
	return NULL;
}

const char *guest_fdt_adapt(const struct guest_fdt_params *p, const void *src, u64 src_size,
			    void *buf, u64 size)
{
	const char *why = dt_check(src, src_size, NULL);
	struct copy c;
	int ret;

	if (why)
		return why;
	c = (struct copy){ .src = dt_open(src), .p = p };
	dt_create(&c.b, buf, size, src);
	copy_nodes(&c);
	ret = dt_finish(&c.b);
	why = check_root(&c);
	if (why || !ret)
		return why;
	return ret == -ERANGE
		       ? "its root has 1 cell for addresses or sizes, which is too few for the VM's RAM"
		       : "has no room for the added nodes";
}
