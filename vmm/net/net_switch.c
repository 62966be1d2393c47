/* SPDX-License-Identifier: Apache-2.0 */
/* The switch: where a frame goes, and the addresses behind each port. */
#include "net_switch.h"

#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/timeout.h>

#define AGE_MS 300000 /* an address that was not seen for so long is forgotten */
#define LOOKS  16     /* numbers of ports, or places of addresses, that one section looks at */

/* ---- addresses, under the network's lock ---- */

static struct net_station **bucket_of(struct net *net, u64 mac)
{
	return &net->buckets[mac * net->key >> 56];
}
_Static_assert(NET_BUCKETS == 256, "the hash has 8 bits");

bool net_is_fresh(const struct net_station *s, u64 now)
{
	return s == &s->port->own || now - s->seen < ms_to_ticks(AGE_MS);
}

struct net_station *net_find(struct net *net, u64 mac)
{
	struct net_station *s = *bucket_of(net, mac);

	while (s && s->mac != mac)
		s = s->next;
	return s;
}

void net_insert(struct net *net, struct net_station *s)
{
	struct net_station **bucket = bucket_of(net, s->mac);

	s->next = *bucket;
	*bucket = s;
}

void net_forget(struct net *net, struct net_station *s)
{
	struct net_station **at;

	if (!s->mac)
		return;
	for (at = bucket_of(net, s->mac); *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->mac = 0;
}

/* A place for another address behind a port: of the next ones a free one, else the oldest's. */
static struct net_station *place_for(struct net_port *port)
{
	struct net_station *oldest = NULL;

	for (u32 i = 0; i < LOOKS; i++) {
		struct net_station *s = &port->stations[port->next_place];

		port->next_place = port->next_place + 1 < port->room ? port->next_place + 1 : 0;
		if (!s->mac)
			return s;
		if (!oldest || s->seen < oldest->seen)
			oldest = s;
	}
	return oldest;
}

static void learn(struct net_port *port, u64 mac, u64 now)
{
	struct net_station *s = place_for(port);

	if (s->mac)
		port->displaced += net_is_fresh(s, now);
	net_forget(port->net, s);
	s->mac = mac;
	s->seen = now;
	s->port = port;
	net_insert(port->net, s);
}

/* As admit(), for an address that is not the port's own. Under the network's lock. */
static bool admit_other(struct net_port *port, u64 mac)
{
	const u64 now = arch_counter();
	struct net_station *s = net_find(port->net, mac);

	if (s && s == &s->port->own)
		return false;
	if (s && s->port == port) {
		s->seen = now;
		return true;
	}
	if (s)
		net_forget(port->net, s);
	learn(port, mac, now);
	return true;
}

/*
 * True if the port may send with that source address. A device's own address belongs to its port;
 * any other address moves to the port where it was seen last.
 */
static bool admit(struct net_port *port, u64 mac)
{
	unsigned long irq;
	bool ok;

	if (likely(mac == port->own.mac))
		return true;
	if (port->filter || !mac || mac & NET_GROUP)
		return false;
	irq = spin_lock_irqsave(&port->net->lock);
	ok = admit_other(port, mac);
	spin_unlock_irqrestore(&port->net->lock, irq);
	return ok;
}

/* ---- sending ---- */

static void pin(struct net_port *port)
{
	__atomic_fetch_add(&port->pins, 1, __ATOMIC_ACQUIRE);
}

static void unpin(struct net_port *port)
{
	__atomic_fetch_sub(&port->pins, 1, __ATOMIC_RELEASE);
}

static bool lacks_sum(struct net_port *port, const struct net_frame *f)
{
	return f->has_sum && !port->sums(port);
}

/*
 * Look for a port from `number` on, at a few numbers. *port: it is pinned; NULL: there is none of
 * these. False: no number is left. Interrupts masked.
 */
static bool next_port(struct net *net, u32 *number, const struct net_port *but,
		      struct net_port **port)
{
	bool more;

	*port = NULL;
	spin_lock(&net->lock);
	for (u32 i = 0; i < LOOKS && *number < net->end && !*port; i++) {
		*port = net->ports[(*number)++];
		if (*port == but)
			*port = NULL;
	}
	if (*port)
		pin(*port);
	more = *number < net->end;
	spin_unlock(&net->lock);
	return more;
}

/* To all ports but the sender's: a section for each. */
static void flood(struct net_port *from, struct net_frame *f)
{
	struct net_port *port;
	unsigned long irq;
	u32 number = 0;
	bool more;

	if (f->has_sum)
		net_frame_sum(f);
	do {
		irq = arch_irq_save();
		more = next_port(from->net, &number, from, &port);
		if (port) {
			port->receive(port, f, from->number);
			unpin(port);
		}
		arch_irq_restore(irq);
	} while (more);
}

enum where { NOWHERE, TO_PORT, TO_ALL };

/* Where the frame goes. TO_PORT: *port, which is pinned. Interrupts masked. */
static enum where look_up(struct net_port *from, u64 to, struct net_port **port)
{
	enum where where = TO_ALL;
	struct net_station *s;

	if (to & NET_GROUP)
		return TO_ALL;
	spin_lock(&from->net->lock);
	s = net_find(from->net, to);
	if (s && net_is_fresh(s, arch_counter())) {
		*port = s->port;
		where = s->port == from ? NOWHERE : TO_PORT;
		if (where == TO_PORT)
			pin(*port);
	}
	spin_unlock(&from->net->lock);
	return where;
}

void net_send(struct net_port *from, struct net_frame *f)
{
	const u64 to = net_mac(f->head);
	struct net_port *port = NULL;
	unsigned long irq;
	enum where where;

	if (!admit(from, net_mac(&f->head[6]))) {
		from->out.dropped++;
		return;
	}
	if (unlikely(port_stream_is_open(&from->net->capture.stream)))
		net_capture_frame(&from->net->capture, f);
	irq = arch_irq_save();
	where = look_up(from, to, &port);
	if (where == TO_PORT && unlikely(lacks_sum(port, f))) {
		unpin(port);
		arch_irq_restore(irq);
		net_frame_sum(f); /* long, and in the sender's memory only */
		irq = arch_irq_save();
		where = look_up(from, to, &port);
	}
	if (where == TO_PORT) {
		port->receive(port, f, from->number);
		unpin(port);
	}
	arch_irq_restore(irq);
	if (where == TO_ALL)
		flood(from, f);
}
