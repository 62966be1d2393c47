/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: from create to join, and their attributes. */
#include "internal.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>

static struct spinlock list_lock = SPINLOCK_INIT(LOCK_THREADS);
static struct list all_threads = LIST_INIT(all_threads);
/*
 * The next number of a thread of ours (kernel/trace.h). A vCPU's thread gets one too, but another
 * tag at once. All others start at boot, so no two have one number, even if they begin again.
 */
static u16 next_tag = 1;

static void wait_timed_out(struct timeout *timeout)
{
	struct thread *t = container_of(timeout, struct thread, timeout);
	struct wait_queue *wq = __atomic_load_n(&t->waiting_on, __ATOMIC_ACQUIRE);
	unsigned long flags;

	/*
	 * If t is on a queue, the queue outlives this call: t does not return from wait_finish()
	 * while this function runs (timeout_cancel). The CPU that finds waiting_on set under the
	 * lock has the right to wake t, so t is woken exactly once.
	 */
	if (!wq)
		return;
	flags = spin_lock_irqsave(&wq->lock);
	if (t->waiting_on == wq)
		wait_wake_locked(t, -ETIMEDOUT);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void thread_setup(struct thread *t, const char *name, u8 prio, u32 cpu, u64 affinity)
{
	unsigned long flags;

	memset(t, 0, sizeof(*t));
	(void)str_copy(t->name, name, sizeof(t->name));
	t->state = THREAD_NEW;
	t->prio = prio;
	t->base_prio = prio;
	t->boost = PRIO_IDLE;
	t->cpu = cpu;
	t->affinity = affinity;
	list_init(&t->run_node);
	list_init(&t->wait_node);
	list_init(&t->held_mutexes);
	timeout_init(&t->timeout, wait_timed_out);
	wait_queue_init(&t->joiners, LOCK_WAIT);
	special_init_thread(t);
	flags = spin_lock_irqsave(&list_lock);
	t->tag = next_tag;
	next_tag = next_tag % (TRACE_TAG_VCPU - 1) + 1;
	list_add_tail(&all_threads, &t->all_node);
	spin_unlock_irqrestore(&list_lock, flags);
}

u32 thread_choose_cpu(u64 affinity)
{
	u64 mask = affinity & cpus_online_mask();
	u32 cpu, best = MAX_CPUS, fewest = UINT32_MAX;

	for_each_set_bit(cpu, mask) {
		u32 homed = __atomic_load_n(&percpus[cpu].homed, __ATOMIC_RELAXED);

		if (homed < fewest) {
			best = cpu;
			fewest = homed;
		}
	}
	return best;
}

int thread_create(struct thread *t, const char *name, void (*entry)(void *), void *arg, u8 prio,
		  u64 affinity)
{
	u64 mask = affinity ? affinity : ~0ULL;
	u32 cpu = thread_choose_cpu(mask);
	void *stack_top;

	if (cpu == MAX_CPUS || prio > PRIO_LOWEST)
		return -EINVAL;
	stack_top = arch_stack_alloc();
	if (!stack_top)
		return -ENOMEM;
	thread_setup(t, name, prio, cpu, mask);
	t->stack_top = stack_top;
	arch_thread_init(t, stack_top, entry, arg);
	__atomic_fetch_add(&percpus[cpu].homed, 1, __ATOMIC_RELAXED);
	return 0;
}

void thread_start(struct thread *t)
{
	kassert(t->state == THREAD_NEW);
	WRITE_ONCE(t->state, THREAD_READY); /* on its way to the home's run queue */
	WRITE_ONCE(t->ready_since, arch_counter());
	sched_wake(t);
	sched_preempt_point();
}

__noreturn void thread_exit(void)
{
	struct percpu *pc;

	lock_check_no_lock("exits");
	arch_irq_disable();
	pc = this_cpu();
	kassert(list_empty(&pc->current->held_mutexes));
	/*
	 * The thread neither runs nor can it be woken. It is dead only when its successor has left
	 * this stack.
	 */
	WRITE_ONCE(pc->current->state, THREAD_BLOCKED);
	pc->reap = pc->current;
	schedule();
	panic("a dead thread runs");
}

void thread_reap(struct thread *t)
{
	unsigned long flags;

	if (t->hooks && t->hooks->migrate)
		t->hooks->migrate(t);
	arch_fp_drop(t);
	__atomic_fetch_sub(&this_cpu()->homed, 1, __ATOMIC_RELAXED);
	flags = spin_lock_irqsave(&t->joiners.lock);
	WRITE_ONCE(t->state, THREAD_DEAD);
	wait_wake_all_locked(&t->joiners);
	/* From this unlock on t belongs to the joining thread. */
	spin_unlock_irqrestore(&t->joiners.lock, flags);
}

/* A thread that never ran is not known to any home CPU. */
static void discard_new(struct thread *t)
{
	__atomic_fetch_sub(&percpus[t->cpu].homed, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(t->state, THREAD_DEAD);
}

void thread_wait_off_cpu(const struct thread *t)
{
	for (;;) {
		u32 cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);

		if (__atomic_load_n(&percpus[cpu].current, __ATOMIC_ACQUIRE) != t)
			return;
		thread_yield();
		arch_relax();
	}
}

void thread_join(struct thread *t)
{
	unsigned long flags;

	kassert(t != thread_current());
	if (READ_ONCE(t->state) == THREAD_NEW)
		discard_new(t);
	wait_until(&t->joiners, READ_ONCE(t->state) == THREAD_DEAD);
	/*
	 * A request made while t lived (for example a new priority) may still be in a wake queue.
	 * The interrupt that serves it is under way.
	 */
	while (__atomic_load_n(&t->requests, __ATOMIC_ACQUIRE)) {
		thread_yield();
		arch_relax();
	}
	flags = spin_lock_irqsave(&list_lock);
	list_del(&t->all_node);
	spin_unlock_irqrestore(&list_lock, flags);
	arch_stack_free(t->stack_top);
	t->stack_top = NULL;
}

struct thread *thread_current(void)
{
	/* Masked: the thread could move between reading the CPU and its current thread. */
	unsigned long flags = arch_irq_save();
	struct thread *t = this_cpu()->current;

	arch_irq_restore(flags);
	return t;
}

void thread_sleep_until(u64 deadline)
{
	struct wait_queue nobody_wakes;
	unsigned long flags;

	wait_queue_init(&nobody_wakes, LOCK_WAIT);
	flags = spin_lock_irqsave(&nobody_wakes.lock);
	(void)wait_block_locked(&nobody_wakes, flags, deadline);
}

void thread_sleep_ms(u64 ms)
{
	thread_sleep_until(deadline_ms(ms));
}

void thread_set_priority(struct thread *t, u8 prio)
{
	kassert(prio <= PRIO_LOWEST);
	mutex_set_base_prio(t, prio);
	sched_preempt_point();
}

int thread_set_affinity(struct thread *t, u64 affinity)
{
	u64 mask = affinity ? affinity : ~0ULL;

	if (!(mask & cpus_online_mask()))
		return -EINVAL;
	__atomic_store_n(&t->affinity, mask, __ATOMIC_RELAXED);
	/*
	 * Store before the request: the home reads the mask when it serves the request, or at the
	 * thread's wake.
	 */
	sched_refresh(t);
	sched_preempt_point();
	return 0;
}

/* Call fn for the n-th thread. False if there are fewer. */
static bool visit(u32 n, void (*fn)(const struct thread *t, void *arg), void *arg)
{
	unsigned long flags = spin_lock_irqsave(&list_lock);
	const struct thread *t;
	bool found = false;

	list_for_each_entry(t, &all_threads, all_node) {
		found = n-- == 0;
		if (found) {
			fn(t, arg);
			break;
		}
	}
	spin_unlock_irqrestore(&list_lock, flags);
	return found;
}

/* The lock is released between two threads, so interrupts are not masked for the whole list. */
void thread_for_each(void (*fn)(const struct thread *t, void *arg), void *arg)
{
	u32 n = 0;

	while (visit(n, fn, arg))
		n++;
}
