/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM and its reservations, from the devicetree (Devicetree Specification v0.4, sections 3.4, 3.5
 * and 5.3).
 */
#include <drivers/host.h>
#include <kernel/log.h>
#include <kernel/ram.h>
#include <lib/devicetree.h>
#include "host_tree.h"

static bool add_memory(u64 limit)
{
	int root = tree_next(-1), node = root;
	struct phys_range r;

	while ((node = tree_enabled_child(root, node, "memory")) >= 0) {
		for (u32 i = 0; host_fdt_reg(node, i, &r) == 0; i++) {
			if (!ram_add(r))
				return false;
			if (r.size && (r.base.pa >= limit || r.size > limit - r.base.pa))
				log_warn(
					"RAM from 0x%lx on is not used: addresses above 0x%lx cannot be mapped",
					MAX(r.base.pa, limit), limit);
		}
	}
	return true;
}

static bool take_reservations(void)
{
	struct phys_range r;

	for (u32 i = 0; dt_reservation(host_fdt, i, &r.base.pa, &r.size); i++)
		if (!ram_take(r, RAM_RESERVED))
			return false;
	return true;
}

static bool take_reserved_memory(void)
{
	int parent = tree_child(tree_next(-1), "reserved-memory", 15), node = parent;
	struct phys_range r;
	u32 len;

	while (parent >= 0 && (node = tree_enabled_child(parent, node, NULL)) >= 0) {
		bool no_map = tree_prop(node, "no-map", &len);

		for (u32 i = 0; host_fdt_reg(node, i, &r) == 0; i++)
			if (!ram_take(r, no_map ? RAM_NO_MAP : RAM_RESERVED))
				return false;
	}
	return true;
}

const char *host_ram_init(u64 limit)
{
	ram_reset();
	if (!add_memory(limit) || !ram_settle(limit) || !take_reservations() ||
	    !take_reserved_memory())
		return HOST_RAM_TOO_MANY;
	return ram_all() ? NULL : "the devicetree has no memory";
}
