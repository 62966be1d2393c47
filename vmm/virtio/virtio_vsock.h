/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device: what its two directions share. */
#ifndef VIRTIO_VSOCK_H
#define VIRTIO_VSOCK_H

#include <kernel/timeout.h>
#include <vmm/net.h>
#include <vmm/virtio.h>

enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT };

/* 5.10.3, 5.10.6 */
#define VIRTIO_VSOCK_F_STREAM BIT(0)
#define VSOCK_TYPE_STREAM     1
enum {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE = 2,
	VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4,
	VSOCK_OP_RW = 5,
	VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7
};
#define VSOCK_SHUT_BOTH 3U /* flags: nothing is received, nothing is sent any more */

/* Where a packet is that the driver sends. SENDING: a vCPU is at it, without the lock. */
enum vsock_step { VSOCK_HEAD, VSOCK_DATA, VSOCK_READY, VSOCK_SENDING, VSOCK_DONE };

/* A connection, from one end. */
struct vsock_conn {
	u32 cid, port; /* of the other end */
	u32 own;       /* port */
	bool dead;     /* the other end was reset; the driver does not know yet */
};
#define VSOCK_PATIENCE_MS 1000 /* that senders may wait for a receiver, in all */
#define VSOCK_CONNS       128  /* of a device, that are noted */

struct vsock_host;

struct virtio_vsock {
	struct virtio t; /* first */
	struct {
		u64 guest_cid;
	} config; /* 5.10.4 */
	struct vsock_port port;
	/* receiving */
	bool starved; /* a packet found no buffer: its sender is to be woken when there is one */
	bool wakes;   /* now */
	u64 empty;    /* counter: since then packets find no buffer; 0: they do */
	u64 patience; /* ticks that senders may still wait for buffers */
	/* sending */
	enum vsock_step step;
	bool sending; /* ... whatever became of the request meanwhile */
	bool blocked; /* the receiver has no buffer */
	bool woken;   /* it may have one by now */
	u32 got;      /* bytes of head */
	u32 left;     /* bytes behind it that were not sent yet */
	struct vsock_head head;
	const u8 *data; /* of the part that is sent */
	u32 len;
	bool has_reset; /* an answer for the driver: */
	struct vsock_head reset;
	struct timeout timeout;
	u64 sent, received, dropped; /* packets */
	/* connections */
	bool announces; /* the device was reset: the others are to be told */
	u32 conn_count, dead;
	u64 unnoted; /* there was no room */
	struct vsock_conn conns[VSOCK_CONNS];
	/* host ports */
	u32 host_count, host_turn, next_own;
	struct vsock_host *hosts[DESC_PORTS];
	struct timeout again; /* the guest is asked for a connection again */
};

/* ---- virtio_vsock_rx.c ---- */

/* There is a buffer, or never will be: what others have waited for one counts. Lock held. */
void virtio_vsock_end_wait(struct virtio_vsock *v);
/* Of struct vsock_port: takes the lock. */
s32 virtio_vsock_receive(struct vsock_port *port, const struct vsock_head *h, const u8 *data,
			 u32 len);
/* The same without the switch. Lock held. */
s32 virtio_vsock_put(struct virtio_vsock *v, const struct vsock_head *h, const u8 *data, u32 len);
/* What is to be done for receiving. True: something was. Lock held. */
bool virtio_vsock_rx_unit(struct virtio_vsock *v);
/*
 * Give the driver a packet without bytes, or drop it if there is no buffer. False: not now. Lock
 * held.
 */
bool virtio_vsock_answer(struct virtio_vsock *v, const struct vsock_head *h);

/* ---- virtio_vsock_conn.c; the lock is held, but for virtio_vsock_gone() ---- */

/* A packet was sent or received: its other end, and the port of this one. */
void virtio_vsock_note(struct virtio_vsock *v, u16 op, u64 cid, u32 port, u32 own);
/*
 * There is no buffer for the end of a connection: the driver is told as soon as it has one. False:
 * it knows of no such connection.
 */
bool virtio_vsock_end(struct virtio_vsock *v, const struct vsock_head *h);
/* Of struct vsock_port: takes the lock. */
void virtio_vsock_gone(struct vsock_port *port, u64 cid);
/* Tell the driver of one connection that is dead. False: there is none, or not now. */
bool virtio_vsock_tell(struct virtio_vsock *v);

/* ---- virtio_vsock_host.c ---- */

/* As vsock_send(), for a packet to the machine. */
s32 virtio_vsock_to_host(struct virtio_vsock *v, const struct vsock_head *head, const u8 *from,
			 u32 len);
/* What is to be done for the driver. True: something was. Lock held. */
bool virtio_vsock_host_unit(struct virtio_vsock *v);
/* The device was reset: there is no connection. Lock held. */
void virtio_vsock_host_forget(struct virtio_vsock *v);
/* For the members of struct vdev_class. create: 0, or -ENOMEM; destroy() is called all the same. */
int __must_check virtio_vsock_host_create(struct virtio_vsock *v, const struct desc_virtio *d);
void virtio_vsock_host_connect(struct virtio_vsock *v, const struct vdev *d);
void virtio_vsock_host_destroy(struct virtio_vsock *v);
/* Appends to the text. */
void virtio_vsock_host_info(const struct virtio_vsock *v, char *text, size_t size);
u64 virtio_vsock_host_memory(const struct virtio_vsock *v);

#endif
