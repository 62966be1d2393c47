/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes and properties of the host's devicetree. libfdt checks every step of a walk again and again, 200 instructions a tag, and walks from the tree's
 * start for most questions: millions of instructions before the first thread. Here a tag is checked once, and parents are gathered. Nodes are libfdt's
 * offsets, so that what is asked seldom may be asked of libfdt.
 */
#ifndef DRIVERS_HOST_TREE_H
#define DRIVERS_HOST_TREE_H

#include <lib/types.h>

/* The tree at `fdt`, whose header has been checked. -EINVAL: older than version 17, or its strings do not end. */
int __must_check tree_init(const void *fdt);
/* The same tree, seen at another address. */
void tree_moved(const void *fdt);

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

#endif
