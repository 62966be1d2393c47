/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timeouts. A queued timeout is in the queue of CPU t->cpu. It enters and leaves that queue only
 * under the queue's lock. `running` names the timeout whose function a CPU is calling, so that
 * timeout_cancel() can wait for the end of the call. It is a bare address: the function may free
 * its timeout.
 */
#include <arch/timer.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>

/*
 * Calls per timer interrupt. Further due timeouts come with the next one, behind other interrupts
 * and behind the threads that were woken.
 */
#define MAX_EXPIRIES 1

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	list_init(&t->node);
	t->deadline = DEADLINE_NEVER;
	t->fn = fn;
	t->cpu = 0;
	t->patient = false;
}

void timeout_queue_init(struct timeout_queue *q)
{
	spin_lock_init(&q->lock, LOCK_TIMEOUTS);
	list_init(&q->list);
	list_init(&q->patient);
}

static inline u64 first_deadline(const struct list *list)
{
	struct list *first = list_first(list);

	return first ? list_entry(first, struct timeout, node)->deadline : DEADLINE_NEVER;
}

/* When this CPU's timer has to fire. Lock held. */
static __inlined u64 next_locked(const struct timeout_queue *q)
{
	u64 next = first_deadline(&q->list);

	return q->hold ? next : MIN(next, first_deadline(&q->patient));
}

static __inlined void program_locked(const struct timeout_queue *q)
{
	u64 next = next_locked(q);

	if (next != DEADLINE_NEVER)
		arch_timer_set(next);
	else
		arch_timer_stop();
}

void timeouts_program(struct timeout_queue *q)
{
	spin_acquire(&q->lock);
	program_locked(q);
	spin_release(&q->lock);
}

static void insert_locked(struct timeout_queue *q, struct timeout *t)
{
	struct list *list = t->patient ? &q->patient : &q->list, *pos;

	list_for_each(pos, list) { /* behind equal deadlines: first armed, first fired */
		if (list_entry(pos, struct timeout, node)->deadline > t->deadline)
			break;
	}
	list_insert_before(pos, &t->node);
}

/*
 * Take t off its queue. True if it was queued. Another CPU's timer is not changed: it fires, finds
 * nothing due and is set again then.
 */
static bool dequeue(struct timeout *t)
{
	unsigned long flags = arch_irq_save();
	u32 cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
	struct timeout_queue *q = &percpus[cpu].timeouts;
	bool queued, first;

	spin_acquire(&q->lock);
	queued = !list_empty(&t->node);
	if (queued) {
		first = t->deadline == next_locked(q);
		list_del(&t->node);
		if (first && cpu == this_cpu()->id)
			program_locked(q);
	}
	spin_release(&q->lock);
	arch_irq_restore(flags);
	return queued;
}

void timeout_unqueue(struct timeout *t)
{
	(void)dequeue(t);
}

void timeout_set(struct timeout *t, u64 deadline)
{
	unsigned long flags = arch_irq_save();
	struct timeout_queue *q = &this_cpu()->timeouts;

	/*
	 * A timeout that is off this CPU's queue stays off: only this caller arms it. For another
	 * CPU's queue the lock is needed: that CPU may still be unlinking t when it already looks
	 * unlinked.
	 */
	if (likely(__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == this_cpu()->id)) {
		timeout_cancel_here(t);
	} else {
		timeout_unqueue(t);
		__atomic_store_n(&t->cpu, this_cpu()->id, __ATOMIC_RELAXED);
	}
	if (deadline != DEADLINE_NEVER) {
		spin_acquire(&q->lock);
		t->deadline = deadline;
		insert_locked(q, t);
		if (t->node.prev == (t->patient ? &q->patient : &q->list) &&
		    next_locked(q) == deadline)
			arch_timer_set(deadline);
		spin_release(&q->lock);
	}
	arch_irq_restore(flags);
}

/*
 * Wait until no other CPU is in t's function. True if one was. The wait lasts for the rest of that
 * call. Interrupts need not be masked: a thread that moves to another CPU meanwhile left no
 * function running where it was.
 */
static bool wait_not_running(const struct timeout *t)
{
	bool waited = false;
	u32 cpu;

	lock_check_no_spinlock("waits for a timeout's end");
	for_each_cpu(cpu) {
		struct timeout *const *running = &percpus[cpu].timeouts.running;

		while (__atomic_load_n(running, __ATOMIC_ACQUIRE) == t && cpu != this_cpu()->id) {
			waited = true;
			arch_relax();
		}
	}
	return waited;
}

bool timeout_cancel(struct timeout *t)
{
	bool queued = dequeue(t);

	/* A function that was running may have armed t again. */
	while (wait_not_running(t))
		queued |= dequeue(t);
	return queued;
}

/* Take the first timeout that is due by `now` off the queue. NULL if there is none. Lock held. */
static struct timeout *take_due_locked(struct timeout_queue *q, u64 now)
{
	struct timeout *t = NULL;

	if (first_deadline(&q->list) <= now)
		t = list_entry(q->list.next, struct timeout, node);
	else if (!q->hold && first_deadline(&q->patient) <= now)
		t = list_entry(q->patient.next, struct timeout, node);
	if (t)
		list_del(&t->node);
	return t;
}

void timeouts_expired(void)
{
	struct timeout_queue *q = &this_cpu()->timeouts;
	u64 now = arch_counter();
	struct timeout *t;

	spin_acquire(&q->lock);
	for (u32 n = 0; n < MAX_EXPIRIES && (t = take_due_locked(q, now)); n++) {
		__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
		spin_release(&q->lock);
		t->fn(t);
		lock_check_no_spinlock("ends a timeout");
		spin_acquire(&q->lock);
	}
	__atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
	program_locked(q);
	spin_release(&q->lock);
}

/* value * hz / unit, rounded up, DEADLINE_NEVER if it does not fit. */
static u64 scale_up(u64 value, u64 unit)
{
	u64 hz = arch_counter_hz(), whole, part = ((value % unit) * hz + unit - 1) / unit;

	if (__builtin_mul_overflow(value / unit, hz, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		return DEADLINE_NEVER;
	return whole;
}

u64 us_to_ticks(u64 us)
{
	return scale_up(us, 1000000);
}

u64 ms_to_ticks(u64 ms)
{
	return scale_up(ms, 1000);
}

u64 ticks_to_us(u64 ticks)
{
	u64 hz = arch_counter_hz(), us;

	if (__builtin_mul_overflow(ticks / hz, (u64)1000000, &us) ||
	    __builtin_add_overflow(us, (ticks % hz * 1000000 + hz - 1) / hz, &us))
		return UINT64_MAX;
	return us;
}

u64 deadline_ms(u64 ms)
{
	u64 deadline;

	if (__builtin_add_overflow(arch_counter(), ms_to_ticks(ms), &deadline))
		return DEADLINE_NEVER;
	return deadline;
}
