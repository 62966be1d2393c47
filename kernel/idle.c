/* SPDX-License-Identifier: Apache-2.0 */
/* The first thread and the idle threads. */
#include "internal.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/log.h>

static struct thread main_thread;
static struct thread idle_threads[MAX_CPUS];

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
		/* Take the interrupt that ended it; its return path may switch. */
		arch_irq_enable();
		arch_irq_disable();
	}
}

static void idle_entry(void *arg __unused)
{
	idle_loop();
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
	char name[] = "idle/0";

	name[sizeof(name) - 2] = (char)('0' + cpu);
	thread_setup(&idle_threads[cpu], name, PRIO_IDLE, cpu, BIT(cpu));
}

void sched_init(void)
{
	struct thread *idle = &idle_threads[0];

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		percpus[cpu].id = cpu;
		percpus[cpu].idle = &idle_threads[cpu];
		sched_init_cpu(&percpus[cpu]);
	}
	percpu_set_online(0);
	thread_setup(&main_thread, "main", PRIO_DEFAULT, 0, ~0ULL);
	__atomic_fetch_add(&percpus[0].homed, 1, __ATOMIC_RELAXED);
	sched_become_current(&main_thread);

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
	sched_become_current(pc->idle);
	pc->resched = 1; /* look at what was sent to us before */
	idle_loop();
}
