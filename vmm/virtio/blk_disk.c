/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of the machine, or a partition. A transfer moves the guest's own memory (blk_parts.c). If
 * the machine's disk takes no parts, or the guest's buffers are no whole blocks, it goes through a
 * buffer of the range. While it is in flight there is nothing to do for its part of the request;
 * its end wakes the VM. A long read through buffers has two transfers if one is spare: the next
 * part is read while the vCPU copies the current one. After a reset the transfers of forgotten
 * requests go on, and the next request waits for them.
 */
#include "virtio_blk.h"

#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>

#define BUFFERS 4     /* that one unit looks at */
#define CHUNK   8192U /* bytes that one unit copies */
/*
 * Sectors that one transfer clears: the machine's disk may have to write them all, with the
 * transfers of other VMs behind them.
 */
#define CLEAR ((u32)(MIB(32) / DISK_SECTOR))

/* In interrupt context. */
static void wake(void *arg)
{
	virtio_wake(arg);
}

void blk_listen(struct virtio_blk *b)
{
	if (!b->disk.listens)
		disk_set_done(b->disk.range, wake, &b->t);
	b->disk.listens = true;
}

/* ---- transfers, under the lock ---- */

struct disk_transfer *blk_transfer_of(struct virtio_blk *b)
{
	const struct blk_request *r = blk_now(b);

	return &b->disk.range->transfers[r->parts[r->turn].transfer];
}

/* True if a transfer is in no use. */
static bool has_spare(const struct virtio_blk *b)
{
	return (b->disk.owned | b->disk.stale) != BIT(b->disk.range->count) - 1;
}

/* Another transfer for the current request. False: all are in use. */
static bool add_part(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	struct blk_part *part = &r->parts[(r->turn + r->count) % ARRAY_SIZE(r->parts)];
	const u64 used = b->disk.owned | b->disk.stale;

	for (u32 n = 0; n < b->disk.range->count; n++) {
		if (used & BIT(n))
			continue;
		b->disk.owned |= BIT(n);
		*part = (struct blk_part){ .transfer = n };
		r->count++;
		return true;
	}
	return false;
}

void blk_drop_part(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);

	b->disk.owned &= ~BIT(r->parts[r->turn].transfer);
	r->turn = (r->turn + 1) % ARRAY_SIZE(r->parts);
	r->count--;
	r->pos = 0;
	r->there = false;
}

static int begin(struct virtio_blk *b, struct disk_transfer *t, enum disk_op op, u64 at, u64 bytes)
{
	blk_listen(b);
	blk_now(b)->op = op;
	b->disk.parts &= ~BIT(t - b->disk.range->transfers);
	if (disk_start(t, op, at / BLK_SECTOR, (u32)(bytes / BLK_SECTOR)))
		return blk_skip(b, S_IOERR);
	return NOT_NOW;
}

/*
 * True if all transfers of forgotten requests are over. One of them could write what a new one has
 * read or written.
 */
static bool settled(struct virtio_blk *b)
{
	struct blk_disk *d = &b->disk;

	for (u32 n = 0; d->stale && n < d->range->count; n++) {
		struct disk_transfer *t = &d->range->transfers[n];

		if (disk_state(t) == DISK_BUSY)
			blk_listen(b); /* it may have been in flight since before a reset */
		if (!(d->stale & BIT(n)) || disk_state(t) == DISK_BUSY)
			continue;
		(void)disk_take(t);
		d->stale &= ~BIT(n);
	}
	return !d->stale;
}

enum blk_transfer blk_look(struct virtio_blk *b)
{
	struct disk_transfer *t;

	if (unlikely(b->disk.stale) && !settled(b))
		return IN_FLIGHT;
	if (!blk_now(b)->count && !add_part(b))
		return NO_ROOM;
	t = blk_transfer_of(b);
	switch (disk_state(t)) {
	case DISK_IDLE:
		return NONE;
	case DISK_BUSY:
		return IN_FLIGHT;
	default:
		return disk_take(t) ? DONE : FAILED;
	}
}

/* ---- steps ---- */

/*
 * Look at some more of the buffers that are left, with a copy of the cursor: they are checked again
 * when they are used. True: all of them were seen, or more than fits into ours.
 */
