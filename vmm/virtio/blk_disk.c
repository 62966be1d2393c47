/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of the machine, or a partition. A transfer goes through the buffer of the range, so the
 * device never has an address of the guest's memory. While it is in flight there is nothing to do;
 * its end wakes the VM. After a reset the transfer of a forgotten request goes on, and the next
 * request waits for it.
 */
#include "virtio_blk.h"

#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>

#define BUFFERS 4 /* that one unit looks at */

/* In interrupt context. */
static void wake(void *arg)
{
	virtio_wake(arg);
}

static void listen(struct virtio_blk *b)
{
	if (!b->disk.listens)
		disk_set_done(b->disk.range, wake, &b->t);
	b->disk.listens = true;
}

/* ---- transfers, under the lock ---- */

static int begin(struct virtio_blk *b, enum disk_op op, u64 at, u64 bytes)
{
	listen(b);
	b->disk.op = op;
	if (disk_start(b->disk.range, op, at / BLK_SECTOR, (u32)(bytes / BLK_SECTOR)))
		return blk_skip(b, S_IOERR);
	return NOT_NOW;
}

enum transfer { NONE, IN_FLIGHT, DONE, FAILED };

/* What has become of this request's transfer. DONE and FAILED: it is told once. */
static enum transfer look(struct virtio_blk *b)
{
	struct blk_disk *d = &b->disk;
	bool stale, good;

	if (disk_state(d->range) == DISK_BUSY)
		listen(b); /* it may have been in flight since before a reset */
	if (disk_state(d->range) == DISK_BUSY)
		return IN_FLIGHT;
	if (disk_state(d->range) == DISK_IDLE)
		return NONE;
	stale = d->stale;
	d->stale = false;
	good = disk_take(d->range);
	if (stale)
		return NONE;
	return good ? DONE : FAILED;
}

/* True if these bytes are whole blocks of the device. */
static bool is_whole(const struct virtio_blk *b, u64 at, u64 bytes)
{
	return !((at | bytes) & (b->config.blk_size - 1));
}

/* ---- steps ---- */

/*
 * Look at some more of the buffers that are left, with a copy of the cursor: they are checked again
 * when they are used. True: all of them were seen, or more than fits into ours.
 */
static bool look_ahead(struct virtio_blk *b)
{
	struct virtio_request *r = &b->t.s.queues[BLK_QUEUE].request;
	const struct virtio_request here = *r;
	struct blk_disk *d = &b->disk;
	bool all = false;

	if (d->room)
		*r = d->ahead;
	for (u32 i = 0; i < BUFFERS && !all; i++) {
		u32 len = DISK_BUFFER + 1 - d->room;

		if (virtio_piece(&b->t, BLK_QUEUE, true, &len, NULL)) {
			virtio_advance(&b->t, BLK_QUEUE, len);
			d->room += len;
			all = d->room > DISK_BUFFER;
		} else {
			all = true;
		}
	}
	d->ahead = *r;
	*r = here;
	return all;
}

/* Read what the buffers that are left hold, as far as it fits into ours. */
static int read_more(struct virtio_blk *b)
{
	const bool all = look_ahead(b);
	u32 room = b->disk.room;

	if (!virtio_can_go_on(&b->t))
		return NOT_NOW;
	if (!all)
		return COSTLY;
	b->disk.room = 0;
	if (!room) {
		virtio_break(&b->t, BLK_QUEUE, VIRTIO_FAULT_REQUEST, 0);
		return NOT_NOW;
	}
	if (!--room)
		return blk_to_status(b, S_OK);
	if (!is_whole(b, b->at, room) || !blk_fits(b, b->at, room))
		return blk_skip(b, S_IOERR);
	b->disk.have = room;
	b->disk.pos = room; /* nothing is there yet */
	return begin(b, DISK_READ, b->at, room);
}

