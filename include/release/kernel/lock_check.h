/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks are not checked in this build. With -Dchecks=true include/debug/kernel/lock_check.h stands
 * in its place, and says what is checked.
 */
#ifndef KERNEL_LOCK_CHECK_H
#define KERNEL_LOCK_CHECK_H

#include <lib/types.h>

struct lock_check {
};
struct lock_held {
};

#define LOCK_CHECK_INIT(rank) \
	{                     \
	}

static inline void lock_check_init(struct lock_check *c __unused, u32 rank __unused)
{
}

static inline void lock_check_wanted(const struct lock_check *c __unused)
{
}

static inline void lock_check_waits(const struct lock_check *c __unused)
{
}

static inline void lock_check_taken(struct lock_check *c __unused)
{
}

static inline void lock_check_released(struct lock_check *c __unused)
{
}

static inline void lock_check_unlocked(void)
{
}

static inline void lock_check_mutex_wanted(const struct lock_check *c __unused)
{
}

static inline void lock_check_mutex_taken(struct lock_check *c __unused)
{
}

static inline void lock_check_mutex_released(struct lock_check *c __unused)
{
}

static inline void lock_check_no_spinlock(const char *what __unused)
{
}

static inline void lock_check_no_lock(const char *what __unused)
{
}

/* Locks are not counted either. */
struct lock_counts {
	const char *name;
	u64 taken, waits;
};
static inline bool lock_counts(u32 rank __unused, struct lock_counts *counts __unused)
{
	return false;
}

#endif
