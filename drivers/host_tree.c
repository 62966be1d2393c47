/* SPDX-License-Identifier: Apache-2.0 */
/* The structure block, gathered into a table (Devicetree Specification v0.4, chapter 5). */
#include <kernel/early.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "host_tree.h"

/* Nodes, in the order of the tree. */
static struct place {
	u32 tag;             /* offset of its tag */
	u32 props;           /* offset behind its name */
	int parent;          /* -1: it is the root */
	u32 strings, length; /* offset and length of its compatible list; 0: none */
	u8 addresses, sizes; /* cells of its children's addresses and sizes; NOT_SAID */
	u8 off;              /* its status, or that of a bus above it, is not okay; NOT_SAID */
	u64 kinds;           /* tree_kind() of each string of that list, ORed */
	u64 names;           /* name_bit() of each of its properties, ORed */
} * places;

/* Cells of a node that does not say (Devicetree Specification v0.4, 2.3.5). */
#define NOT_SAID      0xff
#define ADDRESS_CELLS 2
#define SIZE_CELLS    1

static u32 place_count;
static struct dt tree;

/*
 * Each property name of a node sets its bit, and each compatible string one of another set. Most
 * of those asked for are absent; a clear bit saves the search.
 */
static u64 name_bit(const char *name)
{
	return BIT((u32)(name[0] + (name[0] ? name[1] : 0)) % 64);
}

u64 tree_kind(const char *string)
{
	u32 sum = 0;

	while (*string)
		sum = sum * 31 + (u8)*string++;
	return BIT(sum % 64);
}

static void add_strings(struct place *p, const struct dt_prop *list)
{
	p->strings = (u32)((const u8 *)list->value - tree.structs);
	p->length = list->len;
	for (const char *s = NULL; (s = dt_string(list, s)) != NULL;)
		p->kinds |= tree_kind(s);
}

/* Of a property that is no number, the default holds. */
static u8 number_in(const struct dt_prop *prop, u8 otherwise)
{
	const u8 *value = prop->value;

	if (prop->len != 4)
		return otherwise;
	return value[0] || value[1] || value[2] || value[3] > TREE_CELLS_MAX ? 0 : value[3];
}

/* A value that is no string says nothing, like an empty one. */
static bool is_off(const struct dt_prop *status)
{
	const char *s = dt_string(status, NULL);

	return s && *s && !str_eq(s, "okay") && !str_eq(s, "ok");
}

/* If a node has two properties of one name, the first one counts. */
static void add_property(struct place *p, const struct dt_prop *prop)
{
	const char *name = prop->name;

	p->names |= name_bit(name);
	if (*name == 'c' && !p->strings && str_eq(name, "compatible"))
		add_strings(p, prop);
	else if (*name == '#' && p->addresses == NOT_SAID && str_eq(name, "#address-cells"))
		p->addresses = number_in(prop, ADDRESS_CELLS);
	else if (*name == '#' && p->sizes == NOT_SAID && str_eq(name, "#size-cells"))
		p->sizes = number_in(prop, SIZE_CELLS);
	else if (*name == 's' && p->off == NOT_SAID && str_eq(name, "status"))
		p->off = is_off(prop);
}

/* A node's properties come before its children. */
static void gather(void)
{
	int open = -1; /* the innermost node that has not ended */
	u32 at = 0, next;
	struct dt_prop prop;
	enum dt_tag tag;

	for (; (tag = dt_tag(&tree, at, &next)) != DT_END; at = next) {
		struct place *p = &places[place_count];

		if (tag == DT_END_NODE)
			open = places[open].parent;
		if (tag != DT_BEGIN_NODE)
			continue;
		*p = (struct place){ .tag = at,
				     .props = next,
				     .parent = open,
				     .addresses = NOT_SAID,
				     .sizes = NOT_SAID,
				     .off = NOT_SAID };
		while (dt_next_prop(&tree, &next, &prop))
			add_property(p, &prop);
		/* A bus that is disabled has no devices. */
		p->off = p->off == true || (open >= 0 && places[open].off);
		open = (int)place_count++;
	}
}

int tree_init(const void *fdt, u32 nodes)
{
	places = early_alloc(nodes * sizeof(*places), sizeof(u64));
	place_count = 0;
	if (!places)
		return -ENOMEM;
	tree = dt_open(fdt);
	gather();
	return 0;
}

/* The row of a node. NULL: there is no such node. */
static const struct place *place_of(int node)
{
	return node >= 0 && (u32)node < place_count ? &places[node] : NULL;
}

/* ---- nodes ---- */

int tree_next(int node)
{
	return place_of(node + 1) ? node + 1 : -1;
}

int tree_parent(int node)
{
	const struct place *p = place_of(node);

	return p ? p->parent : -1;
}

bool tree_enabled(int node)
{
	const struct place *p = place_of(node);

	return !p || !p->off;
}

int tree_child(int parent, const char *name, size_t len)
{
	for (u32 i = (u32)(parent + 1); i < place_count; i++) {
		const char *own;

		if (places[i].parent != parent)
			continue;
		own = dt_node_name(&tree, places[i].tag);
		if (*own == *name && strncmp(own, name, len) == 0 &&
		    (own[len] == '\0' || own[len] == '@'))
			return (int)i;
	}
	return -1;
}

u32 tree_address_cells(int bus)
{
	const struct place *p = place_of(bus);

	return p && p->addresses != NOT_SAID ? p->addresses : ADDRESS_CELLS;
}

u32 tree_size_cells(int bus)
{
	const struct place *p = place_of(bus);

	return p && p->sizes != NOT_SAID ? p->sizes : SIZE_CELLS;
}

/* ---- properties ---- */

const void *tree_prop(int node, const char *name, u32 *len)
{
	const struct place *p = place_of(node);
	struct dt_prop prop;
	u32 at;

	*len = 0;
	if (!p || !(p->names & name_bit(name)))
		return NULL;
	for (at = p->props; dt_next_prop(&tree, &at, &prop);) {
		if (*prop.name == *name && str_eq(prop.name, name)) {
			*len = prop.len;
			return prop.value;
		}
	}
	return NULL;
}

bool tree_may_be(int node, u64 kinds)
{
	const struct place *p = place_of(node);

	return p && p->kinds & kinds;
}

struct dt_prop tree_strings(int node)
{
	const struct place *p = place_of(node);

	return (struct dt_prop){ .value = p ? tree.structs + p->strings : NULL,
				 .len = p ? p->length : 0 };
}

int tree_find(const char *compatible, int after)
{
	const u64 kind = tree_kind(compatible);

	for (u32 i = (u32)(after + 1); i < place_count; i++) {
		if (places[i].kinds & kind) {
			const struct dt_prop strings = tree_strings((int)i);

			if (dt_lists(&strings, compatible))
				return (int)i;
		}
	}
	return -1;
}