/* T_IN */
static int send(struct virtio_blk *b)
{
	struct blk_disk *d = &b->disk;
	const enum transfer transfer = look(b);
	void *to;
	u32 len;

	if (transfer == IN_FLIGHT)
		return NOT_NOW;
	if (transfer == FAILED)
		return blk_skip(b, S_IOERR);
	if (transfer == DONE)
		d->pos = 0;
	if (d->pos == d->have)
		return read_more(b);
	len = MIN(BLK_CHUNK, d->have - d->pos);
	to = blk_answer(b, &len);
	if (!to)
		return NOT_NOW;
	if (!len)
		return blk_to_status(b, S_OK);
	memcpy(to, d->range->buffer + d->pos, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	d->pos += len;
	b->at += len;
	return COSTLY;
}

/* All is written. Without FLUSH the driver takes that for lasting (5.2.6.2). */
static int end_write(struct virtio_blk *b, bool any)
{
	if (any && b->disk.range->disk->flush && !(b->t.s.driver_features & VIRTIO_BLK_F_FLUSH))
		return begin(b, DISK_FLUSH, 0, 0);
	return blk_skip(b, S_OK);
}

/* Write what was collected. */
static int write_out(struct virtio_blk *b)
{
	struct blk_disk *d = &b->disk;
	const u32 bytes = d->pos;

	if (!is_whole(b, b->at - bytes, bytes))
		return blk_skip(b, S_IOERR);
	d->pos = 0;
	return begin(b, DISK_WRITE, b->at - bytes, bytes);
}

/* T_OUT */
static int receive(struct virtio_blk *b)
{
	struct blk_disk *d = &b->disk;
	const enum transfer transfer = look(b);
	u32 len = MIN(BLK_CHUNK, (u32)DISK_BUFFER - d->pos);
	const void *from;

	if (transfer == IN_FLIGHT)
		return NOT_NOW;
	if (transfer == FAILED || b->readonly)
		return blk_skip(b, S_IOERR);
	if (transfer == DONE && d->op == DISK_FLUSH)
		return blk_skip(b, S_OK);
	if (!len)
		return write_out(b);
	from = virtio_piece(&b->t, BLK_QUEUE, false, &len, NULL);
	if (!from && !virtio_can_go_on(&b->t))
		return NOT_NOW;
	if (!from)
		return d->pos ? write_out(b) : end_write(b, transfer == DONE);
	if (!blk_fits(b, b->at, len))
		return blk_skip(b, S_IOERR);
	memcpy(d->range->buffer + d->pos, from, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	d->pos += len;
	b->at += len;
	return COSTLY;
}

/* T_FLUSH: answered when the machine's disk has answered. */
static int flush(struct virtio_blk *b)
{
	switch (look(b)) {
	case IN_FLIGHT:
		return NOT_NOW;
	case NONE:
		return b->disk.range->disk->flush ? begin(b, DISK_FLUSH, 0, 0) : blk_skip(b, S_OK);
	case DONE:
		return blk_skip(b, S_OK);
	default:
		return blk_skip(b, S_IOERR);
	}
}

/* T_DISCARD, T_WRITE_ZEROES: at most max sectors at once. */
static int clear(struct virtio_blk *b)
{
	const bool zero = b->header.type == T_WRITE_ZEROES;
	const u64 most =
		(zero ? b->config.max_write_zeroes_sectors : b->config.max_discard_sectors) *
		BLK_SECTOR;
	const enum transfer transfer = look(b);
	const u64 bytes = MIN(b->end - b->at, most);
	enum disk_op op = DISK_DISCARD;

	if (transfer == IN_FLIGHT)
		return NOT_NOW;
	if (transfer == FAILED)
		return blk_skip(b, S_IOERR);
	if (transfer == DONE && b->disk.op == DISK_FLUSH)
		return blk_skip(b, S_OK);
	if (!bytes)
		return end_write(b, zero && transfer == DONE);
	if (!is_whole(b, b->at, bytes))
		return blk_skip(b, S_IOERR);
	if (zero)
		op = b->range.flags & FLAG_UNMAP ? DISK_ZEROES_UNMAP : DISK_ZEROES;
	b->at += bytes;
	return begin(b, op, b->at - bytes, bytes);
}

static void forget(struct virtio_blk *b)
{
	b->disk.have = b->disk.pos = b->disk.room = 0;
	if (disk_state(b->disk.range) != DISK_IDLE)
		b->disk.stale = true;
}

static void reset(struct virtio_blk *b)
{
	disk_set_done(b->disk.range, NULL, NULL);
	b->disk.listens = false;
}

/* ---- the backend ---- */

static int open(struct virtio_blk *b, struct vdev *d)
{
	const struct disk *disk;
	char owner[DISK_OWNER];
	int r;

	(void)snprintf(owner, sizeof(owner), "'%s'", d->vm->name);
	r = disk_open(d->virtio->disk, !b->readonly, owner, &b->disk.range, d->why, VDEV_WHY);
	if (r)
		return r;
	disk = b->disk.range->disk;
	b->size = b->disk.range->sectors * DISK_SECTOR;
	b->config.blk_size = disk->block;
	b->config.max_discard_sectors = disk->max_discard;
	b->config.max_write_zeroes_sectors = disk->max_zeroes;
	b->config.discard_sector_alignment = disk->block / (u32)BLK_SECTOR;
	return 0;
}

static void close(struct virtio_blk *b)
{
	if (b->disk.range)
		disk_close(b->disk.range);
}

static void info(struct virtio_blk *b, char *text, size_t size)
{
	const struct disk_range *r = b->disk.range;

	(void)snprintf(text, size, "%lu KiB of %s from sector %lu on", b->size / KIB(1),
		       r->disk->name, r->first);
}

static u64 memory(const struct virtio_blk *b)
{
	(void)b;
	return DISK_BUFFER + PAGE_SIZE;
}

const struct blk_backend blk_disk_backend = {
	.open = open,
	.close = close,
	.send = send,
	.receive = receive,
	.flush = flush,
	.clear = clear,
	.forget = forget,
	.reset = reset,
	.info = info,
	.memory = memory,
};
