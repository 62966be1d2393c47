/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes and properties of the host's devicetree. The nodes and what most queries are about are
 * gathered once, in a table as large as the tree needs it. So every query takes at most time linear
 * in the tree's size. A node is its number in the order of the tree.
 */
#ifndef DRIVERS_HOST_TREE_H
#define DRIVERS_HOST_TREE_H

#include <lib/devicetree.h>
#include <lib/types.h>

/*
 * Adopt a tree that dt_check() has passed and that has this many nodes. -ENOMEM: early memory is
 * too small for the table.
 */
int __must_check tree_init(const void *fdt, u32 nodes);

/*
 * The next node in the order of the tree, children first. -1 as the argument stands before the
 * root. Negative: there are no more.
 */
int tree_next(int node);
/* The parent of a node. Negative: the node is the root. */
int tree_parent(int node);
/*
 * The child with this name of `len` characters, which may leave out the unit address. Negative:
 * none.
 */
int tree_child(int parent, const char *name, size_t len);

/*
 * The property's value; its length in bytes goes to *len. NULL and 0 if the node has no property of
 * that name.
 */
const void *tree_prop(int node, const char *name, u32 *len);
/* True unless the status property of the node, or of a bus above it, says otherwise. */
bool tree_enabled(int node);
/*
 * A bit for a compatible string; other strings may have the same one. False: the node has no string
 * with one of these bits.
 */
u64 tree_kind(const char *compatible);
bool tree_may_be(int node, u64 kinds);
/* The node's compatible list, without the property's name; empty if it has none. */
struct dt_prop tree_strings(int node);
/* The first node after `after` (-1: of the tree) with this compatible string. Negative: none. */
int tree_find(const char *compatible, int after);

/* Cells of an address and of a size among the children of a bus. 0: too many. */
u32 tree_address_cells(int bus);
u32 tree_size_cells(int bus);
#define TREE_CELLS_MAX 4
/*
 * The next child of `parent` behind `node`; begin with node = parent. If `type` is not NULL, only
 * an enabled child with this device_type. Negative: there are no more.
 */
int tree_enabled_child(int parent, int node, const char *type);

#endif
