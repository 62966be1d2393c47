/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattened devicetrees from outside (Devicetree Specification v0.4, chapter 5). Pure; any context.
 * A tree may have any alignment.
 *
 * Every tree passes dt_check() first. Only then do other functions, ours or libfdt's, read it. One
 * exception: drivers/uart_find.c reads the sound part of a tree that did not pass, to find a UART
 * for the error message.
 */
#ifndef LIB_DEVICETREE_H
#define LIB_DEVICETREE_H

#include <lib/types.h>

/* Deepest tree, and longest name of a property. */
#define DT_DEPTH_MAX 64
#define DT_NAME_MAX  255

/* Facts about a tree that passed. */
struct dt_facts {
	u32 nodes;  /* the root included */
	u32 length; /* bytes up to the end of its last block; free space behind it is not counted */
};

/*
 * Check the whole tree in `size` bytes at blob: header, bounds and alignment of the blocks, memory
 * reservations up to their terminator, tags, names and lengths, one root, depth, end. Time is
 * linear in the tree's size.
 *
 * NULL: a walk through the tree, ours or libfdt's, stays in these bytes and ends. Else a few words
 * on what is wrong. facts may be NULL.
 */
const char *dt_check(const void *blob, u64 size, struct dt_facts *facts);

/*
 * For a tree that did not pass: how many bytes of its structure block, from the root on, hold tags
 * that can be walked. The count ends where the tree is wrong. 0: the blocks themselves are missing.
 * Time is linear in `size`.
 */
u32 dt_sound(const void *blob, u64 size);

/* ---- walking a tree that passed; a place is an offset in its structure block ---- */

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

/*
 * Bytes up to the end of the last block, the memory reservations not considered. Free space behind
 * it is not counted.
 */
u32 dt_length(const void *blob);

struct dt dt_open(const void *blob);
/* The tag at this place. The place of the next tag goes to *next. */
enum dt_tag dt_tag(const struct dt *t, u32 at, u32 *next);
/* The name at a BEGIN_NODE tag. */
const char *dt_node_name(const struct dt *t, u32 at);
/* The property at a PROP tag. */
struct dt_prop dt_prop(const struct dt *t, u32 at);
/*
 * The next property of a node. *at begins behind the node's name. False: there are no more, and *at
 * stays.
 */
bool dt_next_prop(const struct dt *t, u32 *at, struct dt_prop *prop);
/*
 * The string behind `before` (NULL: the first one) in a value that is a list of strings. NULL:
 * there are no more, or the value is no such list.
 */
const char *dt_string(const struct dt_prop *prop, const char *before);
/* True if the value is a list of strings that contains this one. */
bool dt_lists(const struct dt_prop *prop, const char *string);
/* The tree's i-th memory reservation; false: it has fewer. */
bool dt_reservation(const void *blob, u32 i, u64 *base, u64 *size);

#endif
