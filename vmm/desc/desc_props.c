/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of VM descriptions: their types, and for each node a table of its properties. */
#include "desc_props.h"

#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/utf8.h>
#include <libfdt.h>
#include <vmm/core.h>

#define CONSOLE_PORT_MAX 127 /* CONSOLE_MAX_PORTS - 1 */

/* ---- types ---- */

/*
 * Read a terminated string in UTF-8 that is the whole value. All its characters must be visible on
 * a terminal.
 */
int desc_text(struct reader *r, const char **text)
{
	const char *s = r->value;
	size_t n;

	if (r->len < 1 || strnlen(s, (size_t)r->len) != (size_t)r->len - 1)
		return refuse(r, "must be one string");
	for (const char *c = s; *c; c += n) {
		n = is_printable(*c) ? 1 : utf8_length(c, strnlen(c, 4));
		if (!n)
			return refuse(r, "has a character that is not printable");
	}
	*text = s;
	return 0;
}

static int read_cells(struct reader *r, int cells, u64 *number)
{
	const u8 *p = r->value;

	if (r->len != cells * 4)
		return refuse(r, "must be %d cell%s, but has %d bytes", cells, cells > 1 ? "s" : "",
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
	return (char *)r->into + row->field;
}

static int read_number(struct reader *r, const struct prop_row *row, int cells, u64 *number)
{
	int ret = read_cells(r, cells, number);

	return ret ? ret : check_limits(r, row, *number);
}

int desc_u32(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_number(r, row, 1, &number);

	if (!ret)
		*(u32 *)field(r, row) = (u32)number;
	return ret;
}

int desc_u64(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_number(r, row, 2, &number);

	if (!ret)
		*(u64 *)field(r, row) = number;
	return ret;
}

/* Read one or more numbers of two cells. *count: how many, at most RAM_BANKS_MAX. */
static int read_banks(struct reader *r, u64 *numbers, u32 *count)
{
	const u8 *p = r->value;

	if (!r->len || r->len % 8)
		return refuse(r, "must be 2 cells for each bank, but has %d bytes", r->len);
	if ((u32)r->len / 8 > RAM_BANKS_MAX)
		return refuse(r, "has %d banks, at most %u are possible", r->len / 8,
			      RAM_BANKS_MAX);
	*count = (u32)r->len / 8;
	for (u32 i = 0; i < *count; i++) {
		numbers[i] = 0;
		for (u32 n = 0; n < 8; n++)
			numbers[i] = numbers[i] << 8 | p[i * 8 + n];
	}
	return 0;
}

static int read_memory(struct reader *r, const struct prop_row *row)
{
	struct ram_map *ram = &r->d->ram;
	u64 sizes[RAM_BANKS_MAX];
	int ret = read_banks(r, sizes, &ram->count);

	for (u32 i = 0; i < ram->count && !ret; i++) {
		ram->banks[i].size = sizes[i];
		ret = check_limits(r, row, sizes[i]);
		if (!ret && !IS_ALIGNED(sizes[i], BLOCK_SIZE))
			ret = refuse(r, "0x%lx is not a multiple of 2 MiB", sizes[i]);
	}
	return ret;
}

/* After memory: read a base for each of its banks. */
static int read_memory_base(struct reader *r, const struct prop_row *row)
{
	struct ram_map *ram = &r->d->ram;
	u64 bases[RAM_BANKS_MAX];
	u32 count = 0;
	int ret = read_banks(r, bases, &count);

	(void)row;
	if (!ret && count != ram->count)
		ret = refuse(r, "has %u address%s for the %u bank%s of memory", count,
			     count > 1 ? "es" : "", ram->count, ram->count > 1 ? "s" : "");
	for (u32 i = 0; i < count && !ret; i++)
		ram->banks[i].base = bases[i];
	return ret;
}

static int read_affinity(struct reader *r, const struct prop_row *row __unused)
{
	u64 mask;
	int ret = read_cells(r, r->len == 8 ? 2 : 1, &mask);

	if (!ret && !mask)
		ret = refuse(r, "names no CPU");
	if (!ret)
		r->d->affinity = mask;
	return ret;
}

static int read_string(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	if (ret)
		return ret;
	if (!str_copy(field(r, row), s, row->max))
		return refuse(r, "is longer than %lu bytes", row->max - 1);
	return 0;
}

static bool label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/*
 * A name is typed at the shell in the same place as an id. So it must not be a number and must not
 * look like an option.
 */
const char *desc_name_problem(const char *name)
{
	u64 number = 0;

	for (const char *c = name; *c; c++)
		if (!label_char(*c))
			return ": only letters, digits, '-', '_' and '.'";
	if (*name == '-' || parse_u64(name, &number) != -EINVAL)
		return " could be taken for a number or an option";
	return *name ? NULL : " is empty";
}

static int read_label(struct reader *r, const struct prop_row *row)
{
	const char *s = field(r, row), *problem;
	int ret = read_string(r, row);

	if (ret)
		return ret;
	if (!*s)
		return refuse(r, "is empty");
	problem = desc_name_problem(s);
	return problem ? refuse(r, "'%s'%s", s, problem) : 0;
}

/* The path of a file in the bundle: relative, without "..". A text of row->max bytes. */
static int read_path(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	if (ret)
		return ret;
	if (!*s || *s == '/')
		return refuse(r, "'%s' is not the path of a file in the bundle", s);
	for (const char *part = s; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (str_eq(part, "..") || str_starts(part, "../"))
			return refuse(r, "'%s' leaves the bundle", s);
	}
	return read_string(r, row);
}

static int read_flag(struct reader *r, const struct prop_row *row)
{
	if (r->len)
		return refuse(r, "takes no value");
	*(bool *)field(r, row) = true;
	return 0;
}

static int read_serial(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	if (!ret && !*s)
		return refuse(r, "is empty");
	return ret ? ret : read_string(r, row);
}

/* The address of one station: six bytes. */
static int read_mac(struct reader *r, const struct prop_row *row)
{
	const u8 *p = r->value;
	u64 mac = 0;

	if (r->len != 6)
		return refuse(r, "must be 6 bytes, [02 00 00 00 00 01], but has %d", r->len);
	for (u32 i = 0; i < 6; i++)
		mac = mac << 8 | p[i];
	if (!mac || p[0] & 1)
		return refuse(r, "is %s", mac ? "the address of a group" : "zero");
	*(u64 *)field(r, row) = mac;
	return 0;
}

/* It stands behind "image" in the table. */
static int read_disk(struct reader *r, const struct prop_row *row)
{
	const struct desc_virtio *v = r->into;

	if (v->image[0])
		return refuse(r, "must not be given together with image");
	return read_serial(r, row);
}

/* The size of a token bucket, the burst, and the time in which it fills. */
static int read_rate(struct reader *r, const struct prop_row *row)
{
	struct rate_limit *limit = field(r, row);
	const fdt32_t *cells = r->value;

	if (r->len != 12)
		return refuse(r, "must be <SIZE BURST MILLISECONDS>, but has %d bytes", r->len);
	*limit = (struct rate_limit){ fdt32_ld(&cells[0]), fdt32_ld(&cells[1]),
				      fdt32_ld(&cells[2]) };
	if (!limit->size || limit->size > RATE_SIZE_MAX || limit->burst > RATE_SIZE_MAX)
		return refuse(r, "size 1 to %lu and burst up to that", RATE_SIZE_MAX);
	if (!limit->ms || limit->ms > RATE_MS_MAX)
		return refuse(r, "milliseconds: 1 to %u", RATE_MS_MAX);
	return 0;
}

static int read_discard(struct reader *r, const struct prop_row *row)
{
	const struct desc_virtio *v = r->into;

	if (v->disk[0])
		return refuse(r, "is for images: a disk of the machine keeps what was written");
	return read_flag(r, row);
}

/* The caller has chosen the table by it. */
static int read_kind(struct reader *r, const struct prop_row *row)
{
	(void)r, (void)row;
	return 0;
}

static int read_compatible(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "zvm,vm"))
		ret = refuse(r, "'%s' is not \"zvm,vm\"", s);
	return ret;
}

