/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a link comes up, goes down and comes up again: docs/rpmsg.md, "Restarts". Each side shows a
 * state in the channel's table, which reads 0 while its VM does not run.
 */
#include "rpmsg_internal.h"

static void show(struct rpmsg *r, uint32_t state)
{
	if (r->state == state)
		return;
	r->state = state;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was stored before is seen first */
	r->ops->set_state(r->arg, state);
}

static void go_down(struct rpmsg *r)
{
	if (!r->up)
		return;
	r->up = false;
	rpmsg_link_changed(r, false);
}

static void go_up(struct rpmsg *r)
{
	r->up = true;
	r->counts.links++;
	rpmsg_link_changed(r, true);
}

/* ---- the host ---- */

/* A new odd epoch, which the peer does not show already. */
static void begin(struct rpmsg *r)
{
	const uint32_t peer = *r->peer_state;

	go_down(r);
	do
		r->epoch = (r->epoch | 1) + 2;
	while (r->epoch < RPMSG_STATE_FIRST || r->epoch == peer);
	rpmsg_table_set_ready(r, false);
	show(r, r->epoch);
}

static void open_rings(struct rpmsg *r)
{
	r->epoch++;
	rpmsg_table_make(r);
	rpmsg_table_set_ready(r, true);
	show(r, r->epoch);
}

static void follow_remote(struct rpmsg *r)
{
	const uint32_t peer = *r->peer_state;
	const bool plain = peer == RPMSG_STATE_PLAIN;

	if (r->state < RPMSG_STATE_FIRST) {
		begin(r);
	} else if (r->state & 1) {
		/* A peer that does not run touches nothing until it has shown a state. */
		if (peer == r->state || plain || peer == RPMSG_STATE_DOWN)
			open_rings(r);
	} else if (peer == r->state || plain) {
		if (!r->up)
			go_up(r);
	} else if (r->up || (peer != RPMSG_STATE_DOWN && peer != r->state - 1)) {
		/* It went, or it has rings of another epoch. */
		begin(r);
	}
}

/* ---- the remote ---- */

/* A status of this epoch shall not be taken for one of the next. */
static void leave(struct rpmsg *r)
{
	if (r->up)
		rpmsg_table_set_ready(r, false);
	go_down(r);
}

static void attach(struct rpmsg *r, uint32_t host)
{
	if (!rpmsg_table_ready(r))
		return;
	if (!rpmsg_table_read(r)) {
		r->counts.broken++;
		return;
	}
	r->epoch = host;
	show(r, host);
	go_up(r);
}

static void follow_host(struct rpmsg *r)
{
	const uint32_t host = *r->peer_state;

	if (r->up && host == r->epoch && rpmsg_table_ready(r))
		return;
	leave(r);
	if (host == RPMSG_STATE_PLAIN) {
		attach(r, host);
	} else if (host >= RPMSG_STATE_FIRST && host & 1) {
		show(r, host);
	} else if (host > RPMSG_STATE_FIRST && r->state == host - 1) {
		attach(r, host);
	} else {
		show(r, RPMSG_STATE_HELLO);
	}
}

/*
 * No interrupt comes for a change of one's own, so one call goes as far as the peer's state allows:
 * a host with a plain peer begins, makes the rings and is up.
 */
void rpmsg_follow(struct rpmsg *r)
{
	for (unsigned int step = 0; step < 4; step++) {
		const uint32_t state = r->state;
		const bool up = r->up;

		if (r->role == RPMSG_HOST)
			follow_remote(r);
		else
			follow_host(r);
		if (r->state == state && r->up == up)
			return;
	}
}

void rpmsg_break(struct rpmsg *r)
{
	r->counts.broken++;
	if (r->role == RPMSG_HOST) {
		begin(r);
		return;
	}
	leave(r);
	show(r, RPMSG_STATE_HELLO);
}

bool rpmsg_start(struct rpmsg *r, enum rpmsg_role role, const struct rpmsg_ops *ops, void *arg,
		 volatile void *memory, uint64_t size, uint32_t base,
		 const volatile uint32_t *peer_state)
{
	*r = (struct rpmsg){
		.role = role,
		.ops = ops,
		.arg = arg,
		.memory = memory,
		.size = (uint32_t)(size < UINT32_MAX ? size : UINT32_MAX),
		.base = base,
		.peer_state = peer_state,
		.next_addr = RPMSG_FIRST_ADDR,
	};
	if (size < RPMSG_MEMORY_MIN)
		return false;
	if (role == RPMSG_HOST)
		r->epoch = rpmsg_table_epoch(r);
	return true;
}
