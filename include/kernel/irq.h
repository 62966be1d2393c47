/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt registration, and IPIs. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <kernel/percpu.h>

typedef void (*irq_handler_t)(u32 intid, void *arg);

/* How an interrupt is registered. */
enum irq_flags {
	IRQ_EDGE = 1 << 0, /* else level */
	/* stays active after its handler: the guest that it is passed to deactivates it */
	IRQ_STAYS_ACTIVE = 1 << 1,
	/* is taken before other pending interrupts (PPIs): for deadlines */
	IRQ_URGENT = 1 << 2,
};

/*
 * Register a handler and unmask the interrupt. The handler is called with interrupts masked on the
 * CPU that took the interrupt. PPIs: on all CPUs. SPIs: on CPU 0. -EBUSY, -EINVAL, -ENOSPC. Thread
 * context, or boot.
 */
int __must_check irq_request(u32 intid, const char *name, irq_handler_t fn, void *arg, u32 flags);

/*
 * Called by arch: dispatch one acknowledged interrupt. Returns the flags of its registration. 0 if
 * it is not registered: it is then masked.
 */
u32 irq_dispatch(u32 intid);

/*
 * Called on each secondary at its start: unmask the PPIs registered so far. Later registrations of
 * PPIs reach all CPUs by IPI.
 */
void irq_init_cpu(void);

/* Count an interrupt private to this CPU (INTID < 32), in place of irq_dispatch(). */
static inline void irq_account(struct percpu *pc, u32 intid)
{
	ADD_ONCE(pc->private_irqs[intid], 1);
}

/* The number of interrupts that a CPU has taken so far. */
u64 irq_total(u32 cpu);

/*
 * Do what IPI_RESCHEDULE asks for, except what the exit path does anyway: serve the requests of
 * other CPUs. For arch, if it takes that interrupt without irq_dispatch().
 */
void sched_serve_requests(void);
static inline void ipi_reschedule(struct percpu *pc)
{
	if (unlikely(__atomic_load_n(&pc->wake_queue, __ATOMIC_RELAXED)))
		sched_serve_requests();
}

struct irq_info {
	u32 intid;
	const char *name;
	u64 count[MAX_CPUS];
};
/* Fill in the info of the next registered INTID >= from. False if there is none. For `host irq`. */
bool irq_next_info(u32 from, struct irq_info *info);

/* SGIs used between CPUs. */
enum ipi {
	IPI_RESCHEDULE, /* look at the wake queue and at current's work */
	IPI_CALL,       /* run a function */
	IPI_HALT,       /* another CPU panicked: stop */
	IPI_COUNT
};

/* Register the IPIs. Boot CPU, once, before secondaries start. */
void ipi_init(void);
/* Send an IPI. Any context. */
void ipi_send(enum ipi ipi, u32 cpu);
/* How many of these IPIs a CPU has taken so far. */
u64 ipi_total(u32 cpu);
/*
 * Run fn(arg) on CPU `cpu` in interrupt context and wait for its end. Thread context, interrupts
 * enabled. On the calling CPU: fn is called directly, with interrupts masked.
 */
void ipi_call(u32 cpu, void (*fn)(void *arg), void *arg);
/* The same on all CPUs that are online, one after the other. Also at boot, on the only CPU. */
void ipi_call_all(void (*fn)(void *arg), void *arg);

#endif
