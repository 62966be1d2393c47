/* SPDX-License-Identifier: Apache-2.0 */
/* The switch: networks, their ports, and the addresses behind each port. */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/net.h>

#define BUCKETS 256
#define AGE_MS  300000 /* an address that was not seen for so long is forgotten */
#define LOOKS   16     /* numbers of ports that one section looks at */

struct net {
	char name[DESC_NAME_MAX];
	struct net *next;
	/* Of what follows. No other lock is taken under it. */
	struct spinlock lock;
	u64 key; /* of the hash: a guest cannot choose addresses of one bucket */
	u32 nports, room;
	u32 end;                 /* no port has had this number or a greater one */
	struct net_port **ports; /* NULL: a free number */
	struct net_station *buckets[BUCKETS];
	struct net_capture capture; /* has a lock of its own */
};
_Static_assert(sizeof(struct net) <= PAGE_SIZE, "kzalloc()");

static struct net *networks; /* lifecycle lock */

/* ---- addresses, under the network's lock ---- */

static struct net_station **bucket_of(struct net *net, u64 mac)
{
	return &net->buckets[mac * net->key >> 56];
}
_Static_assert(BUCKETS == 256, "the hash has 8 bits");

static bool is_fresh(const struct net_station *s, u64 now)
{
	return s == &s->port->own || now - s->seen < ms_to_ticks(AGE_MS);
}

static struct net_station *find(struct net *net, u64 mac)
{
	struct net_station *s = *bucket_of(net, mac);

	while (s && s->mac != mac)
		s = s->next;
	return s;
}

static void insert(struct net *net, struct net_station *s)
{
	struct net_station **bucket = bucket_of(net, s->mac);

	s->next = *bucket;
	*bucket = s;
}

