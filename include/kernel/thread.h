/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads and the scheduler: 64 fixed priorities (0 is the highest), O(1) pick, round-robin among
 * equals, one run queue per CPU. A thread belongs to its home CPU: only that CPU touches it while
 * it is runnable; others ask through a wake queue and an IPI. A thread may have a lower exception
 * level below it; the kernel knows of it only the hooks.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <arch/thread.h>
#include <kernel/server.h>
#include <kernel/timeout.h>
#include <kernel/wait.h>
#include <lib/list.h>

#define MAX_CPUS     8
#define PRIORITIES   64
#define PRIO_HIGHEST 0
/* threads above this are real-time: no patient timeout (kernel/timeout.h) interrupts them */
#define PRIO_REALTIME 16
/* the shell and its services: below real-time work, above everything ordinary */
#define PRIO_DEFAULT 16
#define PRIO_GUARDED 19 /* the last of those services */
#define PRIO_LOWEST  62
#define PRIO_IDLE    63

enum thread_state {
	THREAD_NEW,     /* created, never started */
	THREAD_READY,   /* on its home CPU's run queue, or on the way there */
	THREAD_RUNNING, /* current on its home CPU */
	THREAD_BLOCKED, /* on a wait queue, or parked */
	THREAD_DEAD,    /* exited; its stack may be freed */
};

struct thread;

/*
 * All but `work` are called by the scheduler with interrupts masked and must not block. Any of them
 * may be NULL.
 */
struct thread_hooks {
	void (*switch_in)(struct thread *t);  /* t becomes current on this CPU */
	void (*switch_out)(struct thread *t); /* t was current; another thread follows */
	/*
	 * t, switched out before, leaves this CPU for another home or for ever (it exited): write
	 * back all that this CPU holds of it.
	 */
	void (*migrate)(struct thread *t);
	/*
	 * Before returning to the lower level while t->work != 0: on the thread, interrupts masked;
	 * may enable them and block. Clears the bits it serves.
	 */
	void (*work)(struct thread *t);
};

#define WEIGHT_NORMAL 100
#define WEIGHT_MAX    10000
#define WINDOW_ALWAYS 0xff

/* How a thread shares its CPU, beside its priority. */
struct sched_params {
	/* ticks of CPU time in any `period`, guaranteed to no more urgent one's cost; 0: no limit */
	u64 budget, period;
	/*
	 * equals that have a weight share their CPU in proportion to it, those that sleep
	 * included; 0: turns of the same length
	 */
	u32 weight;
	u8 window; /* it runs only in windows of this number (sched_set_frame), or WINDOW_ALWAYS */
	bool fifo; /* its turn does not end: equals wait until it blocks or yields */
	/*
	 * For the operator's sake: a thread that wants to run at a priority up to PRIO_GUARDED gets
	 * GUARD_SHARE_US in every GUARD_WAIT_MS and share. If it has had less after half of
	 * GUARD_WAIT_MS, it runs before all that is not real-time; after all of it, before every
	 * thread until it has had that share. Neither budget nor window hold it, and what it uses is
	 * not the budget's, which stays what it was.
	 */
	bool guarded;
};

/* What every thread begins with; and the same, guarded. */
extern const struct sched_params sched_plain, sched_guarded;

#define GUARD_WAIT_MS  20
#define GUARD_SHARE_US 2000

