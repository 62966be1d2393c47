/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues. A thread is on a queue exactly while t->waiting_on names it. The CPU that clears
 * waiting_on, under the queue's lock, owes the thread one sched_wake().
 */
#include "internal.h"

#include <arch/timer.h>
#include <kernel/log.h>
#include <lib/errno.h>

void wait_queue_init(struct wait_queue *wq, enum lock_rank rank)
{
	spin_lock_init(&wq->lock, rank);
	list_init(&wq->waiters);
}

void wait_prepare_locked(struct wait_queue *wq, u64 deadline)
{
	struct percpu *pc = this_cpu();
	struct thread *t = pc->current;

	kassert(!pc->irq_depth && t != pc->idle);
	t->wait_result = 0;
	WRITE_ONCE(t->state, THREAD_BLOCKED);
	list_add_tail(&wq->waiters, &t->wait_node);
	__atomic_store_n(&t->waiting_on, wq, __ATOMIC_RELEASE);
	t->timeout.deadline =
		deadline; /* with DEADLINE_NEVER, wait_finish() has nothing to cancel */
	if (deadline != DEADLINE_NEVER)
		timeout_set(&t->timeout, deadline);
}

int wait_finish(struct wait_queue *wq)
{
	struct thread *t = this_cpu()->current;

	schedule();
	/*
	 * The timeout's function and the waker both use wq. Both must have left it before the
	 * caller may free it: cancel waits for the first, the lock for the second.
	 */
	if (t->timeout.deadline != DEADLINE_NEVER)
		(void)timeout_cancel(&t->timeout);
	spin_lock(&wq->lock);
	spin_unlock(&wq->lock);
	return t->wait_result;
}

int wait_block_locked(struct wait_queue *wq, unsigned long flags, u64 deadline)
{
	int result;

	if (deadline <= arch_counter()) {
		spin_unlock_irqrestore(&wq->lock, flags);
		return -ETIMEDOUT;
	}
	wait_prepare_locked(wq, deadline);
	spin_unlock(&wq->lock);
	result = wait_finish(wq);
	arch_irq_restore(flags);
	return result;
}

/* ---- parking ---- */

enum { PARK_NONE, PARK_PERMIT, PARK_WAITING };

void thread_park(void)
{
	struct thread *t = this_cpu()->current;

	/* A waker that finds the thread waiting may rely on this. */
	WRITE_ONCE(t->state, THREAD_BLOCKED);
	if (__atomic_exchange_n(&t->park, PARK_WAITING, __ATOMIC_ACQ_REL) == PARK_PERMIT)
		WRITE_ONCE(t->state, THREAD_RUNNING);
	else
		schedule();
	/* The caller sees everything that was done before any unpark up to here. */
	(void)__atomic_exchange_n(&t->park, PARK_NONE, __ATOMIC_ACQ_REL);
}

void thread_unpark(struct thread *t)
{
	if (__atomic_exchange_n(&t->park, PARK_PERMIT, __ATOMIC_ACQ_REL) == PARK_WAITING)
		sched_wake(t);
}

void thread_unpark_here(struct thread *t)
{
	if (__atomic_exchange_n(&t->park, PARK_PERMIT, __ATOMIC_ACQ_REL) == PARK_WAITING)
		sched_make_ready(this_cpu(), t);
}

/* ---- waking ---- */

void wait_wake_locked(struct thread *t, int result)
{
	list_del(&t->wait_node);
	t->wait_result = result;
	__atomic_store_n(&t->waiting_on, NULL, __ATOMIC_RELEASE);
	sched_wake(t);
}

/* Linear in the waiters. Strictly better only, so that the first of equals is found. */
struct thread *wait_best_locked(const struct wait_queue *wq)
{
	struct thread *t, *best = NULL;

	list_for_each_entry(t, &wq->waiters, wait_node) {
		if (!best || thread_prio(t) < thread_prio(best))
			best = t;
	}
	return best;
}

struct thread *wait_wake_one_locked(struct wait_queue *wq)
{
	struct thread *t = wait_best_locked(wq);

	if (t)
		wait_wake_locked(t, 0);
	return t;
}

void wait_wake_thread_locked(struct wait_queue *wq, struct thread *t)
{
	if (t->waiting_on == wq)
		wait_wake_locked(t, 0);
}

void wait_wake_all_locked(struct wait_queue *wq)
{
	struct list *first;

	while ((first = list_first(&wq->waiters)))
		wait_wake_locked(list_entry(first, struct thread, wait_node), 0);
}

void wait_wake_all(struct wait_queue *wq)
{
	unsigned long flags = spin_lock_irqsave(&wq->lock);

	wait_wake_all_locked(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
	sched_preempt_point();
}
