/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of the host's devicetree (Devicetree Specification v0.4). */
#include <drivers/host.h>
#include <kernel/irq.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>

const void *host_fdt;

/* Deepest tree that address translation follows: a bound for broken ones. */
#define MAX_DEPTH 8

/*
 * Nodes in the order of their offsets, and their parents, gathered once: a devicetree knows neither, and libfdt walks it from the start for every question.
 * Of a tree with more nodes, or deeper, the first ones.
 */
#define MAX_PLACES 512

static struct place {
	int node, parent;
} places[MAX_PLACES];

static u32 place_count;
static int beyond; /* the first node that is not in places[], or an error: there is none */

/* The phandle asked for last, as a rule the interrupt controller's. */
static struct {
	u32 phandle;
	int node;
} last_phandle;

static void find_places(void)
{
	int path[MAX_DEPTH], depth = 0, node = 0;

	place_count = 0;
	while (place_count < MAX_PLACES && node >= 0 && depth < MAX_DEPTH) {
		path[depth] = node;
		places[place_count++] = (struct place){ node, depth ? path[depth - 1] : -1 };
		node = fdt_next_node(host_fdt, node, &depth);
		if (depth < 0)
			node = -FDT_ERR_NOTFOUND; /* behind the root's end */
	}
	beyond = node;
}

