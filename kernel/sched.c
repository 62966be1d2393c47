/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler. Every CPU owns its run queue and the threads whose home it is. To ask something of
 * another CPU's thread, a CPU sets a bit in thread.requests, pushes the thread on the home CPU's
 * wake queue and interrupts that CPU.
 *
 * Invariants
 * - A runnable thread is current, or in its home's run queue, or held there (special.c), or on its
 *   way there with REQ_WAKE set.
 * - t->cpu is written by t's home only, and never while t is blocked: the waker of a blocked thread
 *   may rely on it.
 * - A thread is in at most one wake queue. The CPU that turns `requests` from 0 pushes the thread.
 *   The CPU that turns it to 0 has popped the thread.
 * - A thread leaves its home only when it is off its stack there: from the run queue, at its wake,
 *   or by sched_switch_done().
 */
#include "internal.h"

#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/trace.h>

/*
 * ---- round-robin: a timeout ends the running thread's turn. It is armed only while an equal is
 * ready ----
 */

static bool slice_armed(const struct percpu *pc)
{
	return !list_empty(&pc->slice.node);
}

static void slice_expired(struct timeout *timeout)
{
	struct percpu *pc = container_of(timeout, struct percpu, slice);

	pc->current->slice_left = 0;
	pc->resched = 1;
	arch_give_way(false); /* until the timeout is armed again */
}

static __noinline void slice_begin(struct percpu *pc, const struct thread *t, u64 now)
{
	if (slice_armed(pc) || t->slice_left == DEADLINE_NEVER)
		return;
	timeout_set(&pc->slice, now + t->slice_left);
	arch_give_way(true);
}

static inline void slice_arm(struct percpu *pc, const struct thread *t, u64 now)
{
	if (unlikely(rq_has(&pc->rq, thread_prio(t))))
		slice_begin(pc, t, now);
}

static __noinline void slice_end(struct percpu *pc)
{
	timeout_cancel_here(&pc->slice);
	arch_give_way(false);
}

static inline void slice_disarm(struct percpu *pc)
{
	if (unlikely(slice_armed(pc)))
		slice_end(pc);
}

/* Keep the rest of the running thread's turn while a more urgent thread runs. */
static void slice_account(struct percpu *pc, struct thread *t, u64 now)
{
	if (unlikely(slice_armed(pc)))
		t->slice_left = pc->slice.deadline > now ? pc->slice.deadline - now : 0;
}

/* ---- making threads ready ---- */

static bool may_run_on(const struct thread *t, const struct percpu *pc)
{
	return READ_ONCE(t->affinity) & BIT(pc->id);
}

