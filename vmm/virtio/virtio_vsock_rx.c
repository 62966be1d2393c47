/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket device's receiving half: a packet goes into one buffer of the driver. If the buffer is
 * too small for all bytes, the rest follows in a packet of its own, as the stream is the same.
 */
#include "virtio_vsock.h"

#include <arch/timer.h>
#include <lib/string.h>

/*
 * A packet that finds no buffer keeps all that its sender sends behind it waiting. So a receiver
 * has only so much patience of others: what they have waited is taken from it, and each packet that
 * the driver takes brings some back. A driver that is slow, or does not run for a while, costs no
 * more than 4 ms a packet, and one that takes nothing costs nothing any more.
 */
#define EARNS 256 /* the part of all patience that a packet brings back */

/* Pieces of a buffer that one packet may meet: its section is short. */
#define PIECES 5

/* A packet on its way into a buffer. */
struct fill {
	struct virtio *t;
	u32 pieces; /* that may still be met */
	u8 *len[4]; /* the bytes of vsock_head.len */
};

/* Copy as much as there is room for: how many bytes. at: their place in the packet. */
static u32 put_bytes(struct fill *f, const void *from, u32 len, u32 at)
{
	const u32 field = offsetof(struct vsock_head, len);
	u32 done = 0, n;

	while (done < len && f->pieces) {
		u8 *to;

		n = len - done;
		to = virtio_piece(f->t, VSOCK_RX, true, &n, NULL);
		if (!to)
			break;
		f->pieces--;
		memcpy(to, (const u8 *)from + done, n);
		for (u32 i = 0; i < 4; i++)
			if (field + i >= at + done && field + i < at + done + n)
				f->len[i] = to + field + i - at - done;
		virtio_advance(f->t, VSOCK_RX, n);
		done += n;
	}
	return done;
}

/* The packet, in the buffer that was taken. As vsock_port.receive(). */
static s32 fill(struct virtio *t, const struct vsock_head *h, const u8 *data, u32 len)
{
	const u32 head = (u32)sizeof(*h);
	struct fill f = { .t = t, .pieces = PIECES };
	u32 done = 0;

	if (put_bytes(&f, h, head, 0) == head)
		done = put_bytes(&f, data, len, head);
	if (!virtio_can_go_on(t))
		return VSOCK_LATER;
	if (!f.len[3] || (len && !done) || t->s.queues[VSOCK_RX].request.written < head) {
		virtio_break(t, VSOCK_RX, VIRTIO_FAULT_REQUEST, 0);
		return VSOCK_GONE;
	}
	for (u32 i = 0; i < 4; i++)
		*f.len[i] = (u8)(done >> (8 * i));
	(void)virtio_finish(t, VSOCK_RX); /* if that is not possible now, a unit does it */
	return (s32)done;
}

/* True if a buffer is there for the next packet. */
static bool has_buffer(struct virtio *t)
{
	const struct virtio_request *r = &t->s.queues[VSOCK_RX].request;

	if (r->taken && r->written && !virtio_finish(t, VSOCK_RX))
		return false;
	return virtio_take(t, VSOCK_RX);
}

void virtio_vsock_end_wait(struct virtio_vsock *v)
{
	if (v->empty)
		v->patience -= MIN(v->patience, arch_counter() - v->empty);
	v->empty = 0;
}

/* There is no buffer for a packet with `len` bytes. As vsock_port.receive(). */
static s32 refuse(struct virtio_vsock *v, const struct vsock_head *h, u32 len)
{
	const u64 now = arch_counter();

	/* Also of what its sender never wanted: it does not wait. Bytes have no place in it. */
	if (h->op == VSOCK_OP_RST)
		return virtio_vsock_end(v, h) ? (s32)len : VSOCK_GONE;
	v->starved = true;
	if (!v->empty)
		v->empty = now;
	return now - v->empty < v->patience ? VSOCK_LATER : VSOCK_GONE;
}

s32 virtio_vsock_put(struct virtio_vsock *v, const struct vsock_head *h, const u8 *data, u32 len)
{
	const struct virtio_queue *q = &v->t.s.queues[VSOCK_RX];
	s32 done = VSOCK_LATER;

	if (!virtio_is_live(&v->t))
		return VSOCK_GONE;
	if (has_buffer(&v->t)) {
		const u16 avail = (u16)(q->avail - 1);

		done = fill(&v->t, h, data, len);
		if (done == VSOCK_LATER)
			virtio_untake(&v->t, VSOCK_RX, avail);
	}
	if (!virtio_is_live(&v->t))
		return done < 0 ? VSOCK_GONE : done;
	if (done >= 0) {
		const u64 most = ms_to_ticks(VSOCK_PATIENCE_MS);

		virtio_vsock_end_wait(v);
		v->patience = MIN(v->patience + most / EARNS, most);
		v->received++;
		virtio_vsock_note(v, h->op, h->src_cid, h->src_port, h->dst_port);
	}
	return done;
}

s32 virtio_vsock_receive(struct vsock_port *port, const struct vsock_head *h, const u8 *data,
			 u32 len)
{
	struct virtio_vsock *v = container_of(port, struct virtio_vsock, port);
	s32 done;

	spin_lock(&v->t.lock);
	done = virtio_vsock_put(v, h, data, len);
	if (done == VSOCK_LATER)
		done = refuse(v, h, len);
	if (v->t.missing) /* its own vCPU lets the memory come, and goes on */
		virtio_wake(&v->t);
	spin_unlock(&v->t.lock);
	return done;
}

bool virtio_vsock_rx_unit(struct virtio_vsock *v)
{
	const struct virtio_request *r = &v->t.s.queues[VSOCK_RX].request;

	if (!v->starved)
		return r->taken && r->written && virtio_finish(&v->t, VSOCK_RX);
	if (!has_buffer(&v->t))
		return false;
	v->starved = false;
	v->wakes = true;
	virtio_vsock_end_wait(v);
	return true;
}

bool virtio_vsock_answer(struct virtio_vsock *v, const struct vsock_head *h)
{
	const s32 done = virtio_vsock_put(v, h, NULL, 0);

	if (v->t.missing)
		return false;
	v->dropped += done < 0;
	return true;
}
