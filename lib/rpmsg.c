/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints, messages and the name service, over rings of either role. */
#include "rpmsg_internal.h"

/* The header of a message. */
struct header {
	uint32_t src, dst, reserved;
	uint16_t length, flags;
};

/* An announcement, sent to RPMSG_NS_ADDR. */
struct announcement {
	char name[RPMSG_NAME_SIZE];
	uint32_t addr;
	uint32_t flags; /* NS_DESTROY: the service ends */
};
#define NS_DESTROY 1u

_Static_assert(sizeof(struct header) == RPMSG_HEADER_SIZE, "a message's header");
_Static_assert(sizeof(struct announcement) == 40, "an announcement");

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* ---- rings by role ---- */

static void tell(struct rpmsg *r, const struct rpmsg_vring *v)
{
	r->kick |= rpmsg_vring_must_notify(v, r->role == RPMSG_HOST);
	if (!r->kick || r->polling)
		return;
	r->kick = false;
	r->ops->notify(r->arg);
}

/* The host takes back what the remote has read. */
static void collect(struct rpmsg *r)
{
	struct rpmsg_buffer b;
	enum rpmsg_took took = RPMSG_TOOK;

	for (uint32_t i = 0; i < r->tx.count && took == RPMSG_TOOK; i++) {
		took = rpmsg_vring_reclaim(&r->tx, &b);
		if (took == RPMSG_TOOK && !r->tx_lent[b.id])
			took = RPMSG_BROKEN;
		if (took == RPMSG_TOOK)
			r->tx_lent[b.id] = false;
	}
	if (took == RPMSG_BROKEN)
		rpmsg_break(r);
}

/* The host's buffer with this number is behind those to receive. */
static uint32_t host_buffer(const struct rpmsg *r, uint32_t id, bool to_send)
{
	(void)r;
	return RPMSG_MEMORY_MIN - RPMSG_BUFFER_SIZE * (RPMSG_RING_SIZE * (to_send ? 1 : 2) - id);
}

static enum rpmsg_took take_free(struct rpmsg *r, struct rpmsg_buffer *b)
{
	for (b->id = 0; b->id < r->tx.count; b->id++)
		if (!r->tx_lent[b->id])
			break;
	if (b->id == r->tx.count)
		return RPMSG_NONE;
	b->at = host_buffer(r, b->id, true);
	b->length = RPMSG_BUFFER_SIZE;
	return RPMSG_TOOK;
}

/* A buffer to send in. RPMSG_BROKEN: the link went down. */
static enum rpmsg_took get_buffer(struct rpmsg *r, struct rpmsg_buffer *b)
{
	enum rpmsg_took took = RPMSG_NONE;

	if (r->role == RPMSG_HOST) {
		took = take_free(r, b);
		if (took != RPMSG_NONE)
			return took;
		collect(r);
		return r->up ? take_free(r, b) : RPMSG_BROKEN;
	}
	for (uint32_t i = 0; i < r->tx.count; i++) {
		took = rpmsg_vring_take(&r->tx, r->size, b);
		if (took != RPMSG_BAD)
			break;
		r->counts.malformed++;
		rpmsg_vring_give(&r->tx, b->id, 0);
	}
	if (took == RPMSG_BROKEN)
		rpmsg_break(r);
	return took;
}

/* While it waits for a buffer, the peer shall interrupt once it has given one back. */
static void set_starved(struct rpmsg *r, bool starved)
{
	if (r->starved == starved)
		return;
	r->starved = starved;
	rpmsg_vring_want(&r->tx, r->role == RPMSG_HOST, starved);
}

/* As get_buffer(). RPMSG_NONE: an interrupt comes once there is one. */
static enum rpmsg_took wait_for_buffer(struct rpmsg *r, struct rpmsg_buffer *b)
{
	enum rpmsg_took took = get_buffer(r, b);