static int read_restart(struct reader *r, const struct prop_row *row)
{
	static const char *const names[] = { "never", "on-failure", "always" };
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	for (u32 i = 0; !ret && i < ARRAY_SIZE(names); i++) {
		if (str_eq(s, names[i])) {
			r->d->restart = (enum restart_policy)i;
			return 0;
		}
	}
	return ret ? ret : refuse(r, "'%s': expected never, on-failure or always", s);
}

/* One cell, stored as 64 bits for computation. */
static int read_us(struct reader *r, const struct prop_row *row)
{
	u64 number = 0;
	int ret = read_number(r, row, 1, &number);

	if (!ret)
		*(u64 *)field(r, row) = number;
	return ret;
}

static int read_policy(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "fifo") && !str_eq(s, "round-robin"))
		ret = refuse(r, "'%s': expected fifo or round-robin", s);
	if (!ret)
		r->d->fifo = str_eq(s, "fifo");
	return ret;
}

static int read_memory_policy(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "eager"))
		ret = refuse(r, "'%s': expected eager", s);
	if (!ret)
		r->d->eager = true;
	return ret;
}

static int read_gic_version(struct reader *r, const struct prop_row *row)
{
	u64 version = 0;
	int ret = read_cells(r, 1, &version);

	(void)row;
	if (!ret && version != 2 && version != 3)
		ret = refuse(r, "%lu: expected 2 or 3", version);
	if (!ret)
		r->d->gic_version = (u32)version;
	return ret;
}