/* Forget an address; nothing if it is none. */
static void forget(struct net *net, struct net_station *s)
{
	struct net_station **at;

	if (!s->mac)
		return;
	for (at = bucket_of(net, s->mac); *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->mac = 0;
}

/* A place for another address behind a port: a free one, else that of the oldest. */
static struct net_station *place_for(struct net_port *port)
{
	struct net_station *oldest = port->stations;

	for (u32 i = 0; i < port->room; i++) {
		struct net_station *s = &port->stations[i];

		if (!s->mac)
			return s;
		if (s->seen < oldest->seen)
			oldest = s;
	}
	return oldest;
}

static void learn(struct net_port *port, u64 mac, u64 now)
{
	struct net_station *s = place_for(port);

	if (s->mac)
		port->displaced += is_fresh(s, now);
	forget(port->net, s);
	s->mac = mac;
	s->seen = now;
	s->port = port;
	insert(port->net, s);
}

/* As admit(), for an address that is not the port's own. Under the network's lock. */
static bool admit_other(struct net_port *port, u64 mac)
{
	const u64 now = arch_counter();
	struct net_station *s = find(port->net, mac);

	if (s && s == &s->port->own)
		return false;
	if (s && s->port == port) {
		s->seen = now;
		return true;
	}
	if (s)
		forget(port->net, s);
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
	s = find(from->net, to);
	if (s && is_fresh(s, arch_counter())) {
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

/* ---- joining and leaving; lifecycle lock ---- */

static u32 pages_for(u64 count, u64 size)
{
	return (u32)(ALIGN_UP(count * size, PAGE_SIZE) / PAGE_SIZE);
}

static struct net *named(const char *name)
{
	struct net *net = networks;

	while (net && !str_eq(net->name, name))
		net = net->next;
	return net;
}

static struct net *make(const char *name)
{
	struct net *net = kzalloc(sizeof(*net));

	if (!net)
		return NULL;
	(void)str_copy(net->name, name, sizeof(net->name));
	spin_lock_init(&net->lock, LOCK_NET);
	port_stream_init(&net->capture.stream);
	net->key = (arch_counter() * 0x9e3779b97f4a7c15ULL) | 1;
	net->next = networks;
	networks = net;
	return net;
}

static void end_capture(struct net *net)
{
	struct port_stream *s = &net->capture.stream;

	port_stream_close(s);
	log_info("network '%s': the capture ended, %lu frames, %lu dropped", net->name, s->records,
		 s->dropped);
}

/* The network goes with its last port, and its capture too. */
static void unmake_if_empty(struct net *net)
{
	struct net **at = &networks;

	if (net->nports)
		return;
	while (*at != net)
		at = &(*at)->next;
	*at = net->next;
	if (port_stream_is_open(&net->capture.stream))
		end_capture(net);
	if (net->ports)
		pages_free(net->ports, pages_for(net->room, sizeof(void *)));
	kfree(net, sizeof(*net));
}

/* Make room for one more port. */
static int grow(struct net *net)
{
	const u32 room = net->room ? 2 * net->room : (u32)(PAGE_SIZE / sizeof(void *));
	struct net_port **ports, **old = net->ports;
	const u32 old_room = net->room;
	unsigned long irq;

	if (net->nports < net->room)
		return 0;
	ports = pages_alloc(pages_for(room, sizeof(void *)));
	if (!ports)
		return -ENOMEM;
	irq = spin_lock_irqsave(&net->lock);
	if (old)
		memcpy(ports, old, old_room * sizeof(void *));
	net->ports = ports;
	net->room = room;
	spin_unlock_irqrestore(&net->lock, irq);
	if (old)
		pages_free(old, pages_for(old_room, sizeof(void *)));
	return 0;
}

/* 0; -EEXIST: that address is another port's. It is taken from a port that only learnt it. */
static int enter(struct net *net, struct net_port *port)
{
	struct net_station *s;
	unsigned long irq;
	bool taken;

	while (net->ports[port->number]) /* they change under the lifecycle lock */
		port->number++;
	irq = spin_lock_irqsave(&net->lock);
	s = find(net, port->own.mac);
	taken = s && s == &s->port->own;
	if (!taken) {
		if (s)
			forget(net, s);
		insert(net, &port->own);
		net->ports[port->number] = port;
		net->end = MAX(net->end, port->number + 1);
		net->nports++;
	}
	spin_unlock_irqrestore(&net->lock, irq);
	return taken ? -EEXIST : 0;
}

int net_join(struct net_port *port, const char *network, u64 mac, u32 room)
{
	struct net *net = named(network);
	int r;

	if (!net)
		net = make(network);
	port->stations = pages_alloc(pages_for(room, sizeof(*port->stations)));
	r = net && port->stations ? grow(net) : -ENOMEM;
	if (!r) {
		port->net = net;
		port->room = room;
		port->own = (struct net_station){ .mac = mac, .port = port };
		r = enter(net, port);
	}
	if (!r)
		return 0;
	port->net = NULL;
	if (port->stations)
		pages_free(port->stations, pages_for(room, sizeof(*port->stations)));
	if (net)
		unmake_if_empty(net);
	return r;
}

void net_leave(struct net_port *port)
{
	struct net *net = port->net;
	unsigned long irq = spin_lock_irqsave(&net->lock);

	net->ports[port->number] = NULL;
	net->nports--;
	forget(net, &port->own);
	spin_unlock_irqrestore(&net->lock, irq);
	for (u32 i = 0; i < port->room; i++) { /* a section for each */
		irq = spin_lock_irqsave(&net->lock);
		forget(net, &port->stations[i]);
		spin_unlock_irqrestore(&net->lock, irq);
	}
	while (__atomic_load_n(&port->pins, __ATOMIC_ACQUIRE))
		arch_relax(); /* its holders have interrupts masked */
	port->net = NULL;
	pages_free(port->stations, pages_for(port->room, sizeof(*port->stations)));
	unmake_if_empty(net);
}

/* ---- for the operator; lifecycle lock ---- */

const struct net *net_next(const struct net *net)
{
	return net ? net->next : networks;
}

int net_capture_start(const char *network, s32 want, u32 snap, u64 wall)
{
	struct net *net = named(network);

	return net ? net_capture_open(&net->capture, want, snap, wall) : -ENOENT;
}

void net_capture_end(const char *network)
{
	struct net *net = named(network);

	if (net && port_stream_is_open(&net->capture.stream))
		end_capture(net);
}

const struct net_capture *net_capture_of(const struct net *net)
{
	return &net->capture;
}

const char *net_name(const struct net *net)
{
	return net->name;
}

const struct net_port *net_port_next(const struct net *net, const struct net_port *port)
{
	u32 number = port ? port->number + 1 : 0;

	while (number < net->room && !net->ports[number])
		number++;
	return number < net->room ? net->ports[number] : NULL;
}

void net_each_station(const struct net_port *port, void (*fn)(u64 mac, void *arg), void *arg)
{
	const u64 now = arch_counter();

	for (u32 i = 0; i < port->room; i++) {
		const struct net_station s = port->stations[i];

		if (s.mac && is_fresh(&s, now))
			fn(s.mac, arg);
	}
}
