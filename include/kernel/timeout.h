/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickless timeouts: per-CPU queues in the order of deadlines, driven by the CPU's deadline timer.
 * Deadlines are absolute counter values. Patient timeouts are those that no thread above
 * PRIO_REALTIME waits for. They fire after the others. While such a thread runs they do not fire at
 * all, so it is not interrupted for them.
 */
#ifndef KERNEL_TIMEOUT_H
#define KERNEL_TIMEOUT_H

#include <kernel/spinlock.h>
#include <lib/list.h>

#define DEADLINE_NEVER UINT64_MAX

struct timeout {
	struct list node;
	u64 deadline;
	/* called in interrupt context, interrupts masked, on the CPU that armed the timeout */
	void (*fn)(struct timeout *t);
	u32 cpu;
	bool patient; /* set by its owner while the timeout is not queued */
};

struct timeout_queue {
	struct spinlock lock;
	/* The two lists begin and end here: never due, so a search needs no other end. */
	struct timeout urgent, patient;
	bool hold;               /* the patient timeouts wait */
	struct timeout *running; /* the timeout whose fn is being called now */
};

void timeout_queue_init(struct timeout_queue *q);
void timeout_init(struct timeout *t, void (*fn)(struct timeout *t));

/*
 * Arm a timeout on this CPU. If it is queued anywhere, it is moved. DEADLINE_NEVER disarms it. One
 * caller at a time. Any context. Linear in the timeouts queued here.
 */
void timeout_set(struct timeout *t, u64 deadline);

/*
 * The same for a timeout that is not queued and that only this CPU has armed since it was last
 * cancelled. Not for DEADLINE_NEVER. Interrupts masked.
 */
void timeout_arm_here(struct timeout *t, u64 deadline);

/*
 * Disarm. True if it was queued, and so does not fire. On return its fn runs on no other CPU. Any
 * context, but not under a lock that its fn takes.
 */
bool timeout_cancel(struct timeout *t);

/*
 * The same for a timeout that only this CPU has armed since it was last cancelled: its fn runs on
 * no other CPU. Interrupts masked.
 */
void timeout_unqueue(struct timeout *t);
static inline void timeout_cancel_here(struct timeout *t)
{
	if (!list_empty(&t->node))
		timeout_unqueue(t);
}

/* Set this CPU's timer again, because q->hold has changed. Interrupts masked. */
void timeouts_program(struct timeout_queue *q);
/* Hold this CPU's patient timeouts back, or let them fire. Interrupts masked. */
static inline void timeouts_hold(struct timeout_queue *q, bool hold)
{
	if (q->hold == hold)
		return;
	/* Valid for this CPU only: only this CPU adds to `patient`. */
	q->hold = hold;
	if (unlikely(!list_empty(&q->patient.node)))
		timeouts_program(q);
}
/* True if a patient timeout is being held back. */
static inline bool timeouts_held(const struct timeout_queue *q)
{
	return q->hold && !list_empty(&q->patient.node);
}

/* Called by arch from the timer interrupt, masked. */
void timeouts_expired(void);

/* Conversions. They saturate and round up, so that a sleep is never short. */
u64 us_to_ticks(u64 us);
u64 ms_to_ticks(u64 ms);
u64 ticks_to_us(u64 ticks);
/* The counter value `ms` from now. */
u64 deadline_ms(u64 ms);

#endif
