/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: what its two directions share. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <kernel/timeout.h>
#include <lib/bucket.h>
#include <vmm/net.h>
#include <vmm/virtio.h>

#define NET_RX 0
#define NET_TX 1

/* 5.1.3: feature bits */
#define VIRTIO_NET_F_CSUM       BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT(1)
#define VIRTIO_NET_F_MAC        BIT(5)
#define VIRTIO_NET_F_MRG_RXBUF  BIT(15)
#define VIRTIO_NET_F_STATUS     BIT(16)

/* 5.1.6: before each frame */
struct virtio_net_header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "5.1.6");
#define NEEDS_CSUM BIT(0)

/*
 * Frames for which the driver has no buffer yet. Each sender has a queue of its own, and they take
 * turns. If there is no place, the longest queue gives one up: a sender that floods displaces only
 * its own frames.
 */
#define NET_SLOTS      32
#define NET_SLOT_SIZE  2048 /* bytes */
#define NET_SLOT_PAGES ((u32)(NET_SLOTS * NET_SLOT_SIZE / PAGE_SIZE))

struct net_queue {
	u32 used;  /* slots */
	u8 free;   /* the first of the free slots */
	u8 turn;   /* the sender that is next */
	bool part; /* its frame needs more buffers than there are */
	struct {
		u32 from;
		u8 count, first, last;
	} senders[NET_SLOTS];
	struct {
		u16 len, sum_start, sum_offset;
		bool has_sum;
		u8 next;
	} slots[NET_SLOTS];
	u8 *frames;
};

/* A direction's limits. `waits`: nothing passes before the timeout (atomic). */
struct net_limit {
	struct bucket bytes, frames;
	struct timeout timeout;
	bool any; /* there is a limit */
	bool waits;
	struct virtio *t;
};

/* Where a frame is that the driver sends. SENDING: a vCPU is at it, without the lock. */
enum net_step { NET_GATHER, NET_READY, NET_SENDING, NET_SENT };

struct virtio_net {
	struct virtio t; /* first */
	struct {
		u8 mac[6];
		u16 status;
	} config; /* 5.1.4 */
	struct net_port port;
	struct net_queue queue;
	struct net_limit in, out;
	bool sends_next; /* receiving and sending take turns */
	/* sending */
	enum net_step step;
	bool sending; /* ... whatever became of the request meanwhile */
	bool discard; /* the frame is not sent: it is malformed */
	u32 got;      /* bytes of what follows */
	struct {
		struct virtio_net_header header;
		u8 head[NET_HEAD];
	} begin;
	struct net_frame frame;
	u8 *bounce; /* a page: the parts of a frame with many pieces */
};

/* ---- virtio_net.c; the device's lock is held ---- */

/* False if a frame may pass now. Else a vCPU looks again when one may. */
bool virtio_net_limited(struct net_limit *limit);
static inline bool virtio_net_may_pass(struct net_limit *limit)
{
	return likely(!limit->any) || !virtio_net_limited(limit);
}
/* It has: the next one waits until its length is made up for. */
void virtio_net_passed(struct net_limit *limit, u32 len);

/* ---- virtio_net_rx.c; the device's lock is held ---- */

void net_queue_init(struct net_queue *q);
/* One frame of the queue for the driver. False: there is none, or no buffer. */
bool virtio_net_drain(struct virtio_net *n);
/* Of struct net_port: takes the lock. */
void virtio_net_receive(struct net_port *port, const struct net_frame *f, u32 from);

#endif