	if (took == RPMSG_NONE) {
		set_starved(r, true);
		took = get_buffer(r, b); /* it may have been given back just before */
	}
	if (took == RPMSG_TOOK)
		set_starved(r, false);
	return took;
}

/*
 * A remote takes a message only while it has a buffer for an answer: a host that reads slowly has
 * to wait, and loses none. The host takes all, so they never wait for each other.
 */
static bool may_take(struct rpmsg *r)
{
	bool offered;

	if (r->role == RPMSG_HOST)
		return true;
	offered = rpmsg_vring_offers(&r->tx);
	if (!offered) {
		set_starved(r, true);
		offered = rpmsg_vring_offers(&r->tx); /* it may have been given back just before */
	}
	if (offered)
		set_starved(r, false);
	return offered;
}

static void put_buffer(struct rpmsg *r, const struct rpmsg_buffer *b, uint32_t length)
{
	if (r->role == RPMSG_HOST) {
		r->tx_lent[b->id] = true;
		rpmsg_vring_offer(&r->tx, b->id, b->at, length, false);
	} else {
		rpmsg_vring_give(&r->tx, b->id, length);
	}
	tell(r, &r->tx);
}

/* ---- sending ---- */

static enum rpmsg_sent send_from(struct rpmsg *r, uint32_t src, uint32_t dst, const void *data,
				 uint32_t length)
{
	const struct header h = { .src = src, .dst = dst, .length = (uint16_t)length };
	struct rpmsg_buffer b;
	enum rpmsg_took took;

	if (length > RPMSG_PAYLOAD_MAX)
		return RPMSG_TOO_LONG;
	if (!r->up)
		return RPMSG_UNBOUND;
	took = wait_for_buffer(r, &b);
	if (took != RPMSG_TOOK)
		return r->up ? RPMSG_FULL : RPMSG_UNBOUND;
	if (length > b.length - RPMSG_HEADER_SIZE) {
		put_buffer(r, &b, 0);
		return RPMSG_TOO_LONG;
	}
	rpmsg_copy_in(r->memory, b.at, &h, sizeof(h));
	rpmsg_copy_in(r->memory, b.at + RPMSG_HEADER_SIZE, data, length);
	put_buffer(r, &b, RPMSG_HEADER_SIZE + length);
	r->counts.sent++;
	return RPMSG_SENT;
}

enum rpmsg_sent rpmsg_send_to(struct rpmsg *r, struct rpmsg_endpoint *e, uint32_t dst,
			      const void *data, uint32_t length)
{
	const enum rpmsg_sent sent = send_from(r, e->addr, dst, data, length);

	e->sent += sent == RPMSG_SENT;
	return sent;
}

enum rpmsg_sent rpmsg_send(struct rpmsg *r, struct rpmsg_endpoint *e, const void *data,
			   uint32_t length)
{
	if (e->peer == RPMSG_ADDR_ANY)
		return RPMSG_UNBOUND;
	return rpmsg_send_to(r, e, e->peer, data, length);
}

/* ---- the name service ---- */

static void bind(struct rpmsg_endpoint *e, uint32_t addr)
{
	const bool was = e->peer != RPMSG_ADDR_ANY, is = addr != RPMSG_ADDR_ANY;

	e->peer = addr;
	if (e->bound && was != is)
		e->bound(e, is);
}

static struct rpmsg_service *find_service(struct rpmsg *r, const char *name)
{
	for (uint32_t i = 0; i < RPMSG_SERVICES; i++)
		if (same_name(r->services[i].name, name))
			return &r->services[i];
	return NULL;
}

/* Clients get the peer's service of their name, the first one if there are several. */
static void bind_clients(struct rpmsg *r)
{
	struct rpmsg_endpoint *e, *next;

	for (e = r->endpoints; e; e = next) {
		const struct rpmsg_service *s = e->service ? NULL : find_service(r, e->name);

		next = e->next;
		if (!e->service)
			bind(e, s ? s->addr : RPMSG_ADDR_ANY);
	}
}

