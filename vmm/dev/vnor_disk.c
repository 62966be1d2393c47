/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flash bank that lasts: its beginning is on a disk of the machine or a partition. An operation
 * of the guest is over when the disk has it (FLUSH), so the disk has all operations in their order.
 */
#include <arch/cpu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/disk.h>
#include "vflash.h"
#include "vnor.h"

/* In interrupt context. */
static void over(void *arg)
{
	struct vnor *n = arg;

	sem_give(&n->over);
}

/* A transfer of the buffer's first bytes. The driver gives up if the disk does not answer. */
static bool transfer(struct vnor *n, enum disk_op op, u64 at, u64 bytes)
{
	struct disk_transfer *t = &n->range->transfers[0];

	if (disk_start(t, op, at / DISK_SECTOR, (u32)(bytes / DISK_SECTOR)))
		return false;
	while (sem_take(&n->over, DEADLINE_NEVER))
		;
	return disk_take(t);
}

static int load(struct vnor *n)
{
	const u8 *buffer = n->range->transfers[0].buffer;
	int r = 0;

	for (u64 at = 0; at < n->kept && !r; at += DISK_BUFFER) {
		if (!transfer(n, DISK_READ, at, DISK_BUFFER))
			return -EIO;
		for (u64 i = 0; i < DISK_BUFFER && !r; i += PAGE_SIZE)
			if (memcmp(buffer + i, vflash_erased, PAGE_SIZE) != 0)
				r = vnor_fill(n, at + i, buffer + i);
	}
	return r;
}

int vnor_disk_open(struct vnor *n, struct vdev *d)
{
	const char *name = d->vm->desc.variables;
	char owner[DISK_OWNER];
	int r;

	if (!name[0])
		return 0;
	(void)snprintf(owner, sizeof(owner), "'%s'", d->vm->name);
	r = disk_open(name, true, owner, &n->range, d->why, VDEV_WHY);
	if (r)
		return r;
	sem_init(&n->over, 0, 1);
	disk_set_done(n->range, over, n);
	n->kept = MIN(ALIGN_DOWN(n->range->sectors * DISK_SECTOR, VNOR_BLOCK), VNOR_KEPT);
	if (!n->kept) {
		(void)snprintf(d->why, VDEV_WHY, "'%s' has less than a block of flash, 256 KiB",
			       name);
		return -EINVAL;
	}
	r = load(n);
	if (r == -EIO)
		(void)snprintf(d->why, VDEV_WHY, "'%s' cannot be read", name);
	return r;
}

void vnor_disk_close(struct vnor *n)
{
	if (!n->range)
		return;
	disk_set_done(n->range, NULL, NULL);
	disk_close(n->range);
}

bool vnor_save(struct vnor *n)
{
	const u64 end = n->changed + n->changed_size;
	bool good = true;

	sched_open();
	for (u64 at = n->changed; at < end && good; at += DISK_BUFFER) {
		const u64 bytes = MIN(end - at, DISK_BUFFER);

		for (u64 i = 0; i < bytes; i += PAGE_SIZE)
			vnor_copy(n, at + i, n->range->transfers[0].buffer + i);
		good = transfer(n, DISK_WRITE, at, bytes);
	}
	if (good && n->range->disk->flush)
		good = transfer(n, DISK_FLUSH, 0, 0);
	arch_irq_disable();
	return good;
}
