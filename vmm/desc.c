/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions: a table of properties a node, each row with the function that reads its type.
 * Whatever no row knows is an error. The blob is checked whole by libfdt first, so that walking it
 * is safe whoever wrote it.
 */
#include <kernel/thread.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <libfdt.h>
#include <vmm/desc.h>
#include <vmm/memory.h>

#define DEFAULT_PRIORITY 20
#define CONSOLE_PORT_MAX 30 /* virtio-console has 31 ports at most */

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
	int (*read)(struct reader *r, const struct prop_row *row);
	size_t field; /* offset in struct vm_desc */
	u64 min, max; /* of a number; size of a text field */
	bool required;
};

#define refuse(r, ...) desc_refuse((r)->err, (r)->file, (r)->node, (r)->prop, __VA_ARGS__)

static bool printable(char c)
{
	return c >= ' ' && c <= '~';
}

int desc_refuse(struct desc_error *err, const char *file, const char *node, const char *prop,
		const char *fmt, ...)
{
	const size_t size = sizeof(err->text);
	va_list ap;
	int n = snprintf(err->text, size, "%.60s: ", file);

	if (node)
		n += snprintf(err->text + n, size - (size_t)n, "%.31s: ", node);
	if (prop)
		n += snprintf(err->text + n, size - (size_t)n, "%.31s: ", prop);
	va_start(ap, fmt);
	(void)vsnprintf(err->text + n, size - (size_t)n, fmt, ap);
	va_end(ap);
	for (char *c = err->text; *c; c++)
		*c = printable(*c) ? *c : '?';
	return -EINVAL;
}

/* ---- types ---- */

/* A terminated string of printable characters that is all of the value. */
static int read_text(struct reader *r, const char **text)
{
	const char *s = r->value;

	if (r->len < 1 || strnlen(s, (size_t)r->len) != (size_t)r->len - 1)
		return refuse(r, "wants one string");
	for (const char *c = s; *c; c++)
		if (!printable(*c))
			return refuse(r, "has a character that is not printable");
	*text = s;
	return 0;
}

static int read_cells(struct reader *r, int cells, u64 *number)
{
	const u8 *p = r->value;

	if (r->len != cells * 4)
		return refuse(r, "wants %d cell%s, has %d bytes", cells, cells > 1 ? "s" : "",
			      r->len);
	*number = 0;
	for (int i = 0; i < r->len; i++)
		*number = *number << 8 | p[i];
	return 0;
}

static int check_limits(struct reader *r, const struct prop_row *row, u64 number)
{
	if (number >= row->min && number <= row->max)
		return 0;
	if (row->max > UINT32_MAX)
		return refuse(r, "0x%lx is out of range: 0x%lx to 0x%lx", number, row->min,
			      row->max);
	return refuse(r, "%lu is out of range: %lu to %lu", number, row->min, row->max);
}

static void *field(struct reader *r, const struct prop_row *row)
{
	return (char *)r->d + row->field;
}

static int read_u32(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_cells(r, 1, &number);

	if (!ret)
		ret = check_limits(r, row, number);
	if (!ret)
		*(u32 *)field(r, row) = (u32)number;
	return ret;
}

static int read_u64(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_cells(r, 2, &number);

	if (!ret)
		ret = check_limits(r, row, number);
	if (!ret)
		*(u64 *)field(r, row) = number;
	return ret;
}

static int read_memory(struct reader *r, const struct prop_row *row)
{
	int ret = read_u64(r, row);

	if (!ret && !IS_ALIGNED(r->d->memory, BLOCK_SIZE))
		ret = refuse(r, "0x%lx is not a multiple of 2 MiB", r->d->memory);
	return ret;
}

static int read_affinity(struct reader *r, const struct prop_row *row)
{
	u64 mask;
	int ret = read_cells(r, r->len == 8 ? 2 : 1, &mask);

	if (!ret && !mask)
		ret = refuse(r, "names no CPU");
	if (!ret && mask > row->max)
		ret = refuse(r, "0x%lx names CPUs beyond the %u that there can be", mask, MAX_CPUS);
	if (!ret)
		r->d->affinity = mask;
	return ret;
}

