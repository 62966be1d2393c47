/* SPDX-License-Identifier: Apache-2.0 */
/* /channels of a VM description: memory and doorbells that it shares with other VMs. */
#include "desc_props.h"

#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <libfdt.h>

/* Of the description that is being read, or was read last. */
static struct desc_channel parsed[DESC_CHANNELS_MAX];

/* ---- properties ---- */

/* The names of a channel's peers: a list of strings, which ends with a terminator. */
static int read_peers(struct reader *r, const struct prop_row *row)
{
	struct desc_channel *c = r->into;
	const char *s = r->value, *end = s + r->len, *problem;

	(void)row;
	if (r->len && end[-1])
		return refuse(r, "is not a list of strings");
	for (; s < end; s += strlen(s) + 1) {
		if (c->peer_count == DESC_PEERS_MAX)
			return refuse(r, "has more than %u names", DESC_PEERS_MAX);
		problem = desc_name_problem(s);
		if (problem)
			return refuse(r, "'%s'%s", s, problem);
		if (!str_copy(c->peers[c->peer_count], s, DESC_NAME_MAX))
			return refuse(r, "'%s' is longer than %u bytes", s, DESC_NAME_MAX - 1);
		for (u32 i = 0; i < c->peer_count; i++)
			if (str_eq(c->peers[i], s))
				return refuse(r, "'%s' is there twice", s);
		c->peer_count++;
	}
	return c->peer_count < 2 ? refuse(r, "must name two VMs or more") : 0;
}

static int read_cache(struct reader *r, const struct prop_row *row)
{
	const char *s;
	int ret = desc_text(r, &s);

	(void)row;
	if (!ret && !str_eq(s, "nc") && !str_eq(s, "wb"))
		ret = refuse(r, "'%s': expected nc or wb", s);
	if (!ret)
		((struct desc_channel *)r->into)->cached = str_eq(s, "wb");
	return ret;
}

#define C(member) .field = offsetof(struct desc_channel, member)

static const struct prop_row rows[] = {
	{ "peers", read_peers, .field = 0, .required = true },
	{ "size", desc_u64, C(size), .max = DESC_CHANNEL_SIZE_MAX },
	{ "output", desc_u32, C(output), .max = DESC_CHANNEL_SIZE_MAX },
	{ "protocol", desc_u32, C(protocol), .max = 0xffff },
	{ "cache", read_cache, .field = 0 },
};
static const struct prop_table table = { rows, ARRAY_SIZE(rows) };

/* ---- nodes ---- */

static int check_sizes(struct reader *r, const struct desc_channel *c)
{
	r->prop = "size";
	if (!IS_ALIGNED(c->size, DESC_CHANNEL_PAGE))
		return refuse(r, "0x%lx is not a multiple of 4 KiB", c->size);
	r->prop = "output";
	if (!IS_ALIGNED(c->output, DESC_CHANNEL_PAGE))
		return refuse(r, "0x%x is not a multiple of 4 KiB", c->output);
	r->prop = NULL;
	if (!c->size && !c->output)
		return refuse(r, "has neither size nor output: there is nothing to share");
	if (desc_channel_bytes(c) > DESC_CHANNEL_SIZE_MAX)
		return refuse(r, "has %lu KiB with all its sections, at most %lu are possible",
			      desc_channel_bytes(c) / KIB(1), DESC_CHANNEL_SIZE_MAX / KIB(1));
	return 0;
}

static int read_channel(struct reader *r, const void *fdt, int node, const char *name)
{
	struct vm_desc *d = r->d;
	struct desc_channel *c = &parsed[MIN(d->channel_count, DESC_CHANNELS_MAX - 1)];
	u64 seen;

	r->prop = NULL;
	if (d->channel_count == DESC_CHANNELS_MAX)
		return refuse(r, "a VM has at most %u channels", DESC_CHANNELS_MAX);
	*c = (struct desc_channel){ .peer_count = 0 };
	if (!str_copy(c->name, name, sizeof(c->name)))
		return refuse(r, "the name is longer than %zu bytes", sizeof(c->name) - 1);
	for (u32 i = 0; i < d->channel_count; i++)
		if (str_eq(parsed[i].name, name))
			return refuse(r, "is there twice");
	d->channel_count++;
	r->into = c;
	if (desc_read_node(r, fdt, node, &table, &seen) || check_sizes(r, c))
		return -EINVAL;
	return fdt_first_subnode(fdt, node) >= 0 ? refuse(r, "has a node in it") : 0;
}

int desc_read_channels(struct reader *r, const void *fdt, int node)
{
	char path[sizeof("/channels/") + DT_NAME_MAX];
	int child, ret = 0;

	r->d->channels = parsed;
	if (fdt_first_property_offset(fdt, node) >= 0)
		return refuse(r, "has a property: channels are its nodes");
	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		(void)snprintf(path, sizeof(path), "/channels/%s", name);
		r->node = path;
		ret = read_channel(r, fdt, child, name);
		if (ret)
			break;
	}
	r->into = r->d;
	r->node = NULL;
	return ret;
}
