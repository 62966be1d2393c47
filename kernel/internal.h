/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's own files share and nobody else calls. */
#ifndef KERNEL_INTERNAL_H
#define KERNEL_INTERNAL_H

#include <kernel/percpu.h>
#include <kernel/sync.h>

static inline u8 thread_prio(const struct thread *t)
{
	return __atomic_load_n(&t->prio, __ATOMIC_RELAXED);
}

/*
 * ---- run queue: a list per priority and a bitmap of the lists that are not empty, so every operation is O(1). The owning CPU
 * only, interrupts masked. Invariant: bit 63 - p of `ready` is set if and only if queue[p] is not empty; a queued thread is in
 * queue[t->rq_prio]. ----
 */

void rq_init(struct run_queue *rq);

/*
 * Queue t at its priority of now: last among its equals, or first (it was preempted in its turn).
 */
static inline void rq_insert(struct run_queue *rq, struct thread *t, bool first)
{
	/* Read once: another CPU may change it, and then sends REQ_REFRESH. */
	u8 prio = thread_prio(t);
	struct list *queue = &rq->queue[prio];

	t->rq_prio = prio;
	list_insert_before(first ? queue->next : queue, &t->run_node);
	rq->ready |= BIT(63 - prio);
}

static inline void rq_remove(struct run_queue *rq, struct thread *t)
{
	list_del(&t->run_node);
	if (list_empty(&rq->queue[t->rq_prio]))
		rq->ready &= ~BIT(63 - t->rq_prio);
}

static inline bool rq_has(const struct run_queue *rq, u32 prio)
{
	return rq->ready & BIT(63 - prio);
}

/* Priority of the best thread, PRIORITIES if there is none. */
static inline u32 rq_best(const struct run_queue *rq)
{
	return rq->ready ? (u32)__builtin_clzll(rq->ready) : PRIORITIES;
}

/* Take the first of the most urgent threads off the queue; NULL if there is none. */
static inline struct thread *rq_pop(struct run_queue *rq)
{
	struct thread *t;

	if (!rq->ready)
		return NULL;
	t = list_entry(rq->queue[rq_best(rq)].next, struct thread, run_node);
	rq_remove(rq, t);
	return t;
}

/* ---- CPUs ---- */

/* From here on other CPUs send this one threads and interrupts. */
void percpu_set_online(u32 cpu);

/* ---- threads ---- */

/* Fill in what every thread starts with, and list it. */
void thread_setup(struct thread *t, const char *name, u8 prio, u32 cpu, u64 affinity);
/* t has exited and is off its stack. On its home CPU, interrupts masked. */
void thread_reap(struct thread *t);
/* The CPU of the mask with the fewest threads; MAX_CPUS if none of the mask is online. */
u32 thread_choose_cpu(u64 affinity);

/* ---- scheduler ---- */

/* What other CPUs ask of a thread's home CPU (bits of thread.requests). */
enum sched_request {
	REQ_WAKE = 1 << 0,    /* it may run again: exactly once per block */
	REQ_REFRESH = 1 << 1, /* its priority, affinity or parameters changed */
};

/* What makes a thread special (bits of thread.special, which its home CPU alone touches). */
enum special {
	SPECIAL_BUDGET = 1 << 0,
	SPECIAL_WINDOW = 1 << 1,
	SPECIAL_GUARDED = 1 << 2,
	SPECIAL_HELD = 1 << 3,    /* in its CPU's `held`, not in the run queue */
	SPECIAL_BOOSTED = 1 << 4, /* its guard has raised it: it goes before its equals */
};

/* Empty run queue and timeouts. Boot. */
void sched_init_cpu(struct percpu *pc);

/*
 * Make t runnable. Called exactly once per block, by whoever took it off its wait queue or found it parked. Any
 * context.
 */
void sched_wake(struct thread *t);
/* t, blocked or just taken off whatever it was in, is ready. On its home CPU, interrupts masked. */
void sched_make_ready(struct percpu *pc, struct thread *t);
/* t->prio, t->affinity or t->asked changed. Any context, but for holders of pi_lock; t cannot be freed meanwhile. */
void sched_refresh(struct thread *t);
/*
 * t->prio changed. For holders of pi_lock: what was asked for is not brought into force here, as that may change t's boost. Who asked
 * refreshes t.
 */
void sched_requeue(struct thread *t);

/*
 * ---- budgets, windows, guards (special.c): on the home CPU of a thread with t->special != 0,
 * interrupts masked ----
 */

/* Bring t->asked into force. */
void special_refresh(struct percpu *pc, struct thread *t);
/* It becomes ready (woken: it was blocked). False: not now; it is held. */
bool special_ready(struct percpu *pc, struct thread *t, bool woken);
/* It is to run (on). False: not now; it is held. */
bool special_may_run(struct percpu *pc, struct thread *t);
/* It has run for so long. */
void special_charge(struct thread *t, u64 ticks, u64 now);
/* It is queued before its equals. Any thread, on its home CPU. */
static inline bool special_goes_first(const struct thread *t)
{
	return t->special & SPECIAL_BOOSTED;
}
/* It leaves the CPU: is ready, held, or blocked. */
void special_leaves(struct thread *t, u64 now);
/* It is on the CPU from now on, or goes on. */
void special_runs(struct thread *t, u64 now);
/* Take t out of the run queue, or of those held. */
void special_take_off(struct percpu *pc, struct thread *t);
void special_init_cpu(struct percpu *pc);
void special_init_thread(struct thread *t);

/* ---- shares by weight (share.c): the same, for threads with t->weight ---- */

/* Count what t has had so far by its weight, which is about to change. Any thread. */
void share_settle(struct thread *t);

/* Queue t, whose turn is over or which was woken, by what it has had. True: before cur. */
bool share_insert(struct percpu *pc, struct thread *t);

/*
 * ---- wait queues, in two halves, for those who hold a second lock. Interrupts masked throughout.
 * ----
 */

/* Put the calling thread on wq (lock held): from here on it can be woken. */
void wait_prepare_locked(struct wait_queue *wq, u64 deadline);
/* All locks released: give the CPU away. 0 if woken, -ETIMEDOUT. */
int wait_finish(struct wait_queue *wq);
/* The waiter to be woken next; NULL if there is none. wq->lock held. */
struct thread *wait_best_locked(const struct wait_queue *wq);
/* Wake this waiter of wq. wq->lock held. */
void wait_wake_locked(struct thread *t, int result);

/* ---- mutex ---- */

/* t->base_prio changed: settle its effective priority and that of those it waits for. */
void mutex_set_base_prio(struct thread *t, u8 prio);
/* The same for t->boost. Any context. */
void mutex_set_boost(struct thread *t, u8 prio);

/* ---- log and panic ---- */

/* From now on klog takes no locks and echoes everything: this CPU alone is left. */
void log_panic_mode(void);

#endif
