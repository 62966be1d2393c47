/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a flattened devicetree (Devicetree Specification v0.4, chapter 5) from the front to the back, a step a tag: a node's properties come before its children. It may
 * take over names and memory reservations of a tree that is copied, so that a copied property's name is not looked for. Pure; any context.
 */
#ifndef LIB_DT_WRITE_H
#define LIB_DT_WRITE_H

#include <lib/devicetree.h>

#define DT_OWN_NAMES 64 /* names of properties that are not the copied tree's */

struct dt_writer {
	u8 *blob;
	u32 size, at; /* room, and what is used of it */
	u32 structs;  /* where the structure block begins */
	const char *copied;
	u32 copied_size; /* the names taken over */
	u32 names_size;  /* with our own */
	u32 own_count;
	struct {
		const char *name;
		u32 offset;
	} own[DT_OWN_NAMES];
	int err; /* the first one sticks */
};

/* Into `size` bytes at blob (8-byte aligned); from: a tree that passed dt_check(), or NULL. */
void dt_create(struct dt_writer *w, void *blob, u64 size, const void *from);
/* A memory reservation behind those taken over: before the first node. */
void dt_reserve(struct dt_writer *w, u64 base, u64 size);
void dt_begin(struct dt_writer *w, const char *name);
void dt_end(struct dt_writer *w);
/* The name is not copied before dt_finish(). */
void dt_put(struct dt_writer *w, const char *name, const void *value, size_t len);
/* A property of the tree that names were taken over from. */
void dt_put_copy(struct dt_writer *w, const struct dt_prop *prop);
/* Note an error of the caller's: nothing is written any more. */
void dt_fail(struct dt_writer *w, int err);
/* The tree is complete, its length is in its header. 0; -ENOSPC, or what dt_fail() was told. */
int __must_check dt_finish(struct dt_writer *w);

#endif
