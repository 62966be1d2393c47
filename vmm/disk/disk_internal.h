/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_INTERNAL_H
#define DISK_INTERNAL_H

#include <vmm/disk.h>

/* What a name stands for. */
struct disk_place {
	struct disk *disk;
	u64 first, sectors;
};

/* Find it. 0, or an error as disk_open(), and why. */
int __must_check disk_find(const char *name, struct disk_place *place, char *why, size_t size);
/* A range of any sectors, which is not in the list. NULL: no memory. */
struct disk_range *disk_range_new(struct disk *d, u64 first, u64 sectors);
/* Free it as soon as no transfer of it is in flight; until then it is in the list. */
void disk_range_end(struct disk_range *r);

#endif
