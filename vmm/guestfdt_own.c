/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that a VM brought along: a copy with what depends on the VM filled in. Each of its tags is looked at twice at most. */
#include <vmm/memory.h>
#include <vmm/vdev.h>
#include "guestfdt_build.h"

/* Where the copy is: in the root, a child of it, ...; and what has been seen. */
struct copy {
	struct dt_writer b;
	struct dt src;
	const struct guest_fdt_params *p;
	u32 depth;
	u32 cells[DT_DEPTH_MAX]; /* of an address among the children of each node that it is in */
	u32 root_sizes;          /* of a size among the root's */
	bool has_chosen;
};

/* What matters of a node. */
struct node {
	const char *name;
	u32 props; /* place of what is behind its name */
	u32 addresses, sizes;
	struct dt_prop type, compatible, reg; /* empty: it has none */
};

/* One cell; `otherwise` if it is none. */
static u32 cell(const struct dt_prop *prop, u32 otherwise)
{
	const u8 *p = prop->value;

	return prop->len == 4 ? (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]
			      : otherwise;
}

/* The next property behind `at`; false: there is no more. */
static bool next_prop(const struct dt *t, u32 *at, struct dt_prop *prop)
{
	enum dt_tag tag;
	u32 place;

	do {
		place = *at;
		tag = dt_tag(t, place, at);
	} while (tag == DT_NOP);
	if (tag != DT_PROP)
		return false;
	*prop = dt_prop(t, place);
	return true;
}

/* The node whose tag is at `at`. */
static void look(const struct dt *t, u32 at, struct node *n)
{
	struct dt_prop prop;
	u32 next;

	*n = (struct node){ .name = dt_node_name(t, at), .addresses = 2, .sizes = 1 };
	(void)dt_tag(t, at, &n->props);
	for (next = n->props; next_prop(t, &next, &prop);) {
		if (str_eq(prop.name, "device_type"))
			n->type = prop;
		else if (str_eq(prop.name, "compatible"))
			n->compatible = prop;
		else if (str_eq(prop.name, "reg"))
			n->reg = prop;
		else if (str_eq(prop.name, "#address-cells"))
			n->addresses = cell(&prop, n->addresses);
		else if (str_eq(prop.name, "#size-cells"))
			n->sizes = cell(&prop, n->sizes);
	}
}

static bool is_replaced(const struct node *n)
{
	static const char *const psci[] = { "arm,psci", "arm,psci-0.2", "arm,psci-1.0" };

	if (str_eq(n->name, "memory") || str_starts(n->name, "memory@") || str_eq(n->name, "cpus"))
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(psci); i++)
		if (dt_lists(&n->compatible, psci[i]))
			return true;
	return dt_lists(&n->type, "memory");
}

/*
 * Devices at these addresses exist in every VM; RAM holds no devices but may have reserved parts.
 */
static bool is_present(const struct guest_fdt_params *p, u64 address)
{
	static const u64 devices[] = { GUEST_GICD_BASE, GUEST_UART_BASE, GUEST_RTC_BASE };

	for (u32 i = 0; i < ARRAY_SIZE(devices); i++)
		if (address == devices[i])
			return true;
	if (address >= GUEST_VIRTIO_BASE && address < GUEST_VIRTIO_BASE + GUEST_VIRTIO_SIZE)
		return true;
	return ram_map_bank(&p->desc->ram, address);
}

/* The address in the first entry of a node's reg, of so many cells; false if it has none. */
static bool first_address(const struct node *n, u32 cells, u64 *address)
{
	const u8 *reg = n->reg.value;

	if (cells < 1 || cells > 2 || n->reg.len < cells * 4)
		return false;
	*address = 0;
	for (u32 i = 0; i < cells * 4; i++)
		*address = *address << 8 | reg[i];
	return true;
}

/*
 * A driver that touches a device which is not there takes an external abort, and with it most
 * systems fall: such devices are marked as disabled. So are performance monitors, which have no
 * address.
 */
static bool is_absent(const struct copy *c, const struct node *n)
{
	u64 address;

	if (!c->p->desc->pmu && dt_lists(&n->compatible, PMU_COMPATIBLE))
		return true;
	return c->depth && first_address(n, c->cells[c->depth - 1], &address) &&
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

/* The beginning of a node, with its properties but for those that have another value here. */
static void copy_node(struct copy *c, const struct node *n)
{
	bool absent = is_absent(c, n);
	bool chosen = c->depth == 1 && !c->has_chosen && str_eq(n->name, "chosen");
	struct dt_prop prop;
	u32 at = n->props;

	if (!c->depth)
		c->root_sizes = n->sizes;
	c->cells[c->depth++] = n->addresses;
	begin(&c->b, n->name);
	if (absent)
		put_string(&c->b, "status", "disabled");
	if (chosen)
		guest_fdt_chosen(&c->b, c->p);
	c->has_chosen |= chosen;
	while (next_prop(&c->src, &at, &prop))
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
	guest_fdt_nodes(&c->b, c->p, c->cells[0], c->root_sizes);
}

/* The end of a node, and of the root with what was left out of it or was not there. */
static void copy_end(struct copy *c)
{
	if (--c->depth == 0)
		put_missing(c);
	end(&c->b);
}

/* The tree has been checked: its nodes nest, and it ends. Nothing of a child of the root that is replaced is copied. */
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
			if (c->depth == 1 && is_replaced(&n))
				left_out++;
			else
				copy_node(c, &n);
		}
	}
}

int guest_fdt_adapt(const struct guest_fdt_params *p, const void *src, u64 src_size, void *buf,
		    u64 size)
{
	struct copy c;

	if (dt_check(src, src_size, NULL))
		return -EINVAL;
	c = (struct copy){ .src = dt_open(src), .p = p };
	dt_create(&c.b, buf, size, src);
	copy_nodes(&c);
	return dt_finish(&c.b);
}
