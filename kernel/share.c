/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares by weight, among equals that have a weight. The first in their queue is the thread that
 * has had the least weighted time (thread.shared). A woken thread's weighted time is drawn to
 * within one turn of the others' that were there meanwhile. So a thread neither saves up time while
 * it sleeps, nor pays for time that no other thread wanted.
 */
#include "internal.h"

#include <arch/timer.h>

/* A woken thread takes over from a running one that is ahead by this much weighted time. */
#define LEAD_US 1000

static u64 had(const struct thread *t, u64 run_ticks)
{
	return t->shared + (run_ticks - t->shared_until) * WEIGHT_NORMAL / t->weight;
}

static u64 had_now(const struct percpu *pc, const struct thread *t)
{
	u64 ran = t->run_ticks;

	if (t == pc->current && t->state == THREAD_RUNNING)
		ran += arch_counter() - t->switched_in_at;
	return had(t, ran);
}

/* The weighted time of the thread that has had the least: the first in the queue, or current. */
static bool least(const struct percpu *pc, u32 prio, u64 *least_had)
{
	const struct thread *cur = pc->current;
	bool any = false;

	*least_had = UINT64_MAX;
	if (rq_has(&pc->rq, prio)) {
		const struct thread *first =
			list_entry(pc->rq.queue[prio].next, struct thread, run_node);

		if (first->weight) {
			*least_had = had(first, first->run_ticks);
			any = true;
		}
	}
	if (cur->weight && cur->state == THREAD_RUNNING && thread_prio(cur) == prio) {
		*least_had = MIN(*least_had, had_now(pc, cur));
		any = true;
	}
	return any;
}

/* Linear in the ready equals of this CPU. */
static void insert(struct run_queue *rq, struct thread *t)
{
	struct list *queue, *pos;

	rq_insert(rq, t, false);
	queue = &rq->queue[t->rq_prio];
	for (pos = t->run_node.prev; pos != queue; pos = pos->prev) {
		const struct thread *other = list_entry(pos, struct thread, run_node);

		if (!other->weight || had(other, other->run_ticks) <= t->shared)
			break;
	}
	if (pos->next == &t->run_node)
		return;
	list_del(&t->run_node);
	list_insert_before(pos->next, &t->run_node);
}

void share_settle(struct thread *t)
{
	if (t->weight)
		t->shared = had(t, t->run_ticks);
	t->shared_until = t->run_ticks;
}

bool share_insert(struct percpu *pc, struct thread *t)
{
	const struct thread *cur = pc->current;
	u64 lag = t->slice == DEADLINE_NEVER ? 0 : t->slice, others;
	u32 prio = thread_prio(t);

	share_settle(t);
	if (t != cur && least(pc, prio, &others)) {
		t->shared = MAX(t->shared, others - MIN(others, lag));
		t->shared = MIN(t->shared, others + lag);
	}
	insert(&pc->rq, t);
	return t != cur && cur->weight && thread_prio(cur) == prio &&
	       cur->state == THREAD_RUNNING &&
	       had_now(pc, cur) > t->shared + us_to_ticks(LEAD_US) && cur->slice != DEADLINE_NEVER;
}
