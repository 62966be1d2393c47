/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of the host's devicetree (Devicetree Specification v0.4). */
#include <drivers/host.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
#include "host_tree.h"

const void *host_fdt;
u32 host_fdt_length;
static int chosen; /* the node; -1: none */

static int root_child(const char *name)
{
	return tree_child(tree_next(-1), name, strlen(name));
}

const char *host_fdt_init(const void *fdt, u64 size)
{
	struct dt_facts facts;
	const char *why = dt_check(fdt, size, &facts);

	if (!why && tree_init(fdt, facts.nodes))
		why = "has more nodes than fit into memory";
	if (why)
		return why;
	host_fdt = fdt;
	host_fdt_length = facts.length;
	chosen = root_child("chosen");
	return NULL;
}

/* A string property. "" if there is none, or if the value has no terminator and so is no string. */
static const char *text(int node, const char *name)
{
	u32 len;
	const char *value = tree_prop(node, name, &len);

	return value && len > 0 && value[len - 1] == '\0' ? value : "";
}

static u32 cell(int node, const char *name, u32 otherwise)
{
	u32 len;
	const fdt32_t *value = tree_prop(node, name, &len);

	return value && len == sizeof(*value) ? fdt32_ld(value) : otherwise;
}

int tree_enabled_child(int parent, int node, const char *type)
{
	do
		node = tree_next(node);
	while (node >= 0 &&
	       (tree_parent(node) != parent ||
		(type && !(str_eq(text(node, "device_type"), type) && host_fdt_enabled(node)))));
	return node;
}

bool host_fdt_enabled(int node)
{
	return tree_enabled(node);
}

const char *host_fdt_compatible(int node)
{
	return text(node, "compatible");
}

u32 host_fdt_u32(int node, const char *name, u32 otherwise)
{
	return cell(node, name, otherwise);
}

int host_fdt_next(int node)
{
	return tree_next(node);
}

bool host_fdt_is(int node, const char *compatible)
{
	const struct dt_prop strings = tree_strings(node);

	return dt_lists(&strings, compatible);
}

int host_fdt_find(const char *compatible, int after)
{
	int node = tree_find(compatible, after);

	while (node >= 0 && !host_fdt_enabled(node))
		node = tree_find(compatible, node);
	return node;
}

/* The node at this path below `node`. Negative: there is none. */
static int descend(int node, const char *path, const char *end)
{
	while (node >= 0 && path < end) {
		const char *part = path += *path == '/';

		while (path < end && *path != '/')
			path++;
		if (path > part)
			node = tree_child(node, part, (size_t)(path - part));
	}
	return node;
}

/* The node at a path, which may begin with an alias. Negative: there is none. */
static int node_at(const char *path, const char *end)
{
	char alias[DT_NAME_MAX + 1];
	size_t n = 0;
	const char *full;

	if (*path == '/')
		return descend(tree_next(-1), path, end);
	for (; path < end && *path != '/' && n < sizeof(alias) - 1; path++)
		alias[n++] = *path;
	alias[n] = '\0';
	full = text(root_child("aliases"), alias);
	return *full ? descend(descend(tree_next(-1), full, full + strlen(full)), path, end) : -1;
}

const char *host_fdt_model(void)
{
	const char *model = text(tree_next(-1), "model");

	return *model ? model : text(tree_next(-1), "compatible");
}

const char *host_fdt_bootargs(void)
{
	return text(chosen, "bootargs");
}

u32 host_fdt_option(const char *name)
{
	const char *word = host_fdt_bootargs();
	char number[16];
	u64 value;
	u32 n = 0;

	while (word && !str_starts(word, name)) {
		word = strchr(word, ' ');
		if (word)
			word++;
	}
	if (!word)
		return 0;
	for (word += strlen(name); *word && *word != ' ' && n < sizeof(number) - 1; word++)
		number[n++] = *word;
	number[n] = '\0';
	return parse_u64(number, &value) || value > ~0U ? 0 : (u32)value;
}

int host_fdt_stdout(void)
{
	const char *path = text(chosen, "stdout-path");
	const char *options;

	if (!*path)
		path = text(chosen, "linux,stdout-path");
	if (!*path)
		return -1;
	/* "serial0:115200n8": the line's setting follows the colon. */
	options = strchr(path, ':');
	return node_at(path, options ? options : path + strlen(path));
}

#define CELL ((u32)sizeof(fdt32_t))

static u64 cells_value(const fdt32_t *cells, u32 count)
{
	u64 value = 0;

	while (count-- > 0)
		value = value << 32 | fdt32_ld(cells++);
	return value;
}

