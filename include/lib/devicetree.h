/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattened devicetrees as they come from outside (Devicetree Specification v0.4, chapter 5). dt_check() is the one door: no other function, of ours or of
 * libfdt, sees a tree that has not passed it, but for one that looks for a UART on which to say so, in the part that is sound (drivers/uart_find.c). Trees may have any alignment. Pure; any context.
 */
#ifndef LIB_DEVICETREE_H
#define LIB_DEVICETREE_H

#include <lib/types.h>

/* Deepest tree, and longest name of a property. */
#define DT_DEPTH_MAX 64
#define DT_NAME_MAX  255

/* What a tree that passed says of itself. */
struct dt_facts {
	u32 nodes; /* the root included */
	u32 length; /* bytes up to the end of its last block: what its maker left free behind is not counted */
};

/*
 * Look at all of the tree in `size` bytes at blob, in time linear in its size: header, bounds and alignment of the blocks, memory reservations up to their
 * terminator, tags, names and lengths, one root, depth, end. NULL: walking it, by us or by libfdt, stays in these bytes and ends (facts may be NULL); else a
 * few words on what is wrong.
 */
const char *dt_check(const void *blob, u64 size, struct dt_facts *facts);

/*
 * How many bytes of the structure block, from the root on, hold tags that can be walked, though the tree did not pass: up to what is wrong in it. 0: the blocks themselves are
 * not there. Linear in `size`.
 */
u32 dt_sound(const void *blob, u64 size);

/* ---- walking a tree that passed; places are offsets in its structure block ---- */

enum dt_tag { DT_BEGIN_NODE = 1, DT_END_NODE = 2, DT_PROP = 3, DT_NOP = 4, DT_END = 9 };

struct dt {
	const u8 *structs;
	const char *strings;
};

struct dt_prop {
	const char *name;
	const void *value;
	u32 len;
};

/* Bytes up to the end of its last block, if that is not its memory reservations'; what its maker left free behind is not counted. */
u32 dt_length(const void *blob);

struct dt dt_open(const void *blob);
/* The tag at this place, and in *next the place of the one behind it. */
enum dt_tag dt_tag(const struct dt *t, u32 at, u32 *next);
/* The name at a BEGIN_NODE tag. */
const char *dt_node_name(const struct dt *t, u32 at);
/* The property at a PROP tag. */
struct dt_prop dt_prop(const struct dt *t, u32 at);
/* True if the value is a list of strings with this one in it. */
bool dt_lists(const struct dt_prop *prop, const char *string);
/* The tree's i-th memory reservation; false: it has fewer. */
bool dt_reservation(const void *blob, u32 i, u64 *base, u64 *size);

#endif