static bool look_ahead(struct virtio_blk *b)
{
	struct virtio_request *cursor = &b->t.s.queues[BLK_QUEUE].request;
	const struct virtio_request here = *cursor;
	struct blk_request *r = blk_now(b);
	bool all = false;

	if (r->room)
		*cursor = r->ahead;
	for (u32 i = 0; i < BUFFERS && !all; i++) {
		u32 len = DISK_BUFFER + 1 - r->room;

		if (virtio_piece(&b->t, BLK_QUEUE, true, &len, NULL)) {
			virtio_advance(&b->t, BLK_QUEUE, len);
			r->room += len;
			all = r->room > DISK_BUFFER;
		} else {
			all = true;
		}
	}
	r->ahead = *cursor;
	*cursor = here;
	return all;
}

/*
 * Read what the buffers behind the parts hold, as far as it fits into ours. What was looked at
 * beyond is the beginning of the next part.
 */
static int read_ahead(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const bool seen = look_ahead(b);
	struct blk_part *part;
	u32 bytes;

	if (!virtio_can_go_on(&b->t))
		return NOT_NOW;
	if (!seen)
		return COSTLY;
	if (!r->room) {
		virtio_break(&b->t, BLK_QUEUE, VIRTIO_FAULT_REQUEST, 0);
		return NOT_NOW;
	}
	r->all = r->room <= DISK_BUFFER;
	bytes = r->all ? r->room - 1 : (u32)DISK_BUFFER;
	if (!bytes)
		return CHEAP;
	if (!blk_is_whole(b, r->next, bytes) || !blk_fits(b, r->next, bytes))
		return blk_skip(b, S_IOERR);
	if (!add_part(b))
		return NOT_NOW; /* not: the caller has looked */
	part = &r->parts[(r->turn + r->count - 1) % ARRAY_SIZE(r->parts)];
	part->have = bytes;
	r->room -= bytes;
	r->next += bytes;
	if (begin(b, &b->disk.range->transfers[part->transfer], DISK_READ, r->next - bytes, bytes))
		return CHEAP;
	return r->all && r->count == 1 ? BEGUN : COSTLY;
}