static int read_console_backend(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	if (ret)
		return ret;
	if (str_eq(s, "none"))
		r->d->console_port = CONSOLE_PORT_NONE;
	else if (!str_eq(s, "port"))
		return refuse(r, "'%s': expected port or none", s);
	return 0;
}

static int read_console_port(struct reader *r, const struct prop_row *row)
{
	u64 port;
	int ret = read_number(r, row, 1, &port);

	if (!ret && r->d->console_port == CONSOLE_PORT_NONE)
		ret = refuse(r, "must not be given: backend is \"none\"");
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
#define ADDRESS(member)        NUMBER(member, 0, UINT64_MAX)
#define BYTES(member)          NUMBER(member, 1, UINT64_MAX)

/* clang-format off */
static const struct prop_row root_rows[] = {
	{ "compatible",         read_compatible,  NOTHING, MUST },
	{ "label",              read_label,       TEXT(label), MUST },
	{ "cpus",               desc_u32,         NUMBER(cpus, 1, DESC_CPUS_MAX) },
	{ "memory",             read_memory,      .min = BLOCK_SIZE, .max = GUEST_RAM_MAX, MUST },
	{ "memory-base",        read_memory_base, NOTHING },
	{ "memory-policy",      read_memory_policy, NOTHING },
	{ "kernel",             read_path,        TEXT(kernel.path) },
	{ "kernel-address",     desc_u64,         BYTES(kernel.pa) },
	{ "kernel-size",        desc_u64,         BYTES(kernel.size) },
	{ "initrd",             read_path,        TEXT(initrd.path) },
	{ "initrd-address",     desc_u64,         BYTES(initrd.pa) },
	{ "initrd-size",        desc_u64,         BYTES(initrd.size) },
	{ "devicetree",         read_path,        TEXT(devicetree.path) },
	{ "load-address",       desc_u64,         ADDRESS(load_address) },
	{ "devicetree-address", desc_u64,         ADDRESS(devicetree_address) },
	{ "bootargs",           read_string,      TEXT(bootargs) },
	{ "priority",           desc_u32,         NUMBER(priority, 0, PRIO_LOWEST) },
	{ "affinity",           read_affinity,    F(affinity) },
	{ "dedicated",          read_flag,        F(dedicated) },
	{ "period-us",          read_us,          NUMBER(period_us, DESC_PERIOD_MIN, DESC_PERIOD_MAX) },
	{ "budget-us",          read_us,          NUMBER(budget_us, DESC_BUDGET_MIN, DESC_PERIOD_MAX) },
	{ "weight",             desc_u32,         NUMBER(weight, 1, WEIGHT_MAX) },
	{ "policy",             read_policy,      NOTHING },
	{ "restart",            read_restart,     NOTHING },
	{ "hang-timeout-ms",    desc_u32,         NUMBER(hang_timeout_ms, DESC_HANG_MIN, DESC_HANG_MAX) },
	{ "late-limit-us",      desc_u32,         NUMBER(late_limit_us, 1, DESC_LATE_MAX) },
	{ "autostart",          read_flag,        F(autostart) },
	{ "pmu",                read_flag,        F(pmu) },
	{ "watchdog",           read_flag,        F(watchdog) },
	{ "gic-version",        read_gic_version, NOTHING },
	{ "firmware",           read_path,        TEXT(firmware.path) },
	{ "variables",          read_serial,      TEXT(variables) },
	{ "control",            desc_read_control, NOTHING },
};

static const struct prop_row console_rows[] = {
	{ "backend", read_console_backend, NOTHING },
	{ "port",    read_console_port, .max = CONSOLE_PORT_MAX },
};

#define V(member)      .field = offsetof(struct desc_virtio, member)
#define VIRTIO_ROWS                                \
	{ "compatible", read_kind, NOTHING, MUST },    \
	{ "slot",       desc_u32, V(slot), .max = VIRTIO_SLOTS - 1 }

#define V_TEXT(member) V(member), .max = sizeof(((struct desc_virtio *)0)->member)

static const struct prop_row plain_rows[] = { VIRTIO_ROWS };
static const struct prop_row blk_rows[] = {
	VIRTIO_ROWS,
	{ "image",    read_path,        V_TEXT(image) },
	{ "disk",     read_disk,        V_TEXT(disk) },
	{ "readonly", read_flag,        V(readonly) },
	{ "discard-at-reset", read_discard, V(discard) },
	{ "serial",   read_serial,      V_TEXT(serial) },
	{ "rate-kib", read_rate,        V(kib) },
	{ "rate-requests", read_rate,   V(requests) },
};

static const struct prop_row con_rows[] = { VIRTIO_ROWS, { "port-names", desc_read_port_names, NOTHING } };

static const struct prop_row net_rows[] = {
	VIRTIO_ROWS,
	{ "network",    read_label,     V_TEXT(network), MUST },
	{ "mac",        read_mac,       V(mac) },
	{ "mac-filter", read_flag,      V(mac_filter) },
	{ "rate-in-kib",     read_rate, V(in_kib) },
	{ "rate-in-frames",  read_rate, V(in_frames) },
	{ "rate-out-kib",    read_rate, V(out_kib) },
	{ "rate-out-frames", read_rate, V(out_frames) },
};

static const struct prop_row vsock_rows[] = {
	VIRTIO_ROWS,
	{ "cid", desc_u32, V(cid), .min = 3, .max = 0xfffffffe },
	{ "host-ports", desc_read_host_ports, NOTHING },
};

static const struct prop_row rpmsg_rows[] = {
	VIRTIO_ROWS,
	{ "link", read_label, V_TEXT(link), MUST },
};
/* clang-format on */

static const struct prop_table plain = { plain_rows, ARRAY_SIZE(plain_rows) };
static const struct prop_table blk = { blk_rows, ARRAY_SIZE(blk_rows) };
static const struct prop_table con = { con_rows, ARRAY_SIZE(con_rows) };
static const struct prop_table net = { net_rows, ARRAY_SIZE(net_rows) };
static const struct prop_table vsock = { vsock_rows, ARRAY_SIZE(vsock_rows) };
static const struct prop_table rpmsg = { rpmsg_rows, ARRAY_SIZE(rpmsg_rows) };

const struct virtio_row desc_virtio_rows[] = {
	{ "zvm,virtio-rng", VIRTIO_RNG, &plain },
	{ "zvm,virtio-blk", VIRTIO_BLK, &blk },
	{ "zvm,virtio-console", VIRTIO_CONSOLE, &con },
	{ "zvm,virtio-net", VIRTIO_NET, &net },
	{ "zvm,virtio-vsock", VIRTIO_VSOCK, &vsock },
	{ "zvm,virtio-balloon", VIRTIO_BALLOON, &plain },
	{ "zvm,virtio-rpmsg", VIRTIO_RPMSG, &rpmsg },
};
const u32 desc_virtio_row_count = ARRAY_SIZE(desc_virtio_rows);

_Static_assert(ARRAY_SIZE(root_rows) <= DESC_MAX_ROWS, "one bit a row");

const struct prop_table desc_root = { root_rows, ARRAY_SIZE(root_rows) };
const struct prop_table desc_console = { console_rows, ARRAY_SIZE(console_rows) };
