/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spinlock: test and set. It is not a ticket lock: if CPUs are threads of a simulator or vCPUs of a
 * hypervisor, a queue of tickets stands still whenever the CPU whose turn it is does not run.
 * Holders are bounded and few (one lock for each queue or device).
 *
 * Taking a lock masks interrupts. While one is held there is no allocation, logging or blocking.
 * Builds with checks (include/debug/kernel/lock_check.h) panic at blocking, at logging, and where
 * the order below is violated.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <arch/cpu.h>
#include <kernel/lock_check.h>
#include <lib/types.h>

/*
 * The order of all locks, from outer to inner. While a lock is held, only locks of later ranks are
 * taken, so no two holders wait for each other. Mutexes come before spinlocks.
 */
enum lock_rank {
	LOCK_UNRANKED, /* not initialised: cannot be taken */

	/* Mutexes */
	LOCK_LIFECYCLE, /* the table of VMs: vmm_lock() */
	LOCK_RTOS,      /* the RTOS's control loop, and its latency test's mutex */

	/* Spinlocks */
	LOCK_VM_STATE,     /* a VM's run state and its vCPUs' power states */
	LOCK_SCHED,        /* how a vCPU is scheduled */
	LOCK_UART_WRITERS, /* threads that wait for room in the host's UART */
	LOCK_UART,         /* the host's UART */
	LOCK_PORT,         /* output on its way from a VM's console to its port */
	LOCK_NET,          /* a network's ports and addresses */
	LOCK_PCI,          /* the configuration space of a VM's PCI functions */
	LOCK_DEVICE,       /* a VM's UART, RTC, watchdog, virtio device or side of a channel */
	LOCK_VGIC,         /* a VM's interrupt controller */
	LOCK_CONSOLE,      /* a VM's console */
	LOCK_STREAM,       /* records on their way to a port */
	LOCK_TRACE,        /* what is known of late timer interrupts */
	LOCK_DISK,         /* what transfers of the machine's disks are in flight */
	LOCK_VIRTIO,       /* a virtio console or disk of the machine */
	LOCK_SHELL,        /* the events that the shell waits for */
	LOCK_PI,           /* priority inheritance */
	LOCK_WAIT,         /* a wait queue that guards only its waiters */
	LOCK_MSGQ_WRITERS, /* waiters for room in a message queue; inside its readers' */
	LOCK_THREADS,      /* the list of all threads */
	LOCK_PARAMS,       /* scheduling parameters that were asked for */
	LOCK_TIMEOUTS,     /* a CPU's timeouts */
	LOCK_IRQ,          /* the table of interrupt handlers */
	LOCK_VMID,         /* VMIDs */
	LOCK_MAP,          /* the hypervisor's own tables */
	LOCK_ALLOC,        /* small objects */
	LOCK_PAGE,         /* pages */
	LOCK_LOG,          /* the log's ring */
	LOCK_ECHO,         /* polled output of the log, and how much is echoed */
	LOCK_RANKS
};

struct spinlock {
	struct lock_check check;
	u32 locked;
};

#define SPINLOCK_INIT(rank)                    \
	{                                      \
		.check = LOCK_CHECK_INIT(rank) \
	}

static inline void spin_lock_init(struct spinlock *l, enum lock_rank rank)
{
	l->locked = 0;
	lock_check_init(&l->check, rank);
}

/* Acquire without touching the interrupt mask. Interrupts are already masked. */
static inline void spin_lock(struct spinlock *l)
{
	lock_check_wanted(&l->check);
	while (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))) {
		lock_check_waits(&l->check);
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			arch_relax();
	}
	lock_check_taken(&l->check);
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_check_released(&l->check);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

/* Mask interrupts and acquire. Returns the flags for spin_unlock_irqrestore(). Any context. */
static inline unsigned long __must_check spin_lock_irqsave(struct spinlock *l)
{
	unsigned long flags = arch_irq_save();

	spin_lock(l);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
	spin_unlock(l);
	arch_irq_restore(flags);
	lock_check_unlocked();
}

#endif
