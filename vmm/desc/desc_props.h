/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a VM description: tables for the walk in desc.c. */
#ifndef DESC_PROPS_H
#define DESC_PROPS_H

#include <vmm/desc.h>

/* What is being read, for messages, and where its values go. */
struct reader {
	const char *file;
	const char *node;
	const char *prop;
	const void *value;
	int len;
	struct vm_desc *d;
	struct desc_error *err;
};

struct prop_row {
	const char *name;
	/* Check r->value and store it in r->d. 0, or the result of refuse(). */
	int (*read)(struct reader *r, const struct prop_row *row);
	size_t field; /* offset in struct vm_desc */
	u64 min, max; /* bounds of a number; max: the size of a text field */
	bool required;
};

#define refuse(r, ...) desc_refuse((r)->err, (r)->file, (r)->node, (r)->prop, __VA_ARGS__)

/* A node's properties. A row may rely on the values that the rows before it have read. */
struct prop_table {
	const struct prop_row *rows;
	u32 count; /* at most DESC_MAX_ROWS */
};

#define DESC_MAX_ROWS 32
extern const struct prop_table desc_root, desc_console;

#endif