/* Number of places before or at this node. */
static u32 places_up_to(int node)
{
	u32 low = 0, high = place_count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (places[middle].node <= node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int parent_of(int node)
{
	u32 n = places_up_to(node);

	return n && places[n - 1].node == node ? places[n - 1].parent
					       : fdt_parent_offset(host_fdt, node);
}

int host_fdt_init(const void *fdt)
{
	if (!fdt || fdt_check_header(fdt) != 0)
		return -EINVAL;
	host_fdt = fdt;
	last_phandle.phandle = 0;
	find_places();
	return 0;
}

bool host_fdt_enabled(int node)
{
	int len;
	const char *status = fdt_getprop(host_fdt, node, "status", &len);

	return !status || str_eq(status, "okay") || str_eq(status, "ok");
}

bool host_fdt_is(int node, const char *compatible)
{
	return fdt_node_check_compatible(host_fdt, node, compatible) == 0;
}

static bool found(int node, const char *compatible)
{
	return host_fdt_is(node, compatible) && host_fdt_enabled(node);
}

int host_fdt_find(const char *compatible, int after)
{
	int node;

	for (u32 n = places_up_to(after); n < place_count; n++) {
		if (found(places[n].node, compatible))
			return places[n].node;
	}
	if (beyond < 0)
		return beyond;
	node = after < beyond ? beyond : fdt_next_node(host_fdt, after, NULL);
	while (node >= 0 && !found(node, compatible))
		node = fdt_next_node(host_fdt, node, NULL);
	return node;
}

static const char *text_property(const char *path, const char *name)
{
	int node = fdt_path_offset(host_fdt, path);
	int len;
	const char *text = node < 0 ? NULL : fdt_getprop(host_fdt, node, name, &len);

	/* A string without its terminator is not one. */
	return text && len > 0 && text[len - 1] == '\0' ? text : "";
}

const char *host_fdt_model(void)
{
	const char *model = text_property("/", "model");

	return *model ? model : text_property("/", "compatible");
}

const char *host_fdt_bootargs(void)
{
	return text_property("/chosen", "bootargs");
}

u32 host_fdt_option(const char *name)
{
	const char *word = host_fdt_bootargs();
	char number[16];
	u64 value;
	u32 n = 0;

	while (word && !str_starts(word, name)) {
		word = strchr(word, ' ');
		word += word != NULL;
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
	const char *path = text_property("/chosen", "stdout-path");
	const char *options;

	if (!*path)
		path = text_property("/chosen", "linux,stdout-path");
	if (!*path)
		return -1;
	/* "serial0:115200n8": what follows the colon is the line's setting. */
	options = strchr(path, ':');
	return fdt_path_offset_namelen(host_fdt, path,
				       options ? (int)(options - path) : (int)strlen(path));
}

static u64 cells_value(const fdt32_t *cell, int count)
{
	u64 value = 0;

	while (count-- > 0)
		value = value << 32 | fdt32_to_cpu(*cell++);
	return value;
}

/* An address seen on the children's side of `bus` becomes one on the side of its parent. */
static int translate_once(int bus, int parent, u64 *address)
{
	int child_cells = fdt_address_cells(host_fdt, bus);
	int size_cells = fdt_size_cells(host_fdt, bus);
	int parent_cells = fdt_address_cells(host_fdt, parent);
	int len, entry = child_cells + parent_cells + size_cells;
	const fdt32_t *ranges = fdt_getprop(host_fdt, bus, "ranges", &len);

	if (!ranges || child_cells < 1 || parent_cells < 1 || size_cells < 0)
		return -ENOENT; /* not reachable from above */
	if (len == 0)
		return 0; /* the same addresses */
	for (; len >= entry * 4; len -= entry * 4, ranges += entry) {
		u64 base = cells_value(ranges, child_cells);
		u64 size = cells_value(ranges + child_cells + parent_cells, size_cells);

		if (*address - base < size) {
			*address =
				*address - base + cells_value(ranges + child_cells, parent_cells);
			return 0;
		}
	}
	return -ENOENT;
}

static int translate(int bus, u64 *address)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		int parent = parent_of(bus);

		if (parent < 0)
			return 0; /* the root: a CPU address */
		if (translate_once(bus, parent, address) != 0)
			return -ENOENT;
		bus = parent;
	}
	return -ENOENT;
}

int host_fdt_reg(int node, u32 index, struct phys_range *r)
{
	int len, parent = parent_of(node);
	const fdt32_t *reg = fdt_getprop(host_fdt, node, "reg", &len);
	int address_cells, size_cells, entry;
	u64 address;

	if (parent < 0 || !reg)
		return -ENOENT;
	address_cells = fdt_address_cells(host_fdt, parent);
	size_cells = fdt_size_cells(host_fdt, parent);
	if (address_cells < 1 || size_cells < 0)
		return -ENOENT;
	entry = address_cells + size_cells;
	if (index >= (u32)len / (u32)(entry * 4))
		return -ENOENT;
	reg += (int)index * entry;
	address = cells_value(reg, address_cells);
	if (translate(parent, &address) != 0)
		return -ENOENT;
	r->base = PADDR(address);
	r->size = cells_value(reg + address_cells, size_cells);
	return 0;
}

static int node_of(u32 phandle)
{
	if (!phandle || phandle != last_phandle.phandle) {
		last_phandle.phandle = phandle;
		last_phandle.node = fdt_node_offset_by_phandle(host_fdt, phandle);
	}
	return last_phandle.node;
}

/* The number of cells of an interrupt specifier of this node's interrupt parent; 0: none found. */
static u32 interrupt_cells(int node)
{
	int len;

	for (int depth = 0; node >= 0 && depth < MAX_DEPTH; depth++) {
		const fdt32_t *cell = fdt_getprop(host_fdt, node, "interrupt-parent", &len);

		if (cell && len == 4) {
			node = node_of(fdt32_to_cpu(*cell));
			cell = node < 0 ? NULL
					: fdt_getprop(host_fdt, node, "#interrupt-cells", &len);
			return cell && len == 4 ? fdt32_to_cpu(*cell) : 0;
		}
		node = parent_of(node);
	}
	return 0;
}

/* Specifier of the GIC binding: kind (0 SPI, 1 PPI), number, trigger (1, 2: edges; 4, 8: levels). */
#define GIC_CELLS    3
#define MAX_CELLS    4 /* a fourth names the PPI's CPU partition */
#define GIC_KIND_SPI 0
#define GIC_KIND_PPI 1
#define GIC_EDGES    3

int host_fdt_irq(int node, u32 index, u32 *intid, u32 *flags)
{
	int len;
	const fdt32_t *spec = fdt_getprop(host_fdt, node, "interrupts", &len);
	u32 kind, number, cells = interrupt_cells(node);

	if (!spec)
		return -ENOENT;
	if (cells < GIC_CELLS || cells > MAX_CELLS)
		return -EINVAL;
	if (index >= (u32)len / (cells * 4))
		return -ENOENT;
	spec += index * cells;
	kind = fdt32_to_cpu(spec[0]);
	number = fdt32_to_cpu(spec[1]);
	if (kind > GIC_KIND_PPI || (kind == GIC_KIND_PPI && number > 15) || number > 987)
		return -EINVAL;
	*intid = number + (kind == GIC_KIND_SPI ? 32 : 16);
	*flags = fdt32_to_cpu(spec[2]) & GIC_EDGES ? IRQ_EDGE : 0;
	return 0;
}

static bool is_memory(int node)
{
	int len;
	const char *type = fdt_getprop(host_fdt, node, "device_type", &len);

	return type && len == sizeof("memory") && str_eq(type, "memory") && host_fdt_enabled(node);
}

u32 host_fdt_memory(struct phys_range *ranges, u32 max)
{
	u32 count = 0;
	int node;

	fdt_for_each_subnode(node, host_fdt, 0) {
		if (!is_memory(node))
			continue;
		for (u32 i = 0; count < max && host_fdt_reg(node, i, &ranges[count]) == 0; i++) {
			if (ranges[count].size)
				count++;
		}
	}
	return count;
}

u32 host_fdt_reserved(struct phys_range *ranges, u32 max)
{
	int blocks = fdt_num_mem_rsv(host_fdt);
	int parent = fdt_path_offset(host_fdt, "/reserved-memory");
	int node;
	u32 count = 0;

	for (int i = 0; i < blocks && count < max; i++) {
		u64 base, size;

		if (fdt_get_mem_rsv(host_fdt, i, &base, &size) == 0 && size)
			ranges[count++] = (struct phys_range){ PADDR(base), size };
	}
	if (parent < 0)
		return count;
	fdt_for_each_subnode(node, host_fdt, parent) {
		for (u32 i = 0; count < max && host_fdt_reg(node, i, &ranges[count]) == 0; i++)
			count++;
	}
	return count;
}

u32 host_fdt_cpus(u64 *hwids, u32 max)
{
	int parent = fdt_path_offset(host_fdt, "/cpus");
	int node, len, cells = parent < 0 ? 0 : fdt_address_cells(host_fdt, parent);
	u32 count = 0;

	if (cells < 1)
		return 0;
	fdt_for_each_subnode(node, host_fdt, parent) {
		const char *type = fdt_getprop(host_fdt, node, "device_type", &len);
		const fdt32_t *reg;

		if (!type || !str_eq(type, "cpu") || !host_fdt_enabled(node))
			continue;
		reg = fdt_getprop(host_fdt, node, "reg", &len);
		if (reg && len >= cells * 4 && count < max)
			hwids[count++] = cells_value(reg, cells);
	}
	return count;
}

static bool chosen_address(int chosen, const char *name, u64 *value)
{
	int len;
	const fdt32_t *cells = fdt_getprop(host_fdt, chosen, name, &len);

	if (!cells || (len != 4 && len != 8))
		return false;
	*value = cells_value(cells, len / 4);
	return true;
}

int host_fdt_initrd(struct phys_range *r)
{
	int chosen = fdt_path_offset(host_fdt, "/chosen");
	u64 start, end;

	if (chosen < 0 || !chosen_address(chosen, "linux,initrd-start", &start) ||
	    !chosen_address(chosen, "linux,initrd-end", &end) || end <= start)
		return -ENOENT;
	r->base = PADDR(start);
	r->size = end - start;
	return 0;
}

u32 host_fdt_seed(u8 *seed, u32 max)
{
	static const char *const names[] = { "rng-seed", "kaslr-seed" };
	int len, chosen = fdt_path_offset(host_fdt, "/chosen");
	u32 count = 0;

	for (u32 i = 0; chosen >= 0 && i < ARRAY_SIZE(names); i++) {
		const void *value = fdt_getprop(host_fdt, chosen, names[i], &len);
		u32 n = value ? MIN((u32)len, max - count) : 0;

		if (n)
			memcpy(seed + count, value, n);
		count += n;
	}
	return count;
}

enum host_psci host_fdt_psci(void)
{
	static const char *const names[] = { "arm,psci-1.0", "arm,psci-0.2" };
	int len, node = -1;
	const char *method;

	for (u32 i = 0; i < ARRAY_SIZE(names) && node < 0; i++)
		node = host_fdt_find(names[i], -1);
	method = node < 0 ? NULL : fdt_getprop(host_fdt, node, "method", &len);
	if (!method)
		return HOST_PSCI_NONE;
	if (str_eq(method, "smc"))
		return HOST_PSCI_SMC;
	return str_eq(method, "hvc") ? HOST_PSCI_HVC : HOST_PSCI_NONE;
}
