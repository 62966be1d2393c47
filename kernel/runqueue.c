/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run queue: a list per priority and a bitmap of the lists that are not empty, so every operation
 * is O(1). Invariant: bit 63 - p of `ready` is set if and only if queue[p] is not empty; a queued
 * thread is in queue[t->rq_prio].
 */
#include "internal.h"

void rq_init(struct run_queue *rq)
{
	rq->ready = 0;
	rq->nr_ready = 0;
	for (u32 p = 0; p < PRIORITIES; p++)
		list_init(&rq->queue[p]);
}

void rq_insert(struct run_queue *rq, struct thread *t, bool first)
{
	/* Read once: another CPU may change it, and then sends REQ_REFRESH. */
	t->rq_prio = thread_prio(t);
	if (first)
		list_add_head(&rq->queue[t->rq_prio], &t->run_node);
	else
		list_add_tail(&rq->queue[t->rq_prio], &t->run_node);
	rq->ready |= BIT(63 - t->rq_prio);
	rq->nr_ready++;
}

void rq_remove(struct run_queue *rq, struct thread *t)
{
	list_del(&t->run_node);
	if (list_empty(&rq->queue[t->rq_prio]))
		rq->ready &= ~BIT(63 - t->rq_prio);
	rq->nr_ready--;
}

struct thread *rq_pop(struct run_queue *rq)
{
	struct thread *t;

	if (!rq->ready)
		return NULL;
	t = list_entry(rq->queue[rq_best(rq)].next, struct thread, run_node);
	rq_remove(rq, t);
	return t;
}
