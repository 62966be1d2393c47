/* SPDX-License-Identifier: Apache-2.0 */
/* Code that devices of all classes share. */
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>

int vdev_map(const struct vdev *d, const struct reg_table *table)
{
	const struct mmio_region region = {
		.base = d->class->place->base,
		.size = d->class->place->size,
		.name = d->class->name,
		.table = table,
		.handler = mmio_table_access,
		.dev = d->state,
	};

	return mmio_add(&d->vm->bus, &region);
}
