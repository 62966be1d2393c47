/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ring over a buffer whose size is a power of two. Positions count up for ever, so each reader
 * may keep a position of its own; the console log has several readers of one writer. Not locked:
 * the owner's lock guards it.
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include <lib/types.h>

struct ring {
	u8 *buf;
	u32 size;
	u64 head; /* position of the next byte written */
	u64 tail; /* position of the oldest byte kept, for ring_get */
};

/* size: a power of two. */
void ring_init(struct ring *r, void *buf, u32 size);

static inline u32 ring_used(const struct ring *r)
{
	return (u32)(r->head - r->tail);
}

static inline u32 ring_free(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* Append a byte; false if the ring is full (nothing is changed). */
bool ring_put(struct ring *r, u8 byte);

/* Append a byte, dropping the oldest if the ring is full. */
void ring_put_over(struct ring *r, u8 byte);

/* Append as many of len bytes as fit. Returns their number. */
u32 ring_write(struct ring *r, const void *data, u32 len);

/* Drop the oldest bytes until there is room for len, which is at most the ring's size. */
void ring_make_room(struct ring *r, u32 len);

/* Take the oldest byte of a ring that has one. */
static inline u8 ring_take(struct ring *r)
{
	return r->buf[r->tail++ & (r->size - 1)];
}

/* Take the oldest byte; false if empty. */
bool ring_get(struct ring *r, u8 *byte);

/*
 * Copy up to len bytes from position *pos on to `out` and move *pos past them. If that position
 * has been overwritten, the copy begins at the oldest byte kept. Returns the number copied. Nothing
 * is consumed.
 */
u32 ring_read_at(const struct ring *r, u64 *pos, void *out, u32 len);

#endif
