/* SPDX-License-Identifier: Apache-2.0 */
/* Inline part of arch/cpu.h. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <asm/sysreg.h>

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags = read_sysreg(daif);

	__asm__ volatile("msr daifset, #3" ::: "memory");
	return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
	write_sysreg(daif, flags);
}

static inline void arch_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #3" ::: "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("msr daifset, #3" ::: "memory");
}

static inline bool arch_irqs_masked(void)
{
	return (read_sysreg(daif) & BIT(7)) != 0;
}

/* TPIDR_EL2 holds this CPU's struct percpu. Volatile: read anew after every switch, which may have moved the thread. */
static inline struct percpu *arch_percpu(void)
{
	struct percpu *p;

	__asm__ volatile("mrs %0, tpidr_el2" : "=r"(p));
	return p;
}

static inline void arch_set_percpu(struct percpu *p)
{
	write_sysreg(tpidr_el2, (u64)p);
}

static inline void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline void arch_idle(void)
{
	dsb(sy); /* what we wrote is visible before this CPU sleeps */
	__asm__ volatile("wfi" ::: "memory");
}

#endif
