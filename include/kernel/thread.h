/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads and the scheduler: 64 fixed priorities (0 is the highest), O(1) pick, round-robin among
 * equals, one run queue per CPU. A thread belongs to its home CPU: only that CPU touches it while
 * it is runnable. Other CPUs send requests through a wake queue and an IPI. A thread may have a
 * lower exception level below it. The kernel knows of that level only through the hooks.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <arch/thread.h>
#include <kernel/server.h>
#include <kernel/timeout.h>
#include <kernel/wait.h>
#include <lib/list.h>

#define MAX_CPUS     64
#define PRIORITIES   64
#define PRIO_HIGHEST 0
/*
 * threads above this priority are real-time: no patient timeout (kernel/timeout.h) interrupts them
 */
#define PRIO_REALTIME 16
/* the shell and its services: below real-time work, above ordinary threads */
#define PRIO_DEFAULT 16
#define PRIO_GUARDED 19 /* the lowest priority of those services */
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
 * The scheduler calls all but `work` with interrupts masked; these must not block. Any of them may
 * be NULL.
 */
struct thread_hooks {
	void (*switch_in)(struct thread *t);  /* t becomes current on this CPU */
	void (*switch_out)(struct thread *t); /* t was current; another thread follows */
	/*
	 * t was switched out before and leaves this CPU for another home or for ever (it exited):
	 * write back all that this CPU holds of it.
	 */
	void (*migrate)(struct thread *t);
	/*
	 * Called while t->work != 0 before a return to the lower level: on the thread, interrupts
	 * masked. It may unmask interrupts and block. It clears the bits that it serves.
	 */
	void (*work)(struct thread *t);
};

#define WEIGHT_NORMAL 100
#define WEIGHT_MAX    10000
#define WINDOW_ALWAYS 0xff

/* How a thread shares its CPU, apart from its priority. */
struct sched_params {
	/*
	 * ticks of CPU time in any `period`, guaranteed at the cost of no more urgent thread; 0: no
	 * limit
	 */
	u64 budget, period;
	/*
	 * equals with a weight share their CPU in proportion to it, sleepers included; 0: turns of
	 * equal length
	 */
	u32 weight;
	u8 window; /* runs only in windows of this number (sched_set_frame), or WINDOW_ALWAYS */
	bool fifo; /* its turn does not end: equals wait until it blocks or yields */
	/*
	 * For the operator's threads. A guarded thread that wants to run at a priority up to
	 * PRIO_GUARDED gets GUARD_SHARE_US in every GUARD_WAIT_MS and share. If it has had less
	 * after half of GUARD_WAIT_MS, it runs before all threads that are not real-time. After all
	 * of GUARD_WAIT_MS it runs before every thread until it has had that share. Neither budget
	 * nor window hold it. Its use is not charged to the budget, which stays as it was.
	 */
	bool guarded;
};

/* Parameters that every thread begins with, and the same with a guard. */
extern const struct sched_params sched_plain, sched_guarded;

#define GUARD_WAIT_MS  20
#define GUARD_SHARE_US 2000

