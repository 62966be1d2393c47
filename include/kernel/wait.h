/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues: how threads block (apart from thread_park()). The most urgent waiter, by its
 * priority at the time of the wake, is woken first; equals in order of arrival. So the list is in
 * order of arrival, and a change of priority needs no repair.
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include <kernel/spinlock.h>
#include <lib/list.h>

struct thread;

struct wait_queue {
	struct spinlock lock; /* also guards the condition that waiters wait for */
	struct list waiters;
};

#define WAIT_QUEUE_INIT(name, rank)                                               \
	{                                                                         \
		.lock = SPINLOCK_INIT(rank), .waiters = LIST_INIT((name).waiters) \
	}

/* `rank` is the rank of the lock: LOCK_WAIT, unless the lock guards more than the waiters. */
void wait_queue_init(struct wait_queue *wq, enum lock_rank rank);

/*
 * Block the calling thread on wq until it is woken or until `deadline` (DEADLINE_NEVER: none).
 * wq->lock is held with flags = spin_lock_irqsave(&wq->lock). It is released while blocked and on
 * return, with the caller's interrupt mask restored. On return the waker has left wq, so wq may be
 * on the caller's stack. 0 if woken, -ETIMEDOUT.
 */
int wait_block_locked(struct wait_queue *wq, unsigned long flags, u64 deadline);

/*
 * Wake the most urgent waiter; thread t if it waits here; or all waiters. wq->lock held. wake_one
 * returns the woken thread, or NULL. A caller in thread context calls sched_preempt_point() after
 * the unlock.
 */
struct thread *wait_wake_one_locked(struct wait_queue *wq);
void wait_wake_thread_locked(struct wait_queue *wq, struct thread *t);
void wait_wake_all_locked(struct wait_queue *wq);

/* The same; takes the lock itself. Any context. */
void wait_wake_all(struct wait_queue *wq);

/* Block until `cond` (evaluated under wq->lock) holds. Thread context. */
#define wait_until(wq, cond)                                                \
	do {                                                                \
		unsigned long __f = spin_lock_irqsave(&(wq)->lock);         \
		while (!(cond)) {                                           \
			(void)wait_block_locked((wq), __f, DEADLINE_NEVER); \
			__f = spin_lock_irqsave(&(wq)->lock);               \
		}                                                           \
		spin_unlock_irqrestore(&(wq)->lock, __f);                   \
	} while (0)

#endif