static int read_string(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = read_text(r, &s);

	if (ret)
		return ret;
	if (!str_copy(field(r, row), s, row->max))
		return refuse(r, "is longer than %lu characters", row->max - 1);
	return 0;
}

static bool label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/*
 * A label is typed at the shell where an id may stand too: it neither is a number nor looks like an
 * option.
 */
static int read_label(struct reader *r, const struct prop_row *row)
{
	const char *s = r->d->label;
	u64 number = 0;
	int ret = read_string(r, row);

	if (ret)
		return ret;
	if (!*s)
		return refuse(r, "is empty");
	for (const char *c = s; *c; c++)
		if (!label_char(*c))
			return refuse(r, "'%s': only letters, digits, '-', '_' and '.'", s);
	if (*s == '-' || parse_u64(s, &number) != -EINVAL)
		return refuse(r, "'%s' could be taken for a number or an option", s);
	return 0;
}

/* The path of a file in the bundle: relative, and without a way up. */
static int read_path(struct reader *r, const struct prop_row *row)
{
	struct image_ref *ref = field(r, row);
	const char *s;
	int ret = read_text(r, &s);

	if (ret)
		return ret;
	if (!*s || *s == '/')
		return refuse(r, "'%s' is not the path of a file in the bundle", s);
	for (const char *part = s; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (str_eq(part, "..") || str_starts(part, "../"))
			return refuse(r, "'%s' leaves the bundle", s);
	}
	if (!str_copy(ref->path, s, sizeof(ref->path)))
		return refuse(r, "is longer than %zu characters", sizeof(ref->path) - 1);
	return 0;
}

static int read_flag(struct reader *r, const struct prop_row *row)
{
	if (r->len)
		return refuse(r, "takes no value");
	*(bool *)field(r, row) = true;
	return 0;
}

static int read_compatible(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = read_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "zvm,vm"))
		ret = refuse(r, "'%s' is not \"zvm,vm\"", s);
	return ret;
}

static int read_restart(struct reader *r, const struct prop_row *row)
{
	static const char *const names[] = { "never", "on-failure", "always" };
	const char *s;
	int ret = read_text(r, &s);

	(void)row;
	for (u32 i = 0; !ret && i < ARRAY_SIZE(names); i++) {
		if (str_eq(s, names[i])) {
			r->d->restart = (enum restart_policy)i;
			return 0;
		}
	}
	return ret ? ret : refuse(r, "'%s' is none of never, on-failure, always", s);
}

static int read_us(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_cells(r, 1, &number);

	if (!ret)
		ret = check_limits(r, row, number);
	if (!ret)
		*(u64 *)field(r, row) = number;
	return ret;
}

static int read_policy(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = read_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "fifo") && !str_eq(s, "round-robin"))
		ret = refuse(r, "'%s' is none of fifo, round-robin", s);
	if (!ret)
		r->d->fifo = str_eq(s, "fifo");
	return ret;
}

static int read_gic_version(struct reader *r, const struct prop_row *row)
{
	u64 version = 0;
	int ret = read_cells(r, 1, &version);

	(void)row;
	if (!ret && version != 2 && version != 3)
		ret = refuse(r, "%lu is neither 2 nor 3", version);
	if (!ret)
		r->d->gic_version = (u32)version;
	return ret;
}

static int read_unsupported(struct reader *r, const struct prop_row *row)
{
	(void)row;
	return refuse(r, "is not supported by this build");
}

static int read_console_backend(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = read_text(r, &s);

	(void)row;
	if (ret)
		return ret;
	if (str_eq(s, "none"))
		r->d->console_port = CONSOLE_PORT_NONE;
	else if (!str_eq(s, "port"))
		return refuse(r, "'%s' is none of port, none", s);
	return 0;
}

static int read_console_port(struct reader *r, const struct prop_row *row)
{
	u64 port;
	int ret = read_cells(r, 1, &port);

	if (!ret)
		ret = check_limits(r, row, port);
	if (!ret && r->d->console_port == CONSOLE_PORT_NONE)
		ret = refuse(r, "is given though backend is \"none\"");
	if (!ret)
		r->d->console_port = (s32)port;
	return ret;
}

