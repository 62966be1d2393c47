/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first thread, the idle threads, and threads that idle in place while they wait for an
 * interrupt.
 */
#include "internal.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/printf.h>

#define IDLE_PAGES ((u32)((sizeof(struct thread) + PAGE_SIZE - 1) / PAGE_SIZE))

static struct thread main_thread;
static struct thread idle_thread; /* the boot CPU's; the others' are as many as there are CPUs */

static __noreturn void idle_loop(void)
{
	arch_irq_disable();
	for (;;) {
		if (sched_pending()) {
			schedule();
			continue;
		}
		masked_stop(&this_cpu()->masked, arch_counter(), (u64)idle_loop);
		arch_idle();
		masked_restart(&this_cpu()->masked, arch_counter(), (u64)idle_loop);
		/* Take the interrupt that ended the wait. Its return path may switch. */
		arch_irq_enable();
		arch_irq_disable();
	}
}

static void idle_entry(void *arg __unused)
{
	idle_loop();
}

static __noinline void idle_here(struct percpu *pc, struct thread *t)
{
	u64 begin = arch_counter();

	kassert(arch_irqs_masked() && t != pc->idle);
	lock_check_no_spinlock("waits for an interrupt");
	ADD_ONCE(t->run_ticks, begin - t->switched_in_at);
	WRITE_ONCE(pc->idle_since, begin);
	if (unlikely(pc->masked.exits))
		masked_stop(&pc->masked, begin, (u64)sched_idle_here);
	arch_idle();
	WRITE_ONCE(t->switched_in_at, arch_counter());
	if (unlikely(pc->masked.exits))
		masked_restart(&pc->masked, t->switched_in_at, (u64)sched_idle_here);
	t->slice_left = t->slice; /* the thread gave the CPU away */
	ADD_ONCE(pc->idle_ticks, t->switched_in_at - begin);
	WRITE_ONCE(pc->idle_since, 0);
}

bool sched_idle_here(void)
{
	struct percpu *pc = this_cpu();
	struct thread *t = pc->current;

	/* A thread that another CPU pushes from here on comes with an interrupt. */
	if (pc->rq.ready || pc->resched || t->special || timeouts_held(&pc->timeouts) ||
	    READ_ONCE(pc->wake_queue))
		return false;
	idle_here(pc, t);
	return true;
}

u64 sched_idle_ticks(u32 cpu)
{
	const struct percpu *pc = &percpus[cpu];
	u64 ticks = __atomic_load_n(&pc->idle_ticks, __ATOMIC_RELAXED);
	u64 since = __atomic_load_n(&pc->idle_since, __ATOMIC_RELAXED), now = arch_counter();

	return since && now > since ? ticks + (now - since) : ticks;
}

static void setup_idle(u32 cpu)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "idle/%u", cpu);
	thread_setup(percpus[cpu].idle, name, PRIO_IDLE, cpu, BIT(cpu));
}

/* Make t the thread of the code that runs on this CPU. */
static void become_current(struct thread *t)
{
	struct percpu *pc = this_cpu();

	WRITE_ONCE(t->state, THREAD_RUNNING);
	t->slice_left = t->slice;
	t->stack_top = pc->stack_top;
	WRITE_ONCE(t->switched_in_at, arch_counter());
	WRITE_ONCE(pc->idle_since, t == pc->idle ? t->switched_in_at : 0);
	/* Release: from here on other CPUs may read it (thread_post_work). */
	__atomic_store_n(&pc->current, t, __ATOMIC_RELEASE);
}

void sched_init(void)
{
	struct thread *idle = &idle_thread;
	u32 cpu;

	for_each_cpu(cpu) {
		percpus[cpu].id = cpu;
		percpus[cpu].idle = cpu ? pages_alloc(IDLE_PAGES) : idle;
		if (!percpus[cpu].idle)
			panic("no memory for the idle threads");
		sched_init_cpu(&percpus[cpu]);
	}
	percpu_set_online(0);
	thread_setup(&main_thread, "main", PRIO_DEFAULT, 0, ~0ULL);
	__atomic_fetch_add(&percpus[0].homed, 1, __ATOMIC_RELAXED);
	become_current(&main_thread);

	setup_idle(0);
	idle->stack_top = arch_stack_alloc();
	if (!idle->stack_top)
		panic("no memory for the idle thread's stack");
	arch_thread_init(idle, idle->stack_top, idle_entry, NULL);
	idle->state = THREAD_READY;
}

__noreturn void sched_start_secondary(void)
{
	struct percpu *pc = this_cpu();

	arch_irq_disable();
	setup_idle(pc->id);
	become_current(pc->idle);
	pc->resched = 1; /* serve requests that were sent to this CPU before */
	idle_loop();
}
