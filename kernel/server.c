/* SPDX-License-Identifier: Apache-2.0 */
/* Sporadic servers: a ring of refills, each a part of the budget. */
#include <kernel/server.h>

/*
 * A part shorter than this fraction of the budget is merged into the next one, so that there is no
 * storm of short runs.
 */
#define SHORTEST_PART 32

static struct refill *nth(struct server *s, u32 n)
{
	return &s->refills[(s->head + n) % SERVER_REFILLS];
}

static struct refill pop(struct server *s)
{
	struct refill r = *nth(s, 0);

	s->head = (s->head + 1) % SERVER_REFILLS;
	s->count--;
	return r;
}

static void push(struct server *s, struct refill r)
{
	struct refill *last = nth(s, s->count - 1);

	if (s->count && last->at + last->amount >= r.at) {
		last->amount += r.amount;
	} else if (s->count == SERVER_REFILLS) {
		last->at = r.at - last->amount; /* later than it could be, never earlier */
		last->amount += r.amount;
	} else {
		s->count++;
		*nth(s, s->count - 1) = r;
	}
}

/* A refill that begins before the first one is used up becomes part of it. */
static void join_first(struct server *s)
{
	while (s->count > 1 && nth(s, 1)->at <= nth(s, 0)->at + nth(s, 0)->amount) {
		struct refill first = pop(s);

		nth(s, 0)->at = first.at;
		nth(s, 0)->amount += first.amount;
	}
}

/* A first refill that is too short moves to just before the second one and becomes part of it. */
static void lengthen_first(struct server *s)
{
	while (s->count > 1 && nth(s, 0)->amount < s->budget / SHORTEST_PART) {
		struct refill first = pop(s);

		nth(s, 0)->at = MAX(first.at, nth(s, 0)->at - first.amount);
		nth(s, 0)->amount += first.amount;
	}
}

void server_init(struct server *s, u64 budget, u64 period, u64 now)
{
	*s = (struct server){
		.budget = budget, .period = period, .throttled = s->throttled, .missed = s->missed
	};
	push(s, (struct refill){ .at = now, .amount = budget });
}

void server_wake(struct server *s, u64 now)
{
	struct refill *first = nth(s, 0);

	if (first->at < now)
		first->at = now;
	join_first(s);
}

void server_begin(struct server *s, u64 now)
{
	struct refill *first = nth(s, 0);
	u64 missed;

	if (now < first->at + s->period)
		return;
	/* Time lost in one period may be made up for, but not the whole of a long wait at once. */
	missed = (now - first->at) / s->period;
	s->missed += missed;
	first->at += missed * s->period;
	join_first(s);
}

void server_charge(struct server *s, u64 used, u64 now)
{
	server_begin(s, now - used);
	/*
	 * All of the budget was used, or more: a timer came late. Each whole budget costs a period.
	 */
	for (u32 n = 0; n < s->count && used >= s->budget; n++)
		nth(s, n)->at += used / s->budget * s->period;
	used %= s->budget;
	while (used) {
		struct refill *first = nth(s, 0);
		u64 part = MIN(used, first->amount), at = first->at;

		used -= part;
		first->at += part;
		first->amount -= part;
		if (!first->amount)
			(void)pop(s);
		push(s, (struct refill){ .at = at + s->period, .amount = part });
	}
	lengthen_first(s);
}

void server_change(struct server *s, u64 budget, u64 period, u64 now)
{
	u64 missing = now < s->over_until ? s->over : 0, back = now, over, rest;

	if (s->budget == budget && s->period == period)
		return;
	for (u32 n = 0; n < s->count; n++) {
		if (nth(s, n)->at > now) {
			missing += nth(s, n)->amount;
			back = nth(s, n)->at;
		}
	}
	over = missing - MIN(missing, budget);
	missing -= over;
	rest = budget - missing;
	if (rest || period < s->period)
		back = MIN(back, now + period); /* the last refill: at most one period behind */
	server_init(s, budget, period, now);
	(void)pop(s);
	if (rest)
		push(s, (struct refill){ .at = now, .amount = rest });
	if (missing)
		push(s, (struct refill){ .at = back, .amount = missing });
	s->over = over;
	s->over_until = back;
}

u64 server_missed(const struct server *s, u64 now)
{
	u64 since = s->refills[s->head].at;

	return s->missed + (now > since ? (now - since) / s->period : 0);
}
