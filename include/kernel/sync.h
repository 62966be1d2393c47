/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphore, mutex with priority inheritance, message queue. Deadlines are absolute counter values:
 * DEADLINE_NEVER waits for ever, 0 only tries.
 */
#ifndef KERNEL_SYNC_H
#define KERNEL_SYNC_H

#include <kernel/thread.h>
#include <kernel/wait.h>

struct sem {
	struct wait_queue wq;
	u32 count, limit;
};

void sem_init(struct sem *s, u32 count, u32 limit);
/* 0, -EAGAIN (deadline 0), -ETIMEDOUT. Thread context (deadline 0: any). */
int __must_check sem_take(struct sem *s, u64 deadline);
/* Give the semaphore. Saturates at the limit. Any context. */
void sem_give(struct sem *s);

struct mutex {
	struct lock_check check;
	struct wait_queue wq;
	struct thread *owner;
	u32 depth; /* recursive */
	/* in the owner's held_mutexes once another thread has waited */
	struct list held_node;
};

void mutex_init(struct mutex *m, enum lock_rank rank);
/*
 * Lock a mutex; the lock is recursive. The owner runs at the priority of its most urgent waiter,
 * and so does the owner that this one waits for (8 deep). Unlocking hands the mutex to that waiter.
 * 0, -EAGAIN (deadline 0), -ETIMEDOUT. Thread context, also for unlock.
 */
int __must_check mutex_lock_deadline(struct mutex *m, u64 deadline);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

/* Fixed-size messages, first in first out. */
struct msgq {
	struct wait_queue readers; /* its lock guards the queue */
	struct wait_queue writers;
	u8 *buf;
	u32 msg_size, capacity, head, used;
};

void msgq_init(struct msgq *q, void *buf, u32 msg_size, u32 capacity);
/* 0, -EAGAIN, -ETIMEDOUT. Deadline 0: any context. */
int __must_check msgq_put(struct msgq *q, const void *msg, u64 deadline);
int __must_check msgq_get(struct msgq *q, void *msg, u64 deadline);

#endif
