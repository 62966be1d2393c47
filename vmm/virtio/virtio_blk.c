/* SPDX-License-Identifier: Apache-2.0 */
/* The block device (VIRTIO 1.2, 5.2): its requests. */
#include "virtio_blk.h"

#include <arch/timer.h>
#include <kernel/thread.h>
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
	struct blk_request *r = blk_now(b);

	r->status = status;
	r->written = b->t.s.queues[BLK_QUEUE].request.written;
	r->step = STEP_SKIP;
	return CHEAP;
}

static int get_header(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const u32 n = virtio_read(&b->t, BLK_QUEUE, (u8 *)&r->header + r->got,
				  (u32)sizeof(r->header) - r->got);

	r->got += n;
	if (r->got == sizeof(r->header)) {
		r->got = 0;
		r->step = STEP_DATA;
		/* Too large a number is beyond the end in any case. */
		r->at = r->header.type == T_IN || r->header.type == T_OUT
				? MIN(r->header.sector, b->size / BLK_SECTOR + 1) * BLK_SECTOR
				: 0;
	} else if (!n && virtio_can_go_on(&b->t)) {
		virtio_break(&b->t, BLK_QUEUE, VIRTIO_FAULT_REQUEST, r->got);
	}
	if (!n)
		return NOT_NOW;
	/* A read copies nothing in its first step. */
	return r->step == STEP_DATA && r->header.type == T_IN ? CHEAP : COSTLY;
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
	struct blk_request *r = blk_now(b);

	r->status = status;
	r->step = STEP_STATUS;
	return CHEAP;
}

/* T_GET_ID */
static int send_id(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	u32 len = VIRTIO_SERIAL;
	void *to = blk_answer(b, &len);

	if (!to)
		return NOT_NOW;
	if (!len)
		return blk_to_status(b, S_OK);
	if (r->at == VIRTIO_SERIAL)
		return blk_skip(b, S_OK);
	len = MIN(len, VIRTIO_SERIAL - (u32)r->at);
	memcpy(to, &b->id[r->at], len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->at += len;
	return COSTLY;
}

/* Read a range (5.2.6): one a request. */
static int get_range(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	const bool discard = r->header.type == T_DISCARD;
	const struct blk_range *range = &r->range;
	const u32 n = virtio_read(&b->t, BLK_QUEUE, (u8 *)&r->range + r->got,
				  (u32)sizeof(*range) - r->got);

	r->got += n;
	if (r->got < sizeof(*range))
		return n ? COSTLY : virtio_can_go_on(&b->t) ? blk_skip(b, S_IOERR) : NOT_NOW;
	if (range->flags & ~(discard ? 0 : (u32)FLAG_UNMAP))
		return blk_skip(b, S_UNSUPP);
	if (b->readonly || range->sector > b->size / BLK_SECTOR ||
	    !blk_fits(b, range->sector * BLK_SECTOR, range->count * BLK_SECTOR))
		return blk_skip(b, S_IOERR);
	r->at = range->sector * BLK_SECTOR;
	r->end = r->at + range->count * BLK_SECTOR;
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
	struct blk_request *r = blk_now(b);
	u64 wait = 0;

	if (r->allowed || (!b->bytes.size && !b->ops.size))
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
	r->allowed = true;
	bucket_take(&b->ops, 1);
	return true;
}

/* A disk that cannot do better writes zeroes, so these are charged too. DISCARD writes none. */
static void charge(struct virtio_blk *b)
{
	const struct blk_request *r = blk_now(b);
	const bool zeroes = r->header.type == T_WRITE_ZEROES;
	const u64 from = (zeroes ? r->range.sector : r->header.sector) * BLK_SECTOR;

	if (zeroes || r->header.type == T_IN || r->header.type == T_OUT)
		bucket_take(&b->bytes, r->at - MIN(from, r->at));
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
	struct blk_request *r = blk_now(b);

	if (!may_begin(b))
		return NOT_NOW;
	switch (r->header.type) {
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
		if (!(b->t.features & (r->header.type == T_DISCARD ? VIRTIO_BLK_F_DISCARD
								   : VIRTIO_BLK_F_WRITE_ZEROES)))
			return blk_skip(b, b->readonly ? S_IOERR : S_UNSUPP);
		return r->got < sizeof(r->range) ? get_range(b) : b->backend->clear(b);
	default:
		return blk_skip(b, S_UNSUPP);
	}
}

/* Pass over buffers up to the last byte. */
static int pass(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
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
		r->gap = true;
	else
		r->step = STEP_STATUS;
	return len ? COSTLY : CHEAP;
}

static int put_status(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);

	if (!virtio_write(&b->t, BLK_QUEUE, &r->status, 1))
		return NOT_NOW;
	if (r->gap)
		b->t.s.queues[BLK_QUEUE].request.written = r->written;
	r->step = STEP_FINISH;
	return CHEAP;
}

