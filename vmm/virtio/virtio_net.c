/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device (VIRTIO 1.2, 5.1): a port of a network. A frame that the driver sends is
 * gathered under the lock, as a list of its pieces in guest memory. Then it is sent without a lock,
 * on the same thread: the guest's memory stays while one of its vCPUs is not parked, and what a
 * balloon gives back stays until let_go() says that it is not in use.
 */
#include "virtio_net.h"

#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>

#define STEPS    4  /* buffers that one unit looks at */
#define STATIONS 64 /* addresses that are learnt behind a port */
#define LINK_UP  BIT(0)

static struct virtio_net *to_net(struct virtio *t)
{
	return (struct virtio_net *)t;
}

/* ---- limits, under the lock ---- */

static u64 now_us(void)
{
	return ticks_to_us(arch_counter());
}

bool virtio_net_limited(struct net_limit *limit)
{
	u64 wait;

	if (__atomic_load_n(&limit->waits, __ATOMIC_ACQUIRE))
		return true;
	wait = MAX(bucket_wait(&limit->bytes, now_us()), bucket_wait(&limit->frames, now_us()));
	if (!wait)
		return false;
	limit->waits = true;
	timeout_set(&limit->timeout, arch_counter() + us_to_ticks(wait));
	return true;
}

void virtio_net_passed(struct net_limit *limit, u32 len)
{
	bucket_take(&limit->bytes, len);
	bucket_take(&limit->frames, 1);
}

static void look_again(struct timeout *timeout)
{
	struct net_limit *limit = container_of(timeout, struct net_limit, timeout);

	__atomic_store_n(&limit->waits, false, __ATOMIC_RELEASE);
	virtio_wake(limit->t);
}

static void set_limit(struct net_limit *limit, const struct rate_limit *kib,
		      const struct rate_limit *frames)
{
	unsigned long irq = spin_lock_irqsave(&limit->t->lock);

	bucket_set(&limit->bytes, kib, KIB(1), now_us());
	bucket_set(&limit->frames, frames, 1, now_us());
	limit->any = kib->size || frames->size;
	spin_unlock_irqrestore(&limit->t->lock, irq);
}

static void set_limits(struct virtio_net *n, const struct desc_virtio *node)
{
	set_limit(&n->in, &node->in_kib, &node->in_frames);
	set_limit(&n->out, &node->out_kib, &node->out_frames);
}

static void init_limit(struct net_limit *limit, struct virtio *t)
{
	limit->t = t;
	timeout_init(&limit->timeout, look_again);
}

static void limits_changed(struct vdev *d)
{
	struct virtio_net *n = d->state;

	set_limits(n, d->virtio);
	(void)timeout_cancel(&n->in.timeout);
	(void)timeout_cancel(&n->out.timeout);
	look_again(&n->in.timeout);
	look_again(&n->out.timeout);
}

/* ---- gathering a frame, under the lock ---- */

static void new_frame(struct virtio_net *n)
{
	n->step = NET_GATHER;
	n->got = 0;
	n->discard = false;
	n->frame.len = n->frame.count = 0;
	n->frame.has_sum = false;
}

static void forget(struct virtio *t)
{
	struct virtio_net *n = to_net(t);

	if (!n->sending) /* else the frame is still read; transmit() begins a new one after it */
		new_frame(n);
	n->step = NET_GATHER;
	t->draining = n->sending;
	net_queue_init(&n->queue);
}

/* Some of the header and the Ethernet header. False: the buffers end before, or not now. */
static bool get_begin(struct virtio_net *n)
{
	u32 len = (u32)sizeof(n->begin) - n->got;
	const void *at = virtio_piece(&n->t, NET_TX, false, &len, NULL);

	if (!at)
		return false;
	memcpy((u8 *)&n->begin + n->got, at, len);
	virtio_advance(&n->t, NET_TX, len);
	n->got += len;
	if (n->got < sizeof(n->begin))
		return true;
	memcpy(n->frame.head, n->begin.head, NET_HEAD);
	return net_frame_add(&n->frame, n->frame.head, NET_HEAD);
}

