/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPMsg in OpenAMP's wire format over memory that two sides share: docs/rpmsg.md. The host makes a
 * resource table and two vrings (VIRTIO 1.2, 2.7, split virtqueues) and owns all buffers; the
 * remote uses them. Programs of Linux, bare-metal guests and the RTOS share this code, so it needs
 * only the compiler's headers.
 *
 * Neither side trusts the other: everything in the memory is read once and checked. All functions
 * of a link are called by one thread at a time. None waits, and each does a bounded amount of work.
 */
#ifndef LIB_RPMSG_H
#define LIB_RPMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPMSG_BUFFER_SIZE 512u
#define RPMSG_HEADER_SIZE 16u
#define RPMSG_PAYLOAD_MAX (RPMSG_BUFFER_SIZE - RPMSG_HEADER_SIZE)
#define RPMSG_NAME_SIZE   32u /* with the zero at its end */
#define RPMSG_NS_ADDR     53u
#define RPMSG_FIRST_ADDR  1024u /* lower ones are reserved */
#define RPMSG_ADDR_ANY    0xffffffffu

/* What the host lays out; a remote takes rings of any power of two up to RPMSG_RING_MAX. */
#define RPMSG_RING_SIZE   64u
#define RPMSG_RING_MAX    256u
#define RPMSG_VRING_ALIGN 4096u
#define RPMSG_MEMORY_MIN  0x15000u /* bytes that a host needs */

/* The channel's protocol number, for a system with several channels. */
#define RPMSG_PROTOCOL 0x4001u

/* ---- a vring ---- */

/* One of the two rings; offsets are from the start of the shared memory. */
struct rpmsg_vring {
	volatile uint8_t *memory;
	uint32_t base; /* what is added to an offset where the ring has an address */
	uint32_t desc, avail, used;
	uint32_t count;    /* entries */
	uint16_t produced; /* index of the ring that this side writes */
	uint16_t consumed; /* how far this side has read the other's */
};

/* A buffer as the other side describes it. */
struct rpmsg_buffer {
	uint32_t id;
	uint32_t at;     /* offset in the memory; the device's side only */
	uint32_t length; /* bytes: the buffer's (device), what was written (driver) */
};

enum rpmsg_took {
	RPMSG_TOOK,
	RPMSG_NONE,
	RPMSG_BROKEN, /* the other side's index or number is impossible: this ring is of no use */
	RPMSG_BAD,    /* the buffer is of no use: give it back */
};

/* ---- endpoints ---- */

struct rpmsg_endpoint;
typedef void (*rpmsg_receive_t)(struct rpmsg_endpoint *e, uint32_t src, const void *data,
				uint32_t length);

/* The caller owns it; fields up to `arg` are the caller's, the rest is read-only. */
struct rpmsg_endpoint {
	const char *name; /* up to RPMSG_NAME_SIZE - 1 characters */
	/*
	 * True: a service, announced to the peer. False: a client of the peer's service of that
	 * name, to which it is bound again whenever the peer announces it.
	 */
	bool service;
	/* `data` is a copy, aligned to 8 bytes, valid until the return. May send. */
	rpmsg_receive_t receive;
	/* A client was bound (true), or is no more: what was not answered may be lost. Or NULL. */
	void (*bound)(struct rpmsg_endpoint *e, bool bound);
	void *arg;

	uint32_t addr; /* its own, from rpmsg_add() on */
	uint32_t peer; /* where it sends to; RPMSG_ADDR_ANY: not known */
	uint64_t received, sent;
	bool announced;
	struct rpmsg_endpoint *next;
};

/* What the peer announced. */
struct rpmsg_service {
	char name[RPMSG_NAME_SIZE]; /* letters, digits and other visible ASCII; "": a free row */
	uint32_t addr;
};
#define RPMSG_SERVICES 32u

/* ---- a link ---- */

enum rpmsg_role { RPMSG_HOST, RPMSG_REMOTE };

