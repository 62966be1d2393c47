/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/smp.h>
#include <kernel/percpu.h>
#include <lib/errno.h>

static void secondary(void)
{
	arch_irq_disable();
	host_processors[host_cpu].suspended = false;
	arch_set_percpu(&percpus[host_cpu]);
	kernel_secondary_main(host_cpu);
}

int arch_cpu_start(u64 hwid, u32 cpu, void *stack_top)
{
	struct host_processor *p = &host_processors[cpu];

	(void)hwid;
	if (!stack_top || cpu >= HOST_CPUS || cpu == host_cpu || p->suspended)
		return -EINVAL;
	/* Use a stack of the machine's own size: the given one may be too small. */
	p->stack_top = arch_stack_alloc();
	if (!p->stack_top)
		return -ENOMEM;
	host_stacks_in_use--;
	host_fiber_init(&p->fiber, p->stack_top, secondary);
	p->suspended = true;
	return 0;
}
