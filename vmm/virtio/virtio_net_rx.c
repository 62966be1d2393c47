/* SPDX-License-Identifier: Apache-2.0 */
/* The network device's receiving half: frames go straight into the driver's buffers. */
#include "virtio_net.h"

#include <kernel/page.h>
#include <lib/string.h>
#include <vmm/core.h>

/* Pieces and ends of chains that one frame may meet: its section is short. */
#define BUFFERS 5

/* ---- the driver's buffers ---- */

/*
 * What became of a frame. LATER: there is no buffer, or its memory has not come. PART: there are
 * not enough buffers. NEVER: it does not fit into buffers like these.
 */
enum put { PUT, LATER, PART, NEVER };

/* A frame on its way into one request or, with MRG_RXBUF, several. */
struct fill {
	struct virtio *t;
	u8 *to; /* the current piece of the current request, and its bytes */
	u32 len;
	u32 held;        /* requests that are full */
	u32 left;        /* pieces and ends of requests that may still be met */
	u8 *num[2];      /* the bytes of num_buffers */
	enum put result; /* if there is no room */
};

/* Make the next request the current one. */
static bool next_request(struct fill *s)
{
	if (!virtio_hold(s->t, NET_RX, s->held))
		return false;
	s->held++;
	s->result = PART;
	return virtio_take(s->t, NET_RX);
}

/* Find the next piece. False: there is none, s->result says why. */
static bool more_room(struct fill *s)
{
	struct virtio *t = s->t;
	const struct virtio_request *r = &t->s.queues[NET_RX].request;

	while (s->left--) {
		s->len = ~0U;
		s->to = r->len || r->follows ? virtio_piece(t, NET_RX, true, &s->len, NULL) : NULL;
		if (likely(s->to))
			return true;
		s->len = 0;
		if (virtio_can_go_on(t) && !r->written)
			virtio_break(t, NET_RX, VIRTIO_FAULT_REQUEST, 0);
		if (!virtio_can_go_on(t))
			return false;
		if (!(t->s.driver_features & VIRTIO_NET_F_MRG_RXBUF))
			break;
		if (!next_request(s))
			return false;
	}
	s->result = NEVER;
	return false;
}

static bool put_bytes(struct fill *s, const u8 *from, u32 len)
{
	while (len) {
		u32 n;

		if (!s->len && !more_room(s))
			return false;
		n = MIN(len, s->len);
		memcpy(s->to, from, n);
		virtio_advance(s->t, NET_RX, n);
		s->to += n;
		s->len -= n;
		from += n;
		len -= n;
	}
	return true;
}

static bool put_header(struct fill *s, const struct net_frame *f)
{
	struct virtio_net_header h = { .num_buffers = 1 };
	const u32 at = offsetof(struct virtio_net_header, num_buffers);

	_Static_assert(offsetof(struct virtio_net_header, num_buffers) + 2 == sizeof(h), "5.1.6");
	if (f->has_sum) {
		h.flags = NEEDS_CSUM;
		h.csum_start = f->sum_start;
		h.csum_offset = f->sum_offset;
	}
	if (!s->len && !more_room(s))
		return false;
	if (likely(s->len >= sizeof(h))) {
		s->num[0] = s->to + at;
		s->num[1] = s->to + at + 1;
		return put_bytes(s, (const u8 *)&h, sizeof(h));
	}
	if (!put_bytes(s, (const u8 *)&h, at))
		return false;
	for (u32 i = 0; i < 2; i++) {
		if (!put_bytes(s, (const u8 *)&h.num_buffers + i, 1))
			return false;
		s->num[i] = s->to - 1;
	}
	return true;
}

/* All of the frame, or nothing. */
static enum put put(struct virtio_net *n, const struct net_frame *f)
{
	const struct virtio_queue *q = &n->t.s.queues[NET_RX];
	const u16 avail = (u16)(q->avail - q->request.taken);
	struct fill s = { .t = &n->t, .left = BUFFERS, .result = LATER };
	bool ok;

	if (!virtio_take(&n->t, NET_RX) || !virtio_net_may_pass(&n->in))
		return LATER;
	ok = put_header(&s, f);
	for (u32 i = 0; i < f->count && ok; i++)
		ok = put_bytes(&s, f->pieces[i].at, f->pieces[i].len);
	if (ok && s.held) {
		*s.num[0] = (u8)(s.held + 1);
		*s.num[1] = (u8)((s.held + 1) >> 8);
	}
	if (ok && virtio_hold(&n->t, NET_RX, s.held) && virtio_publish(&n->t, NET_RX, s.held + 1)) {
		n->port.in.frames++;
		n->port.in.bytes += f->len;
		virtio_net_passed(&n->in, f->len);
		return PUT;
	}
	virtio_untake(&n->t, NET_RX, avail);
	return s.result;
}