/* The current request is over, or was taken back. */
static void forget(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);

	r->cursor.taken = false;
	r->step = STEP_HEADER;
	r->got = 0;
	r->gap = r->allowed = false;
	b->backend->forget(b);
}

static void forget_all(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);

	for (b->current = b->most; b->current-- > 0;)
		forget(b);
	b->current = 0;
}

static int finish(struct virtio_blk *b)
{
	const u8 status = blk_now(b)->status;

	if (!virtio_finish(&b->t, BLK_QUEUE))
		return NOT_NOW;
	b->requests++;
	charge(b);
	b->failed += status != S_OK;
	forget(b);
	return CHEAP;
}

/* ---- several requests ---- */

static bool is_under_way(const struct virtio_blk *b, u32 n)
{
	return n == b->current ? b->t.s.queues[BLK_QUEUE].request.taken
			       : b->under_way[n].cursor.taken;
}

static void make_current(struct virtio_blk *b, u32 n)
{
	struct virtio_request *cursor = &b->t.s.queues[BLK_QUEUE].request;

	if (n == b->current)
		return;
	blk_now(b)->cursor = *cursor;
	b->current = n;
	*cursor = blk_now(b)->cursor;
}

static bool any_under_way(const struct virtio_blk *b)
{
	bool any = false;

	for (u32 n = 0; n < b->most; n++)
		any |= is_under_way(b, n);
	return any;
}

/* With a limit there is one at a time: the next one has to wait until this one is charged. */
static bool may_take(const struct virtio_blk *b)
{
	return likely(!b->bytes.size && !b->ops.size) || !any_under_way(b);
}

/*
 * WAITS: it has to, for the machine's disk or a limit. BEGAN: from now on. DRY: the driver has no
 * other request.
 */
enum served { WAITS, BEGAN, DRY, GOES_ON };

/* Some steps of the current request; if there is none, of the driver's next one. */
static enum served serve(struct virtio_blk *b)
{
	static int (*const steps[])(struct virtio_blk * b) = {
		[STEP_HEADER] = get_header, [STEP_DATA] = data,     [STEP_SKIP] = pass,
		[STEP_STATUS] = put_status, [STEP_FINISH] = finish,
	};
	const struct virtio_request *cursor = &b->t.s.queues[BLK_QUEUE].request;
	int cost = CHEAP;
	u32 i = 0;

	for (; i < STEPS && cost == CHEAP; i++)
		cost = cursor->taken || virtio_take(&b->t, BLK_QUEUE) ? steps[blk_now(b)->step](b)
								      : NOT_NOW;
	if (cost == BEGUN)
		return BEGAN;
	if (cost != NOT_NOW)
		return GOES_ON;
	if (!cursor->taken)
		return DRY;
	return i > 1 ? GOES_ON : WAITS;
}

/*
 * A request under way is served until it waits, the current one first; if all of them wait, it is
 * the turn of the driver's next one, if there is a place for it.
 */
static bool unit(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);
	const u32 first = b->current;
	enum served served;
	u32 free = b->most;

	if (!virtio_is_live(t))
		return false;
	for (u32 i = 0, n = first; i < b->most; i++, n = n + 1 < b->most ? n + 1 : 0) {
		if (!is_under_way(b, n)) {
			free = n;
			continue;
		}
		make_current(b, n);
		served = serve(b);
		if (served > BEGAN)
			return served == GOES_ON || any_under_way(b);
		if (!virtio_can_go_on(t))
			return false;
	}
	if (free == b->most || !may_take(b))
		return false;
	make_current(b, free);
	served = serve(b);
	return served == GOES_ON || served == BEGAN;
}

static void between(struct virtio *t, struct vcpu *v)
{
	(void)v;
	if (to_blk(t)->backend->between)
		to_blk(t)->backend->between(to_blk(t));
}

static bool let_go(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);

	return b->backend->let_go && b->backend->let_go(b);
}

static bool drains(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);

	return b->backend->drains(b);
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 2,
	.queues = 1,
	.unit = unit,
	.between = between,
	.reset = forget_all,
	.let_go = let_go,
	.drains = drains,
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
	b->most = 1;
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