/* Move the pieces to the bounce page, where they are one piece. */
static void compact(struct virtio_net *n)
{
	struct net_frame *f = &n->frame;
	const u32 len = f->len;

	for (u32 i = 1, at = NET_HEAD; i < f->count; at += f->pieces[i].len, i++)
		if (f->pieces[i].at != n->bounce + at)
			memcpy(n->bounce + at, f->pieces[i].at, f->pieces[i].len);
	f->count = 1;
	f->len = NET_HEAD;
	(void)net_frame_add(f, n->bounce + NET_HEAD, len - NET_HEAD);
}

/* The next piece of the rest. False as above, or the frame is too long. */
static bool get_rest(struct virtio_net *n)
{
	u32 len = ~0U;
	const void *at = virtio_piece(&n->t, NET_TX, false, &len, NULL);

	if (!at)
		return false;
	if (len > NET_FRAME_MAX - n->frame.len) {
		n->discard = true;
		return false;
	}
	if (n->frame.count == NET_PIECES)
		compact(n);
	virtio_advance(&n->t, NET_TX, len);
	return net_frame_add(&n->frame, at, len);
}

/* The frame is there as a whole, or is malformed. */
static void complete(struct virtio_net *n)
{
	const struct virtio_net_header *h = &n->begin.header;
	struct net_frame *f = &n->frame;

	n->step = NET_READY;
	if (n->got < sizeof(n->begin) || h->gso_type)
		n->discard = true;
	if (n->discard || !(h->flags & NEEDS_CSUM))
		return;
	f->has_sum = true;
	f->sum_start = h->csum_start;
	f->sum_offset = h->csum_offset;
	n->discard = !(n->t.s.driver_features & VIRTIO_NET_F_CSUM) || f->sum_start < NET_HEAD ||
		     (u32)f->sum_start + f->sum_offset + 2 > f->len;
}

static bool may_send(struct virtio_net *n)
{
	return n->discard || virtio_net_may_pass(&n->out);
}

/* Some of the frame's buffers. True: there may be more to do. */
static bool gather(struct virtio_net *n)
{
	for (u32 i = 0; i < STEPS; i++) {
		if (n->got < sizeof(n->begin) ? get_begin(n) : get_rest(n))
			continue;
		if (!virtio_can_go_on(&n->t))
			return false;
		complete(n);
		return may_send(n);
	}
	return true;
}

static bool transmit(struct virtio_net *n)
{
	if (n->sending)
		return false;
	if (n->step == NET_SENT) {
		if (!virtio_finish(&n->t, NET_TX))
			return false;
		new_frame(n);
	}
	if (n->step == NET_READY) /* it waited */
		return may_send(n);
	return virtio_take(&n->t, NET_TX) && gather(n);
}

static bool unit(struct virtio *t)
{
	struct virtio_net *n = to_net(t);

	n->sends_next = !n->sends_next;
	if (n->sends_next)
		return transmit(n) || virtio_net_drain(n);
	return virtio_net_drain(n) || transmit(n);
}

/* A frame that was gathered in part, or waits, is gathered again. */
static bool let_go(struct virtio *t)
{
	struct virtio_net *n = to_net(t);
	const struct virtio_queue *q = &t->s.queues[NET_TX];

	if (n->sending)
		return true;
	if (q->request.taken && (n->step == NET_GATHER || n->step == NET_READY)) {
		virtio_untake(t, NET_TX, (u16)(q->avail - 1));
		new_frame(n);
	}
	return false;
}

/* ---- sending it, without a lock ---- */