static bool is_name(const char *name)
{
	uint32_t length = 0;

	while (length < RPMSG_NAME_SIZE && name[length] > ' ' && name[length] <= '~')
		length++;
	return length && length < RPMSG_NAME_SIZE && !name[length];
}

static void announced(struct rpmsg *r, const struct announcement *a)
{
	struct rpmsg_service *free_row;

	for (uint32_t i = 0; i < RPMSG_SERVICES; i++) {
		struct rpmsg_service *s = &r->services[i];

		if (!s->name[0] || s->addr != a->addr || !same_name(s->name, a->name))
			continue;
		if (a->flags & NS_DESTROY)
			*s = (struct rpmsg_service){ .addr = 0 };
		return;
	}
	if (a->flags & NS_DESTROY)
		return;
	free_row = find_service(r, "");
	if (!free_row) {
		r->counts.refused++;
		return;
	}
	__builtin_memcpy(free_row->name, a->name, RPMSG_NAME_SIZE);
	free_row->addr = a->addr;
}

static void take_announcement(struct rpmsg *r, uint32_t length)
{
	struct announcement a;

	if (length != sizeof(a)) {
		r->counts.malformed++;
		return;
	}
	__builtin_memcpy(&a, (const uint8_t *)r->message + RPMSG_HEADER_SIZE, sizeof(a));
	if (!is_name(a.name)) {
		r->counts.refused++;
		return;
	}
	announced(r, &a);
	bind_clients(r);
}

/* Announce what the peer does not know yet. */
static void announce(struct rpmsg *r)
{
	for (struct rpmsg_endpoint *e = r->endpoints; e; e = e->next) {
		struct announcement a = { .addr = e->addr };

		if (!e->service || e->announced)
			continue;
		for (uint32_t i = 0; i < RPMSG_NAME_SIZE - 1 && e->name[i]; i++)
			a.name[i] = e->name[i];
		e->announced = send_from(r, e->addr, RPMSG_NS_ADDR, &a, sizeof(a)) == RPMSG_SENT;
		if (!e->announced)
			return;
	}
}

/* ---- endpoints ---- */

static struct rpmsg_endpoint *find_endpoint(struct rpmsg *r, uint32_t addr)
{
	struct rpmsg_endpoint *e = r->endpoints;

	while (e && e->addr != addr)
		e = e->next;
	return e;
}

void rpmsg_add(struct rpmsg *r, struct rpmsg_endpoint *e)
{
	while (!e->addr) {
		if (r->next_addr < RPMSG_FIRST_ADDR || r->next_addr == RPMSG_ADDR_ANY)
			r->next_addr = RPMSG_FIRST_ADDR;
		if (!find_endpoint(r, r->next_addr))
			e->addr = r->next_addr;
		r->next_addr++;
	}
	e->peer = RPMSG_ADDR_ANY;
	e->announced = false;
	e->received = e->sent = 0;
	e->next = r->endpoints;
	r->endpoints = e;
	if (!r->up)
		return;
	announce(r);
	if (r->up)
		bind_clients(r);
}

void rpmsg_remove(struct rpmsg *r, struct rpmsg_endpoint *e)
{
	struct rpmsg_endpoint **link = &r->endpoints;

	while (*link && *link != e)
		link = &(*link)->next;
	if (*link)
		*link = e->next;
}

void rpmsg_link_changed(struct rpmsg *r, bool up)
{
	r->starved = false;
	for (uint32_t i = 0; i < RPMSG_RING_MAX; i++) {
		r->counts.unreturned += !up && r->tx_lent[i];
		r->tx_lent[i] = false;
	}
	for (uint32_t i = 0; i < RPMSG_SERVICES; i++)
		r->services[i] = (struct rpmsg_service){ .addr = 0 };
	for (struct rpmsg_endpoint *e = r->endpoints; e; e = e->next)
		e->announced = false;
	if (up)
		return;
	for (struct rpmsg_endpoint *e = r->endpoints, *next; e; e = next) {
		next = e->next;
		bind(e, RPMSG_ADDR_ANY);
	}
}

