/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are not simply ready or not: those with a budget, with windows, and guarded ones. A
 * thread that is ready but may not run is held: its run_node is in its CPU's list `held`. It stays
 * THREAD_READY, so that the time counts as waiting. The hold ends when its budget returns, when its
 * window opens, or when its parameters change.
 */
#include "internal.h"

#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/trace.h>

#define SLICE_MS 10

const struct sched_params sched_plain = { .window = WINDOW_ALWAYS };
const struct sched_params sched_guarded = { .window = WINDOW_ALWAYS, .guarded = true };

static struct spinlock asked_lock = SPINLOCK_INIT(LOCK_PARAMS);

/* ---- holding ---- */

static u8 open_window(const struct percpu *pc)
{
	return pc->frame ? pc->frame->slots[pc->slot].window : WINDOW_ALWAYS;
}

static bool in_budget(const struct thread *t, u64 now)
{
	return !(t->special & SPECIAL_BUDGET) || server_next(&t->server) <= now;
}

static bool in_window(const struct percpu *pc, const struct thread *t)
{
	return !(t->special & SPECIAL_WINDOW) || !pc->frame || open_window(pc) == t->window;
}

/* True if t may run. False: t is now held. */
static bool hold_unless_open(struct percpu *pc, struct thread *t, bool count)
{
	bool may = in_budget(t, arch_counter());

	if ((t->special & SPECIAL_GUARDED) || (may && in_window(pc, t)))
		return true;
	WRITE_ONCE(t->state, THREAD_READY);
	t->special |= SPECIAL_HELD;
	list_add_tail(&pc->held, &t->run_node);
	t->server.throttled += !may && count;
	if (trace_wants(TRACE_BUDGETS))
		trace_event(TRACE_HELD, arch_counter(), t->tag,
			    may ? TRACE_HELD_WINDOW : TRACE_HELD_BUDGET, 0);
	timeout_set(&t->special_timeout, may ? DEADLINE_NEVER : server_next(&t->server));
	return false;
}

void special_take_off(struct percpu *pc, struct thread *t)
{
	if (!(t->special & SPECIAL_HELD)) {
		rq_remove(&pc->rq, t);
		return;
	}
	list_del(&t->run_node);
	t->special &= (u8)~SPECIAL_HELD;
	if (trace_wants(TRACE_BUDGETS))
		trace_event(TRACE_RELEASED, arch_counter(), t->tag, 0, 0);
}

/*
 * ---- guards. While a guarded thread is ready, its timeout fires after half of GUARD_WAIT_MS,
 * again after the other half, and at the end of the share that the thread then gets. ----
 */

static void boost(struct percpu *pc, struct thread *t, u8 prio)
{
	t->special |= SPECIAL_BOOSTED;
	mutex_set_boost(t, prio);
	if (t == pc->current || list_empty(&t->run_node))
		return;
	special_take_off(pc, t); /* even if it is not more urgent now: it goes before its equals */
	sched_make_ready(pc, t);
}

static void unboost(struct thread *t)
{
	if (!(t->special & SPECIAL_BOOSTED))
		return;
	t->special &= (u8)~SPECIAL_BOOSTED;
	mutex_set_boost(t, PRIO_IDLE);
}

/* True if a part of its last share is left: it blocked in between and does not wait once more. */
static bool share_is_open(const struct thread *t, u64 now)
{
	return t->guard_left && now < t->guard_until;
}

static void guard_waits(struct thread *t, bool woken, u64 now)
{
	if (woken)
		t->guard_ran = t->run_ticks;
	/*
	 * A timeout is used even if it is due at once: the waker may hold the lock that boost()
	 * takes.
	 */
	if (t->boost != PRIO_HIGHEST && (woken || list_empty(&t->special_timeout.node)))
		timeout_set(&t->special_timeout,
			    share_is_open(t, now) ? now : now + ms_to_ticks(GUARD_WAIT_MS / 2));
}