/* ---- the queue ---- */

void net_queue_init(struct net_queue *q)
{
	u8 *frames = q->frames;

	*q = (struct net_queue){ .frames = frames };
	for (u32 i = 0; i < NET_SLOTS; i++)
		q->slots[i].next = (u8)(i + 1);
}

/* Take the oldest frame of a sender out. Its slot is free. */
static void drop_first(struct net_queue *q, u32 sender)
{
	const u8 slot = q->senders[sender].first;

	q->part = false;
	q->senders[sender].first = q->slots[slot].next;
	q->senders[sender].count--;
	q->slots[slot].next = q->free;
	q->free = slot;
	q->used--;
}

/* The sender's number, or that of an unused one. NET_SLOTS: there is none. */
static u32 sender_of(const struct net_queue *q, u32 from)
{
	u32 found = NET_SLOTS;

	for (u32 i = 0; i < NET_SLOTS; i++) {
		if (!q->senders[i].count)
			found = i;
		else if (q->senders[i].from == from)
			return i;
	}
	return found;
}

/* Make room by the longest queue. False: the sender's own is as long. */
static bool displace(struct net_queue *q, u32 sender)
{
	u32 longest = 0;

	for (u32 i = 1; i < NET_SLOTS; i++)
		if (q->senders[i].count > q->senders[longest].count)
			longest = i;
	if (sender == NET_SLOTS || q->senders[longest].count <= q->senders[sender].count + 1)
		return false;
	drop_first(q, longest);
	return true;
}

/* False: there is no place. `dropped` counts frames that were displaced. */
static bool enqueue(struct net_queue *q, const struct net_frame *f, u32 from, u64 *dropped)
{
	const u32 sender = sender_of(q, from);
	u8 slot;

	if (q->used == NET_SLOTS) {
		if (!displace(q, sender))
			return false;
		++*dropped;
	}
	slot = q->free;
	q->free = q->slots[slot].next;
	q->slots[slot].len = (u16)f->len;
	q->slots[slot].has_sum = f->has_sum;
	q->slots[slot].sum_start = f->sum_start;
	q->slots[slot].sum_offset = f->sum_offset;
	net_frame_copy(f, &q->frames[slot * NET_SLOT_SIZE]);
	if (q->senders[sender].count++)
		q->slots[q->senders[sender].last].next = slot;
	else
		q->senders[sender].first = slot;
	q->senders[sender].last = slot;
	q->senders[sender].from = from;
	q->used++;
	return true;
}

bool virtio_net_drain(struct virtio_net *n)
{
	struct net_queue *q = &n->queue;
	struct net_frame f;
	enum put r;
	u8 slot;

	if (!q->used)
		return false;
	f.len = f.count = 0;
	while (!q->senders[q->turn % NET_SLOTS].count)
		q->turn++;
	q->turn %= NET_SLOTS;
	slot = q->senders[q->turn].first;
	f.has_sum = q->slots[slot].has_sum;
	f.sum_start = q->slots[slot].sum_start;
	f.sum_offset = q->slots[slot].sum_offset;
	(void)net_frame_add(&f, &q->frames[slot * NET_SLOT_SIZE], q->slots[slot].len);
	r = put(n, &f);
	q->part = r == PART;
	if (r == LATER || r == PART)
		return false;
	n->port.in.dropped += r == NEVER;
	drop_first(q, q->turn);
	q->turn++;
	return true;
}

void virtio_net_receive(struct net_port *port, const struct net_frame *f, u32 from)
{
	struct virtio_net *n = container_of(port, struct virtio_net, port);
	struct virtio *t = &n->t;
	const u64 features = VIRTIO_NET_F_GUEST_CSUM;
	enum put r = NEVER;

	spin_lock(&t->lock);
	/* The driver may never have so many buffers: that frame waits for this one only. */
	if (unlikely(n->queue.part)) {
		drop_first(&n->queue, n->queue.turn);
		port->in.dropped++;
		virtio_wake(t);
	}
	/* The driver may have changed since the switch asked sums(). */
	if (virtio_is_live(t) && (!f->has_sum || (t->s.driver_features & features)))
		r = n->queue.used ? LATER : put(n, f);
	/* PART does not wait: a section copies a frame once. */
	if (r != PUT && (r != LATER || !enqueue(&n->queue, f, from, &port->in.dropped)))
		port->in.dropped++;
	if (t->missing) /* its own vCPU lets the memory come, and goes on */
		virtio_wake(t);
	spin_unlock(&t->lock);
}
