/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of VMs. A network is a learning switch with ports. A port belongs to a VM's network
 * device, or is the uplink. A network exists while it has a port.
 *
 * A frame travels on the thread of its sender, preemptible. It is a list of pieces in the sender's
 * memory, and is copied once, by the port that receives it. At most one receiver's lock is held at
 * a time, and no lock of the sender. What a frame costs is charged to its sender.
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include <kernel/spinlock.h>
#include <vmm/desc.h>
#include <vmm/port.h>

#define NET_HEAD      14   /* bytes of an Ethernet header: destination, source, type */
#define NET_FRAME_MAX 1518 /* bytes: header, an 802.1Q tag, 1500 bytes */
#define NET_PIECES    6

/* IEEE 802: the group bit of the first byte, of an address in the order of its bytes. */
#define NET_GROUP BIT(40)

struct net_piece {
	const u8 *at;
	u32 len;
};

struct net_frame {
	u32 len;
	bool has_sum; /* the checksum's field still has to be filled in: over [sum_start, len) */
	u16 sum_start, sum_offset;
	u32 count;
	u8 head[NET_HEAD]; /* the first piece: a copy, so that its sender cannot change it */
	u8 sum[2];
	struct net_piece pieces[NET_PIECES + 2];
};

/* An address that was seen behind a port. */
struct net_station {
	u64 mac;  /* 0: none */
	u64 seen; /* counter */
	struct net_port *port;
	struct net_station *next; /* with the same hash */
};

struct net_counts {
	u64 frames, bytes, dropped;
};

struct net;

struct net_port {
	struct net *net; /* NULL: it is in none */
	u32 number;      /* in its network */
	u32 pins;        /* senders that use it now, each with interrupts masked (atomic) */
	const char *owner, *name; /* the VM's and the device's */
	bool filter;              /* it sends with its own address only */
	struct net_station own;
	struct net_station *stations;
	u32 room, next_place;      /* stations */
	u64 displaced;             /* addresses whose place was needed for others */
	struct net_counts in, out; /* as the device sees it: received and sent */
	/*
	 * Take a copy of the frame, or drop it; count. It never waits. Interrupts masked, no
	 * lock held.
	 */
	void (*receive)(struct net_port *port, const struct net_frame *f, u32 from);
	/* True if it takes frames with has_sum now. Any context. */
	bool (*sums)(struct net_port *port);
};

/*
 * Join the network of that name, which is made if need be. port: owner, name, filter, receive and
 * sums are filled in; room: how many addresses are learnt behind it. -ENOMEM; -EEXIST: another port
 * of the network has that address. Lifecycle lock held, or boot.
 */
int __must_check net_join(struct net_port *port, const char *network, u64 mac, u32 room);
/* Leave it. On return no sender uses the port. Lifecycle lock held, no other lock. */
void net_leave(struct net_port *port);

/* Send a frame. Thread context, preemptible, no lock held. One caller at a time for each port. */
void net_send(struct net_port *from, struct net_frame *f);

/* ---- for the operator; the lifecycle lock is held ---- */

/* Networks and their ports. NULL: no more. */
const struct net *net_next(const struct net *net);
const char *net_name(const struct net *net);
const struct net_port *net_port_next(const struct net *net, const struct net_port *port);
/* Call fn for each address behind a port that is not too old. */
void net_each_station(const struct net_port *port, void (*fn)(u64 mac, void *arg), void *arg);

/*
 * A capture: each frame that the network takes is copied to a port of the machine, in pcap format.
 * A frame for which the port's stream has no room is not captured. It is delivered all the same.
 */
struct net_capture {
	struct port_stream stream;
	u32 snap;        /* bytes of a frame that are kept */
	u64 start_ticks; /* counter, at */
	u64 start_ns;    /* that Unix time */
};

/*
 * Start the capture of a network to port `want`, or to the lowest free one if want is -1. snap: at
 * most so many bytes of a frame. wall: Unix time, in seconds. Returns the port; -EEXIST: it has a
 * capture; or an error of port_stream_open().
 */
int __must_check net_capture_start(const char *network, s32 want, u32 snap, u64 wall);
/* End it. */
void net_capture_end(const char *network);
/* Its capture, which may be closed. */
const struct net_capture *net_capture_of(const struct net *net);

/* ---- vsock: packets between VMs by their context IDs (VIRTIO 1.2, 5.10) ---- */

#define VSOCK_CID_HOST 2 /* the machine: each device has its own ports of it */
#define VSOCK_CID_MIN  3 /* below are hypervisor, loopback, host */
#define VSOCK_CID_MAX  0xfffffffeU