struct thread {
	struct arch_thread arch; /* first: assembly uses its offset */
	/*
	 * nonzero: the exit path calls hooks->work (atomic bits, the owner of the hooks defines
	 * them)
	 */
	u32 work;
	u32 cpu;      /* home CPU */
	u8 prio;      /* effective (atomic) */
	u8 base_prio; /* without inheritance */
	u8 state;     /* enum thread_state */
	u8 rq_prio;   /* the queue that run_node is in; prio may have moved on since */
	u8 special;   /* what the scheduler has to look at (enum special); 0: nothing */
	u8 window;
	u8 boost; /* priority at least, as it is guarded and was kept waiting; PRIO_IDLE: none; under pi_lock */
	bool asked_anew; /* `asked` is not in force yet (atomic) */
	u32 weight;
	/* what the home CPU is asked to do (enum sched_request); nonzero: in a wake queue */
	u32 requests;
	u64 affinity; /* CPUs it may run on, a bit each (atomic) */
	const struct thread_hooks *hooks;
	void *lower; /* what the hooks belong to; NULL: there is no level below this thread */
	/*
	 * A guest's priority, budget or window may keep it off its CPU without end, and no inheritance helps: it
	 * owns no mutex (checked in builds with checks). Set before it starts.
	 */
	bool no_mutex;
	struct list run_node;     /* in a run queue */
	struct thread *wake_next; /* in a CPU's wake queue */
	struct list wait_node;    /* in a wait queue */
	struct wait_queue *waiting_on;
	u32 park; /* thread_park()'s permit (atomic) */
	int wait_result;
	struct timeout timeout;
	struct mutex *blocked_mutex; /* for priority inheritance */
	struct list held_mutexes;
	struct lock_held mutexes; /* all that it holds, in builds that check locks */
	/* round-robin: ticks of a turn, and left of it among equals; 0: an equal is next */
	u64 slice, slice_left;
	/* by weight: its time on CPU as if its weight was WEIGHT_NORMAL, up to run_ticks == shared_until */
	u64 shared, shared_until;
	struct timeout special_timeout; /* end or return of its budget, its guard */
	struct server server;
	/* guarded: run_ticks when it began to wait; what is left of its share, and until when */
	u64 guard_ran, guard_left, guard_until;
	u64 guard_longest; /* the longest that it was ready and did not run, in ticks */
	struct sched_params asked;
	u64 run_ticks; /* time on CPU so far */
	u64 switched_in_at;
	/* time off CPU although it was ready, so far, and since when if it is so (of no use for idle) */
	u64 ready_ticks, ready_since;
	u64 switches;
	void *stack_top;
	struct list all_node; /* in the list of all threads */
	struct wait_queue joiners;
	char name[32];
};

/*
 * Fill in t with a fresh stack; it stays THREAD_NEW until thread_start. affinity 0 means any CPU;
 * its home is the one of them with the fewest threads. Set t->hooks after this call and before
 * thread_start. -ENOMEM, -EINVAL (no CPU of the mask is online, or prio > PRIO_LOWEST). Thread
 * context (boot included).
 */
int __must_check thread_create(struct thread *t, const char *name, void (*entry)(void *), void *arg,
			       u8 prio, u64 affinity);
void thread_start(struct thread *t);

/* End the calling thread. It holds no mutex. */
__noreturn void thread_exit(void);

/*
 * Wait until t has exited (or was never started), and free its stack; nothing refers to *t
 * afterwards. Once per thread. Thread context.
 */
void thread_join(struct thread *t);

/*
 * Wait until t, which is about to block for as long as the caller wants, has left its CPU and its switch_out hook has run. Thread
 * context; t must be more urgent than what could hold it up there.
 */
void thread_wait_off_cpu(const struct thread *t);

/* The running thread. */
struct thread *thread_current(void);

/*
 * Block until somebody calls thread_unpark(), or not at all if somebody did since the last thread_park() returned: a permit, of
 * which there is one at the most. The caller looks again at what it waits for. For one thread that is woken often: no queue, no
 * lock. Thread context, interrupts masked; unpark: any context, without a preemption point.
 */
void thread_park(void);
void thread_unpark(struct thread *t);

/* The CPU time of a thread that is running, up to `now`, a reading of the counter. */
static inline u64 thread_cpu_ticks(const struct thread *t, u64 now)
{
	return t->run_ticks + (now - t->switched_in_at);
}

/* Let equals run. Thread context. */
void thread_yield(void);

/* Block until the counter reaches `deadline`. Thread context. */
void thread_sleep_until(u64 deadline);
void thread_sleep_ms(u64 ms);

/*
 * Set the base priority / the affinity mask (moving it if its home is no longer in it; -EINVAL: no
 * CPU of the mask is online). Takes effect at once on the calling thread, else as soon as the home
 * CPU has seen its interrupt. Thread context.
 */
void thread_set_priority(struct thread *t, u8 prio);
int __must_check thread_set_affinity(struct thread *t, u64 affinity);

