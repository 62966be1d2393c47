/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spinlock: test and set, not a ticket lock. Whoever runs takes it: where CPUs are threads of a simulator, or vCPUs of a hypervisor, a queue of tickets
 * stands still whenever the CPU whose turn it is does not run. Holders are bounded and few (one lock a queue or a device). Taking it masks interrupts; no allocation, logging, callback or blocking while
 * one is held. Lock order (outer first): those of the kernel's users; priority inheritance; wait
 * queue; run queue; timeout queue; page allocator; log.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <arch/cpu.h>
#include <lib/types.h>

struct spinlock {
	u32 locked;
};

#define SPINLOCK_INIT \
	{             \
		0     \
	}

/* Acquire without touching the interrupt mask (interrupts are masked already). */
static inline void spin_acquire(struct spinlock *l)
{
	while (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			arch_relax();
}

static inline void spin_release(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

/* Mask interrupts and acquire; returns what spin_unlock() wants. Any context. */
static inline unsigned long __must_check spin_lock(struct spinlock *l)
{
	unsigned long flags = arch_irq_save();

	spin_acquire(l);
	return flags;
}

static inline void spin_unlock(struct spinlock *l, unsigned long flags)
{
	spin_release(l);
	arch_irq_restore(flags);
}

#endif