static void wake_queue_push(struct thread *t)
{
	u32 cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
	struct thread **queue = &percpus[cpu].wake_queue;
	struct thread *head = __atomic_load_n(queue, __ATOMIC_RELAXED);

	do {
		t->wake_next = head;
	} while (!__atomic_compare_exchange_n(queue, &head, t, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	/*
	 * The CPU that found the queue empty sends the interrupt. It serves all later entries too.
	 */
	if (!head)
		ipi_send(IPI_RESCHEDULE, cpu);
}

static void request(struct thread *t, u32 bits)
{
	/*
	 * Nonzero before: t is in a wake queue already. The CPU that drains it sees the new bits or
	 * passes t on.
	 */
	if (!__atomic_fetch_or(&t->requests, bits, __ATOMIC_ACQ_REL))
		wake_queue_push(t);
}

/* Hand t over to a CPU that it may run on. t is neither current nor queued. */
static void migrate(struct percpu *pc, struct thread *t)
{
	u32 target = thread_choose_cpu(__atomic_load_n(&t->affinity, __ATOMIC_RELAXED));

	timeout_cancel_here(&t->special_timeout);
	if (t->hooks && t->hooks->migrate)
		t->hooks->migrate(t);
	arch_fp_flush(t);
	__atomic_fetch_sub(&pc->homed, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&percpus[target].homed, 1, __ATOMIC_RELAXED);
	/* Release: all that this CPU wrote to t is in memory before the new home touches it. */
	__atomic_store_n(&t->cpu, target, __ATOMIC_RELEASE);
	request(t, REQ_WAKE);
}

/* End cur's turn: an equal is next. */
static void end_turn(struct percpu *pc, struct thread *cur)
{
	slice_disarm(pc);
	cur->slice_left = 0;
	pc->resched = 1;
}

static __inlined void make_ready(struct percpu *pc, struct thread *t)
{
	struct thread *cur = pc->current;
	bool woken = t->state != THREAD_READY; /* else started, moved or held */

	/* t was woken after it prepared to block and before the switch: it never left the CPU. */
	if (unlikely(t == cur)) {
		WRITE_ONCE(t->state, THREAD_RUNNING);
		return;
	}
	if (woken)
		WRITE_ONCE(t->ready_since, arch_counter());
	WRITE_ONCE(t->state, THREAD_READY);
	if (unlikely(!may_run_on(t, pc))) {
		migrate(pc, t);
		return;
	}
	if (unlikely(t->special) && !special_ready(pc, t, woken))
		return;
	t->slice_left = t->slice;
	if (unlikely(special_goes_first(t))) {
		rq_insert(&pc->rq, t, true);
		if (t->rq_prio == thread_prio(cur) && !special_goes_first(cur))
			end_turn(pc, cur); /* even the turn of a FIFO thread */
	} else if (!t->weight) {
		rq_insert(&pc->rq, t, false);
	} else if (share_insert(pc, t)) {
		end_turn(pc, cur);
	}
	if (t->rq_prio < thread_prio(cur))
		pc->resched = 1;
	else if (t->rq_prio == thread_prio(cur))
		slice_arm(pc, cur, arch_counter());
}

void sched_make_ready(struct percpu *pc, struct thread *t)
{
	make_ready(pc, t);
}

static void requeue(struct percpu *pc, struct thread *t)
{
	if (t == pc->current) {
		pc->resched = 1;
	} else if (!list_empty(&t->run_node)) {
		special_take_off(pc, t);
		sched_make_ready(pc, t);
	} /* else it is blocked: its wake reads the new values */
}

static void refresh(struct percpu *pc, struct thread *t)
{
	if (unlikely(__atomic_load_n(&t->asked_anew, __ATOMIC_RELAXED)))
		special_refresh(pc, t);
	requeue(pc, t);
}

static void serve(struct percpu *pc, struct thread *t)
{
	u32 bits;

	if (__atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE) != pc->id) {
		wake_queue_push(t); /* t has moved meanwhile: pass it on, requests included */
		return;
	}
	if (READ_ONCE(t->state) == THREAD_DEAD) {
		/* thread_join() waits for this. *t may be gone at once. */
		__atomic_store_n(&t->requests, 0, __ATOMIC_RELEASE);
		return;
	}
	bits = __atomic_exchange_n(&t->requests, 0, __ATOMIC_ACQ_REL);
	/*
	 * Do the wake last: t may then leave for another CPU, and this CPU must not look at it any
	 * more.
	 */
	if (bits & REQ_REFRESH)
		refresh(pc, t);
	if (bits & REQ_WAKE)
		sched_make_ready(pc, t);
}

/* Bounded by the number of threads: each is in at most one wake queue. */
static __noinline void empty_wake_queue(struct percpu *pc)
{
	struct thread *t, *next, *fifo = NULL;

	t = __atomic_exchange_n(&pc->wake_queue, NULL, __ATOMIC_ACQUIRE);
	for (; t; t = next) { /* the last one in is the first: reverse the order */
		next = t->wake_next;
		t->wake_next = fifo;
		fifo = t;
	}
	for (t = fifo; t; t = next) {
		next = t->wake_next;
		serve(pc, t);
	}
}

static inline void drain_wake_queue(struct percpu *pc)
{
	if (unlikely(READ_ONCE(pc->wake_queue)))
		empty_wake_queue(pc);
}

void sched_serve_requests(void)
{
	drain_wake_queue(this_cpu());
}

void sched_wake(struct thread *t)
{
	unsigned long flags = arch_irq_save();
	struct percpu *pc = this_cpu();

	if (likely(__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == pc->id))
		make_ready(pc, t);
	else
		request(t, REQ_WAKE);
	arch_irq_restore(flags);
}

void sched_requeue(struct thread *t)
{
	unsigned long flags = arch_irq_save();
	struct percpu *pc = this_cpu();

	if (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == pc->id)
		requeue(pc, t);
	else
		request(t, REQ_REFRESH);
	arch_irq_restore(flags);
}

void sched_refresh(struct thread *t)
{
	unsigned long flags = arch_irq_save();
	struct percpu *pc = this_cpu();

	/* If this CPU is the home now, only this CPU can move t away, and it does not. */
	if (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == pc->id)
		refresh(pc, t);
	else
		request(t, REQ_REFRESH);
	arch_irq_restore(flags);
}

/* ---- switching ---- */

static void account(struct percpu *pc, struct thread *t, u64 now)
{
	u64 ticks = now - t->switched_in_at;

	ADD_ONCE(t->run_ticks, ticks);
	WRITE_ONCE(t->switched_in_at, now);
	if (unlikely(t == pc->idle)) {
		ADD_ONCE(pc->idle_ticks, ticks);
		WRITE_ONCE(pc->idle_since, now);
	}
	slice_account(pc, t, now);
	if (unlikely(t->special))
		special_charge(t, ticks, now);
}

/*
 * True: prev continues to run. False: prev is back in the run queue, before its equals if it was
 * preempted during its turn, behind them if its turn is over.
 */
static bool prev_goes_on(struct percpu *pc, struct thread *prev)
{
	u32 best = rq_best(&pc->rq), prio = thread_prio(prev);
	bool in_turn = prev->slice_left;

	if (!in_turn)
		prev->slice_left = prev->slice;
	if (best > prio || (best == prio && in_turn))
		return true;
	WRITE_ONCE(prev->state, THREAD_READY);
	WRITE_ONCE(prev->ready_since, prev->switched_in_at); /* that is now: see account() */
	if (in_turn || !prev->weight)
		rq_insert(&pc->rq, prev, in_turn);
	else
		(void)share_insert(pc, prev);
	return false;
}

static struct thread *pick_next(struct percpu *pc, struct thread *prev)
{
	struct thread *next;

	if (prev->state == THREAD_RUNNING) {
		if (prev == pc->idle) {
			WRITE_ONCE(prev->state, THREAD_READY); /* but never queued */
		} else if (unlikely(!may_run_on(prev, pc))) {
			WRITE_ONCE(prev->state, THREAD_READY);
			WRITE_ONCE(prev->ready_since, prev->switched_in_at);
			pc->leaving = prev;
		} else if (unlikely(prev->special) && !special_may_run(pc, prev)) {
			WRITE_ONCE(prev->ready_since, prev->switched_in_at);
		} else if (prev_goes_on(pc, prev)) {
			return prev;
		}
	}
	do {
		next = rq_pop(&pc->rq);
	} while (next && unlikely(next->special) && !special_may_run(pc, next));
	return next ? next : pc->idle;
}

static __noinline void take_leave(struct percpu *pc)
{
	struct thread *leaving = pc->leaving, *reap = pc->reap;

	pc->leaving = NULL;
	pc->reap = NULL;
	if (leaving)
		migrate(pc, leaving);
	if (reap)
		thread_reap(reap);
}

/* Do what prev could not do for itself while it was on its stack. */
static inline void finish_switch(void)
{
	struct percpu *pc = this_cpu();

	if (unlikely(pc->leaving || pc->reap))
		take_leave(pc);
}

static void switch_to(struct percpu *pc, struct thread *prev, struct thread *next, u64 now)
{
	if (prev->hooks && prev->hooks->switch_out)
		prev->hooks->switch_out(prev);
	slice_disarm(pc);
	slice_arm(pc, next, now);
	if (unlikely(prev->special))
		special_leaves(prev, now);
	if (unlikely(next->special))
		special_runs(next, now);
	timeouts_hold(&pc->timeouts, thread_prio(next) < PRIO_REALTIME);
	if (trace_wants(TRACE_SWITCHES))
		trace_event(TRACE_SWITCH, now, next->tag, prev->tag,
			    (u32)thread_prio(next) << 8 | prev->state);
	WRITE_ONCE(next->state, THREAD_RUNNING);
	WRITE_ONCE(next->switched_in_at, now);
	ADD_ONCE(next->ready_ticks, now - next->ready_since);
	ADD_ONCE(next->switches, 1);
	ADD_ONCE(pc->switches, 1);
	WRITE_ONCE(pc->idle_since, next == pc->idle ? now : 0);
	arch_fp_switch(next);
	/*
	 * Release: a CPU that sees that prev has left also sees everything that switch_out wrote.
	 */
	__atomic_store_n(&pc->current, next, __ATOMIC_RELEASE);
	/*
	 * Pairs with thread_post_work(): either this CPU reads next->work after this fence, or the
	 * poster sees that next is current.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (next->hooks && next->hooks->switch_in)
		next->hooks->switch_in(next);
	if (next->hooks && !pc->masked.exits) /* time in its lower level is not measured */
		masked_stop(&pc->masked, arch_counter(), (u64)schedule);
	arch_switch(prev, next);
	/* This is prev again, perhaps on another CPU: pc is stale. */
	finish_switch();
}

static void schedule_once(void)
{
	struct percpu *pc = this_cpu();
	struct thread *prev = pc->current, *next;
	u64 now;

	drain_wake_queue(pc);
	pc->resched = 0;
	now = arch_counter();
	if (prev->hooks && !pc->masked.exits) /* it usually comes from its lower level */
		masked_restart(&pc->masked, now, (u64)schedule);
	account(pc, prev, now);
	next = pick_next(pc, prev);
	if (next != prev) {
		switch_to(pc, prev, next, now);
	} else {
		WRITE_ONCE(next->state, THREAD_RUNNING);
		slice_arm(pc, next, now);
		if (unlikely(next->special))
			special_runs(next, now);
	}
}

void schedule(void)
{
	kassert(arch_irqs_masked());
	kassert(!this_cpu()->irq_depth);
	lock_check_no_spinlock("leaves its thread");
	/*
	 * Repeat only if finish_switch() woke a more urgent thread. Each round is a switch, so
	 * other threads make progress.
	 */
	do {
		schedule_once();
	} while (this_cpu()->resched);
}

void sched_switch_done(void)
{
	finish_switch();
	if (sched_pending())
		schedule();
}

bool sched_pending(void)
{
	const struct percpu *pc = this_cpu();

	return pc->resched && !pc->irq_depth;
}

void sched_exit_work(void)
{
	struct thread *t;

	if (unlikely(sched_pending()))
		schedule();
	t = this_cpu()->current;
	if (likely(__atomic_load_n(&t->work, __ATOMIC_ACQUIRE) && t->hooks && t->hooks->work))
		t->hooks->work(t);
	lock_check_no_lock("returns to its lower level");
}

void sched_open(void)
{
	struct percpu *pc = this_cpu();

	lock_check_no_spinlock("lets interrupts in");
	if (!pc->masked.exits)
		masked_restart(&pc->masked, arch_counter(), (u64)sched_open);
	arch_irq_enable();
}

/*
 * Not masked: t->cpu may be the CPU that this thread ran on when it looked. Then t was not current,
 * and sees its work when it becomes current.
 */
void thread_interrupt(const struct thread *t)
{
	u32 cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
	const struct percpu *pc = &percpus[cpu];

	if (pc != this_cpu() && __atomic_load_n(&pc->current, __ATOMIC_RELAXED) == t)
		ipi_send(IPI_RESCHEDULE, cpu);
}

void thread_post_work(struct thread *t, u32 bits)
{
	thread_set_work(t, bits);
	thread_interrupt(t);
}

/* ---- giving way, preemption ---- */

void thread_yield(void)
{
	unsigned long flags = arch_irq_save();
	struct percpu *pc = this_cpu();

	slice_disarm(pc);
	pc->current->slice_left = 0;
	schedule();
	arch_irq_restore(flags);
}

void sched_preempt_point(void)
{
	unsigned long flags;

	if (arch_irqs_masked())
		return;
	flags = arch_irq_save();
	if (sched_pending())
		schedule();
	arch_irq_restore(flags);
}

/* ---- start (see idle.c) ---- */

void sched_init_cpu(struct percpu *pc)
{
	rq_init(&pc->rq);
	timeout_queue_init(&pc->timeouts);
	timeout_init(&pc->slice, slice_expired);
	special_init_cpu(pc);
}
