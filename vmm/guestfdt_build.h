/* SPDX-License-Identifier: Apache-2.0 */
/* How a guest's devicetree is written: from the front to the back, a node's properties before its children. */
#ifndef VMM_GUESTFDT_BUILD_H
#define VMM_GUESTFDT_BUILD_H

#include <lib/dt_write.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/guestfdt.h>

#define PMU_COMPATIBLE "arm,armv8-pmuv3"

static inline void begin(struct dt_writer *b, const char *name)
{
	dt_begin(b, name);
}

static inline void end(struct dt_writer *b)
{
	dt_end(b);
}

static inline void put(struct dt_writer *b, const char *name, const void *value, size_t len)
{
	dt_put(b, name, value, len);
}

static inline void put_string(struct dt_writer *b, const char *name, const char *s)
{
	dt_put(b, name, s, strlen(s) + 1);
}

/* ---- the parts that depend on the VM ---- */

/* Properties of /chosen. */
void guest_fdt_chosen(struct dt_writer *b, const struct guest_fdt_params *p);
/* Nodes of the root: /memory, where the root has so many cells for addresses and sizes, /cpus and /psci. */
void guest_fdt_nodes(struct dt_writer *b, const struct guest_fdt_params *p, u32 addresses,
		     u32 sizes);

#endif
