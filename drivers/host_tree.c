/* SPDX-License-Identifier: Apache-2.0 */
/* Devicetree Specification v0.4, chapter 5: the structure block. */
#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
#include "host_tree.h"

#define VERSION    17
#define TAG_BYTES  4U
#define PROP_BYTES ((u32)sizeof(struct fdt_property))

/* Deepest tree that is gathered: a bound for broken ones. */
#define MAX_DEPTH 8

/* Nodes in the order of their offsets. Of a tree with more of them, or deeper, the first ones. */
#define MAX_PLACES 512

static struct place {
	int node, parent;
	u32 inside;     /* offset of what is behind its name */
	u32 compatible; /* offset of that property's tag; 0: none */
	u64 names;      /* name_bit() of each of its properties */
} places[MAX_PLACES];

static u32 place_count;
static bool all_gathered;
static u32 last_place; /* a hint: who asks about a node asks again, or about the next one */

static const void *tree;
static const u8 *structs;
static const char *strings;
static u32 structs_size, strings_size;

typedef fdt32_t __attribute__((may_alias, aligned(1))) word_t;

static inline u32 word_at(u32 at)
{
	return __builtin_bswap32(*(const word_t *)(structs + at));
}

/* The tag at this offset, and in *next where the one behind it is. FDT_END also for what is no tag or leaves the block. */
static u32 tag_at(u32 at, u32 *next)
{
	u32 left = at < structs_size ? structs_size - at : 0, size = TAG_BYTES, tag;

	if (left < TAG_BYTES)
		return FDT_END;
	tag = word_at(at);
	if (tag == FDT_BEGIN_NODE) {
		size += (u32)strnlen((const char *)structs + at + TAG_BYTES, left - TAG_BYTES) + 1;
	} else if (tag == FDT_PROP) {
		if (left < PROP_BYTES || word_at(at + TAG_BYTES) > left - PROP_BYTES)
			return FDT_END;
		size = PROP_BYTES + word_at(at + TAG_BYTES);
	} else if (tag != FDT_END_NODE && tag != FDT_NOP) {
		return FDT_END;
	}
	if (size > left)
		return FDT_END;
	*next = at + (u32)ALIGN_UP(size, TAG_BYTES);
	return tag;
}

static bool named(u32 prop, const char *name)
{
	u32 at = word_at(prop + 2 * TAG_BYTES);

	return at < strings_size && strings[at] == *name && str_eq(strings + at, name);
}

/* Of a name that is there this bit is set: most of what is asked for is not, and is not looked for. */
static u64 name_bit(const char *name)
{
	return BIT((u32)(name[0] + (name[0] ? name[1] : 0)) % 64);
}

static void add_name(struct place *p, u32 prop)
{
	u32 at = word_at(prop + 2 * TAG_BYTES);

	if (at < strings_size)
		p->names |= name_bit(strings + at);
	if (!p->compatible && named(prop, "compatible"))
		p->compatible = prop;
}

static void gather(void)
{
	int path[MAX_DEPTH], depth = 0;
	u32 at = 0, next = 0, tag;
	struct place *p = NULL;

	place_count = 0;
	for (; (tag = tag_at(at, &next)) != FDT_END; at = next) {
		if (tag == FDT_BEGIN_NODE) {
			if (place_count == MAX_PLACES || depth == MAX_DEPTH)
				break;
			path[depth] = (int)at;
			p = &places[place_count++];
			*p = (struct place){ (int)at, depth ? path[depth - 1] : -1, next, 0, 0 };
			depth++;
		} else if (tag == FDT_END_NODE) {
			p = NULL; /* a node's properties come before its children */
			if (--depth <= 0) {
				tag = FDT_END;
				break;
			}
		} else if (tag == FDT_PROP && p) {
			add_name(p, at);
		}
	}
	all_gathered = tag == FDT_END;
}

/* Its row, or the number of rows if it is in none. */
static u32 place_of(int node)
{
	u32 low = 0, high = place_count, hint = last_place;

	if (hint < place_count && places[hint].node == node)
		return hint;
	while (low < high) {
		u32 middle = (low + high) / 2;

		if (places[middle].node == node)
			return last_place = middle;
		if (places[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return place_count;
}

/* Where the first property is of a node with that row; the block's end if there is no node. */
static u32 inside(int node, u32 i)
{
	u32 at = structs_size;

	if (i < place_count)
		return places[i].inside;
	return node >= 0 && tag_at((u32)node, &at) == FDT_BEGIN_NODE ? at : structs_size;
}

void tree_moved(const void *fdt)
{
	tree = fdt;
	structs = (const u8 *)fdt + fdt_off_dt_struct(fdt);
	strings = (const char *)fdt + fdt_off_dt_strings(fdt);
}

int tree_init(const void *fdt)
{
	if (fdt_version(fdt) < VERSION)
		return -EINVAL;
	tree_moved(fdt);
	structs_size = fdt_size_dt_struct(fdt);
	strings_size = fdt_size_dt_strings(fdt);
	/* Then whatever begins in the block ends there. */
	if (strings_size && strings[strings_size - 1])
		return -EINVAL;
	gather();
	return 0;
}

/* ---- nodes ---- */

int tree_next(int node)
{
	u32 i = node < 0 ? 0 : place_of(node) + 1, at, next = 0, tag;

	if (i < place_count) {
		last_place = i;
		return places[i].node;
	}
	if (all_gathered)
		return -1;
	at = node < 0 ? 0 : inside(node, i);
	while ((tag = tag_at(at, &next)) != FDT_END && tag != FDT_BEGIN_NODE)
		at = next;
	return tag == FDT_END ? -1 : (int)at;
}

int tree_parent(int node)
{
	u32 i = place_of(node);

	return i < place_count ? places[i].parent : fdt_parent_offset(tree, node);
}

int tree_child(int parent, const char *name, size_t len)
{
	int node = parent;

	while ((node = tree_next(node)) >= 0) {
		const char *own = (const char *)structs + (u32)node + TAG_BYTES;

		if (strncmp(own, name, len) == 0 && (own[len] == '\0' || own[len] == '@') &&
		    tree_parent(node) == parent)
			break;
	}
	return node;
}

/* ---- properties ---- */

static const void *value_at(u32 prop, u32 *len)
{
	*len = word_at(prop + TAG_BYTES);
	return structs + prop + PROP_BYTES;
}

const void *tree_prop(int node, const char *name, u32 *len)
{
	u32 i = place_of(node), at = inside(node, i), next = 0, tag;

	*len = 0;
	if (i < place_count && !(places[i].names & name_bit(name)))
		return NULL;
	while ((tag = tag_at(at, &next)) == FDT_PROP || tag == FDT_NOP) {
		if (tag == FDT_PROP && named(at, name))
			return value_at(at, len);
		at = next;
	}
	return NULL;
}

bool tree_compatible(int node, const char *name)
{
	u32 i = place_of(node), len = 0;
	const char *list, *end;

	if (i == place_count)
		list = tree_prop(node, "compatible", &len);
	else
		list = places[i].compatible ? value_at(places[i].compatible, &len) : NULL;
	if (!len || list[len - 1])
		return false; /* no strings */
	for (end = list + len; list < end; list += strlen(list) + 1)
		if (*list == *name && str_eq(list, name))
			return true;
	return false;
}