/* ---- receiving ---- */

static void dispatch(struct rpmsg *r, const struct header *h)
{
	struct rpmsg_endpoint *e;

	if (h->dst == RPMSG_NS_ADDR) {
		take_announcement(r, h->length);
		return;
	}
	e = find_endpoint(r, h->dst);
	if (!e) {
		r->counts.unaddressed++;
		return;
	}
	r->counts.received++;
	e->received++;
	if (e->service)
		bind(e, h->src); /* where a service writes to by itself */
	e->receive(e, h->src, (const uint8_t *)r->message + RPMSG_HEADER_SIZE, h->length);
}

/* Copy a message out of a buffer: the header is the copy's from then on. */
static bool copy_message(struct rpmsg *r, uint32_t at, uint32_t length, struct header *h)
{
	if (length < RPMSG_HEADER_SIZE)
		return false;
	if (length > RPMSG_BUFFER_SIZE)
		length = RPMSG_BUFFER_SIZE;
	rpmsg_copy_out(r->message, r->memory, at, RPMSG_HEADER_SIZE);
	__builtin_memcpy(h, r->message, sizeof(*h));
	if (h->length > length - RPMSG_HEADER_SIZE)
		return false;
	rpmsg_copy_out(r->message + RPMSG_HEADER_SIZE / 8, r->memory, at + RPMSG_HEADER_SIZE,
		       h->length);
	return true;
}

static enum rpmsg_took take_message(struct rpmsg *r, struct rpmsg_buffer *b)
{
	enum rpmsg_took took;

	if (r->role == RPMSG_REMOTE)
		return rpmsg_vring_take(&r->rx, r->size, b);
	took = rpmsg_vring_reclaim(&r->rx, b);
	if (took != RPMSG_TOOK)
		return took;
	if (!r->rx_lent[b->id])
		return RPMSG_BROKEN;
	r->rx_lent[b->id] = false;
	b->at = host_buffer(r, b->id, false);
	return RPMSG_TOOK;
}

static void return_message(struct rpmsg *r, const struct rpmsg_buffer *b)
{
	if (r->role == RPMSG_HOST) {
		r->rx_lent[b->id] = true;
		rpmsg_vring_offer(&r->rx, b->id, b->at, RPMSG_BUFFER_SIZE, true);
	} else {
		rpmsg_vring_give(&r->rx, b->id, 0);
	}
	tell(r, &r->rx);
}

/* One message. False: there is none. */
static bool receive(struct rpmsg *r)
{
	struct rpmsg_buffer b;
	struct header h;
	enum rpmsg_took took;
	bool whole;

	if (!may_take(r))
		return false;
	took = take_message(r, &b);
	if (took == RPMSG_NONE)
		return false;
	if (took == RPMSG_BROKEN) {
		rpmsg_break(r);
		return false;
	}
	whole = took == RPMSG_TOOK && copy_message(r, b.at, b.length, &h);
	return_message(r, &b); /* it has been copied; its receiver may need room to answer */
	if (whole)
		dispatch(r, &h);
	else
		r->counts.malformed++;
	return true;
}

bool rpmsg_poll(struct rpmsg *r)
{
	bool more = false, was_up;

	rpmsg_follow(r);
	was_up = r->up;
	r->polling = true;
	if (r->up && r->role == RPMSG_HOST)
		collect(r);
	for (uint32_t i = 0; r->up && i < r->rx.count; i++) {
		more = receive(r);
		if (!more)
			break;
	}
	if (r->up)
		announce(r);
	r->polling = false;
	if (r->kick && r->up)
		r->ops->notify(r->arg);
	r->kick = false;
	return more || (was_up && !r->up);
}
