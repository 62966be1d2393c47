/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of locks: for builds with -Dchecks=true, and unit tests. Others get include/release/kernel/lock_check.h. A mistake is a
 * panic that names the locks by rank and address, says where each was taken, and by whom:
 * - a lock is taken that its taker holds (but a mutex may be taken again by its owner),
 * - or out of the order of enum lock_rank, or without a rank, or, if it is a spinlock, with interrupts unmasked;
 * - a lock is released that is free, or that another CPU or thread holds;
 * - interrupts are unmasked while a spinlock is held;
 * - a lock is left: a thread blocks, waits for another CPU, logs or ends an interrupt with a spinlock, or exits or returns to
 *   its lower level with any lock.
 */
#ifndef KERNEL_LOCK_CHECK_H
#define KERNEL_LOCK_CHECK_H

#include <lib/types.h>

struct thread;

/* Part of every lock. */
struct lock_check {
	u8 rank;                     /* enum lock_rank; fixed. The rest belongs to the holder. */
	u32 cpu;                     /* of the holder of a spinlock */
	u32 depth;                   /* times taken; 0: free */
	const struct thread *holder; /* NULL: none, before there are threads */
	u64 taken_at;                /* address of the code that took it */
	struct lock_check *outer;    /* what its holder took before */
};

/* Locks that are held together, the last taken first. Part of every thread, for its mutexes. */
struct lock_held {
	struct lock_check *last;
};

#define LOCK_CHECK_INIT(r)  \
	{                   \
		.rank = (r) \
	}

static inline void lock_check_init(struct lock_check *c, u32 rank)
{
	*c = (struct lock_check)LOCK_CHECK_INIT((u8)rank);
}

/* The steps of taking and releasing a spinlock: before the wait for it; it is ours; it is about to be free; spin_unlock() is over. */
void lock_check_wanted(const struct lock_check *c);
void lock_check_taken(struct lock_check *c);
void lock_check_released(struct lock_check *c);
void lock_check_unlocked(void);

/* The same of a mutex. Thread context. */
void lock_check_mutex_wanted(const struct lock_check *c);
void lock_check_mutex_taken(struct lock_check *c);
void lock_check_mutex_released(struct lock_check *c);

/* This CPU holds no spinlock / the running thread holds no mutex either. `what` it does otherwise, for the message. Any context. */
void lock_check_no_spinlock(const char *what);
void lock_check_no_lock(const char *what);

/* For tests of what panics: this CPU and the running thread hold nothing any more. The locks stay taken. */
void lock_check_forget(void);
/* A rank's name; NULL: there is no such rank. */
const char *lock_rank_name(u32 rank);

#endif
