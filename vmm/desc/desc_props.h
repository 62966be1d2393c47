/* SPDX-License-Identifier: Apache-2.0 */
/* The properties that a VM description may have: tables that desc.c walks a blob by. */
#ifndef DESC_PROPS_H
#define DESC_PROPS_H

#include <vmm/desc.h>

/* What is being read, for messages, and where it goes. */
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
	/* Check r->value and put it into r->d. 0, or what refuse() answers. */
	int (*read)(struct reader *r, const struct prop_row *row);
	size_t field; /* offset in struct vm_desc */
	u64 min, max; /* of a number; size of a text field */
	bool required;
};

#define refuse(r, ...) desc_refuse((r)->err, (r)->file, (r)->node, (r)->prop, __VA_ARGS__)

/* A node's properties. A row may rely on what those before it have read. */
struct prop_table {
	const struct prop_row *rows;
	u32 count; /* at most DESC_MAX_ROWS */
};

#define DESC_MAX_ROWS 32
extern const struct prop_table desc_root, desc_console;

#endif
