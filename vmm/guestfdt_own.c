/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that a VM brought along: a copy with what depends on the VM filled in. */
#include <lib/devicetree.h>
#include <vmm/memory.h>
#include <vmm/vdev.h>
#include "guestfdt_build.h"

int guest_fdt_cells(const void *fdt, int node, const char *name, int otherwise)
{
	int len;
	const fdt32_t *cells = fdt_getprop(fdt, node, name, &len);

	return cells && len == sizeof(*cells) ? (int)fdt32_ld(cells) : otherwise;
}

static bool is_replaced(const void *fdt, int node)
{
	const char *type = fdt_getprop(fdt, node, "device_type", NULL);
	const char *name = fdt_get_name(fdt, node, NULL);

	if (str_eq(name, "memory") || str_starts(name, "memory@") || str_eq(name, "cpus"))
		return true;
	if (!fdt_node_check_compatible(fdt, node, "arm,psci") ||
	    !fdt_node_check_compatible(fdt, node, "arm,psci-0.2") ||
	    !fdt_node_check_compatible(fdt, node, "arm,psci-1.0"))
		return true;
	return type && str_eq(type, "memory");
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

/* The address in the first entry of a node's reg; false if it has none. */
static bool first_address(const void *fdt, int node, u64 *address)
{
	int len, cells = guest_fdt_cells(fdt, fdt_parent_offset(fdt, node), "#address-cells", 2);
	const u8 *reg = fdt_getprop(fdt, node, "reg", &len);

	if (!reg || cells < 1 || cells > 2 || len < cells * 4)
		return false;
	*address = 0;
	for (int i = 0; i < cells * 4; i++)
		*address = *address << 8 | reg[i];
	return true;
}

/*
 * A driver that touches a device which is not there takes an external abort, and with it most
 * systems fall: such devices are marked as disabled. So are performance monitors, which have no
 * address.
 */
static bool is_absent(const void *fdt, int node, const struct guest_fdt_params *p)
{
	u64 address;

	if (!p->desc->pmu && !fdt_node_check_compatible(fdt, node, PMU_COMPATIBLE))
		return true;
	return node && first_address(fdt, node, &address) && !is_present(p, address);
}

/* Where the copy is: in the root, a child of it, ...; and what has been seen. */
struct copy {
	struct builder b;
	const void *src;
	const struct guest_fdt_params *p;
	int depth;
	bool has_chosen;
};

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
static void copy_node(struct copy *c, int node)
{
	const char *own = fdt_get_name(c->src, node, NULL);
	bool absent = is_absent(c->src, node, c->p);
	bool chosen = c->depth == 1 && !c->has_chosen && str_eq(own, "chosen");
	int prop;

	c->depth++;
	begin(&c->b, own);
	if (absent)
		put_string(&c->b, "status", "disabled");
	if (chosen)
		guest_fdt_chosen(&c->b, c->p);
	c->has_chosen |= chosen;
	fdt_for_each_property_offset(prop, c->src, node) {
		const char *name = "";
		int len = 0;
		const void *value = fdt_getprop_by_offset(c->src, prop, &name, &len);

		if (value && !(absent && str_eq(name, "status")) && !(chosen && is_stale(c, name)))
			put(&c->b, name, value, (size_t)len);
	}
}

static void put_missing(struct copy *c)
{
	if (!c->has_chosen) {
		begin(&c->b, "chosen");
		guest_fdt_chosen(&c->b, c->p);
		end(&c->b);
	}
	guest_fdt_nodes(&c->b, c->p, guest_fdt_cells(c->src, 0, "#address-cells", 2),
			guest_fdt_cells(c->src, 0, "#size-cells", 1));
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
	int at = 0, next = 0, left_out = 0;
	u32 tag;

	while (!c->b.err && (tag = (u32)fdt_next_tag(c->src, at, &next)) != FDT_END) {
		if (tag == FDT_BEGIN_NODE) {
			if (left_out || (c->depth == 1 && is_replaced(c->src, at)))
				left_out++;
			else
				copy_node(c, at);
		} else if (tag == FDT_END_NODE) {
			if (left_out)
				left_out--;
			else
				copy_end(c);
		}
		at = next;
	}
}

int guest_fdt_adapt(const struct guest_fdt_params *p, const void *src, u64 src_size, void *buf,
		    u64 size)
{
	struct dt_facts facts;
	const u64 length = dt_check(src, src_size, &facts) ? 0 : facts.length;
	const u64 room = length <= size ? ALIGN_DOWN(size - length, 8) : 0;
	struct copy c = { .b = { .fdt = buf }, .src = (u8 *)buf + room, .p = p };

	if (!length)
		return -EINVAL;
	if (!room)
		return -ENOSPC;
	/* libfdt wants it aligned to 8 bytes, which a file in the bundle need not be: it is read behind what is written. */
	memmove((u8 *)buf + room, src, length);
	fdt_set_totalsize((u8 *)buf + room, (u32)length);
	note(&c.b, fdt_create(buf, (int)MIN(room, p->plan->dtb_max)));
	for (int i = 0; i < fdt_num_mem_rsv(c.src) && !c.b.err; i++) {
		u64 base, bytes;

		if (fdt_get_mem_rsv(c.src, i, &base, &bytes) == 0)
			note(&c.b, fdt_add_reservemap_entry(buf, base, bytes));
	}
	if (!c.b.err)
		note(&c.b, fdt_finish_reservemap(buf));
	copy_nodes(&c);
	finish(&c.b);
	return result(&c.b);
}