/* ---- tables ---- */

#define F(member)              .field = offsetof(struct vm_desc, member)
#define NUMBER(member, lo, hi) F(member), .min = (lo), .max = (hi)
#define TEXT(member)           F(member), .max = sizeof(((struct vm_desc *)0)->member)
#define MUST                   .required = true
#define NOTHING                .field = 0 /* the reader knows */
#define ADDRESS(member)        NUMBER(member, GUEST_RAM_BASE, UINT64_MAX)
#define BYTES(member)          NUMBER(member, 1, UINT64_MAX)

/* clang-format off */
static const struct prop_row root_rows[] = {
	{ "compatible",         read_compatible,  NOTHING, MUST },
	{ "label",              read_label,       TEXT(label), MUST },
	{ "cpus",               read_u32,         NUMBER(cpus, 1, DESC_CPUS_MAX) },
	{ "memory",             read_memory,      NUMBER(memory, BLOCK_SIZE, GUEST_RAM_MAX), MUST },
	{ "kernel",             read_path,        F(kernel) },
	{ "kernel-address",     read_u64,         BYTES(kernel.pa) },
	{ "kernel-size",        read_u64,         BYTES(kernel.size) },
	{ "initrd",             read_path,        F(initrd) },
	{ "initrd-address",     read_u64,         BYTES(initrd.pa) },
	{ "initrd-size",        read_u64,         BYTES(initrd.size) },
	{ "devicetree",         read_path,        F(devicetree) },
	{ "load-address",       read_u64,         ADDRESS(load_address) },
	{ "devicetree-address", read_u64,         ADDRESS(devicetree_address) },
	{ "bootargs",           read_string,      TEXT(bootargs) },
	{ "priority",           read_u32,         NUMBER(priority, 0, PRIO_LOWEST) },
	{ "affinity",           read_affinity,    .max = BITS(MAX_CPUS - 1, 0) },
	{ "dedicated",          read_flag,        F(dedicated) },
	{ "period-us",          read_us,          NUMBER(period_us, DESC_PERIOD_MIN, DESC_PERIOD_MAX) },
	{ "budget-us",          read_us,          NUMBER(budget_us, DESC_BUDGET_MIN, DESC_PERIOD_MAX) },
	{ "weight",             read_u32,         NUMBER(weight, 1, WEIGHT_MAX) },
	{ "policy",             read_policy,      NOTHING },
	{ "restart",            read_restart,     NOTHING },
	{ "autostart",          read_flag,        F(autostart) },
	{ "pmu",                read_flag,        F(pmu) },
	{ "gic-version",        read_gic_version, NOTHING },
	{ "firmware",           read_unsupported, NOTHING },
	{ "watchdog",           read_unsupported, NOTHING },
};

static const struct prop_row console_rows[] = {
	{ "backend", read_console_backend, NOTHING },
	{ "port",    read_console_port, .max = CONSOLE_PORT_MAX },
};
/* clang-format on */

#define MAX_ROWS 32
_Static_assert(ARRAY_SIZE(root_rows) <= MAX_ROWS, "one bit a row");

/* A property's value; NULL if it is not there. */
struct prop_value {
	const void *value;
	int len;
};

/*
 * Find the values of all rows in one walk. NULL, or the name of the first property that no row knows. Of two with
 * one name the first counts.
 */
static const char *find_values(const void *fdt, int node, const struct prop_row *rows, u32 nrows,
			       struct prop_value *values)
{
	const char *unknown = NULL;
	int offset;

	memset(values, 0, nrows * sizeof(*values));
	fdt_for_each_property_offset(offset, fdt, node) {
		struct prop_value v;
		const char *name = NULL;
		u32 i = 0;

		v.value = fdt_getprop_by_offset(fdt, offset, &name, &v.len);
		if (!v.value || !name)
			continue;
		while (i < nrows && !str_eq(name, rows[i].name))
			i++;
		if (i == nrows)
			unknown = unknown ? unknown : name;
		else if (!values[i].value)
			values[i] = v;
	}
	return unknown;
}

