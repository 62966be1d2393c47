/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of each of a channel's peers describes all of the channel. If a peer's lacks it,
 * or two differ, they are refused: their VMs would wait for each other for ever.
 */
#include <lib/string.h>
#include <vmm/load.h>

static const struct desc_channel *find(const struct vm_desc *d, const char *name)
{
	for (u32 i = 0; i < d->channel_count; i++)
		if (str_eq(d->channels[i].name, name))
			return &d->channels[i];
	return NULL;
}

static bool is_peer(const struct desc_channel *c, const char *name)
{
	for (u32 i = 0; i < c->peer_count; i++)
		if (str_eq(c->peers[i], name))
			return true;
	return false;
}

/* The first property in which they differ. NULL: they agree. */
static const char *difference(const struct desc_channel *a, const struct desc_channel *b)
{
	if (a->peer_count != b->peer_count)
		return "peers";
	for (u32 i = 0; i < a->peer_count; i++)
		if (!str_eq(a->peers[i], b->peers[i]))
			return "peers";
	if (a->size != b->size)
		return "size";
	if (a->output != b->output)
		return "output";
	if (a->protocol != b->protocol)
		return "protocol";
	return a->cached != b->cached ? "cache" : NULL;
}

/* Why a channel of t does not fit another type; the text is in t's error. */
static bool misfits(struct vm_type *t, const struct desc_channel *c, const struct vm_type *other)
{
	const struct desc_channel *theirs = find(&other->desc, c->name);
	const char *prop = theirs ? difference(c, theirs) : NULL;
	char node[sizeof("/channels/") + DESC_NAME_MAX] = "/channels/";

	(void)str_copy(node + strlen(node), c->name, DESC_NAME_MAX);
	if (prop)
		(void)desc_refuse(&t->error, t->file, node, prop, "differs from %s", other->file);
	else if (!theirs && is_peer(c, other->desc.label))
		(void)desc_refuse(&t->error, t->file, node, "peers",
				  "'%s' has no such channel (%s)", other->desc.label, other->file);
	else
		return false;
	return true;
}

static bool has_misfit(struct vm_type *t)
{
	for (u32 i = 0; i < t->desc.channel_count; i++)
		for (u32 n = 0; n < vm_type_count; n++)
			if (vm_types[n] != t && vm_types[n]->valid &&
			    misfits(t, &t->desc.channels[i], vm_types[n]))
				return true;
	return false;
}

/* A type that is refused here still counts for the others: all of a channel are. */
void types_match_channels(void)
{
	u8 bad[MAX_TYPES];

	for (u32 i = 0; i < vm_type_count; i++)
		bad[i] = vm_types[i]->valid && has_misfit(vm_types[i]);
	for (u32 i = 0; i < vm_type_count; i++)
		if (bad[i])
			vm_types[i]->valid = false;
}