static void guard_runs(struct thread *t, u64 now)
{
	if (t->state == THREAD_READY) /* else it continues to run */
		WRITE_ONCE(t->guard_longest, MAX(t->guard_longest, now - t->ready_since));
	if (t->boost == PRIO_HIGHEST && list_empty(&t->special_timeout.node))
		timeout_set(&t->special_timeout, now + t->guard_left);
}

static void guard_leaves(struct thread *t, u64 now)
{
	if (t->state == THREAD_READY && t->boost != PRIO_HIGHEST) {
		guard_waits(t, false, now);
		return;
	}
	timeout_cancel_here(&t->special_timeout);
	if (t->state != THREAD_READY)
		unboost(t);
}

static void guard_timed_out(struct percpu *pc, struct thread *t)
{
	u64 now = arch_counter(), half = ms_to_ticks(GUARD_WAIT_MS / 2);
	u64 ran = t == pc->current ? thread_cpu_ticks(t, now) : t->run_ticks;

	if (t->boost == PRIO_HIGHEST || thread_prio(t) > PRIO_GUARDED ||
	    ran - t->guard_ran >= us_to_ticks(GUARD_SHARE_US)) {
		if (t->boost == PRIO_HIGHEST)
			t->guard_left = 0;
		unboost(t);
		t->guard_ran = ran;
		timeout_set(&t->special_timeout, now + half);
	} else if (!share_is_open(t, now) && !(t->special & SPECIAL_BOOSTED)) {
		boost(pc, t, PRIO_REALTIME);
		timeout_set(&t->special_timeout, now + half);
	} else {
		if (!share_is_open(t, now)) {
			t->guard_left = us_to_ticks(GUARD_SHARE_US);
			t->guard_until = now + 2 * half;
		}
		boost(pc, t, PRIO_HIGHEST); /* the timeout of guard_runs() ends its share */
	}
}

/* ---- what the scheduler calls ---- */

bool special_ready(struct percpu *pc, struct thread *t, bool woken)
{
	u64 now = arch_counter();

	if (woken && (t->special & SPECIAL_BUDGET))
		server_wake(&t->server, now);
	if (t->special & SPECIAL_GUARDED)
		guard_waits(t, woken, now);
	return hold_unless_open(pc, t, woken);
}

bool special_may_run(struct percpu *pc, struct thread *t)
{
	return hold_unless_open(pc, t, t == pc->current);
}

void special_charge(struct thread *t, u64 ticks, u64 now)
{
	if ((t->special & (SPECIAL_BUDGET | SPECIAL_GUARDED)) == SPECIAL_BUDGET)
		server_charge(&t->server, ticks, now);
	if (t->boost == PRIO_HIGHEST)
		t->guard_left -= MIN(ticks, t->guard_left);
}

void special_leaves(struct thread *t, u64 now)
{
	if (t->special & SPECIAL_HELD)
		return; /* its timeout is for the return of its budget */
	if (t->special & SPECIAL_GUARDED)
		guard_leaves(t, now);
	else
		timeout_cancel_here(&t->special_timeout);
}

void special_runs(struct thread *t, u64 now)
{
	if (t->special & SPECIAL_BUDGET)
		server_begin(&t->server, now);
	if (t->special & SPECIAL_GUARDED)
		guard_runs(t, now);
	else if (t->special & SPECIAL_BUDGET)
		timeout_set(&t->special_timeout, now + server_left(&t->server));
}

static void timed_out(struct timeout *timeout)
{
	struct thread *t = container_of(timeout, struct thread, special_timeout);
	struct percpu *pc = this_cpu();

	if (t->special & SPECIAL_HELD) {
		special_take_off(pc, t);
		sched_make_ready(pc, t);
	} else if (t->special & SPECIAL_GUARDED) {
		guard_timed_out(pc, t);
	} else if (t == pc->current) {
		pc->resched = 1; /* its budget is used up */
	}
}

/* ---- parameters ---- */

