/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads and the scheduler: 64 fixed priorities (0 is the highest), O(1) pick, round-robin among equals, one run queue per CPU.
 * A thread belongs to its home CPU: only that CPU touches it while it is runnable; others ask through a wake queue and an IPI.
 * A thread may have a lower exception level below it; the kernel knows of it only the hooks.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <arch/thread.h>
#include <kernel/timeout.h>
#include <kernel/wait.h>
#include <lib/list.h>

#define MAX_CPUS 8
#define PRIORITIES 64
#define PRIO_HIGHEST 0
#define PRIO_DEFAULT 32 /* the shell, services */
#define PRIO_LOWEST 62
#define PRIO_IDLE 63

enum thread_state {
	THREAD_NEW,	/* created, never started */
	THREAD_READY,	/* on its home CPU's run queue, or on the way there */
	THREAD_RUNNING, /* current on its home CPU */
	THREAD_BLOCKED, /* on a wait queue, or suspended */
	THREAD_DEAD,	/* exited; its stack may be freed */
};

struct thread;

/* All but `work` are called by the scheduler with interrupts masked and must not block. Any of them may be NULL. */
struct thread_hooks {
	void (*switch_in)(struct thread *t);  /* t becomes current on this CPU */
	void (*switch_out)(struct thread *t); /* t was current; another thread follows */
	void (*migrate)(struct thread *t);    /* t leaves this CPU for another home: write back all that this CPU holds of it */
	/* Before returning to the lower level while t->work != 0: on the thread, interrupts masked; may enable them and block. Clears the bits it serves. */
	void (*work)(struct thread *t);
};

struct thread {
	struct arch_thread arch; /* first: assembly uses its offset */
	u32 work;		 /* nonzero: the exit path calls hooks->work (atomic bits, the owner of the hooks defines them) */
	u32 cpu;		 /* home CPU */
	u8 prio;		 /* effective */
	u8 base_prio;		 /* without inheritance */
	u8 state;		 /* enum thread_state */
	bool migrating;		 /* target_cpu differs: the home CPU moves it at its next chance */
	u32 target_cpu;
	u64 affinity;		 /* CPUs it may run on, a bit each */
	const struct thread_hooks *hooks;
	struct list run_node;	 /* in a run queue */
	struct thread *wake_next; /* in a CPU's wake queue */
	struct list wait_node;	 /* in a wait queue */
	struct wait_queue *waiting_on;
	int wait_result;
	struct timeout timeout;
	struct mutex *blocked_mutex; /* for priority inheritance */
	struct list held_mutexes;
	u64 slice_end;		 /* round-robin: counter value at which an equal gets its turn */
	u64 run_ticks;		 /* time on CPU so far */
	u64 switched_in_at;
	u64 switches;
	void *stack_top;
	struct list all_node;	 /* in the list of all threads */
	struct wait_queue joiners;
	char name[24];
};

/*
 * Fill in t with a fresh stack; it stays THREAD_NEW until thread_start. affinity 0 means any CPU. -ENOMEM, -EINVAL (no CPU of the mask is online).
 * Thread context (boot included).
 */
int __must_check thread_create(struct thread *t, const char *name, void (*entry)(void *), void *arg, u8 prio, u64 affinity);
void thread_start(struct thread *t);

/* End the calling thread. */
__noreturn void thread_exit(void);

/* Wait until t has exited, and free its stack. Thread context. */
void thread_join(struct thread *t);

/* The running thread. */
struct thread *thread_current(void);

/* Let equals run. Thread context. */
void thread_yield(void);

/* Block until the counter reaches `deadline`. Thread context. */
void thread_sleep_until(u64 deadline);
void thread_sleep_ms(u64 ms);

/* Set the base priority / the affinity mask (moving it if its home is no longer in it; -EINVAL: no CPU of the mask is online). Thread context. */
void thread_set_priority(struct thread *t, u8 prio);
int __must_check thread_set_affinity(struct thread *t, u64 affinity);

/*
 * Set bits of t->work; if t is below in its lower level on another CPU, that CPU is interrupted so that the exit path sees them before the lower level
 * runs on. Does not wake a blocked thread: pair it with a wake. Any context.
 */
void thread_post_work(struct thread *t, u32 bits);

/* ---- for arch: the exit path and interrupt return ---- */

/* A reschedule is due on this CPU and preemption is allowed. Interrupts masked. */
bool sched_pending(void);
/* Switch to the best thread. Interrupts masked, preemption not disabled; returns when the caller runs again (perhaps much later). */
void schedule(void);
/*
 * Everything due before a return to the lower level: reschedule, hooks->work. Interrupts masked on entry and on return.
 * The fast path (nothing due) is two loads in assembly-visible places: percpu.resched and thread.work.
 */
void sched_exit_work(void);

/* Disable / enable preemption of the calling thread (nests). */
void preempt_disable(void);
void preempt_enable(void);

/* ---- start ---- */

/* Make the boot CPU's first thread out of the running code, create its idle thread. Once. */
void sched_init(void);
/* Same for a secondary, never returns: becomes its idle thread. */
__noreturn void sched_start_secondary(void);

/* Visit all threads (for `host threads`): fn is called under a lock and must be short. */
void thread_for_each(void (*fn)(const struct thread *t, void *arg), void *arg);

/* Idle ticks of a CPU so far, for CPU share. */
u64 sched_idle_ticks(u32 cpu);

#endif
