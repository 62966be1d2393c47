/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sporadic server: CPU time of at most `budget` in any `period`. Used time comes back, piece by
 * piece, one period after it could first be used. So the demand of a thread with a server is never
 * more than that of a periodic task. Pure: times are counter ticks, and `now` never falls.
 */
#ifndef KERNEL_SERVER_H
#define KERNEL_SERVER_H

#include <lib/types.h>

/* The most pieces of a budget. Further pieces are merged, later rather than earlier. */
#define SERVER_REFILLS 8

struct refill {
	u64 at; /* may be used from this time on */
	u64 amount;
};

/*
 * Invariants: the amounts add up to the budget. Pieces are in order of their times. No piece begins
 * before the one before it would be used up. The last one is at most a period after the first.
 */
struct server {
	u64 budget, period;
	u64 throttled;        /* times that the budget was used up while there was more to do */
	u64 over, over_until; /* used of an earlier, larger budget; counts until then */
	u64 missed;           /* periods in which other threads had the CPU instead */
	u32 head, count;
	struct refill refills[SERVER_REFILLS];
};

/* Begin with a full budget from `now` on. 0 < budget <= period. The counters keep their values. */
void server_init(struct server *s, u64 budget, u64 period, u64 now);
/*
 * Change the budget or the period of a server that was initialised or is all zero. Time that was
 * used and has not come back yet is missing from the new budget until it would have come back.
 */
void server_change(struct server *s, u64 budget, u64 period, u64 now);
/* The thread has something to do again. */
void server_wake(struct server *s, u64 now);
/* The thread goes on the CPU. Time not used within its period counts as missed. */
void server_begin(struct server *s, u64 now);
/* The thread has used `used` ticks of CPU time up to now. */
void server_charge(struct server *s, u64 used, u64 now);
/* Periods missed, including the current one: the thread is ready but has no CPU. */
u64 server_missed(const struct server *s, u64 now);

/* When the first piece may be used. */
static inline u64 server_next(const struct server *s)
{
	return s->refills[s->head].at;
}

/* Ticks of CPU time until the thread has to stop, once it may run. */
static inline u64 server_left(const struct server *s)
{
	return s->refills[s->head].amount;
}

#endif