/*
 * Have t scheduled so. Takes effect as thread_set_priority() does; a budget begins anew. Thread
 * context.
 */
void thread_set_params(struct thread *t, const struct sched_params *params);

#define FRAME_SLOTS 32

/* A CPU's time table, over and over again: slot n ends `end` ticks after the frame began. */
struct sched_frame {
	u64 epoch;  /* a frame began then */
	u64 length; /* ticks; the last slot's end */
	u32 count;
	struct {
		u64 end;
		u8 window; /* threads with this number may run */
	} slots[FRAME_SLOTS];
};

/*
 * From now on threads with a window run on `cpu` as *frame says, which stays; NULL: at any time.
 * Thread context.
 */
void sched_set_frame(u32 cpu, const struct sched_frame *frame);

/*
 * Set bits of t->work; if t is below in its lower level on another CPU, that CPU is interrupted so
 * that the exit path sees them before the lower level runs on. Does not wake a blocked thread: pair
 * it with a wake. Any context.
 */
void thread_post_work(struct thread *t, u32 bits);

/*
 * The same in two steps, for who has to look at something in between: set the bits, ...
 */
static inline void thread_set_work(struct thread *t, u32 bits)
{
	__atomic_fetch_or(&t->work, bits, __ATOMIC_RELEASE);
	/*
	 * Pairs with switch_to(): t sees the bits before it enters its lower level, or we see it as
	 * current and interrupt it.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
/* ... and interrupt t if it is current on another CPU. */
void thread_interrupt(const struct thread *t);

/* ---- for arch: the exit path and interrupt return ---- */

/*
 * A reschedule is due on this CPU and preemption is allowed (irq_depth is 0 again). Interrupts
 * masked.
 */
bool sched_pending(void);
/*
 * Switch to the best thread. Interrupts masked, preemption not disabled; returns when the caller
 * runs again (perhaps much later, on another CPU).
 */
void schedule(void);
/*
 * What the switched-to thread does for the one before it (frees its CPU for others: exit,
 * migration). schedule() calls it itself; the first-entry trampoline of a new thread calls it
 * before anything else, interrupts still masked.
 */
void sched_switch_done(void);
/*
 * What is due before a return to the lower level: reschedule, hooks->work. Each may make more of it
 * due, so whoever returns there looks again. Interrupts masked on
 * entry and on return. The fast path (nothing due) is two loads in assembly-visible places:
 * percpu.resched and thread.work.
 */
void sched_exit_work(void);

/*
 * Let interrupts, and more urgent threads, in while something long is done for a lower level, whose exit masked them. Ends with arch_irq_disable(). No
 * lock is held.
 */
void sched_open(void);

/*
 * Idle on the calling thread instead of blocking it and having the idle thread do the same: nothing
 * is switched. Waits for an interrupt, which is left pending, and counts the time as idle. False,
 * at once: another thread is ready here, or about to be; block. Interrupts masked.
 */
bool __must_check sched_idle_here(void);

/*
 * Disable / enable preemption of the calling thread (nests). A switch that fell due meanwhile is
 * made at once, unless interrupts are masked.
 */
void preempt_disable(void);
void preempt_enable(void);

/*
 * Give way if a more urgent thread is ready. For code that woke threads under a lock of its own,
 * after the unlock (the calls that take the lock themselves do it on their own). Does nothing in an
 * interrupt, with interrupts masked or preemption disabled: a preemption point follows there.
 */
void sched_preempt_point(void);

/* ---- start ---- */

/*
 * Set up every CPU's run queue, make the boot CPU's first thread ('main', PRIO_DEFAULT) out of the
 * running code and create its idle thread. Once, on CPU 0, after page_init and
 * arch_set_percpu(&percpus[0]), before any interrupt is unmasked.
 */
void sched_init(void);
/* Same for a secondary, never returns: becomes its idle thread. */
__noreturn void sched_start_secondary(void);

/* Visit all threads (for `host threads`): fn is called under a lock and must be short. One that ends meanwhile may hide another. */
void thread_for_each(void (*fn)(const struct thread *t, void *arg), void *arg);

/* Idle ticks of a CPU so far, for CPU share. */
u64 sched_idle_ticks(u32 cpu);

#endif
