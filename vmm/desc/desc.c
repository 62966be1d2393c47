/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions: the walk through a blob, by the tables of desc_props.c. A property or node
 * without a row is an error. The whole blob is checked first, so the walk is safe for any blob.
 */
#include "desc_props.h"

#include <kernel/thread.h>
#include <lib/checked.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <libfdt.h>

#define DEFAULT_PRIORITY 20

/*
 * In an error message: the length of the shown part of the file's path, and the least room for the
 * reason.
 */
#define FILE_SHOWN   128
#define REASON_SHOWN 200

int desc_refuse(struct desc_error *err, const char *file, const char *node, const char *prop,
		const char *fmt, ...)
{
	const size_t size = sizeof(err->text), long_by = MAX(strlen(file), FILE_SHOWN) - FILE_SHOWN;
	va_list ap;
	size_t n;

	/* The end of a long path tells more than its beginning. */
	text_print(err->text, size - REASON_SHOWN, "%s%s: %s%s%s%s", long_by ? "..." : "",
		   file + long_by, node ? node : "", node ? ": " : "", prop ? prop : "",
		   prop ? ": " : "");
	n = strlen(err->text);
	va_start(ap, fmt);
	text_vprint(err->text + n, size - n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A property's value. NULL if the property is absent. */
struct prop_value {
	const void *value;
	int len;
};

/*
 * Find the values of all rows in one walk. NULL, or the name of the first property that no row
 * knows. Of two with one name the first counts.
 */
static const char *find_values(const void *fdt, int node, const struct prop_table *table,
			       struct prop_value *values)
{
	const char *unknown = NULL;
	int offset;

	memset(values, 0, table->count * sizeof(*values));
	fdt_for_each_property_offset(offset, fdt, node) {
		struct prop_value v;
		const char *name = NULL;
		u32 i = 0;

		v.value = fdt_getprop_by_offset(fdt, offset, &name, &v.len);
		if (!v.value || !name)
			continue;
		while (i < table->count && !str_eq(name, table->rows[i].name))
			i++;
		if (i == table->count)
			unknown = unknown ? unknown : name;
		else if (!values[i].value)
			values[i] = v;
	}
	return unknown;
}

int desc_read_node(struct reader *r, const void *fdt, int node, const struct prop_table *table,
		   u32 *seen)
{
	struct prop_value values[DESC_MAX_ROWS];
	const char *unknown = find_values(fdt, node, table, values);
	int ret;

	*seen = 0;
	for (u32 i = 0; i < table->count; i++) {
		const struct prop_row *row = &table->rows[i];

		r->prop = row->name;
		r->value = values[i].value;
		r->len = values[i].len;
		if (!r->value && row->required)
			return refuse(r, "is missing");
		if (!r->value)
			continue;
		ret = row->read(r, row);
		if (ret)
			return ret;
		*seen |= (u32)BIT(i);
	}
	r->prop = unknown;
	return unknown ? refuse(r, "unknown property") : 0;
}

static bool row_seen(u32 seen, const char *name)
{
	for (u32 i = 0; i < desc_root.count; i++)
		if (str_eq(desc_root.rows[i].name, name))
			return seen & BIT(i);
	return false;
}

/* An image is either a file, or an address with a size. */
static int check_image(struct reader *r, u32 seen, const char *file, const char *address,
		       const char *size)
{
	u64 end;
	const struct image_ref *ref = str_eq(file, "kernel") ? &r->d->kernel : &r->d->initrd;

	r->prop = address;
	if (row_seen(seen, address) && row_seen(seen, file))
		return refuse(r, "must not be given together with %s", file);
	if (row_seen(seen, address) != row_seen(seen, size))
		return refuse(r, "must be given together with %s", size);
	if (row_seen(seen, address) && !checked_add(ref->pa.pa, ref->size, &end))
		return refuse(r, "together with %s passes the end of memory", size);
	r->prop = NULL;
	return 0;
}

static int check_cpus(struct reader *r)
{
	r->prop = "cpus";
	return r->d->gic_version == 2 && r->d->cpus > GICV2_CPUS_MAX
		       ? refuse(r, "with gic-version 2 there are 1 to %u", GICV2_CPUS_MAX)
		       : 0;
}

static int check_ram(struct reader *r, u32 seen)
{
	const bool placed = row_seen(seen, "memory-base");
	char why[200];

	r->prop = "memory";
	if (!placed && r->d->ram.count > 1)
		return refuse(r, "has %u banks: memory-base must say where each begins",
			      r->d->ram.count);
	r->prop = placed ? "memory-base" : "memory";
	return ram_map_check(&r->d->ram, why, sizeof(why)) ? refuse(r, "%s", why) : 0;
}

static int read_root(struct reader *r, const void *fdt)
{
	const char *problem;
	u32 seen;
	int ret;

	r->node = "/";
	ret = desc_read_node(r, fdt, 0, &desc_root, &seen);
	if (ret)
		return ret;
	ret = check_image(r, seen, "kernel", "kernel-address", "kernel-size");
	if (!ret)
		ret = check_image(r, seen, "initrd", "initrd-address", "initrd-size");
	if (!ret)
		ret = check_cpus(r);
	if (!ret)
		ret = check_ram(r, seen);
	r->prop = "kernel";
	if (!ret && !row_seen(seen, "kernel") && !row_seen(seen, "kernel-address"))
		ret = refuse(r, "is missing");
	problem = ret ? NULL : desc_sched_problem(r->d, &r->prop);
	if (problem)
		ret = refuse(r, "%s", problem);
	r->prop = NULL;
	r->d->has_load_address = row_seen(seen, "load-address");
	r->d->has_devicetree_address = row_seen(seen, "devicetree-address");
	return ret;
}

/* channels: an empty node asks for nothing. passthrough may have no child. */
static int refuse_features(struct reader *r, const void *fdt, int node, const char *name)
{
	int child = fdt_first_subnode(fdt, node);

	if (child >= 0)
		return refuse(r, "%s: is not supported by this build",
			      fdt_get_name(fdt, child, NULL));
	if (fdt_first_property_offset(fdt, node) >= 0 || str_eq(name, "passthrough"))
		return refuse(r, "is not supported by this build");
	return 0;
}

static int read_child(struct reader *r, const void *fdt, int node)
{
	const char *name = fdt_get_name(fdt, node, NULL);
	char path[1 + DT_NAME_MAX + 1];
	u32 seen;
	int ret = 0;

	(void)snprintf(path, sizeof(path), "/%s", name);
	r->node = path;
	if (str_eq(name, "console")) {
		ret = desc_read_node(r, fdt, node, &desc_console, &seen);
		if (!ret && fdt_first_subnode(fdt, node) >= 0)
			ret = refuse(r, "has a node in it");
	} else if (str_eq(name, "devices")) {
		ret = desc_read_devices(r, fdt, node);
	} else if (str_eq(name, "channels") || str_eq(name, "passthrough")) {
		ret = refuse_features(r, fdt, node, name);
	} else {
		ret = refuse(r, "unknown node");
	}
	r->node = NULL;
	return ret;
}

void desc_defaults(struct vm_desc *d)
{
	memset(d, 0, sizeof(*d));
	d->cpus = 1;
	d->ram = ram_map_default(0);
	d->priority = DEFAULT_PRIORITY;
	d->weight = WEIGHT_NORMAL;
	d->restart = RESTART_NEVER;
	d->console_port = CONSOLE_PORT_ANY;
}

int desc_parse(const void *fdt, u64 size, const char *file, struct vm_desc *d,
	       struct desc_error *err)
{
	struct reader r = { .file = file, .d = d, .into = d, .err = err };
	const char *why;
	int ret, node;

	desc_defaults(d);
	err->text[0] = '\0';
	why = dt_check(fdt, size, NULL);
	if (why)
		return refuse(&r, "not a compiled devicetree: it %s", why);
	ret = read_root(&r, fdt);
	if (ret)
		return ret;
	fdt_for_each_subnode(node, fdt, 0) {
		ret = read_child(&r, fdt, node);
		if (ret)
			return ret;
	}
	return 0;
}