/* Before each packet. */
struct vsock_head {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port;
	u32 len; /* bytes behind it */
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

/* What became of a packet, if not a number of bytes. */
#define VSOCK_LATER    (-1) /* there is no buffer; try again at wake(), and after VSOCK_RETRY_MS */
#define VSOCK_GONE     (-2) /* no device has that ID, or it takes nothing */
#define VSOCK_RETRY_MS 10

struct vsock_port {
	u64 cid; /* 0: it has not joined */
	const char *owner;
	u32 pins;   /* as those of struct net_port */
	u64 waits;  /* the ID that has no buffer for it; 0: none (atomic) */
	u64 served; /* counter: its last packet was taken */
	/*
	 * Of the senders that found no buffer, the one that was served longest ago is next, unless
	 * it does not come soon: `turn` is its ID, 0: none.
	 */
	u64 turn, turn_served, turn_end;
	struct vsock_port *next;
	/*
	 * Take a packet with some of its bytes: how many, at least one if len is not 0, or as
	 * above. It never waits. Interrupts masked, no lock held.
	 */
	s32 (*receive)(struct vsock_port *port, const struct vsock_head *h, const u8 *data,
		       u32 len);
	/* Try again. As receive(). */
	void (*wake)(struct vsock_port *port);
	/* The device with that ID was reset, and knows of no connection. As receive(). */
	void (*gone)(struct vsock_port *port, u64 cid);
};

/* Join with port->cid. -EEXIST: *owner has it. Lifecycle lock held. */
int __must_check vsock_join(struct vsock_port *port, const char **owner);
/* On return no sender uses the port. Lifecycle lock held, no other lock. */
void vsock_leave(struct vsock_port *port);
/*
 * Send h and len bytes to h->dst_cid: what became of it. One section, as long as a copy. Thread
 * context, no lock held. One caller at a time for each port.
 */
s32 __must_check vsock_send(struct vsock_port *from, const struct vsock_head *h, const u8 *data,
			    u32 len);
/* The port's device was reset: tell all others. Thread context, no lock held. */
void vsock_announce(const struct vsock_port *port);
/* The port's driver has buffers again: wake the ports that wait for it. Thread context, no lock. */
void vsock_wake_waiting(struct vsock_port *port);

/* ---- RPMsg: the two devices of a link (docs/rpmsg.md, "As a virtio device") ---- */

#define RPMSG_MESSAGE_MAX 512U
#define RPMSG_SERVICE_MAX 24U /* that a driver has announced and not ended */

/* A service that a driver has announced. */
struct rpmsg_announced {
	char name[32]; /* as it is, perhaps without a zero at its end */
	u32 addr;
	/* 0: this is none. One that ended and was announced again has another serial number. */
	u64 serial;
};

/* What became of a message, if not its length. */
#define RPMSG_LATER (-1) /* the peer has no buffer; changed() says when to try again */
#define RPMSG_GONE  (-2) /* there is no peer, or no driver */

struct rpmsg_port {
	const char *link; /* its name; NULL: it has not joined */
	const char *owner;
	struct rpmsg_port *peer, *next;
	u32 pins; /* as those of struct net_port */
	/* Take a message. It never waits. Interrupts masked, no lock held; the same below. */
	s32 (*receive)(struct rpmsg_port *port, const u8 *message, u32 len);
	/* Copy what its driver has announced as number n. False: nothing. */
	bool (*service)(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s);
	/* The peer has buffers again; or, if `services`, has other ones, or has come or gone. */
	void (*changed)(struct rpmsg_port *port, bool services);
};

/* Join with port->link. -EBUSY: owner[0] and owner[1] are its VMs. Lifecycle lock held. */
int __must_check rpmsg_join(struct rpmsg_port *port, const char **owner);
/* On return the peer does not use the port. Lifecycle lock held, no other lock. */
void rpmsg_leave(struct rpmsg_port *port);
/* receive(), service() and changed() of the peer. Thread context, no lock held. */
s32 __must_check rpmsg_pass(struct rpmsg_port *port, const u8 *message, u32 len);
bool rpmsg_peer_service(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s);
void rpmsg_tell_peer(struct rpmsg_port *port, bool services);

/* ---- addresses ---- */

/* The address in six bytes. */
u64 net_mac(const u8 *bytes);
#define NET_MAC_TEXT 18
/* "02:00:00:00:00:01". Returns buf. */
const char *net_mac_text(u64 mac, char *buf);
/* An address that is the same whenever a VM of that name has a device of that name. */
u64 net_mac_of_name(const char *vm, const char *device);

/* ---- net_capture.c, for the switch ---- */

int __must_check net_capture_open(struct net_capture *c, s32 want, u32 snap, u64 wall);
/* Its checksum is filled in first. Thread context, preemptible. */
void net_capture_frame(struct net_capture *c, struct net_frame *f);

/* ---- frames ---- */

/* Append a piece. False: there are too many. */
bool net_frame_add(struct net_frame *f, const void *at, u32 len);
/* Copy the pieces to one place, with room for f->len bytes. */
void net_frame_copy(const struct net_frame *f, void *to);
/* Fill the checksum in: the frame's pieces change, the sender's memory does not. */
void net_frame_sum(struct net_frame *f);

#endif
