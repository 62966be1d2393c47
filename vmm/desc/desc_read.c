/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one node of a VM description by a table of its properties. */
#include "desc_props.h"

#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <libfdt.h>

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

/* The property that is most like one that no row knows, or NULL. */
static const char *nearest(const struct prop_table *table, const char *name)
{
	const char *best = NULL;
	u32 least = 3; /* more is another word */

	for (u32 i = 0; i < table->count; i++) {
		const u32 distance = text_distance(name, table->rows[i].name);

		if (distance >= least || distance >= strlen(name))
			continue;
		least = distance;
		best = table->rows[i].name;
	}
	return best;
}

static int refuse_unknown(struct reader *r, const struct prop_table *table, const char *name)
{
	const char *near = nearest(table, name);

	r->prop = name;
	return near ? refuse(r, "unknown property; did you mean '%s'?", near)
		    : refuse(r, "unknown property");
}

int desc_read_node(struct reader *r, const void *fdt, int node, const struct prop_table *table,
		   u64 *seen)
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
			return unknown ? refuse_unknown(r, table, unknown)
				       : refuse(r, "is missing");
		if (!r->value)
			continue;
		ret = row->read(r, row);
		if (ret)
			return ret;
		*seen |= BIT(i);
	}
	r->prop = NULL;
	return unknown ? refuse_unknown(r, table, unknown) : 0;
}
