/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/ring.h>
#include <lib/string.h>

void ring_init(struct ring *r, void *buf, u32 size)
{
	r->buf = buf;
	r->size = size;
	r->head = 0;
	r->tail = 0;
}

static u8 *slot(const struct ring *r, u64 pos)
{
	return &r->buf[pos & (r->size - 1)];
}

bool ring_put(struct ring *r, u8 byte)
{
	if (ring_free(r) == 0)
		return false;
	*slot(r, r->head++) = byte;
	return true;
}

void ring_put_over(struct ring *r, u8 byte)
{
	if (ring_free(r) == 0)
		r->tail++;
	*slot(r, r->head++) = byte;
}

u32 ring_write(struct ring *r, const void *data, u32 len)
{
	u32 n = MIN(ring_free(r), len);
	u32 till_end = r->size - (u32)(r->head & (r->size - 1));
	u32 first = MIN(n, till_end);

	memcpy(slot(r, r->head), data, first);
	memcpy(r->buf, (const u8 *)data + first, n - first);
	r->head += n;
	return n;
}

void ring_make_room(struct ring *r, u32 len)
{
	if (ring_free(r) < len)
		r->tail = r->head + len - r->size;
}

bool ring_get(struct ring *r, u8 *byte)
{
	if (ring_used(r) == 0)
		return false;
	*byte = *slot(r, r->tail++);
	return true;
}

u32 ring_read_at(const struct ring *r, u64 *pos, void *out, u32 len)
{
	u64 at = MIN(MAX(*pos, r->tail), r->head);
	u32 n = (u32)MIN(r->head - at, len);
	u32 till_end = r->size - (u32)(at & (r->size - 1));
	u32 first = MIN(n, till_end);

	memcpy(out, slot(r, at), first);
	memcpy((u8 *)out + first, r->buf, n - first);
	*pos = at + n;
	return n;
}
