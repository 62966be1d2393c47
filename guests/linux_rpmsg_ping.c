/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to "rpmsg-ping", one at a time. An answer acknowledges its question. A question without
 * an answer is sent again when the service is back after a restart.
 */
#include "linux_rpmsg.h"

#define ANSWER_MS 5000  /* a service that is there */
#define RETURN_MS 60000 /* a service that was there */

struct question {
	uint64_t number;
	uint64_t check; /* the number's complement */
};

static void send(struct ping *p)
{
	const struct question q = { p->asked, ~(uint64_t)p->asked };
	const enum rpmsg_sent sent = rpmsg_send(&host_link, &p->endpoint, &q, sizeof(q));

	p->again = sent != RPMSG_SENT;
	p->since = host_ticks();
}

static void next(struct ping *p)
{
	p->waits = p->asked < p->count;
	if (!p->waits)
		return;
	p->asked++;
	p->once = true;
	send(p);
}

static void on_answer(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	struct ping *p = (struct ping *)e;
	const struct question *q = data;

	(void)src;
	if (!p->waits || length != sizeof(*q) || q->number != p->asked ||
	    q->check != ~(uint64_t)p->asked)
		return; /* an answer that came too late */
	p->answered++;
	if (p->once)
		p->took[p->times++] = (uint32_t)(host_ticks() - p->since);
	next(p);
}

static void on_bound(struct rpmsg_endpoint *e, bool bound)
{
	struct ping *p = (struct ping *)e;

	p->since = host_ticks();
	if (!bound)
		return;
	p->was_bound = true;
	if (!p->waits) {
		next(p);
		return;
	}
	p->resent++;
	p->once = false;
	send(p);
}

bool ping_start(struct ping *p, uint32_t pings)
{
	*p = (struct ping){
		.endpoint = { .name = PING_NAME, .receive = on_answer, .bound = on_bound },
		.count = pings,
		.since = host_ticks(),
		.took = (uint32_t *)linux_map(-1, pings * sizeof(uint32_t)),
	};
	if (!p->took)
		return false;
	rpmsg_add(&host_link, &p->endpoint);
	return true;
}

bool ping_step(struct ping *p)
{
	const bool bound = p->endpoint.peer != RPMSG_ADDR_ANY;
	const uint64_t gone = host_ticks() - p->since;

	if (p->was_bound && !p->waits)
		return true;
	if (!bound)
		return gone > host_ms(p->was_bound ? RETURN_MS : HOST_WAIT_MS);
	if (p->again) {
		send(p);
	} else if (gone > host_ms(ANSWER_MS)) {
		next(p);
	}
	return false;
}

/* Largest first below n: a heap, as sorting takes no memory then. */
static void sift(uint32_t *v, uint32_t at, uint32_t n)
{
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		const uint32_t value = v[at];

		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[child] <= value)
			return;
		v[at] = v[child];
		v[child] = value;
	}
}

static void sort(uint32_t *v, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sift(v, i, n);
	while (n-- > 1) {
		const uint32_t largest = v[0];

		v[0] = v[n];
		v[n] = largest;
		sift(v, 0, n);
	}
}

static void add_time(struct text *t, const char *name, const struct ping *p, uint32_t permille)
{
	const uint64_t ticks = p->took[(uint64_t)permille * (p->times - 1) / 1000];
	const uint64_t ns = ticks * 1000000000 / host_ms(1000);

	text_add(t, name);
	text_number(t, ns / 1000, 0);
	text_add(t, ".");
	text_number(t, ns % 1000 / 100, 0);
}

bool ping_report(struct ping *p, struct text *t)
{
	const uint32_t lost = p->count - p->answered;

	if (!p->was_bound) {
		text_add(t, "rpmsg: the peer announces no " PING_NAME "\n");
		return false;
	}
	text_number(t, p->count, 0);
	text_add(t, " pings, ");
	text_number(t, p->answered, 0);
	text_add(t, " answered, ");
	text_number(t, lost, 0);
	text_add(t, " lost, ");
	text_number(t, p->resent, 0);
	text_add(t, " sent again");
	if (p->times) {
		sort(p->took, p->times);
		add_time(t, "; us: min ", p, 0);
		add_time(t, ", p50 ", p, 500);
		add_time(t, ", p99 ", p, 990);
		add_time(t, ", max ", p, 1000);
	}
	text_add(t, "\n");
	return !lost;
}

void ping_end(struct ping *p)
{
	rpmsg_remove(&host_link, &p->endpoint);
	(void)linux_call(SYS_MUNMAP, (uintptr_t)p->took, p->count * sizeof(uint32_t), 0, 0, 0);
}
