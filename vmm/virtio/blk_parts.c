/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers between a disk of the machine and the guest's own memory. The buffers of a request are
 * described to the disk's driver, a few in each unit, and moved at once: nothing is copied, and a
 * request is one transfer if it has up to DISK_PARTS_BYTES.
 *
 * An address that was described stays valid: (1) a balloon's block goes only after
 * blk_parts_let_go(), (2) a VM's memory goes only after the device's reset(), and (3) a driver that
 * resets its device does not go on before the transfers are over (virtio.draining). Until then no
 * other transfer begins.
 */
#include "virtio_blk.h"

#include <vmm/core.h>

#define PIECES 6 /* that one unit describes */

/* Back to the first piece that was described for request n. */
static void rewind(struct virtio_blk *b, u32 n)
{
	struct blk_request *r = &b->under_way[n];

	if (!r->described)
		return;
	*blk_cursor(b, n) = r->ahead;
	r->at -= r->bytes;
	r->described = r->bytes = 0;
	r->all = false;
}

static int fail(struct virtio_blk *b)
{
	rewind(b, b->current);
	return blk_skip(b, S_IOERR);
}

/* Describe a piece: a part of its own, unless it follows the last one. False: too many parts. */
static bool add_piece(struct virtio_blk *b, enum disk_op op, u8 *at, u32 len)
{
	struct blk_request *r = blk_now(b);

	if (r->described && at == r->last + r->last_bytes) {
		r->last_bytes += len;
	} else {
		if (r->described == b->disk.range->disk->most_parts)
			return false;
		if (!r->described)
			r->ahead = *blk_cursor(b, b->current);
		r->described++;
		r->last = at;
		r->last_bytes = len;
	}
	disk_describe(blk_transfer_of(b), op, r->described - 1, r->last, r->last_bytes);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->bytes += len;
	r->at += len;
	return true;
}

/* Move what was described. */
static int begin(struct virtio_blk *b, enum disk_op op)
{
	struct blk_request *r = blk_now(b);
	struct disk_transfer *t = blk_transfer_of(b);

	blk_listen(b);
	r->op = op;
	b->disk.parts |= BIT(r->parts[r->turn].transfer);
	if (disk_start_parts(t, (r->at - r->bytes) / BLK_SECTOR, (u32)(r->bytes / BLK_SECTOR),
			     r->described))
		return fail(b);
	return COSTLY;
}

/* Describe some more of the request's buffers; begin when all are, or when no more fit. */
static int describe(struct virtio_blk *b, enum disk_op op, bool *ended)
{
	struct blk_request *r = blk_now(b);

	for (u32 i = 0; i < PIECES; i++) {
		u32 len = (u32)DISK_PARTS_BYTES - r->bytes;
		void *at;

		if (!len)
			return begin(b, op);
		at = op == DISK_READ ? blk_answer(b, &len)
				     : virtio_piece(&b->t, BLK_QUEUE, false, &len, NULL);
		if (!at && (op == DISK_READ || !virtio_can_go_on(&b->t)))
			return NOT_NOW;
		if (!at || !len) {
			r->all = true;
			*ended = !r->bytes;
			return *ended ? CHEAP : begin(b, op);
		}
		if (!blk_fits(b, r->at, len))
			return fail(b);
		if (!blk_is_whole(b, r->at, len) && !r->bytes) {
			r->odd = true;
			blk_drop_part(b);
			return CHEAP;
		}
		if (!blk_is_whole(b, r->at, len) || !add_piece(b, op, at, len))
			return begin(b, op);
	}
	return COSTLY;
}

int blk_parts(struct virtio_blk *b, enum disk_op op, bool *ended)
{
	struct blk_request *r = blk_now(b);

	switch (blk_look(b)) {
	case NO_ROOM:
	case IN_FLIGHT:
		return NOT_NOW;
	case FAILED:
		return fail(b);
	case DONE:
		if (r->op == DISK_FLUSH)
			return blk_skip(b, S_OK);
		r->described = r->bytes = 0;
		*ended = r->all;
		break;
	case NONE:
		break;
	}
	if (*ended)
		return CHEAP;
	if (op == DISK_WRITE && b->readonly)
		return blk_skip(b, S_IOERR);
	return b->disk.held ? NOT_NOW : describe(b, op, ended);
}

/* ---- memory that goes away ---- */

static bool any_busy(const struct virtio_blk *b, u64 which)
{
	bool busy = false;

	for (u32 n = 0; n < b->disk.range->count; n++)
		busy |= which & BIT(n) && disk_state(&b->disk.range->transfers[n]) == DISK_BUSY;
	/* Pairs with the driver's: `lost` was set before the transfer was over. */
	if (!busy && unlikely(b->disk.range->disk->lost))
		vm_ram_keep(&b->t.vm->ram);
	return busy;
}

bool blk_parts_busy(const struct virtio_blk *b)
{
	return any_busy(b, b->disk.parts);
}

bool blk_parts_drain(struct virtio_blk *b)
{
	return any_busy(b, b->disk.parts & b->disk.stale);
}

/* Those in flight are waited for; what was only described is described again. */
bool blk_parts_let_go(struct virtio_blk *b)
{
	for (u32 n = 0; n < b->most; n++) {
		const struct blk_request *r = &b->under_way[n];

		if (r->described &&
		    disk_state(&b->disk.range->transfers[r->parts[r->turn].transfer]) == DISK_IDLE)
			rewind(b, n);
	}
	b->disk.held = blk_parts_busy(b);
	return b->disk.held;
}
