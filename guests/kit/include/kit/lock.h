/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_LOCK_H
#define KIT_LOCK_H

#include "kit/cpu.h"

/* Spinlock; needs the MMU on, as exclusives want cacheable memory. */
struct lock {
	uint32_t taken;
};

/* Masks interrupts; returns what lock_release puts back. */
static inline uint64_t lock_acquire(struct lock *lock)
{
	uint64_t flags = read_sysreg(daif);

	irq_mask();
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
	return flags;
}

static inline void lock_release(struct lock *lock, uint64_t flags)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
	write_sysreg(daif, flags);
}

/* What CPUs tell each other without a lock. */
#define load_acquire(ptr)         __atomic_load_n(ptr, __ATOMIC_ACQUIRE)
#define store_release(ptr, value) __atomic_store_n(ptr, value, __ATOMIC_RELEASE)
#define atomic_inc(ptr)           __atomic_add_fetch(ptr, 1, __ATOMIC_ACQ_REL)

#endif