struct thread {
	struct arch_thread arch; /* first: assembly uses its offset */
	/*
	 * nonzero: the exit path calls hooks->work (atomic bits, defined by the owner of the hooks)
	 */
	u32 work;
	u32 cpu;      /* home CPU */
	u8 prio;      /* effective (atomic) */
	u8 base_prio; /* without inheritance */
	u8 state;     /* enum thread_state */
	u8 rq_prio;   /* the queue that run_node is in; prio may have changed since */
	u8 special;   /* reasons for the scheduler to look closer (enum special); 0: none */
	u8 window;
	u8 boost; /* its least priority while a guard raises it; PRIO_IDLE: none; under pi_lock */
	bool asked_anew; /* `asked` is not in force yet (atomic) */
	u32 weight;
	/* requests to the home CPU (enum sched_request); nonzero: in a wake queue */
	u32 requests;
	u64 affinity; /* CPUs that it may run on, one bit each (atomic) */
	const struct thread_hooks *hooks;
	void *lower; /* what the hooks belong to; NULL: no level below this thread */
	/*
	 * A guest's priority, budget or window may keep the thread off its CPU for ever, and no
	 * inheritance helps. So it owns no mutex (checked in builds with checks). Set before it
	 * starts.
	 */
	bool no_mutex;
	struct list run_node;     /* in a run queue */
	struct thread *wake_next; /* in a CPU's wake queue */
	struct list wait_node;    /* in a wait queue */
	struct wait_queue *waiting_on;
	u32 park; /* thread_park()'s permit (atomic) */
	int wait_result;
	struct timeout timeout;
	struct mutex *blocked_mutex; /* the mutex it waits for, for priority inheritance */
	struct list held_mutexes;
	struct lock_held mutexes; /* mutexes that it holds, in builds that check locks */
	/* round-robin: ticks of a turn, and how many are left; 0: an equal is next */
	u64 slice, slice_left;
	/* by weight: CPU time as if of WEIGHT_NORMAL, up to run_ticks == shared_until */
	u64 shared, shared_until;
	struct timeout special_timeout; /* end or return of its budget; its guard */
	struct server server;
	/*
	 * guarded: run_ticks when it began to wait; the rest of its share, and until when it may
	 * use it
	 */
	u64 guard_ran, guard_left, guard_until;
	u64 guard_longest; /* the longest time that it was ready without running, in ticks */
	struct sched_params asked;
	u64 run_ticks; /* time on CPU so far */
	u64 switched_in_at;
	/* ticks that it was ready without running, so far, and since when (meaningless for idle) */
	u64 ready_ticks, ready_since;
	u64 switches;
	void *stack_top;
	struct list all_node; /* in the list of all threads */
	u16 tag;              /* its name in traces (kernel/trace.h) */
	struct wait_queue joiners;
	char name[32];
};

/*
 * Initialise t with a new stack. It stays THREAD_NEW until thread_start(). affinity 0 means any
 * CPU; the home is the allowed CPU with the fewest threads. Set t->hooks after this call and before
 * thread_start(). -ENOMEM, -EINVAL (no CPU of the mask is online, or prio > PRIO_LOWEST). Thread
 * context (boot included).
 */
int __must_check thread_create(struct thread *t, const char *name, void (*entry)(void *), void *arg,
			       u8 prio, u64 affinity);
void thread_start(struct thread *t);

/* End the calling thread. It must hold no mutex. */
__noreturn void thread_exit(void);

/*
 * Wait until t has exited (or was never started), and free its stack. Afterwards nothing refers to
 * *t. Once per thread. Thread context.
 */
void thread_join(struct thread *t);

/*
 * Wait until t has left its CPU and its switch_out hook has run. t is about to block, for as long
 * as the caller wants. Thread context. t must be more urgent than any thread that could delay it
 * there.
 */
void thread_wait_off_cpu(const struct thread *t);

/* The running thread. */
struct thread *thread_current(void);

/*
 * Block until thread_unpark() is called. If it was called since the last thread_park() returned, do
 * not block: that call left a permit. There is at most one permit. The caller must check again what
 * it waits for. For a thread that is woken often: no queue, no lock. Thread context, interrupts
 * masked. thread_unpark(): any context, without a preemption point.
 */
void thread_park(void);
void thread_unpark(struct thread *t);
/* The same on t's home CPU, interrupts masked. */
void thread_unpark_here(struct thread *t);

/* The CPU time of a running thread up to `now`, a reading of the counter. */
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
 * Set the base priority or the affinity mask. A thread whose home is no longer in the mask moves;
 * -EINVAL: no CPU of the mask is online. Takes effect at once on the calling thread, else as soon
 * as the home CPU has taken its interrupt. Thread context.
 */
void thread_set_priority(struct thread *t, u8 prio);
int __must_check thread_set_affinity(struct thread *t, u64 affinity);

/*
 * Set t's scheduling parameters. Takes effect as thread_set_priority() does. A budget begins again,
 * full. Thread context.
 */
