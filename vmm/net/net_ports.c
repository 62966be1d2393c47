/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: how ports join and leave, and what the operator sees. */
#include "net_switch.h"

#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <lib/string.h>

_Static_assert(sizeof(struct net) <= PAGE_SIZE, "kzalloc()");

static struct net *networks; /* lifecycle lock */

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
	s = net_find(net, port->own.mac);
	taken = s && s == &s->port->own;
	if (!taken) {
		if (s)
			net_forget(net, s);
		net_insert(net, &port->own);
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
	net_forget(net, &port->own);
	spin_unlock_irqrestore(&net->lock, irq);
	for (u32 i = 0; i < port->room; i++) { /* a section for each */
		irq = spin_lock_irqsave(&net->lock);
		net_forget(net, &port->stations[i]);
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

		if (s.mac && net_is_fresh(&s, now))
			fn(s.mac, arg);
	}
}
