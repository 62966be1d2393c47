/* SPDX-License-Identifier: Apache-2.0 */
/* The block device (VIRTIO 1.2, 5.2): its requests. */
#include "virtio_blk.h"

#include <arch/timer.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>

#define STEPS 6 /* that copy nothing, in one unit */

static struct virtio_blk *to_blk(struct virtio *t)
{
	return (struct virtio_blk *)t;
}

/* ---- steps of a request ---- */

int blk_skip(struct virtio_blk *b, u8 status)
{
	b->status = status;
	b->written = b->t.s.queues[BLK_QUEUE].request.written;
	b->step = STEP_SKIP;
	return CHEAP;
}

static int get_header(struct virtio_blk *b)
{
	const u32 n = virtio_read(&b->t, BLK_QUEUE, (u8 *)&b->header + b->got,
				  (u32)sizeof(b->header) - b->got);

	b->got += n;
	if (b->got == sizeof(b->header)) {
		b->got = 0;
		b->step = STEP_DATA;
		/* Too large a number is beyond the end in any case. */
		b->at = b->header.type == T_GET_ID
				? 0
				: MIN(b->header.sector, b->size / BLK_SECTOR + 1) * BLK_SECTOR;
	} else if (!n && virtio_can_go_on(&b->t)) {
		virtio_break(&b->t, BLK_QUEUE, VIRTIO_FAULT_REQUEST, b->got);
	}
	return n ? COSTLY : NOT_NOW;
}

void *blk_answer(struct virtio_blk *b, u32 *len)
{
	bool last;
	void *to = virtio_piece(&b->t, BLK_QUEUE, true, len, &last);

	if (!to && virtio_can_go_on(&b->t))
		virtio_break(&b->t, BLK_QUEUE, VIRTIO_FAULT_REQUEST, 0);
	if (to && last && *len == b->t.s.queues[BLK_QUEUE].request.len)
		--*len;
	return to;
}

int blk_to_status(struct virtio_blk *b, u8 status)
{
	b->status = status;
	b->step = STEP_STATUS;
	return CHEAP;
}