/*
 * Read all properties of a node in the order of the table (so that a row may rely on earlier ones);
 * then complain of one that no row names. *seen: a bit for each row that was there.
 */
static int read_node(struct reader *r, const void *fdt, int node, const struct prop_row *rows,
		     u32 nrows, u32 *seen)
{
	struct prop_value values[MAX_ROWS];
	const char *unknown = find_values(fdt, node, rows, nrows, values);
	int ret;

	*seen = 0;
	for (u32 i = 0; i < nrows; i++) {
		r->prop = rows[i].name;
		r->value = values[i].value;
		r->len = values[i].len;
		if (!r->value && rows[i].required)
			return refuse(r, "is missing");
		if (!r->value)
			continue;
		ret = rows[i].read(r, &rows[i]);
		if (ret)
			return ret;
		*seen |= (u32)BIT(i);
	}
	r->prop = unknown;
	return unknown ? refuse(r, "unknown property") : 0;
}

static bool row_seen(u32 seen, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(root_rows); i++)
		if (str_eq(root_rows[i].name, name))
			return seen & BIT(i);
	return false;
}

/* An image is a file, or an address with a size, never both. */
static int check_image(struct reader *r, u32 seen, const char *file, const char *address,
		       const char *size)
{
	u64 end;
	const struct image_ref *ref = str_eq(file, "kernel") ? &r->d->kernel : &r->d->initrd;

	r->prop = address;
	if (row_seen(seen, address) && row_seen(seen, file))
		return refuse(r, "is given beside %s: one of them", file);
	if (row_seen(seen, address) != row_seen(seen, size))
		return refuse(r, "goes together with %s", size);
	if (row_seen(seen, address) && !checked_add(ref->pa.pa, ref->size, &end))
		return refuse(r, "and %s pass the end of memory", size);
	r->prop = NULL;
	return 0;
}

static int read_root(struct reader *r, const void *fdt)
{
	const char *problem;
	u32 seen;
	int ret;

	r->node = "/";
	ret = read_node(r, fdt, 0, root_rows, ARRAY_SIZE(root_rows), &seen);
	if (ret)
		return ret;
	ret = check_image(r, seen, "kernel", "kernel-address", "kernel-size");
	if (!ret)
		ret = check_image(r, seen, "initrd", "initrd-address", "initrd-size");
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

/* devices, channels: an empty one asks for nothing; passthrough has no child. */
static int refuse_features(struct reader *r, const void *fdt, int node, const char *name)
{
	int child = fdt_first_subnode(fdt, node);

	if (child >= 0)
		return refuse(r, "%.31s: is not supported by this build",
			      fdt_get_name(fdt, child, NULL));
	if (fdt_first_property_offset(fdt, node) >= 0 || str_eq(name, "passthrough"))
		return refuse(r, "is not supported by this build");
	return 0;
}

static int read_child(struct reader *r, const void *fdt, int node)
{
	const char *name = fdt_get_name(fdt, node, NULL);
	char path[32];
	u32 seen;
	int ret = 0;

	(void)snprintf(path, sizeof(path), "/%s", name);
	r->node = path;
	if (str_eq(name, "console")) {
		ret = read_node(r, fdt, node, console_rows, ARRAY_SIZE(console_rows), &seen);
		if (!ret && fdt_first_subnode(fdt, node) >= 0)
			ret = refuse(r, "has a node in it");
	} else if (str_eq(name, "devices") || str_eq(name, "channels") ||
		   str_eq(name, "passthrough")) {
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
	d->priority = DEFAULT_PRIORITY;
	d->weight = WEIGHT_NORMAL;
	d->restart = RESTART_NEVER;
	d->console_port = CONSOLE_PORT_ANY;
}

int desc_parse(const void *fdt, u64 size, const char *file, struct vm_desc *d,
	       struct desc_error *err)
{
	struct reader r = { .file = file, .d = d, .err = err };
	int ret, node;

	desc_defaults(d);
	err->text[0] = '\0';
	ret = fdt_check_full(fdt, size);
	if (ret)
		return refuse(&r, "not a compiled devicetree (%s)", fdt_strerror(ret));
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
