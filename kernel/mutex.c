/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutex with priority inheritance.
 *
 * m->wq.lock guards owner, depth and the waiters. A mutex without waiters needs nothing else.
 *
 * Once a thread waits, the mutex is in its owner's held_mutexes. From then on the owner changes
 * only under the global pi_lock, which is taken outside wq.lock. pi_lock also guards held_mutexes,
 * blocked_mutex, base_prio and the computation of prio.
 *
 * So under pi_lock the chain thread -> blocked_mutex -> owner -> ... does not change, and
 * everything in it stays alive: a waiter clears its blocked_mutex under pi_lock only, and an owner
 * gives up a mutex that is in held_mutexes under pi_lock only.
 */
#include "internal.h"

#include <kernel/log.h>
#include <lib/errno.h>

/*
 * How many links of a chain are followed. A longer chain, or a cycle (a deadlock), keeps the
 * priorities that it has.
 */
#define PI_DEPTH 8

static struct spinlock pi_lock = SPINLOCK_INIT(LOCK_PI);

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	lock_check_init(&m->check, rank);
	wait_queue_init(&m->wq, LOCK_WAIT);
	m->owner = NULL;
	m->depth = 0;
	list_init(&m->held_node);
}

/* ---- inheritance, under pi_lock ---- */

static u8 inherited_prio(struct thread *t)
{
	u8 prio = MIN(t->boost, t->base_prio);
	struct mutex *m;

	list_for_each_entry(m, &t->held_mutexes, held_node) {
		const struct thread *waiter;

		spin_lock(&m->wq.lock);
		waiter = wait_best_locked(&m->wq);
		if (waiter)
			prio = MIN(prio, thread_prio(waiter));
		spin_unlock(&m->wq.lock);
	}
	return prio;
}

/*
 * Settle t's priority, then that of the owner that t waits for, and so on while priorities change.
 */
static void settle(struct thread *t)
{
	for (u32 n = 0; t && n < PI_DEPTH; n++) {
		u8 prio = inherited_prio(t);

		if (prio == thread_prio(t))
			return;
		__atomic_store_n(&t->prio, prio, __ATOMIC_RELAXED);
		sched_requeue(t);
		t = t->blocked_mutex ? t->blocked_mutex->owner : NULL;
	}
}

void mutex_set_base_prio(struct thread *t, u8 prio)
{
	unsigned long flags = spin_lock_irqsave(&pi_lock);

	t->base_prio = prio;
	settle(t);
	spin_unlock_irqrestore(&pi_lock, flags);
}

void mutex_set_boost(struct thread *t, u8 prio)
{
	unsigned long flags = spin_lock_irqsave(&pi_lock);

	t->boost = prio;
	settle(t);
	spin_unlock_irqrestore(&pi_lock, flags);
}

/* ---- locking ---- */

static void take_locked(struct mutex *m, struct thread *t)
{
	m->owner = t;
	m->depth = 1;
}

/* Take m without pi_lock, if it is free or the caller owns it already. */
static bool lock_fast(struct mutex *m)
{
	unsigned long flags = spin_lock_irqsave(&m->wq.lock);
	struct thread *self = this_cpu()->current;
	bool done = true;

	kassert(!this_cpu()->irq_depth);
	if (!m->owner)
		take_locked(m, self);
	else if (m->owner == self)
		m->depth++;
	else
		done = false;
	spin_unlock_irqrestore(&m->wq.lock, flags);
	return done;
}

/* The caller gave up on m: the owner and its chain lose the caller's priority. */
static void abandon(struct mutex *m, struct thread *self)
{
	spin_lock(&pi_lock);
	self->blocked_mutex = NULL;
	/*
	 * This is stable: the mutex is still in held_mutexes (or free), so its owner changes under
	 * pi_lock only.
	 */
	if (!list_empty(&m->held_node))
		settle(m->owner);
	spin_unlock(&pi_lock);
}

static int lock_slow(struct mutex *m, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&pi_lock);
	struct thread *self = this_cpu()->current;
	int result;

	spin_lock(&m->wq.lock);
	if (!m->owner) { /* the owner gave it up meanwhile */
		take_locked(m, self);
		spin_unlock(&m->wq.lock);
		spin_unlock_irqrestore(&pi_lock, flags);
		return 0;
	}
	if (list_empty(&m->held_node))
		list_add_tail(&m->owner->held_mutexes, &m->held_node);
	self->blocked_mutex = m;
	wait_prepare_locked(&m->wq, deadline);
	spin_unlock(&m->wq.lock);
	settle(m->owner);
	spin_unlock(&pi_lock);
	/* 0: the owner has handed m to this thread and cleared blocked_mutex. */
	result = wait_finish(&m->wq);
	if (result)
		abandon(m, self);
	arch_irq_restore(flags);
	return result;
}

static int lock(struct mutex *m, u64 deadline)
{
	if (lock_fast(m))
		return 0;
	return deadline ? lock_slow(m, deadline) : -EAGAIN;
}

int mutex_lock_deadline(struct mutex *m, u64 deadline)
{
	int result;

	lock_check_mutex_wanted(&m->check);
	result = lock(m, deadline);
	if (!result)
		lock_check_mutex_taken(&m->check);
	return result;
}

void mutex_lock(struct mutex *m)
{
	int result = mutex_lock_deadline(m, DEADLINE_NEVER);

	kassert(!result);
}

/* ---- unlocking ---- */

/* Unlock without pi_lock, if the lock is nested or no thread ever waited during this ownership. */
static bool unlock_fast(struct mutex *m)
{
	unsigned long flags = spin_lock_irqsave(&m->wq.lock);
	bool done = true;

	kassert(m->owner == this_cpu()->current);
	if (m->depth > 1)
		m->depth--;
	else if (list_empty(&m->held_node))
		m->owner = NULL;
	else
		done = false;
	spin_unlock_irqrestore(&m->wq.lock, flags);
	return done;
}

/*
 * Give m to its most urgent waiter. That thread is at least as urgent as the remaining waiters, so
 * it inherits nothing now.
 */
static void hand_over_locked(struct mutex *m)
{
	struct thread *next = wait_best_locked(&m->wq);

	list_del(&m->held_node);
	m->owner = NULL;
	if (!next)
		return;
	take_locked(m, next);
	list_add_tail(&next->held_mutexes, &m->held_node);
	next->blocked_mutex = NULL;
	wait_wake_locked(next, 0);
}

static void unlock_slow(struct mutex *m)
{
	unsigned long flags = spin_lock_irqsave(&pi_lock);

	spin_lock(&m->wq.lock);
	hand_over_locked(m);
	spin_unlock(&m->wq.lock);
	settle(this_cpu()->current);
	spin_unlock_irqrestore(&pi_lock, flags);
}

void mutex_unlock(struct mutex *m)
{
	lock_check_mutex_released(&m->check);
	if (unlock_fast(m))
		return;
	unlock_slow(m);
	sched_preempt_point();
}
