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
	timeout_init(&q->urgent, NULL);
	timeout_init(&q->patient, NULL);
}

static inline struct timeout *next_in_list(const struct timeout *t)
{
	return list_entry(t->node.next, struct timeout, node);
}

/* When this CPU's timer has to fire. Lock held. */
static __inlined u64 next_locked(const struct timeout_queue *q)
{
	u64 next = next_in_list(&q->urgent)->deadline;

	return q->hold ? next : MIN(next, next_in_list(&q->patient)->deadline);
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
	spin_lock(&q->lock);
	program_locked(q);
	spin_unlock(&q->lock);
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

	spin_lock(&q->lock);
	queued = !list_empty(&t->node);
	if (queued) {
		first = t->deadline == next_locked(q);
		list_del(&t->node);
		if (first && cpu == this_cpu()->id)
			program_locked(q);
	}
	spin_unlock(&q->lock);
	arch_irq_restore(flags);
	return queued;
}

void timeout_unqueue(struct timeout *t)
{
	(void)dequeue(t);
}

/* Queue t here. Linear in the timeouts before it. */
static __inlined void arm(struct timeout *t, u64 deadline)
{
	struct percpu *pc = this_cpu();
	struct timeout_queue *q = &pc->timeouts;
	struct timeout *end = t->patient ? &q->patient : &q->urgent, *pos;

	spin_lock(&q->lock);
	__atomic_store_n(&t->cpu, pc->id, __ATOMIC_RELAXED);
	t->deadline = deadline;
	/* Behind equal deadlines: first armed, first fired. */
	for (pos = next_in_list(end); pos->deadline <= deadline; pos = next_in_list(pos))
		;
	list_insert_before(&pos->node, &t->node);
	if (next_in_list(end) == t && next_locked(q) == deadline)
		arch_timer_set(deadline);
	spin_unlock(&q->lock);
}

void timeout_arm_here(struct timeout *t, u64 deadline)
{
	arm(t, deadline);
}

void timeout_set(struct timeout *t, u64 deadline)
{
	unsigned long flags = arch_irq_save();

	/*
	 * A timeout that is off this CPU's queue stays off: only this caller arms it. For another
	 * CPU's queue the lock is needed: that CPU may still be unlinking t when it already looks
	 * unlinked.
	 */
	if (likely(__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == this_cpu()->id))
		timeout_cancel_here(t);
	else
		timeout_unqueue(t);
	if (deadline != DEADLINE_NEVER)
		arm(t, deadline);
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

/* The first timeout that is due by `now`. NULL if there is none. Lock held. */
static __inlined struct timeout *due_locked(const struct timeout_queue *q, u64 now)
{
	struct timeout *t = next_in_list(&q->urgent);

	if (t->deadline <= now)
		return t;
	t = next_in_list(&q->patient);
	return !q->hold && t->deadline <= now ? t : NULL;
}

/*
 * One a timer interrupt. Further due timeouts come with the next one, behind other interrupts and
 * behind the threads that were woken.
 */
void timeouts_expired(void)
{
	struct timeout_queue *q = &this_cpu()->timeouts;
	u64 now = arch_counter();
	struct timeout *t;

	spin_lock(&q->lock);
	t = due_locked(q, now);
	if (t) {
		list_del(&t->node);
		__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
		spin_unlock(&q->lock);
		t->fn(t);
		lock_check_no_spinlock("ends a timeout");
		spin_lock(&q->lock);
	}
	__atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
	program_locked(q);
	spin_unlock(&q->lock);
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
