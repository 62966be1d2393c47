/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a guest's devicetree from front to back: a node's properties come before its children. */
#ifndef VMM_GUESTFDT_BUILD_H
#define VMM_GUESTFDT_BUILD_H

#include <lib/dt_write.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/load.h>

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

/* The number of cells in addresses and sizes of a node's children. */
struct fdt_cells {
	u32 addresses, sizes;
};

#define NO_CELLS UINT32_MAX /* the node does not say */

/* Properties of the interrupt controller that other nodes rely on. */
struct fdt_gic {
	u32 phandle; /* 0: none */
	u32 interrupt_cells;
	struct fdt_cells children; /* used by interrupt-map */
};

/* Write the properties of /chosen. */
void guest_fdt_chosen(struct dt_writer *b, const struct guest_fdt_params *p);
/*
 * Write nodes of the root: /memory, /cpus and /psci; the interrupt controller. The root has this
 * many cells, 1 or 2. A number that needs more cells fails with -ERANGE.
 */
void guest_fdt_nodes(struct dt_writer *b, const struct guest_fdt_params *p,
		     const struct fdt_cells *cells);
void guest_fdt_gic(struct dt_writer *b, const struct guest_fdt_params *p,
		   const struct fdt_cells *cells, const struct fdt_gic *gic);

#endif
