/* SPDX-License-Identifier: Apache-2.0 */
/* Inline part of arch/cpu.h on the fake machine. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <asm/host.h>
#include <lib/types.h>

static inline bool arch_irqs_masked(void)
{
	return !host_irqs_open[host_cpu];
}

static inline void arch_irq_disable(void)
{
	host_irqs_open[host_cpu] = false;
}

static inline void arch_irq_enable(void)
{
	host_irqs_open[host_cpu] = true;
	host_poll();
}

static inline unsigned long arch_irq_save(void)
{
	unsigned long open = host_irqs_open[host_cpu];

	host_irqs_open[host_cpu] = false;
	return open;
}

static inline void arch_irq_restore(unsigned long open)
{
	if (open)
		arch_irq_enable();
	else
		arch_irq_disable();
}

static inline struct percpu *arch_percpu(void)
{
	return host_percpu[host_cpu];
}

static inline void arch_set_percpu(struct percpu *p)
{
	host_percpu[host_cpu] = p;
}

static inline u64 arch_table_index(u64 i, u64 n)
{
	return i & (n - 1);
}

static inline void arch_relax(void)
{
	host_relax();
}

static inline void arch_idle(void)
{
	host_idle();
}

/* Let accesses through this pointer have one address, in a register: for the shortest paths. */
#define arch_one_address(pointer) __asm__("" : "+r"(pointer))

#endif
