/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that only the kernel's own files call. */
#ifndef KERNEL_INTERNAL_H
#define KERNEL_INTERNAL_H

#include <kernel/percpu.h>
#include <kernel/sync.h>

static inline u8 thread_prio(const struct thread *t)
{
	return READ_ONCE(t->prio);
}

/*
 * ---- run queue: a list per priority, and a bitmap of the lists that are not empty, so every
 * operation is O(1). Only the owning CPU uses it, with interrupts masked. Invariant: bit 63 - p of
 * `ready` is set if and only if queue[p] is not empty; a queued thread is in queue[t->rq_prio].
 * ----
 */

void rq_init(struct run_queue *rq);

/*
 * Queue t at its current priority, behind its equals. With `first`, before them: t was preempted
 * during its turn.
 */
static inline void rq_insert(struct run_queue *rq, struct thread *t, bool first)
{
	/* Read once: another CPU may change it and then sends REQ_REFRESH. */
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

/* The priority of the most urgent thread. PRIORITIES if there is none. */
static inline u32 rq_best(const struct run_queue *rq)
{
	return rq->ready ? (u32)__builtin_clzll(rq->ready) : PRIORITIES;
}

/* Take the first of the most urgent threads off the queue. NULL if there is none. */
static inline struct thread *rq_pop(struct run_queue *rq)
{
	struct list *queue, *first;
	u32 prio;

	if (!rq->ready)
		return NULL;
	prio = rq_best(rq);
	queue = &rq->queue[prio];
	first = list_pop(queue);
	if (list_empty(queue))
		rq->ready &= ~BIT(63 - prio);
	return list_entry(first, struct thread, run_node);
}

/* ---- CPUs ---- */

/* Mark the CPU online. From here on other CPUs send it threads and interrupts. */
void percpu_set_online(u32 cpu);

/* ---- threads ---- */

/* Initialise the fields that every thread starts with, and add t to the list of all threads. */
void thread_setup(struct thread *t, const char *name, u8 prio, u32 cpu, u64 affinity);
/* Finish t, which has exited and is off its stack. On its home CPU, interrupts masked. */
void thread_reap(struct thread *t);
/* The CPU of the mask with the fewest threads. MAX_CPUS if no CPU of the mask is online. */
u32 thread_choose_cpu(u64 affinity);

/* ---- scheduler ---- */

/* Requests of other CPUs to a thread's home CPU (bits of thread.requests). */
enum sched_request {
	REQ_WAKE = 1 << 0,    /* t may run again: sent exactly once per block */
	REQ_REFRESH = 1 << 1, /* its priority, affinity or parameters changed */
};

/* Why a thread is special (bits of thread.special, which only its home CPU touches). */
enum special {
	SPECIAL_BUDGET = 1 << 0,
	SPECIAL_WINDOW = 1 << 1,
	SPECIAL_GUARDED = 1 << 2,
	SPECIAL_HELD = 1 << 3,    /* in its CPU's list `held`, not in the run queue */
	SPECIAL_BOOSTED = 1 << 4, /* its guard has raised it: it goes before its equals */
};

/* Empty the run queue and the timeouts. Boot. */
void sched_init_cpu(struct percpu *pc);

/*
 * Make t runnable. Called exactly once per block: by the CPU that took t off its wait queue or
 * found it parked. Any context.
 */
void sched_wake(struct thread *t);
/* Make t ready. t was blocked, or has just left its queue. On its home CPU, interrupts masked. */
void sched_make_ready(struct percpu *pc, struct thread *t);
/*
 * Tell t's home CPU that t->prio, t->affinity or t->asked changed. Any context, but not under
 * pi_lock. t must not be freed meanwhile.
 */
void sched_refresh(struct thread *t);
/*
 * The same for t->prio alone, for callers that hold pi_lock. It does not bring t->asked into force,
 * because that may change t's boost. The CPU that set t->asked calls sched_refresh().
 */
void sched_requeue(struct thread *t);

/*
 * ---- budgets, windows, guards (special.c): on the home CPU of a thread with t->special != 0,
 * interrupts masked ----
 */

/* Bring t->asked into force. */
void special_refresh(struct percpu *pc, struct thread *t);
/* t becomes ready (woken: it was blocked). False: not now, it is held. */
bool special_ready(struct percpu *pc, struct thread *t, bool woken);
/* t is about to run. False: not now, it is held. */
bool special_may_run(struct percpu *pc, struct thread *t);
/* t has run for this many ticks. */
void special_charge(struct thread *t, u64 ticks, u64 now);
/* True if t is queued before its equals. Any thread, on its home CPU. */
static inline bool special_goes_first(const struct thread *t)
{
	return t->special & SPECIAL_BOOSTED;
}
/* t leaves the CPU: it is ready, held or blocked. */
void special_leaves(struct thread *t, u64 now);
/* t runs from now on, or continues to run. */
void special_runs(struct thread *t, u64 now);
/* Take t out of the run queue, or out of the list of held threads. */
void special_take_off(struct percpu *pc, struct thread *t);
void special_init_cpu(struct percpu *pc);
void special_init_thread(struct thread *t);

/* ---- shares by weight (share.c): the same context, for threads with t->weight ---- */

/* Settle t's weighted time up to now, before its weight changes. Any thread. */
void share_settle(struct thread *t);

/* Queue t, whose turn is over or which was woken, by its weighted time. True: t goes before cur. */
bool share_insert(struct percpu *pc, struct thread *t);

/*
 * ---- wait queues, in two halves, for callers that hold a second lock. Interrupts masked
 * throughout. ----
 */

/* Put the calling thread on wq (lock held). From here on it can be woken. */
void wait_prepare_locked(struct wait_queue *wq, u64 deadline);
/* Give the CPU away. All locks are released before. 0 if woken, -ETIMEDOUT. */
int wait_finish(struct wait_queue *wq);
/* The waiter to be woken next. NULL if there is none. wq->lock held. */
struct thread *wait_best_locked(const struct wait_queue *wq);
/* Wake this waiter of wq. wq->lock held. */
void wait_wake_locked(struct thread *t, int result);

/* ---- mutex ---- */

/*
 * t->base_prio changes to prio: settle t's effective priority, and that of the owners that t waits
 * for.
 */
void mutex_set_base_prio(struct thread *t, u8 prio);
/* The same for t->boost. Any context. */
void mutex_set_boost(struct thread *t, u8 prio);

/* ---- log and panic ---- */

/* From here on klog takes no locks and echoes everything: only this CPU still runs. */
void log_panic_mode(void);
/*
 * Copy the newest lines that fit into `size` bytes. Returns how many bytes they have. After
 * log_panic_mode().
 */
u32 log_tail(char *to, u32 size);

/* ---- ipi.c ---- */

/*
 * Make the calls that other CPUs have asked this one for. At most one for each thread: none has two
 * calls under way. Interrupts masked.
 */
void ipi_serve_calls(struct percpu *pc);

#endif
