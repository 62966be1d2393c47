/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket device (VIRTIO 1.2, 5.10): streams between VMs, by context ID. A packet that the
 * driver sends goes from its buffer into one of the receiver, in parts of up to PART bytes, each in
 * a section of its own, without a lock of the sender. Credit is between the drivers. A receiver
 * whose driver has no buffer lets the sender's queue wait, as long as its patience lasts
 * (virtio_vsock_rx.c); then the packet is given up, and its connection is reset.
 */
#include "virtio_vsock.h"

#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>

#define PART 2048U

_Static_assert(sizeof(struct virtio_vsock) <= PAGE_SIZE, "vdev_class.size");

static struct virtio_vsock *to_vsock(struct virtio *t)
{
	return (struct virtio_vsock *)t;
}

/* ---- sending, under the lock ---- */

static void new_packet(struct virtio_vsock *v)
{
	v->step = VSOCK_HEAD;
	v->got = v->left = 0;
	v->blocked = false;
}

/* What is left of the packet is not sent. If `reset`, the driver is told that its peer is gone. */
static void drop(struct virtio_vsock *v, bool reset)
{
	const struct vsock_head *h = &v->head;

	v->dropped++;
	v->step = VSOCK_DONE;
	if (!reset || h->op == VSOCK_OP_RST)
		return;
	v->has_reset = true;
	v->reset = (struct vsock_head){ .src_cid = h->dst_cid,
					.dst_cid = h->src_cid,
					.src_port = h->dst_port,
					.dst_port = h->src_port,
					.type = h->type,
					.op = VSOCK_OP_RST };
}

/* The header is there as a whole, or never will be. */
static void begin_packet(struct virtio_vsock *v)
{
	const struct vsock_head *h = &v->head;

	v->step = VSOCK_DATA;
	v->left = v->got == sizeof(*h) && h->op == VSOCK_OP_RW ? h->len : 0;
	if (v->got < sizeof(*h) || h->src_cid != v->config.guest_cid)
		drop(v, false);
	else if (h->type != VSOCK_TYPE_STREAM || h->op < VSOCK_OP_REQUEST ||
		 h->op > VSOCK_OP_CREDIT_REQUEST)
		drop(v, true);
}

/* Some of the header. False: nothing more now. */
static bool get_head(struct virtio_vsock *v)
{
	const u32 n = virtio_read(&v->t, VSOCK_TX, (u8 *)&v->head + v->got,
				  (u32)sizeof(v->head) - v->got);

	v->got += n;
	if (!virtio_can_go_on(&v->t))
		return false;
	/* Nothing was read of a writable buffer: what follows it cannot be readable. */
	if (!n || v->got == sizeof(v->head) || !v->t.s.queues[VSOCK_TX].request.follows)
		begin_packet(v);
	return true;
}

/* Find the next part. False: nothing can be done now. */
static bool get_part(struct virtio_vsock *v)
{
	v->len = MIN(v->left, PART);
	v->data = NULL;
	if (v->len)
		v->data = virtio_piece(&v->t, VSOCK_TX, false, &v->len, NULL);
	if (!v->left || v->data)
		v->step = VSOCK_READY;
	else if (!virtio_can_go_on(&v->t))
		return false;
	else
		drop(v, true); /* there are less bytes than it says */
	return true;
}

static bool transmit(struct virtio_vsock *v)
{
	if (v->sending || v->blocked)
		return false;
	if (v->has_reset) {
		v->has_reset = !virtio_vsock_answer(v, &v->reset);
		return !v->has_reset;
	}
	if (v->step == VSOCK_DONE) {
		if (!virtio_finish(&v->t, VSOCK_TX))
			return false;
		new_packet(v);
	}
	if (!virtio_take(&v->t, VSOCK_TX))
		return false;
	if (v->step == VSOCK_READY) /* between() is next */
		return true;
	return v->step == VSOCK_HEAD ? get_head(v) : get_part(v);
}

static bool unit(struct virtio *t)
{
	struct virtio_vsock *v = to_vsock(t);
	const bool received = virtio_vsock_rx_unit(v) || virtio_vsock_tell(v) ||
			      virtio_vsock_host_unit(v);

	return transmit(v) || received || v->announces;
}

static void forget(struct virtio *t)
{
	struct virtio_vsock *v = to_vsock(t);

	new_packet(v);
	t->draining = v->sending;
	v->has_reset = v->starved = false;
	virtio_vsock_end_wait(v);
	v->announces |= v->conn_count != 0;
	v->conn_count = v->dead = 0;
	virtio_vsock_host_forget(v);
}

/* A part that was found is found again. */
static bool let_go(struct virtio *t)
{
	struct virtio_vsock *v = to_vsock(t);

	if (v->step == VSOCK_READY && !v->sending)
		v->step = VSOCK_DATA;
	return v->sending;
}

/* ---- sending, without the lock ---- */