void thread_set_params(struct thread *t, const struct sched_params *params);

#define FRAME_SLOTS 32

/* A CPU's time table, which repeats: slot n ends `end` ticks after the frame began. */
struct sched_frame {
	u64 epoch;  /* a frame began at this time */
	u64 length; /* ticks; the last slot's end */
	u32 count;
	struct {
		u64 end;
		u8 window; /* threads with this number may run */
	} slots[FRAME_SLOTS];
};

/*
 * From now on threads with a window run on `cpu` as *frame says. *frame must stay valid. NULL: they
 * run at any time. Thread context.
 */
void sched_set_frame(u32 cpu, const struct sched_frame *frame);

/*
 * Set bits of t->work. If t is in its lower level on another CPU, that CPU is interrupted, so that
 * its exit path sees the bits before the lower level continues. Does not wake a blocked thread:
 * pair it with a wake. Any context.
 */
void thread_post_work(struct thread *t, u32 bits);

/* The same in two steps, for a caller that must check something in between: set the bits, ... */
static inline void thread_set_work(struct thread *t, u32 bits)
{
	__atomic_fetch_or(&t->work, bits, __ATOMIC_RELEASE);
	/*
	 * Pairs with switch_to(): either t sees the bits before it enters its lower level, or this
	 * CPU sees t as current and interrupts it.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
/* ... and interrupt t if it is current on another CPU. */
void thread_interrupt(const struct thread *t);

/* ---- for arch: the exit path and interrupt return ---- */

/*
 * True if a reschedule is due on this CPU and may be made (irq_depth is 0 again). Interrupts
 * masked.
 */
bool sched_pending(void);
/*
 * Switch to the best thread. Interrupts masked. Returns when the caller runs again, perhaps much
 * later and on another CPU.
 */
void schedule(void);
/*
 * Run by a thread after a switch to it, for the thread before it: lets other CPUs have that one
 * (exit, migration). schedule() calls it itself. The first-entry trampoline of a new thread calls
 * it before anything else, with interrupts still masked.
 */
void sched_switch_done(void);
/*
 * Do what is due before a return to the lower level: reschedule, hooks->work. Each may cause more
 * work, so the caller checks again. Interrupts masked on entry and on return. The fast path
 * (nothing due) is two loads in assembly: percpu.resched and thread.work.
 */
void sched_exit_work(void);

/*
 * Let interrupts and more urgent threads run during long work for a lower level, whose exit masked
 * interrupts. Ends with arch_irq_disable(). No lock may be held.
 */
void sched_open(void);

/*
 * Idle on the calling thread instead of blocking it for the idle thread: this saves two switches.
 * Waits for an interrupt, which is left pending, and counts the time as idle. False, at once, if
 * another thread is ready here or is about to be: the caller must block. Interrupts masked.
 */
bool __must_check sched_idle_here(void);

/*
 * Give way if a more urgent thread is ready. For code that woke threads under a lock of its own:
 * call it after the unlock. Functions that take the lock themselves call it on their own. Does
 * nothing in an interrupt or with interrupts masked: a preemption point follows there.
 */
void sched_preempt_point(void);

/* ---- start ---- */

/*
 * Set up every CPU's run queue, make the running code the boot CPU's first thread ('main',
 * PRIO_DEFAULT), and create its idle thread. Once, on CPU 0, after page_init() and
 * arch_set_percpu(&percpus[0]), before any interrupt is unmasked.
 */
void sched_init(void);
/* The same for a secondary. Never returns: the caller becomes the CPU's idle thread. */
__noreturn void sched_start_secondary(void);

/*
 * Visit all threads (for `host threads`). fn is called under a lock and must be short. A thread
 * that ends during the visit may hide another one.
 */
void thread_for_each(void (*fn)(const struct thread *t, void *arg), void *arg);

/* Idle ticks of a CPU so far, for its CPU share. */
u64 sched_idle_ticks(u32 cpu);

#endif
