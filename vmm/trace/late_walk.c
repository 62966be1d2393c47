/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the time between a timer's deadline and its delivery went to, from the records of its CPU.
 * The time is cut where anything begins or ends, and each piece has one cause. So the parts add up
 * to the lateness, whatever the records say.
 */
#include <arch/guest.h>
#include "trace_internal.h"

static u32 kind_of(const struct trace_record *r)
{
	return (u32)(r->when >> 56);
}

static u32 tag_of(const struct trace_record *r)
{
	return (u32)(r->what >> 48);
}

static u32 a_of(const struct trace_record *r)
{
	return (u32)(r->what >> 32) & 0xffff;
}

u64 late_end(const struct trace_record *r, u64 now)
{
	return now + (u64)((s64)((r->when - now) << 8) >> 8);
}

static bool is_exit(const struct trace_record *r)
{
	return kind_of(r) >= TRACE_EXIT && kind_of(r) < TRACE_EXIT + EXIT_KINDS;
}

u64 late_begin(const struct trace_record *r, u64 now)
{
	const u32 b = (u32)r->what;

	if (is_exit(r))
		return late_end(r, now) - (b & ~TRACE_EXIT_MASKED);
	if (kind_of(r) == TRACE_MASKED)
		return late_end(r, now) - (r->what >> 32);
	return late_end(r, now) - (kind_of(r) == TRACE_IRQ ? b : 0);
}

/* A piece of time: its end, its part, and the record of the interrupt that it belongs to. */
struct piece {
	u64 until;
	u8 cause;
	u32 id;
	u32 irq;
};
#define NO_RECORD UINT32_MAX

/* What the records say about a time. */
struct state {
	u32 irq;  /* the record of the interrupt that is handled, or NO_RECORD */
	u32 exit; /* the record of the vCPU's exit, */
	u32 mask; /* and of the section with interrupts masked */
	u32 running;
	u8 held;                /* LATE_BUDGET, LATE_WINDOW; 0: it is not */
	bool switched, settled; /* `running` and `held` are known */
};

static void look_at(const struct late_question *q, u32 n, u64 at, struct state *s)
{
	const struct trace_record *r = &q->records[n];
	const u32 kind = kind_of(r);
	const u64 begin = late_begin(r, q->now);
	const bool passed = begin <= at, over = late_end(r, q->now) <= at,
		   own = tag_of(r) == q->self;

	if (kind == TRACE_IRQ && passed && !over) {
		s->irq = n;
	} else if (kind == TRACE_MASKED && passed && !over) {
		s->mask = n;
	} else if (is_exit(r) && own && passed && !over) {
		s->exit = n;
	} else if (kind == TRACE_SWITCH && (passed || !s->switched)) {
		s->running = passed ? tag_of(r) : a_of(r);
		s->switched = true;
	} else if (kind == TRACE_HELD && own && passed) {
		s->held = a_of(r) == TRACE_HELD_WINDOW ? LATE_WINDOW : LATE_BUDGET;
		s->settled = true;
	} else if (kind == TRACE_RELEASED && own && (passed || !s->settled)) {
		s->held = passed ? 0 : q->held_before;
		s->settled = true;
	} else if (kind == TRACE_HELD && own) {
		s->settled = true;
	}
}

static void decide(const struct late_question *q, const struct state *s, struct piece *p)
{
	if (s->irq != NO_RECORD) {
		p->cause = LATE_IRQ;
		p->id = a_of(&q->records[s->irq]);
		p->irq = s->irq;
	} else if (s->running == q->self && s->exit == NO_RECORD) {
		p->cause = LATE_GUEST;
	} else if (s->running == q->self) {
		p->id = kind_of(&q->records[s->exit]) - TRACE_EXIT;
		p->cause = p->id == EXIT_WFX ? LATE_IDLE : LATE_EXIT;
	} else if (s->held) {
		p->cause = s->held;
	} else if (s->running == q->idle) {
		p->cause = LATE_IDLE;
	} else if (s->mask != NO_RECORD) {
		p->cause = LATE_MASKED;
		p->id = (u32)q->records[s->mask].what;
	} else {
		p->cause = LATE_THREAD;
		p->id = s->running;
	}
	if (p->cause == LATE_IDLE)
		p->id = 0;
}

static u64 nearer(u64 at, u64 until, u64 other)
{
	return other > at && other < until ? other : until;
}

/* The piece that begins at `at`. */
static struct piece piece_at(const struct late_question *q, u64 at)
{
	struct piece p = { .until = q->now, .irq = NO_RECORD };
	struct state s = {
		.irq = NO_RECORD, .exit = NO_RECORD, .mask = NO_RECORD, .running = q->self
	};

	if (at < q->known_from) {
		p.until = MIN(q->known_from, q->now);
		return p; /* LATE_UNKNOWN */
	}
	for (u32 n = 0; n < q->count; n++) {
		look_at(q, n, at, &s);
		p.until = nearer(at, p.until, late_begin(&q->records[n], q->now));
		p.until = nearer(at, p.until, late_end(&q->records[n], q->now));
	}
	decide(q, &s, &p);
	return p;
}

/* The part that a piece belongs to. The last one takes what finds no place. */
static struct late_part *part_of(struct late_part parts[LATE_PARTS], u32 *count,
				 const struct piece *p)
{
	for (u32 i = 0; i < *count; i++)
		if (parts[i].cause == p->cause && parts[i].id == p->id)
			return &parts[i];
	if (*count < LATE_PARTS) {
		parts[*count] = (struct late_part){ .cause = p->cause, .id = p->id };
		if (*count == LATE_PARTS - 1)
			parts[*count].cause = LATE_OTHER;
		++*count;
	}
	return &parts[*count - 1];
}

static void sort(struct late_part *parts, u32 count)
{
	for (u32 i = 1; i < count; i++) {
		const struct late_part p = parts[i];
		u32 to = i;

		for (; to > 0 && parts[to - 1].ticks < p.ticks; to--)
			parts[to] = parts[to - 1];
		parts[to] = p;
	}
}

u32 late_walk(const struct late_question *q, struct late_part parts[LATE_PARTS])
{
	struct piece before = { .cause = LATE_OTHER, .irq = NO_RECORD };
	u32 count = 0;

	for (u64 at = q->due; at < q->now;) {
		const struct piece p = piece_at(q, at);
		struct late_part *part = part_of(parts, &count, &p);

		part->ticks += p.until - at;
		part->count += p.cause != before.cause || p.id != before.id || p.irq != before.irq;
		before = p;
		at = p.until;
	}
	sort(parts, count);
	return count;
}