static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_net *n = to_net(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool send = n->step == NET_READY && !n->sending && may_send(n);
	const bool discard = n->discard;

	(void)v;
	if (send) {
		n->step = NET_SENDING;
		n->sending = true;
		if (!discard)
			virtio_net_passed(&n->out, n->frame.len);
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (!send)
		return;
	if (discard) {
		n->port.out.dropped++;
	} else {
		n->port.out.frames++;
		n->port.out.bytes += n->frame.len;
		net_send(&n->port, &n->frame);
	}
	irq = spin_lock_irqsave(&t->lock);
	n->sending = false;
	if (n->step == NET_SENDING)
		n->step = NET_SENT;
	else
		new_frame(n); /* the device was reset */
	spin_unlock_irqrestore(&t->lock, irq);
}

static bool sums(struct net_port *port)
{
	const struct virtio_net *n = container_of(port, struct virtio_net, port);

	return __atomic_load_n(&n->t.s.driver_features, __ATOMIC_RELAXED) & VIRTIO_NET_F_GUEST_CSUM;
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 1,
	.queues = 2,
	.unit = unit,
	.between = between,
	.reset = forget,
	.let_go = let_go,
	.drains = let_go,
};

static int create(struct vdev *d)
{
	const u64 features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC |
			     VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS;
	const struct desc_virtio *node = d->virtio;
	struct virtio_net *n = d->state;
	const u64 mac = node->mac ? node->mac : net_mac_of_name(d->vm->name, node->name);
	char text[NET_MAC_TEXT];
	int r;

	n->bounce = pages_alloc(1);
	n->queue.frames = pages_alloc(NET_SLOT_PAGES);
	if (!n->bounce || !n->queue.frames)
		return -ENOMEM;
	forget(&n->t);
	for (u32 i = 0; i < 6; i++)
		n->config.mac[i] = (u8)(mac >> (40 - 8 * i));
	n->config.status = LINK_UP;
	r = virtio_create(d, &model, features, &n->config, sizeof(n->config));
	if (r)
		return r;
	init_limit(&n->in, &n->t);
	init_limit(&n->out, &n->t);
	set_limits(n, node);
	n->port.owner = d->vm->name;
	n->port.name = node->name;
	n->port.filter = node->mac_filter;
	n->port.receive = virtio_net_receive;
	n->port.sums = sums;
	r = net_join(&n->port, node->network, mac, STATIONS);
	if (r == -EEXIST)
		log_err("vm '%s': %s: network %s has a port with address %s already", d->vm->name,
			node->name, node->network, net_mac_text(mac, text));
	return r;
}

static void reset(struct vdev *d)
{
	struct virtio_net *n = d->state;

	virtio_reset(d);
	(void)timeout_cancel(&n->in.timeout);
	(void)timeout_cancel(&n->out.timeout);
	n->in.waits = n->out.waits = false;
}

static void destroy(struct vdev *d)
{
	struct virtio_net *n = d->state;

	if (n->port.net)
		net_leave(&n->port);
	if (n->queue.frames)
		pages_free(n->queue.frames, NET_SLOT_PAGES);
	if (n->bounce)
		pages_free(n->bounce, 1);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_net *n = d->state;
	const struct net_port *p = &n->port;
	const size_t at = virtio_begin_info(&n->t, text, size);

	(void)snprintf(text + at, size - at,
		       "network %s, in %lu frames, %lu dropped, out %lu frames, %lu dropped",
		       d->virtio->network, p->in.frames, p->in.dropped, p->out.frames,
		       p->out.dropped);
}

static u64 memory(const struct vdev *d)
{
	const struct virtio_net *n = d->state;
	const u64 stations = n->port.room * sizeof(*n->port.stations);

	return (1 + NET_SLOT_PAGES) * PAGE_SIZE + ALIGN_UP(stations, PAGE_SIZE);
}

const struct vdev_class virtio_net_class = {
	.name = "virtio-net",
	.virtio = VIRTIO_NET,
	.size = sizeof(struct virtio_net),
	.host_init = virtio_host_init,
	.create = create,
	.reset = reset,
	.destroy = destroy,
	.info = info,
	.memory = memory,
	.limits_changed = limits_changed,
};
