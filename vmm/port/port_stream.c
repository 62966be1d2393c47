/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of records to ports. */
#include <kernel/page.h>
#include <lib/errno.h>
#include "console_port.h"

#define PAGES ((u32)(PORT_STREAM_BYTES / PAGE_SIZE))

void port_stream_init(struct port_stream *s)
{
	*s = (struct port_stream){ .port = -1 };
	spin_lock_init(&s->lock, LOCK_STREAM);
}

static void set_open(struct port_stream *s, bool open)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);

	__atomic_store_n(&s->open, open, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&s->lock, irq);
}

int port_stream_open(struct port_stream *s, s32 want, const void *head, u32 len)
{
	void *buf = pages_alloc(PAGES);
	int port;

	if (!buf)
		return -ENOMEM;
	s->records = s->dropped = 0;
	ring_init(&s->ring, buf, PORT_STREAM_BYTES);
	(void)ring_write(&s->ring, head, len);
	port = port_attach_stream(s, want);
	if (port < 0) {
		pages_free(buf, PAGES);
		s->ring.buf = NULL;
		return port;
	}
	s->port = port;
	set_open(s, true);
	console_port_ready((u32)port);
	return port;
}

void port_stream_close(struct port_stream *s)
{
	if (s->port < 0)
		return;
	set_open(s, false); /* no writer uses the ring after this */
	port_detach_stream(s);
	s->port = -1;
	pages_free(s->ring.buf, PAGES);
	s->ring.buf = NULL;
}

/* All of it, or nothing. Lock held. */
static bool write_record(struct port_stream *s, const struct port_piece *pieces, u32 count)
{
	u32 len = 0;

	for (u32 i = 0; i < count; i++)
		len += pieces[i].len;
	if (len > ring_free(&s->ring))
		return false;
	for (u32 i = 0; i < count; i++)
		(void)ring_write(&s->ring, pieces[i].at, pieces[i].len);
	return true;
}

void port_stream_put(struct port_stream *s, const struct port_piece *pieces, u32 count)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);
	const u32 port = (u32)s->port;
	bool written = false;

	if (s->open) {
		written = write_record(s, pieces, count);
		if (written)
			s->records++;
		else
			s->dropped++;
	}
	spin_unlock_irqrestore(&s->lock, irq);
	if (written)
		console_port_ready(port);
}

u32 port_stream_room(struct port_stream *s)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);
	u32 room = ring_free(&s->ring);

	spin_unlock_irqrestore(&s->lock, irq);
	return room;
}

u32 port_stream_peek(struct port_stream *s, void *out, u32 len)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);
	u64 pos = s->ring.tail;
	u32 n = ring_read_at(&s->ring, &pos, out, len);

	spin_unlock_irqrestore(&s->lock, irq);
	return n;
}

void port_stream_pass(struct port_stream *s, u32 len)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);

	s->ring.tail += len;
	spin_unlock_irqrestore(&s->lock, irq);
}

/* ---- what is typed ---- */

void port_stream_listen(struct port_stream *s, void *buf, u32 size, void (*came)(void))
{
	ring_init(&s->typed, buf, size);
	s->came = came;
}

void port_stream_typed(struct port_stream *s, const void *data, u32 len)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);
	const bool kept = s->typed.buf && s->open;

	if (kept)
		(void)ring_write(&s->typed, data, len);
	spin_unlock_irqrestore(&s->lock, irq);
	if (kept)
		s->came();
}

u32 port_stream_read(struct port_stream *s, void *out, u32 len)
{
	unsigned long irq = spin_lock_irqsave(&s->lock);
	u32 n = ring_read_at(&s->typed, &s->typed.tail, out, len);

	spin_unlock_irqrestore(&s->lock, irq);
	return n;
}
