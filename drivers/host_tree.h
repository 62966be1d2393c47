/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes and properties of the host's devicetree. Whatever is asked takes time linear in the tree's size at most: its nodes and their parents are gathered
 * once, in a table as large as the tree wants it. A node is the offset of its tag, as for libfdt.
 */
#ifndef DRIVERS_HOST_TREE_H
#define DRIVERS_HOST_TREE_H

#include <lib/types.h>

/* Adopt a tree that dt_check() has passed and that has so many nodes. -ENOMEM: early memory does not hold them. */
int __must_check tree_init(const void *fdt, u32 nodes);

/* The node behind this one in the order of the tree, children first; -1 stands before the root. Negative: none. */
int tree_next(int node);
/* Negative: the root's. */
int tree_parent(int node);
/* The child with this name of `len` characters; its unit address need not be given. Negative: none. */
int tree_child(int parent, const char *name, size_t len);

/* The property's value, and its length in bytes in *len; NULL and 0 if the node has none of that name. */
const void *tree_prop(int node, const char *name, u32 *len);
/* True if the node's compatible list holds the string. */
bool tree_compatible(int node, const char *name);
/* A child of `parent` behind `node` (at first `parent` itself): any, or, if `type` is not NULL, an enabled one with this device_type. Negative: there is none. */
int tree_enabled_child(int parent, int node, const char *type);

#endif
