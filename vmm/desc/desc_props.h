/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of a VM description: tables for the walk in desc.c, read by desc_read.c. */
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
	void *into; /* the struct that a row's field is in */
	struct desc_error *err;
};

struct prop_row {
	const char *name;
	/* Check r->value and store it in r->d. 0, or the result of refuse(). */
	int (*read)(struct reader *r, const struct prop_row *row);
	size_t field; /* offset in the struct that is read */
	u64 min, max; /* bounds of a number; max: the size of a text field */
	bool required;
};

#define refuse(r, ...) desc_refuse((r)->err, (r)->file, (r)->node, (r)->prop, __VA_ARGS__)

/* A node's properties. A row may rely on the values that the rows before it have read. */
struct prop_table {
	const struct prop_row *rows;
	u32 count; /* at most DESC_MAX_ROWS */
};

#define DESC_MAX_ROWS 64
extern const struct prop_table desc_root, desc_console;

/* A compatible of a node of /devices, and its properties, for a struct desc_virtio. */
struct virtio_row {
	const char *compatible;
	enum desc_virtio_kind kind;
	const struct prop_table *table;
};
extern const struct virtio_row desc_virtio_rows[];
extern const u32 desc_virtio_row_count;

/*
 * Read all properties of a node in the order of the table, so that a row may rely on earlier ones.
 * Then report a property without a row. *seen: one bit for each row whose property is present.
 */
int desc_read_node(struct reader *r, const void *fdt, int node, const struct prop_table *table,
		   u64 *seen);

/* Rows' readers: one string that a terminal can show; a number of one cell, or of two. */
int desc_text(struct reader *r, const char **text);
int desc_u32(struct reader *r, const struct prop_row *row);
int desc_u64(struct reader *r, const struct prop_row *row);

/* The names of a console's further ports; the host ports of sockets. */
int desc_read_port_names(struct reader *r, const struct prop_row *row);
int desc_read_host_ports(struct reader *r, const struct prop_row *row);

/*
 * The types that the VM controls; and, once /devices is read, the port for that: on its first
 * console that has room, or on one of its own.
 */
int desc_read_control(struct reader *r, const struct prop_row *row);
int desc_add_control(struct reader *r);

/* Read /devices, /channels, /task<n>. */
int desc_read_devices(struct reader *r, const void *fdt, int node);
/* Give devices without a slot one. */
int desc_choose_slots(struct reader *r);
int desc_read_channels(struct reader *r, const void *fdt, int node);
int desc_read_task(struct reader *r, const void *fdt, int node);

/* A name that is typed at the shell. NULL, or what is wrong with it, to follow the name. */
const char *desc_name_problem(const char *name);

#endif
