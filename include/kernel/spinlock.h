/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket spinlock. Taking it masks interrupts; no allocation, logging, callback or blocking while
 * one is held. Lock order (outer first): vmm lifecycle mutex; vgic; priority inheritance; wait
 * queue; run queue; timeout queue; page allocator; log.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <arch/cpu.h>
#include <lib/types.h>

struct spinlock {
	u16 next;
	u16 owner;
};

#define SPINLOCK_INIT \
	{             \
		0, 0  \
	}

/* Acquire without touching the interrupt mask (interrupts are masked already). */
static inline void spin_acquire(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		arch_relax();
}

static inline void spin_release(struct spinlock *l)
{
	__atomic_store_n(&l->owner, (u16)(l->owner + 1), __ATOMIC_RELEASE);
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
