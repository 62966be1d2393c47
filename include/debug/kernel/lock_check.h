/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock checks, for builds with -Dchecks=true and for unit tests. Other builds get
 * include/release/kernel/lock_check.h. A mistake is a panic. It names the locks by rank and
 * address, and for each where it was taken and which CPU or thread holds it. Mistakes are:
 * - A lock is taken by its holder. Exception: a mutex may be taken again by its owner.
 * - A lock is taken out of the order of enum lock_rank, or without a rank. A spinlock is taken with
 *   interrupts unmasked.
 * - A lock is released that is free, or that another CPU or thread holds.
 * - Interrupts are unmasked while a spinlock is held.
 * - A lock is left behind: a thread blocks, waits for another CPU, logs or ends an interrupt with a
 *   spinlock held, or exits or returns to its lower level with any lock held.
 */
#ifndef KERNEL_LOCK_CHECK_H
#define KERNEL_LOCK_CHECK_H

#include <lib/types.h>

struct thread;

/* Part of every lock. */
struct lock_check {
	u8 rank;                     /* enum lock_rank, constant; the rest is the holder's */
	u32 cpu;                     /* the CPU that holds the spinlock */
	u32 depth;                   /* times taken; 0: free */
	const struct thread *holder; /* NULL: free, or taken before there were threads */
	u64 taken_at;                /* address of the code that took it */
	struct lock_check *outer;    /* the lock that its holder took before */
};

/* Locks held together, the last one taken first. Part of every thread, for its mutexes. */
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

/*
 * The steps of a spinlock: _wanted before it is tried; _waits each time that another CPU has it;
 * _taken once it is ours; _released before it is free; _unlocked at the end of
 * spin_unlock_irqrestore().
 */
void lock_check_wanted(const struct lock_check *c);
void lock_check_waits(const struct lock_check *c);
void lock_check_taken(struct lock_check *c);
void lock_check_released(struct lock_check *c);
void lock_check_unlocked(void);

/* The same for a mutex. Thread context. */
void lock_check_mutex_wanted(const struct lock_check *c);
void lock_check_mutex_taken(struct lock_check *c);
void lock_check_mutex_released(struct lock_check *c);

/*
 * Panic if this CPU holds a spinlock, or, for no_lock, if the running thread holds a mutex. `what`
 * is the forbidden act, for the message. Any context.
 */
void lock_check_no_spinlock(const char *what);
void lock_check_no_lock(const char *what);

/*
 * For tests of panics: this CPU and the running thread hold no lock any more. The locks stay taken.
 */
void lock_check_forget(void);
/* The name of a rank. NULL: there is no such rank. */
const char *lock_rank_name(u32 rank);

/* How often spinlocks of a rank were taken, and how often a CPU had to wait for one. */
struct lock_counts {
	const char *name;
	u64 taken, waits;
};
/* False: there is no such rank. For `host locks`. */
bool lock_counts(u32 rank, struct lock_counts *counts);

#endif
