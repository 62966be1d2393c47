/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest's devicetree is written: from the front to the back, a node's properties before its children. */
#ifndef VMM_GUESTFDT_BUILD_H
#define VMM_GUESTFDT_BUILD_H

#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
#include <vmm/guestfdt.h>

#define PMU_COMPATIBLE "arm,armv8-pmuv3"

/* A tree being written; the first error sticks. */
struct builder {
	void *fdt;
	int err;
};

static inline int result(const struct builder *b)
{
	if (!b->err)
		return 0;
	return b->err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

static inline void note(struct builder *b, int ret)
{
	if (!b->err && ret < 0)
		b->err = ret;
}

static inline void begin(struct builder *b, const char *name)
{
	if (!b->err)
		note(b, fdt_begin_node(b->fdt, name));
}

static inline void end(struct builder *b)
{
	if (!b->err)
		note(b, fdt_end_node(b->fdt));
}

static inline void put(struct builder *b, const char *name, const void *value, size_t len)
{
	if (!b->err)
		note(b, fdt_property(b->fdt, name, value, (int)len));
}

static inline void put_string(struct builder *b, const char *name, const char *s)
{
	put(b, name, s, strlen(s) + 1);
}

static inline void finish(struct builder *b)
{
	if (!b->err)
		note(b, fdt_finish(b->fdt));
}

/* ---- the parts that depend on the VM ---- */

/* Properties of /chosen. */
void guest_fdt_chosen(struct builder *b, const struct guest_fdt_params *p);
/* Nodes of the root: /memory, where the root has so many cells for addresses and sizes, /cpus and /psci. */
void guest_fdt_nodes(struct builder *b, const struct guest_fdt_params *p, int addresses, int sizes);

#endif
