/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sporadic server: CPU time that may be used up to `budget` in any `period`. What is used comes back
 * one period after it could first be used, piece by piece; so the demand of a thread with a server
 * is never more than that of a periodic task. Pure: times are counter ticks, `now` never falls.
 */
#ifndef KERNEL_SERVER_H
#define KERNEL_SERVER_H

#include <lib/types.h>

/* Pieces that a budget may be in. With more they are put together, later rather than earlier. */
#define SERVER_REFILLS 8

struct refill {
	u64 at; /* may be used from then on */
	u64 amount;
};

/*
 * Invariants: the amounts add up to the budget; pieces are in order of their times, none begins
 * before the one before it would be used up, and the last at most a period after the first.
 */
struct server {
	u64 budget, period;
	u64 throttled;        /* times that it was used up while there was more to do */
	u64 over, over_until; /* used out of a larger budget before; counts until then */
	u64 missed; /* periods in which what was there could not be used: others had the CPU */
	u32 head, count;
	struct refill refills[SERVER_REFILLS];
};

/* A full budget from `now` on. 0 < budget <= period. The counters go on. */
void server_init(struct server *s, u64 budget, u64 period, u64 now);
/*
 * Another budget or period for a server that was initialised, or is all zero. What was used and has
 * not come back yet is missing from the new budget until it would have come back.
 */
void server_change(struct server *s, u64 budget, u64 period, u64 now);
/* There is something to do again. */
void server_wake(struct server *s, u64 now);
/* It goes on the CPU: what was not used within its period counts as missed. */
void server_begin(struct server *s, u64 now);
/* `used` ticks of CPU time until now. */
void server_charge(struct server *s, u64 used, u64 now);
/* Periods missed, the one that goes on now included: it has been ready, without a CPU. */
u64 server_missed(const struct server *s, u64 now);

/* When the first piece may be used. */
static inline u64 server_next(const struct server *s)
{
	return s->refills[s->head].at;
}

/* Ticks of CPU time until it has to stop, once it may run. */
static inline u64 server_left(const struct server *s)
{
	return s->refills[s->head].amount;
}

#endif
