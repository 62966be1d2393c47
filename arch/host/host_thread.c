/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <arch/thread.h>
#include <kernel/thread.h>

/* The thread that a CPU's arch_switch() switches to. */
static struct thread *next_thread[HOST_CPUS];

static void thread_main(void)
{
	struct thread *t = next_thread[host_cpu];

	sched_switch_done();
	arch_irq_enable();
	t->arch.entry(t->arch.arg);
	thread_exit();
}

void arch_thread_init(struct thread *t, void *stack_top, void (*entry)(void *arg), void *arg)
{
	t->arch.entry = entry;
	t->arch.arg = arg;
	host_fiber_init(&t->arch.fiber, stack_top, thread_main);
}

void arch_switch(struct thread *prev, struct thread *next)
{
	if (!arch_irqs_masked())
		host_die("arch_switch with interrupts unmasked");
	next_thread[host_cpu] = next;
	host_fiber_switch(&prev->arch.fiber, &next->arch.fiber);
}

void arch_fp_switch(struct thread *next)
{
	(void)next;
}

void arch_give_way(bool on)
{
	host_give_way[host_cpu] = on;
}

void arch_fp_flush(struct thread *t)
{
	arch_fp_drop(t);
}

void arch_fp_drop(struct thread *t)
{
	if (host_fp_owner[host_cpu] == t)
		host_fp_owner[host_cpu] = NULL;
}