/* Translate an address from the children's side of `bus` to the side of its parent. */
static int translate_once(int bus, int parent, u64 *address)
{
	u32 child = tree_address_cells(bus), above = tree_address_cells(parent);
	u32 len, sizes = tree_size_cells(bus), entry = (child + above + sizes) * CELL;
	const fdt32_t *ranges = tree_prop(bus, "ranges", &len);

	if (!ranges || !child || !above)
		return -ENOENT; /* not reachable from above */
	if (len == 0)
		return 0; /* the same addresses */
	for (; len >= entry; len -= entry, ranges += entry / CELL) {
		u64 base = cells_value(ranges, child);
		u64 size = cells_value(ranges + child + above, sizes);

		if (*address - base < size) {
			*address = *address - base + cells_value(ranges + child, above);
			return 0;
		}
	}
	return -ENOENT;
}

static int translate(int bus, u64 *address)
{
	int parent;

	/* Up to the root, whose addresses are the CPU's. */
	for (; (parent = tree_parent(bus)) >= 0; bus = parent)
		if (translate_once(bus, parent, address) != 0)
			return -ENOENT;
	return 0;
}

int host_fdt_reg(int node, u32 index, struct phys_range *r)
{
	int parent = tree_parent(node);
	u32 len, addresses, entry;
	const fdt32_t *reg = tree_prop(node, "reg", &len);
	u64 address;

	if (parent < 0 || !reg)
		return -ENOENT;
	addresses = tree_address_cells(parent);
	entry = addresses + tree_size_cells(parent);
	if (!addresses || index >= len / (entry * CELL))
		return -ENOENT;
	reg += index * entry;
	address = cells_value(reg, addresses);
	if (translate(parent, &address) != 0)
		return -ENOENT;
	r->base = PADDR(address);
	r->size = cells_value(reg + addresses, entry - addresses);
	return 0;
}

u32 host_fdt_cpus(u64 *hwids, u32 max)
{
	int parent = root_child("cpus"), node = parent;
	u32 len, count = 0, cells = parent < 0 ? 0 : tree_address_cells(parent);

	if (!cells)
		return 0;
	while ((node = tree_enabled_child(parent, node, "cpu")) >= 0) {
		const fdt32_t *reg = tree_prop(node, "reg", &len);

		if (!reg || len < cells * CELL)
			continue;
		if (count < max)
			hwids[count] = cells_value(reg, cells);
		count++;
	}
	return count;
}

static bool chosen_address(const char *name, u64 *value)
{
	u32 len;
	const fdt32_t *cells = tree_prop(chosen, name, &len);

	if (len != CELL && len != 2 * CELL)
		return false;
	*value = cells_value(cells, len / CELL);
	return true;
}

int host_fdt_initrd(struct phys_range *r)
{
	u64 start, end;

	if (chosen < 0 || !chosen_address("linux,initrd-start", &start) ||
	    !chosen_address("linux,initrd-end", &end) || end <= start)
		return -ENOENT;
	r->base = PADDR(start);
	r->size = end - start;
	return 0;
}

u32 host_fdt_seed(u8 *seed, u32 max)
{
	static const char *const names[] = { "rng-seed", "kaslr-seed" };
	u32 len, count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		const void *value = tree_prop(chosen, names[i], &len);
		u32 n = MIN(len, max - count);

		if (n)
			memcpy(seed + count, value, n);
		count += n;
	}
	return count;
}

enum host_psci host_fdt_psci(u32 *cpu_on)
{
	static const char *const names[] = { "arm,psci-1.0", "arm,psci-0.2", "arm,psci" };
	u32 version = 0;
	const char *method;
	int node = -1;

	while (node < 0 && version < ARRAY_SIZE(names))
		node = host_fdt_find(names[version++], -1);
	/* Only PSCI 0.1 left the function numbers to the firmware. */
	*cpu_on = version < ARRAY_SIZE(names) ? 0 : cell(node, "cpu_on", 0);
	method = text(node, "method");
	if (node < 0 || (version == ARRAY_SIZE(names) && !*cpu_on))
		return HOST_PSCI_NONE;
	if (str_eq(method, "smc"))
		return HOST_PSCI_SMC;
	return str_eq(method, "hvc") ? HOST_PSCI_HVC : HOST_PSCI_NONE;
}

u64 host_fdt_spin_table(u64 hwid)
{
	int parent = root_child("cpus"), node = parent;
	u32 len, cells = parent < 0 ? 0 : tree_address_cells(parent);
	const fdt32_t *reg, *release;

	while (cells && (node = tree_enabled_child(parent, node, "cpu")) >= 0) {
		reg = tree_prop(node, "reg", &len);
		if (!reg || len < cells * CELL || cells_value(reg, cells) != hwid)
			continue;
		release = tree_prop(node, "cpu-release-addr", &len);
		if (str_eq(text(node, "enable-method"), "spin-table") &&
		    (len == CELL || len == 2 * CELL))
			return cells_value(release, len / CELL);
	}
	return 0;
}