/* States of a peer, in the channel's state table. */
#define RPMSG_STATE_DOWN  0u /* the VM does not run */
#define RPMSG_STATE_PLAIN 1u /* a peer without epochs, as OpenAMP is */
#define RPMSG_STATE_HELLO 2u /* a remote that waits for the host */
/*
 * From here on epochs of the host: odd, the remote has to let go of the rings; the next even one:
 * the rings are made. The remote shows what it has followed.
 */
#define RPMSG_STATE_FIRST 16u

/* How a system interrupts the peer and shows its own state. */
struct rpmsg_ops {
	void (*notify)(void *arg);
	void (*set_state)(void *arg, uint32_t state);
};

struct rpmsg_counts {
	uint64_t sent, received;
	uint64_t links;       /* times that the link came up */
	uint64_t unreturned;  /* sent, and not taken by the peer before the link went down */
	uint64_t malformed;   /* messages with an impossible length, and wrong buffers */
	uint64_t unaddressed; /* messages to an address without an endpoint */
	uint64_t refused;     /* announcements without a name, or for which there was no row */
	uint64_t broken;      /* times that the peer's rings or table were impossible */
};

struct rpmsg {
	enum rpmsg_role role;
	const struct rpmsg_ops *ops;
	void *arg;
	volatile uint8_t *memory; /* the section that both write */
	uint32_t size, base;
	const volatile uint32_t *peer_state;

	uint32_t state; /* ours, as it was shown last */
	uint32_t epoch; /* the last one that the host showed, as far as this side knows */
	bool up;        /* messages flow */
	bool kick;      /* the peer has to be told */
	bool polling;
	bool starved; /* it waits for a buffer to send in */
	struct rpmsg_vring rx, tx;
	bool rx_lent[RPMSG_RING_MAX], tx_lent[RPMSG_RING_MAX]; /* host: the remote has it */
	struct rpmsg_endpoint *endpoints;
	uint32_t next_addr;
	struct rpmsg_service services[RPMSG_SERVICES];
	struct rpmsg_counts counts;
	uint64_t message[RPMSG_BUFFER_SIZE / 8]; /* the one that is being received */
};

/*
 * Start a link over `size` bytes of memory, which are mapped so that aligned loads and stores of up
 * to 8 bytes work. base: the address of that memory in the table and in descriptors, 0 on a
 * channel. peer_state is the peer's entry of the state table. False: there is too little memory.
 * The caller then calls rpmsg_poll().
 */
bool rpmsg_start(struct rpmsg *r, enum rpmsg_role role, const struct rpmsg_ops *ops, void *arg,
		 volatile void *memory, uint64_t size, uint32_t base,
		 const volatile uint32_t *peer_state);

/*
 * Follow the peer's state and take what it sent. Called after every interrupt of the channel, and
 * again while the result is true.
 */
bool rpmsg_poll(struct rpmsg *r);

/* Add an endpoint, at its `addr` or, if that is 0, at a free one. */
void rpmsg_add(struct rpmsg *r, struct rpmsg_endpoint *e);
/* Remove an endpoint; the peer is not told. Not from its own `receive`. */
void rpmsg_remove(struct rpmsg *r, struct rpmsg_endpoint *e);

enum rpmsg_sent {
	RPMSG_SENT,
	RPMSG_UNBOUND,  /* the link is down, or nothing is known to send to */
	RPMSG_FULL,     /* try again after the next rpmsg_poll(): an interrupt will come */
	RPMSG_TOO_LONG, /* longer than RPMSG_PAYLOAD_MAX, or than the peer's buffer */
};

/* Send to e->peer. */
enum rpmsg_sent rpmsg_send(struct rpmsg *r, struct rpmsg_endpoint *e, const void *data,
			   uint32_t length);
/* Send to an address, as an answer does. */
enum rpmsg_sent rpmsg_send_to(struct rpmsg *r, struct rpmsg_endpoint *e, uint32_t dst,
			      const void *data, uint32_t length);

#endif
