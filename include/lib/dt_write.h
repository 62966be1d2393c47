/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a flattened devicetree (Devicetree Specification v0.4, chapter 5) from front to back, one
 * step for each tag. A node's properties come before its children. Pure; any context.
 *
 * The writer may take over the names and the memory reservations of a tree that is copied. A copied
 * property's name is then not searched for.
 */
#ifndef LIB_DT_WRITE_H
#define LIB_DT_WRITE_H

#include <lib/devicetree.h>

#define DT_OWN_NAMES 64 /* names of properties that are not the copied tree's */

struct dt_writer {
	u8 *blob;
	u32 size, at; /* the room, and how much of it is used */
	u32 structs;  /* where the structure block begins */
	const char *copied;
	u32 copied_size; /* the names taken over */
	u32 names_size;  /* with our own names */
	u32 own_count;
	struct {
		const char *name;
		u32 offset;
	} own[DT_OWN_NAMES];
	int err; /* the first one sticks */
};

/*
 * Begin a tree in `size` bytes at blob (8-byte aligned). from: a tree that passed dt_check(), or
 * NULL.
 */
void dt_create(struct dt_writer *w, void *blob, u64 size, const void *from);
/* Add a memory reservation behind those taken over. Call before the first node. */
void dt_reserve(struct dt_writer *w, u64 base, u64 size);
void dt_begin(struct dt_writer *w, const char *name);
void dt_end(struct dt_writer *w);
/* The name must stay valid until dt_finish(). */
void dt_put(struct dt_writer *w, const char *name, const void *value, size_t len);
/* A property of the tree whose names were taken over. */
void dt_put_copy(struct dt_writer *w, const struct dt_prop *prop);
/* Note an error of the caller's. Nothing is written from here on. */
void dt_fail(struct dt_writer *w, int err);
/*
 * Complete the tree and put its length into its header. 0; -ENOSPC, or the error given to
 * dt_fail().
 */
int __must_check dt_finish(struct dt_writer *w);

#endif