/* What became of the part. Lock held. */
static void conclude(struct virtio_vsock *v, s32 done)
{
	v->sending = false;
	if (v->step != VSOCK_SENDING) /* the device was reset */
		return;
	if (done == VSOCK_LATER) {
		v->step = VSOCK_DATA;
		v->blocked = !v->woken;
		timeout_set(&v->timeout, arch_counter() + ms_to_ticks(VSOCK_RETRY_MS));
		return;
	}
	if (done == VSOCK_GONE) {
		drop(v, true);
		return;
	}
	if (done)
		virtio_advance(&v->t, VSOCK_TX, (u32)done);
	v->left -= (u32)done;
	v->step = v->left ? VSOCK_DATA : VSOCK_DONE;
	v->sent += !v->left;
	virtio_vsock_note(v, v->head.op, v->head.dst_cid, v->head.dst_port, v->head.src_port);
}

static void between(struct virtio *t, struct vcpu *vcpu)
{
	struct virtio_vsock *v = to_vsock(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool announces = v->announces, wakes = v->wakes;
	const bool sends = v->step == VSOCK_READY && !v->sending;
	struct vsock_head head = v->head;
	const u8 *data = v->data;
	const u32 len = v->len;
	s32 done;

	(void)vcpu;
	v->announces = v->wakes = false;
	if (sends) {
		v->step = VSOCK_SENDING;
		v->sending = true;
		v->woken = false;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (announces)
		vsock_announce(&v->port);
	if (wakes)
		vsock_wake_waiting(&v->port);
	if (!sends)
		return;
	head.len = 0; /* the receiver says how much it takes */
	if (head.dst_cid == VSOCK_CID_HOST)
		done = virtio_vsock_to_host(v, &head, data, len);
	else
		done = vsock_send(&v->port, &head, data, len);
	irq = spin_lock_irqsave(&t->lock);
	conclude(v, done);
	spin_unlock_irqrestore(&t->lock, irq);
}

/* The receiver has buffers, or it is time to ask. */
static void try_again(struct virtio_vsock *v)
{
	unsigned long irq = spin_lock_irqsave(&v->t.lock);

	v->woken = true;
	v->blocked = false;
	if (virtio_is_live(&v->t))
		virtio_wake(&v->t);
	spin_unlock_irqrestore(&v->t.lock, irq);
}

static void wake(struct vsock_port *port)
{
	try_again(container_of(port, struct virtio_vsock, port));
}

static void look_again(struct timeout *timeout)
{
	try_again(container_of(timeout, struct virtio_vsock, timeout));
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 19,
	.queues = 3,
	.unit = unit,
	.between = between,
	.reset = forget,
	.let_go = let_go,
	.drains = let_go,
};

static int create(struct vdev *d)
{
	struct virtio_vsock *v = d->state;
	const char *owner = NULL;
	int r;

	forget(&v->t);
	v->patience = ms_to_ticks(VSOCK_PATIENCE_MS);
	timeout_init(&v->timeout, look_again);
	v->config.guest_cid = d->virtio->cid ? d->virtio->cid : VSOCK_CID_MIN + d->vm->id;
	r = virtio_vsock_host_create(v, d->virtio);
	if (!r)
		r = virtio_create(d, &model, VIRTIO_VSOCK_F_STREAM, &v->config, sizeof(v->config));
	if (r)
		return r;
	v->port.cid = v->config.guest_cid;
	v->port.owner = d->vm->name;
	v->port.receive = virtio_vsock_receive;
	v->port.wake = wake;
	v->port.gone = virtio_vsock_gone;
	r = vsock_join(&v->port, &owner);
	if (r)
		log_err("vm '%s': %s: context ID %lu is that of vm '%s'", d->vm->name,
			d->virtio->name, v->config.guest_cid, owner);
	return r;
}

static void connect(struct vdev *d)
{
	virtio_vsock_host_connect(d->state, d);
}

static void reset(struct vdev *d)
{
	struct virtio_vsock *v = d->state;

	virtio_reset(d);
	(void)timeout_cancel(&v->timeout);
	(void)timeout_cancel(&v->again);
	if (v->port.cid)
		vsock_announce(&v->port);
	v->announces = false; /* no vCPU runs */
}

static void destroy(struct vdev *d)
{
	struct virtio_vsock *v = d->state;

	if (v->port.cid)
		vsock_leave(&v->port);
	virtio_vsock_host_destroy(v);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_vsock *v = d->state;
	const size_t at = virtio_begin_info(&v->t, text, size);

	(void)snprintf(text + at, size - at,
		       "cid %lu, %lu packets sent, %lu received, %lu dropped, %u connections%s%s",
		       v->config.guest_cid, v->sent, v->received, v->dropped, v->conn_count,
		       v->unnoted ? " (there were more)" : "",
		       v->blocked ? ", waits for a receiver" : "");
	virtio_vsock_host_info(v, text, size);
}

static u64 memory(const struct vdev *d)
{
	return virtio_vsock_host_memory(d->state);
}

const struct vdev_class virtio_vsock_class = {
	.name = "virtio-vsock",
	.virtio = VIRTIO_VSOCK,
	.size = sizeof(struct virtio_vsock),
	.host_init = virtio_host_init,
	.create = create,
	.connect = connect,
	.reset = reset,
	.destroy = destroy,
	.info = info,
	.memory = memory,
};