/* T_GET_ID */
static int send_id(struct virtio_blk *b)
{
	u32 len = VIRTIO_SERIAL;
	void *to = blk_answer(b, &len);

	if (!to)
		return NOT_NOW;
	if (!len)
		return blk_to_status(b, S_OK);
	if (b->at == VIRTIO_SERIAL)
		return blk_skip(b, S_OK);
	len = MIN(len, VIRTIO_SERIAL - (u32)b->at);
	memcpy(to, &b->id[b->at], len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	b->at += len;
	return COSTLY;
}

/* Read a range (5.2.6): one a request. */
static int get_range(struct virtio_blk *b)
{
	const bool discard = b->header.type == T_DISCARD;
	const struct blk_range *r = &b->range;
	const u32 n = virtio_read(&b->t, BLK_QUEUE, (u8 *)&b->range + b->got,
				  (u32)sizeof(b->range) - b->got);

	b->got += n;
	if (b->got < sizeof(*r))
		return n ? COSTLY : virtio_can_go_on(&b->t) ? blk_skip(b, S_IOERR) : NOT_NOW;
	if (r->flags & ~(discard ? 0 : (u32)FLAG_UNMAP))
		return blk_skip(b, S_UNSUPP);
	if (b->readonly || r->sector > b->size / BLK_SECTOR ||
	    !blk_fits(b, r->sector * BLK_SECTOR, r->count * BLK_SECTOR))
		return blk_skip(b, S_IOERR);
	b->at = r->sector * BLK_SECTOR;
	b->end = b->at + r->count * BLK_SECTOR;
	return COSTLY;
}

/* ---- rate limits ---- */

static u64 now_us(void)
{
	return ticks_to_us(arch_counter());
}

static void refill(struct timeout *timeout)
{
	struct virtio_blk *b = container_of(timeout, struct virtio_blk, refill);

	__atomic_store_n(&b->waits, false, __ATOMIC_RELEASE);
	virtio_wake(&b->t);
}

/*
 * True if the request may begin now. What it moves is subtracted when it is over, so that one
 * request of any size passes; the next one waits until that is made up for.
 */
static bool may_begin(struct virtio_blk *b)
{
	u64 wait = 0;

	if (b->allowed || (!b->bytes.size && !b->ops.size))
		return true;
	if (__atomic_load_n(&b->waits, __ATOMIC_ACQUIRE))
		return false;
	wait = bucket_wait(&b->bytes, now_us());
	wait = MAX(wait, bucket_wait(&b->ops, now_us()));
	if (wait) {
		b->waits = true;
		timeout_set(&b->refill, arch_counter() + us_to_ticks(wait));
		return false;
	}
	b->allowed = true;
	bucket_take(&b->ops, 1);
	return true;
}

static void charge(struct virtio_blk *b)
{
	if (b->bytes.size && (b->header.type == T_IN || b->header.type == T_OUT))
		bucket_take(&b->bytes, b->at - MIN(b->header.sector * BLK_SECTOR, b->at));
}

static void set_limits(struct virtio_blk *b, const struct desc_virtio *node)
{
	unsigned long irq = spin_lock_irqsave(&b->t.lock);

	bucket_set(&b->bytes, &node->kib, KIB(1), now_us());
	bucket_set(&b->ops, &node->requests, 1, now_us());
	spin_unlock_irqrestore(&b->t.lock, irq);
}

static void limits_changed(struct vdev *d)
{
	struct virtio_blk *b = d->state;

	set_limits(b, d->virtio);
	(void)timeout_cancel(&b->refill);
	__atomic_store_n(&b->waits, false, __ATOMIC_RELEASE);
	virtio_wake(&b->t);
}

static int data(struct virtio_blk *b)
{
	if (!may_begin(b))
		return NOT_NOW;
	switch (b->header.type) {
	case T_IN:
		return b->backend->send(b);
	case T_GET_ID:
		return send_id(b);
	case T_OUT:
		return b->backend->receive(b);
	case T_FLUSH:
		return b->backend->flush(b);
	case T_DISCARD:
	case T_WRITE_ZEROES:
		if (!(b->t.features & (b->header.type == T_DISCARD ? VIRTIO_BLK_F_DISCARD
								   : VIRTIO_BLK_F_WRITE_ZEROES)))
			return blk_skip(b, b->readonly ? S_IOERR : S_UNSUPP);
		return b->got < sizeof(b->range) ? get_range(b) : b->backend->clear(b);
	default:
		return blk_skip(b, S_UNSUPP);
	}
}

/* Pass over buffers up to the last byte. */
static int pass(struct virtio_blk *b)
{
	u32 len = ~0U;

	if (virtio_piece(&b->t, BLK_QUEUE, false, &len, NULL)) {
		virtio_advance(&b->t, BLK_QUEUE, len);
		return COSTLY;
	}
	len = ~0U;
	if (!virtio_can_go_on(&b->t) || !blk_answer(b, &len))
		return NOT_NOW;
	virtio_advance(&b->t, BLK_QUEUE, len);
	if (len)
		b->gap = true;
	else
		b->step = STEP_STATUS;
	return len ? COSTLY : CHEAP;
}

static int put_status(struct virtio_blk *b)
{
	struct virtio_request *r = &b->t.s.queues[BLK_QUEUE].request;

	if (!virtio_write(&b->t, BLK_QUEUE, &b->status, 1))
		return NOT_NOW;
	if (b->gap)
		r->written = b->written;
	b->step = STEP_FINISH;
	return CHEAP;
}

static void forget(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);

	b->step = STEP_HEADER;
	b->got = 0;
	b->gap = b->allowed = false;
	b->backend->forget(b);
}

static int finish(struct virtio_blk *b)
{
	if (!virtio_finish(&b->t, BLK_QUEUE))
		return NOT_NOW;
	b->requests++;
	charge(b);
	b->failed += b->status != S_OK;
	forget(&b->t);
	return CHEAP;
}