void special_init_thread(struct thread *t)
{
	t->slice = ms_to_ticks(SLICE_MS);
	t->window = WINDOW_ALWAYS;
	timeout_init(&t->special_timeout, timed_out);
}

/* Charge t's time so far to the old budget. */
static void settle_current(const struct percpu *pc, struct thread *t, u64 now)
{
	u64 ticks = now - t->switched_in_at;

	if (t != pc->current)
		return;
	ADD_ONCE(t->run_ticks, ticks);
	WRITE_ONCE(t->switched_in_at, now);
	special_charge(t, ticks, now);
}

void special_refresh(struct percpu *pc, struct thread *t)
{
	u64 now = arch_counter();
	struct sched_params p;

	spin_lock(&asked_lock);
	p = t->asked;
	__atomic_store_n(&t->asked_anew, false, __ATOMIC_RELAXED);
	spin_unlock(&asked_lock);

	timeout_cancel_here(&t->special_timeout);
	settle_current(pc, t, now);
	t->special &= SPECIAL_HELD | SPECIAL_BOOSTED;
	if (p.budget) {
		t->special |= SPECIAL_BUDGET;
		server_change(&t->server, p.budget, p.period, now);
	}
	if (p.window != WINDOW_ALWAYS)
		t->special |= SPECIAL_WINDOW;
	if (p.guarded)
		t->special |= SPECIAL_GUARDED;
	else
		unboost(t);
	t->window = p.window;
	share_settle(t);
	t->weight = p.weight;
	t->slice = p.fifo ? DEADLINE_NEVER : ms_to_ticks(SLICE_MS);
	t->slice_left = t->slice;
}

void thread_set_params(struct thread *t, const struct sched_params *params)
{
	unsigned long flags = spin_lock_irqsave(&asked_lock);

	t->asked = *params;
	__atomic_store_n(&t->asked_anew, true, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&asked_lock, flags);
	sched_refresh(t);
	sched_preempt_point();
}

/* ---- windows ---- */

/*
 * A slot begins, or another frame is in force: release the held threads that may run now, and check
 * current.
 */
static void window_opened(struct percpu *pc)
{
	struct list waiting = LIST_INIT(waiting), *first;
	u64 now = arch_counter();

	if (trace_wants(TRACE_BUDGETS))
		trace_event(TRACE_WINDOW, now, 0, open_window(pc), 0);
	while ((first = list_first(&pc->held))) {
		list_del(first);
		list_add_tail(&waiting, first);
	}
	while ((first = list_first(&waiting))) {
		struct thread *t = list_entry(first, struct thread, run_node);

		special_take_off(pc, t);
		if (in_budget(t, now) && in_window(pc, t)) {
			sched_make_ready(pc, t);
		} else {
			t->special |= SPECIAL_HELD;
			list_add_tail(&pc->held, &t->run_node);
		}
	}
	pc->resched = 1;
}

static void slot_ended(struct timeout *timeout)
{
	struct percpu *pc = container_of(timeout, struct percpu, slot_end);
	const struct sched_frame *f = pc->frame;
	u64 now = arch_counter(), into = (now - f->epoch) % f->length;

	pc->slot = 0;
	while (f->slots[pc->slot].end <= into)
		pc->slot++;
	timeout_set(&pc->slot_end, now - into + f->slots[pc->slot].end);
	window_opened(pc);
}

static void set_frame(void *arg)
{
	struct percpu *pc = this_cpu();

	pc->frame = arg;
	if (pc->frame) {
		slot_ended(&pc->slot_end);
	} else {
		timeout_cancel_here(&pc->slot_end);
		window_opened(pc);
	}
}

void sched_set_frame(u32 cpu, const struct sched_frame *frame)
{
	union {
		const struct sched_frame *in;
		void *out;
	} arg = { frame };

	ipi_call(cpu, set_frame, arg.out);
	sched_preempt_point();
}

void special_init_cpu(struct percpu *pc)
{
	list_init(&pc->held);
	timeout_init(&pc->slot_end, slot_ended);
}
