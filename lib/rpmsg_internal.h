/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of RPMsg share. */
#ifndef LIB_RPMSG_INTERNAL_H
#define LIB_RPMSG_INTERNAL_H

#include <lib/rpmsg.h>

/* ---- shared memory: aligned accesses only, as it may be mapped as a device ---- */

static inline uint32_t rpmsg_read32(volatile uint8_t *memory, uint32_t at)
{
	return *(volatile uint32_t *)(volatile void *)(memory + at);
}

static inline void rpmsg_write32(volatile uint8_t *memory, uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(volatile void *)(memory + at) = value;
}

static inline uint16_t rpmsg_read16(volatile uint8_t *memory, uint32_t at)
{
	return *(volatile uint16_t *)(volatile void *)(memory + at);
}

static inline void rpmsg_write16(volatile uint8_t *memory, uint32_t at, uint16_t value)
{
	*(volatile uint16_t *)(volatile void *)(memory + at) = value;
}

/* Copy between the memory, from a multiple of 8 on, and a private buffer. */
void rpmsg_copy_out(void *to, volatile uint8_t *memory, uint32_t at, uint32_t length);
void rpmsg_copy_in(volatile uint8_t *memory, uint32_t at, const void *from, uint32_t length);
/* Zeroes, for multiples of 8. */
void rpmsg_clear(volatile uint8_t *memory, uint32_t at, uint32_t length);

/* ---- rpmsg_vring.c ---- */

/* Bytes of a ring in the legacy layout (VIRTIO 1.2, 2.7.2), up to the end of the used ring. */
uint32_t rpmsg_vring_size(uint32_t count, uint32_t align);
/* Place a ring whose values the caller has checked. Both indices begin at 0. */
void rpmsg_vring_place(struct rpmsg_vring *v, const struct rpmsg *r, uint32_t at, uint32_t count,
		       uint32_t align);

/* The driver: offer a buffer (its descriptor has the number id), and take one that came back. */
void rpmsg_vring_offer(struct rpmsg_vring *v, uint32_t id, uint32_t at, uint32_t length,
		       bool for_device_to_write);
enum rpmsg_took rpmsg_vring_reclaim(struct rpmsg_vring *v, struct rpmsg_buffer *b);

/* The device: there is a buffer to take, or the ring is broken, which taking one tells. */
bool rpmsg_vring_offers(const struct rpmsg_vring *v);
/*
 * The device: take a buffer of at least RPMSG_HEADER_SIZE bytes in a memory of `size`, and give it
 * back with `length` bytes written.
 */
enum rpmsg_took rpmsg_vring_take(struct rpmsg_vring *v, uint32_t size, struct rpmsg_buffer *b);
void rpmsg_vring_give(struct rpmsg_vring *v, uint32_t id, uint32_t length);

/*
 * Whether the other side wants an interrupt for what this one did (2.7.7, 2.7.10), and the same
 * wish of this side.
 */
bool rpmsg_vring_must_notify(const struct rpmsg_vring *v, bool driver);
void rpmsg_vring_want(const struct rpmsg_vring *v, bool driver, bool wanted);

/* ---- rpmsg_table.c ---- */

/* Host: make table, rings and buffers, with the status cleared; offer the buffers to receive. */
void rpmsg_table_make(struct rpmsg *r);
/* Remote: take the rings from the table. False: there is none, or an impossible one. */
bool rpmsg_table_read(struct rpmsg *r);
/* The host's driver is ready (VIRTIO 1.2, 2.1: DRIVER_OK), as it was stored or as it is read. */
bool rpmsg_table_ready(const struct rpmsg *r);
void rpmsg_table_set_ready(const struct rpmsg *r, bool ready);
/*
 * The host's last epoch, which rpmsg_table_make() stores: a paused remote may still show one that
 * an earlier run of the host gave it.
 */
uint32_t rpmsg_table_epoch(const struct rpmsg *r);

/* ---- rpmsg_link.c ---- */

/* Follow the peer's state. Sets r->up. */
void rpmsg_follow(struct rpmsg *r);
/* The peer broke the rules: host, make the link again; remote, wait until the host does. */
void rpmsg_break(struct rpmsg *r);

/* ---- rpmsg.c ---- */

/* The link came up, or went down: endpoints lose their peers. */
void rpmsg_link_changed(struct rpmsg *r, bool up);

#endif