/* T_IN */
static int send(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const struct blk_part *part = &r->parts[r->turn];
	enum blk_transfer transfer;
	bool ended = false;
	void *to;
	u32 len;

	if (blk_has_parts(b)) {
		const int cost = blk_parts(b, DISK_READ, &ended);

		return ended ? blk_to_status(b, S_OK) : cost;
	}
	if (unlikely(b->disk.stale) && !settled(b))
		return NOT_NOW;
	if (!r->count && !r->room && !r->all)
		r->next = r->at;
	if (!r->all && r->count < ARRAY_SIZE(r->parts) && has_spare(b))
		return read_ahead(b);
	if (!r->count)
		return r->all ? blk_to_status(b, S_OK) : NOT_NOW;
	transfer = r->there ? DONE : blk_look(b);
	if (transfer != DONE)
		return transfer == FAILED ? blk_skip(b, S_IOERR) : NOT_NOW;
	r->there = true;
	len = MIN(CHUNK, part->have - r->pos);
	to = blk_answer(b, &len);
	if (!to)
		return NOT_NOW;
	if (!len)
		return blk_to_status(b, S_OK);
	memcpy(to, blk_transfer_of(b)->buffer + r->pos, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->pos += len;
	r->at += len;
	if (r->pos == part->have)
		blk_drop_part(b);
	return COSTLY;
}

/* All is written. Without FLUSH the driver takes that for lasting (5.2.6.2). */
static int end_write(struct virtio_blk *b, bool any)
{
	if (any && b->disk.range->disk->flush && !(b->t.s.driver_features & VIRTIO_BLK_F_FLUSH))
		return begin(b, blk_transfer_of(b), DISK_FLUSH, 0, 0);
	return blk_skip(b, S_OK);
}

/* Write what was collected. */
static int write_out(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const u32 bytes = r->pos;

	if (!blk_is_whole(b, r->at - bytes, bytes))
		return blk_skip(b, S_IOERR);
	r->pos = 0;
	return begin(b, blk_transfer_of(b), DISK_WRITE, r->at - bytes, bytes);
}

/* T_OUT */
static int receive(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	u32 len = MIN(CHUNK, (u32)DISK_BUFFER - r->pos);
	enum blk_transfer transfer;
	bool ended = false;
	const void *from;

	if (blk_has_parts(b)) {
		const int cost = blk_parts(b, DISK_WRITE, &ended);

		return ended ? end_write(b, r->at != r->header.sector * BLK_SECTOR) : cost;
	}
	transfer = blk_look(b);
	if (transfer == NO_ROOM || transfer == IN_FLIGHT)
		return NOT_NOW;
	if (transfer == FAILED || b->readonly)
		return blk_skip(b, S_IOERR);
	if (transfer == DONE && r->op == DISK_FLUSH)
		return blk_skip(b, S_OK);
	if (!len)
		return write_out(b);
	from = virtio_piece(&b->t, BLK_QUEUE, false, &len, NULL);
	if (!from && !virtio_can_go_on(&b->t))
		return NOT_NOW;
	if (!from)
		return r->pos ? write_out(b) : end_write(b, transfer == DONE);
	if (!blk_fits(b, r->at, len))
		return blk_skip(b, S_IOERR);
	memcpy(blk_transfer_of(b)->buffer + r->pos, from, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->pos += len;
	r->at += len;
	return COSTLY;
}

/*
 * T_FLUSH: answered when the machine's disk has answered. Writes that were answered before it was
 * taken were over there, so this covers them. It does not wait for other requests (5.2.6.2).
 */
static int flush(struct virtio_blk *b)
{
	switch (blk_look(b)) {
	case NO_ROOM:
	case IN_FLIGHT:
		return NOT_NOW;
	case NONE:
		return b->disk.range->disk->flush ? begin(b, blk_transfer_of(b), DISK_FLUSH, 0, 0)
						  : blk_skip(b, S_OK);
	case DONE:
		return blk_skip(b, S_OK);
	default:
		return blk_skip(b, S_IOERR);
	}
}

/* T_DISCARD, T_WRITE_ZEROES: at most max sectors at once. */
static int clear(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const bool zero = r->header.type == T_WRITE_ZEROES;
	const u64 most =
		(zero ? b->config.max_write_zeroes_sectors : b->config.max_discard_sectors) *
		BLK_SECTOR;
	const enum blk_transfer transfer = blk_look(b);
	const u64 bytes = MIN(r->end - r->at, most);
	enum disk_op op = DISK_DISCARD;

	if (transfer == NO_ROOM || transfer == IN_FLIGHT)
		return NOT_NOW;
	if (transfer == FAILED)
		return blk_skip(b, S_IOERR);
	if (transfer == DONE && r->op == DISK_FLUSH)
		return blk_skip(b, S_OK);
	if (!bytes)
		return end_write(b, zero && transfer == DONE);
	if (!blk_is_whole(b, r->at, bytes))
		return blk_skip(b, S_IOERR);
	if (zero)
		op = r->range.flags & FLAG_UNMAP ? DISK_ZEROES_UNMAP : DISK_ZEROES;
	r->at += bytes;
	return begin(b, blk_transfer_of(b), op, r->at - bytes, bytes);
}

static void forget(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);

	while (r->count) {
		const u64 bit = BIT(r->parts[r->turn].transfer);
		const enum disk_state state = disk_state(blk_transfer_of(b));

		b->disk.stale |= state != DISK_IDLE ? bit : 0;
		b->t.draining |= state == DISK_BUSY && b->disk.parts & bit;
		blk_drop_part(b);
	}
	r->pos = r->room = r->described = r->bytes = 0;
	r->all = r->there = r->odd = false;
}

/*
 * The VM's memory may go away behind this. A disk that does not answer fails after half a minute.
 */
static void reset(struct virtio_blk *b)
{
	disk_set_done(b->disk.range, NULL, NULL);
	b->disk.listens = b->disk.held = false;
	while (blk_parts_busy(b))
		thread_sleep_ms(1);
	b->t.draining = false;
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
	r = disk_widen(b->disk.range);
	if (r) {
		(void)snprintf(d->why, VDEV_WHY, "no memory for '%s'", d->virtio->disk);
		return r;
	}
	b->most = b->disk.range->count;
	disk = b->disk.range->disk;
	b->size = b->disk.range->sectors * DISK_SECTOR;
	b->config.blk_size = disk->block;
	b->config.max_discard_sectors = MIN(disk->max_discard, CLEAR);
	b->config.max_write_zeroes_sectors = MIN(disk->max_zeroes, CLEAR);
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
	const struct disk_range *r = b->disk.range;

	return r->count * (DISK_BUFFER + (r->disk->most_parts ? PAGE_SIZE : 0)) + PAGE_SIZE;
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
	.let_go = blk_parts_let_go,
	.drains = blk_parts_drain,
	.info = info,
	.memory = memory,
};
