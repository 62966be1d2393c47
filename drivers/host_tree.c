/* SPDX-License-Identifier: Apache-2.0 */
/* The structure block, gathered into a table (Devicetree Specification v0.4, chapter 5). */
#include <kernel/early.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "host_tree.h"

/* Nodes in the order of their offsets. */
static struct place {
	int node, parent;
	u32 inside;     /* offset behind its name */
	u32 compatible; /* offset of the tag of that property; 0: none */
	u64 names;      /* name_bit() of each of its properties, ORed */
} * places;

static u32 place_count;
static u32 last_place; /* a hint: the next query is usually about this node or the next one */
static struct dt tree;

/*
 * Each property name of a node sets its bit. Most names asked for are absent; a clear bit saves the
 * search.
 */
static u64 name_bit(const char *name)
{
	return BIT((u32)(name[0] + (name[0] ? name[1] : 0)) % 64);
}

static void add_name(struct place *p, u32 at)
{
	const char *name = dt_prop(&tree, at).name;

	p->names |= name_bit(name);
	if (!p->compatible && *name == 'c' && str_eq(name, "compatible"))
		p->compatible = at;
}

/* A node's properties come before its children. */
static void gather(void)
{
	int path[DT_DEPTH_MAX];
	u32 depth = 0, at = 0, next;
	struct place *p = places;
	enum dt_tag tag;

	for (; (tag = dt_tag(&tree, at, &next)) != DT_END; at = next) {
		if (tag == DT_BEGIN_NODE) {
			p = &places[place_count++];
			*p = (struct place){ (int)at, depth ? path[depth - 1] : -1, next, 0, 0 };
			path[depth++] = (int)at;
		} else if (tag == DT_END_NODE) {
			depth--;
		} else if (tag == DT_PROP) {
			add_name(p, at);
		}
	}
}

int tree_init(const void *fdt, u32 nodes)
{
	places = early_alloc(nodes * sizeof(*places), sizeof(u64));
	place_count = last_place = 0;
	if (!places)
		return -ENOMEM;
	tree = dt_open(fdt);
	gather();
	return 0;
}

/* The row of a node. NULL if the offset is not a node's. */
static const struct place *place_of(int node)
{
	u32 low = 0, high = place_count;

	if (last_place < place_count && places[last_place].node == node)
		return &places[last_place];
	while (low < high) {
		u32 middle = (low + high) / 2;

		if (places[middle].node == node) {
			last_place = middle;
			return &places[middle];
		}
		if (places[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- nodes ---- */

int tree_next(int node)
{
	const struct place *p = node < 0 ? NULL : place_of(node);
	u32 i = p ? (u32)(p - places) + 1 : 0;

	if (i >= place_count || (node >= 0 && !p))
		return -1;
	last_place = i;
	return places[i].node;
}

int tree_parent(int node)
{
	const struct place *p = place_of(node);

	return p ? p->parent : -1;
}

int tree_child(int parent, const char *name, size_t len)
{
	int node = parent;

	while ((node = tree_next(node)) >= 0) {
		const char *own = dt_node_name(&tree, (u32)node);

		if (strncmp(own, name, len) == 0 && (own[len] == '\0' || own[len] == '@') &&
		    tree_parent(node) == parent)
			break;
	}
	return node;
}

/* ---- properties ---- */

const void *tree_prop(int node, const char *name, u32 *len)
{
	const struct place *p = place_of(node);
	enum dt_tag tag;
	u32 at, next;

	*len = 0;
	if (!p || !(p->names & name_bit(name)))
		return NULL;
	for (at = p->inside; (tag = dt_tag(&tree, at, &next)) == DT_PROP || tag == DT_NOP;
	     at = next) {
		struct dt_prop prop;

		if (tag == DT_NOP)
			continue;
		prop = dt_prop(&tree, at);
		if (*prop.name == *name && str_eq(prop.name, name)) {
			*len = prop.len;
			return prop.value;
		}
	}
	return NULL;
}

bool tree_compatible(int node, const char *name)
{
	const struct place *p = place_of(node);
	struct dt_prop prop;

	if (!p || !p->compatible)
		return false;
	prop = dt_prop(&tree, p->compatible);
	return dt_lists(&prop, name);
}