static bool unit(struct virtio *t)
{
	static int (*const steps[])(struct virtio_blk * b) = {
		[STEP_HEADER] = get_header, [STEP_DATA] = data,     [STEP_SKIP] = pass,
		[STEP_STATUS] = put_status, [STEP_FINISH] = finish,
	};
	struct virtio_blk *b = to_blk(t);
	int cost = CHEAP;

	for (u32 i = 0; i < STEPS && cost == CHEAP; i++)
		cost = virtio_take(t, BLK_QUEUE) ? steps[b->step](b) : NOT_NOW;
	return cost != NOT_NOW;
}

static void between(struct virtio *t, struct vcpu *v)
{
	(void)v;
	if (to_blk(t)->backend->between)
		to_blk(t)->backend->between(to_blk(t));
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 2,
	.queues = 1,
	.unit = unit,
	.between = between,
	.reset = forget,
};

/* A short name is terminated; the serial number is the node's name if the description has none. */
static void name_disk(struct virtio_blk *b, const struct desc_virtio *node)
{
	const char *id = node->serial[0] ? node->serial : node->name;

	memcpy(b->id, id, MIN(strlen(id), sizeof(b->id)));
}

static u64 features_of(const struct virtio_blk *b)
{
	u64 features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH;

	if (b->readonly)
		return features | VIRTIO_BLK_F_RO;
	if (b->config.max_discard_sectors)
		features |= VIRTIO_BLK_F_DISCARD;
	if (b->config.max_write_zeroes_sectors)
		features |= VIRTIO_BLK_F_WRITE_ZEROES;
	return features;
}

static int create(struct vdev *d)
{
	struct virtio_blk *b = d->state;
	int r;

	timeout_init(&b->refill, refill);
	b->backend = d->virtio->disk[0] ? &blk_disk_backend : &blk_image_backend;
	b->readonly = d->virtio->readonly;
	b->discard = d->virtio->discard;
	name_disk(b, d->virtio);
	r = b->backend->open(b, d);
	if (r)
		return r;
	b->config.capacity = b->size / BLK_SECTOR;
	b->config.seg_max = VIRTIO_QUEUE_MAX - 2;
	b->config.max_discard_seg = 1;
	b->config.max_write_zeroes_seg = 1;
	b->config.write_zeroes_may_unmap = 1;
	r = virtio_create(d, &model, features_of(b), &b->config, sizeof(b->config));
	if (!r)
		set_limits(b, d->virtio);
	return r;
}

static void reset(struct vdev *d)
{
	struct virtio_blk *b = d->state;

	if (!b->t.model) /* create() failed */
		return;
	virtio_reset(d);
	(void)timeout_cancel(&b->refill);
	b->waits = false;
	if (b->backend->reset)
		b->backend->reset(b);
}

static void destroy(struct vdev *d)
{
	struct virtio_blk *b = d->state;

	if (b->backend)
		b->backend->close(b);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_blk *b = d->state;
	size_t n = virtio_begin_info(&b->t, text, size);

	b->backend->info(b, text + n, size - n);
	n = strlen(text);
	(void)snprintf(text + n, size - n, ", %lu requests, %lu failed%s%s", b->requests, b->failed,
		       b->bytes.size || b->ops.size ? ", limited" : "",
		       __atomic_load_n(&b->waits, __ATOMIC_RELAXED) ? " (waits)" : "");
}

static u64 memory(const struct vdev *d)
{
	const struct virtio_blk *b = d->state;

	return b->backend->memory(b);
}

const struct vdev_class virtio_blk_class = {
	.name = "virtio-blk",
	.virtio = VIRTIO_BLK,
	.size = sizeof(struct virtio_blk),
	.host_init = virtio_host_init,
	.create = create,
	.reset = reset,
	.destroy = destroy,
	.info = info,
	.memory = memory,
	.limits_changed = limits_changed,
};
