/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickless timeouts: per-CPU queues in deadline order, driven by the CPU's deadline timer.
 * Deadlines are absolute counter values. Patient ones, which no thread above PRIO_REALTIME waits for, come
 * after the others, and not at all while such a thread runs: it is not interrupted for them.
 */
#ifndef KERNEL_TIMEOUT_H
#define KERNEL_TIMEOUT_H

#include <kernel/spinlock.h>
#include <lib/list.h>

#define DEADLINE_NEVER UINT64_MAX

struct timeout {
	struct list node;
	u64 deadline;
	/* in interrupt context, interrupts masked, on the CPU that armed it */
	void (*fn)(struct timeout *t);
	u32 cpu;
	bool patient; /* set by its owner while it is not queued */
};

struct timeout_queue {
	struct spinlock lock;
	struct list list, patient;
	bool hold;               /* the patient ones wait */
	struct timeout *running; /* whose fn is being called now */
};

void timeout_queue_init(struct timeout_queue *q);
void timeout_init(struct timeout *t, void (*fn)(struct timeout *t));

/*
 * Arm on this CPU (re-arms if it is queued anywhere; DEADLINE_NEVER disarms). One caller at a time.
 * Any context. Linear in the timeouts queued here.
 */
void timeout_set(struct timeout *t, u64 deadline);

/*
 * Disarm. True if it was queued, and so will not fire. On return its fn is not running on another
 * CPU. Any context but its own fn's lock.
 */
bool timeout_cancel(struct timeout *t);

/* The same for one that was armed on this CPU, if anywhere, since it last was cancelled: its fn runs nowhere else. Interrupts masked. */
void timeout_unqueue(struct timeout *t);
static inline void timeout_cancel_here(struct timeout *t)
{
	if (!list_empty(&t->node))
		timeout_unqueue(t);
}

/* Set this CPU's timer anew, as q->hold has changed. Interrupts masked. */
void timeouts_program(struct timeout_queue *q);
/* Hold this CPU's patient timeouts back, or let them come. Interrupts masked. */
static inline void timeouts_hold(struct timeout_queue *q, bool hold)
{
	if (q->hold == hold)
		return;
	/* For this CPU only; and only here does anything enter `patient`. */
	q->hold = hold;
	if (unlikely(!list_empty(&q->patient)))
		timeouts_program(q);
}
/* True if holding them back keeps any waiting. */
static inline bool timeouts_held(const struct timeout_queue *q)
{
	return q->hold && !list_empty(&q->patient);
}

/* Called by arch from the timer interrupt, masked. */
void timeouts_expired(void);

/* Conversions (saturating, rounding up, so that a sleep is never short). */
u64 us_to_ticks(u64 us);
u64 ms_to_ticks(u64 ms);
u64 ticks_to_us(u64 ticks);
/* Counter value `ms` from now. */
u64 deadline_ms(u64 ms);

#endif
