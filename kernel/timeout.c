/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timeouts. A queued timeout is in the queue of CPU t->cpu, and only under that queue's lock does
 * it enter or leave it. `running` names the timeout whose function a CPU is calling, so that
 * timeout_cancel() can wait for the end of the call; it is a bare address: the function may free
 * its timeout.
 */
#include <arch/timer.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>

/*
 * Calls per timer interrupt. A function that arms itself in the past so cannot keep other
 * interrupts out.
 */
#define MAX_EXPIRIES 32

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	list_init(&t->node);
	t->deadline = DEADLINE_NEVER;
	t->fn = fn;
	t->cpu = 0;
}

/* Set this CPU's timer for its first timeout. Lock held. */
static void program_locked(const struct timeout_queue *q)
{
	struct list *first = list_first(&q->list);

	if (first)
		arch_timer_set(list_entry(first, struct timeout, node)->deadline);
	else
		arch_timer_stop();
}

static void insert_locked(struct timeout_queue *q, struct timeout *t)
{
	struct list *pos;

	list_for_each(pos, &q->list) { /* behind its equals: first armed, first fired */
		if (list_entry(pos, struct timeout, node)->deadline > t->deadline)
			break;
	}
	list_insert_before(pos, &t->node);
}

/*
 * Take t off its queue. True if it was queued. Another CPU's timer is left as it is: it finds
 * nothing due and is set anew then.
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
		first = list_first(&q->list) == &t->node;
		list_del(&t->node);
		if (first && cpu == this_cpu()->id)
			program_locked(q);
	}
	spin_release(&q->lock);
	arch_irq_restore(flags);
	return queued;
}

void timeout_set(struct timeout *t, u64 deadline)
{
	unsigned long flags = arch_irq_save();
	struct timeout_queue *q = &this_cpu()->timeouts;

	(void)dequeue(t);
	if (deadline != DEADLINE_NEVER) {
		spin_acquire(&q->lock);
		t->deadline = deadline;
		__atomic_store_n(&t->cpu, this_cpu()->id, __ATOMIC_RELAXED);
		insert_locked(q, t);
		if (list_first(&q->list) == &t->node)
			arch_timer_set(deadline);
		spin_release(&q->lock);
	}
	arch_irq_restore(flags);
}

/*
 * Wait until no other CPU is in t's function. True if one was. The wait is as long as the rest of
 * that call.
 */
static bool wait_not_running(const struct timeout *t)
{
	unsigned long flags = arch_irq_save();
	u32 self = this_cpu()->id;
	bool waited = false;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		struct timeout *const *running = &percpus[cpu].timeouts.running;

		while (cpu != self && __atomic_load_n(running, __ATOMIC_ACQUIRE) == t) {
			waited = true;
			arch_relax();
		}
	}
	arch_irq_restore(flags);
	return waited;
}

bool timeout_cancel(struct timeout *t)
{
	bool queued = dequeue(t);

	/* A function that was running may have armed it again. */
	while (wait_not_running(t))
		queued |= dequeue(t);
	return queued;
}

/*
 * The first timeout that is due by `now`, off the queue and marked as running; NULL if there is
 * none.
 */
static struct timeout *take_due(struct timeout_queue *q, u64 now)
{
	struct list *first;
	struct timeout *t = NULL;

	spin_acquire(&q->lock);
	first = list_first(&q->list);
	if (first && list_entry(first, struct timeout, node)->deadline <= now) {
		t = list_entry(first, struct timeout, node);
		list_del(&t->node);
	}
	__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
	spin_release(&q->lock);
	return t;
}

void timeouts_expired(void)
{
	unsigned long flags = arch_irq_save();
	struct timeout_queue *q = &this_cpu()->timeouts;
	u64 now = arch_counter();

	for (u32 n = 0; n < MAX_EXPIRIES; n++) {
		struct timeout *t = take_due(q, now);

		if (!t)
			break;
		t->fn(t);
	}
	spin_acquire(&q->lock);
	__atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
	program_locked(q);
	spin_release(&q->lock);
	arch_irq_restore(flags);
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
