/* SPDX-License-Identifier: Apache-2.0 */
/* Inline part of arch/cpu.h. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <asm/sysreg.h>

#define DAIF_I BIT(7)

/*
 * masked.S: called after the mask and before the unmask. A section inside another one is not
 * measured.
 */
static inline void masked_begin(void)
{
	__asm__ volatile("bl masked_begin" ::: "x16", "x17", "x30", "memory");
}

static inline void masked_end(void)
{
	__asm__ volatile("bl masked_end" ::: "x15", "x16", "x17", "x30", "cc", "memory");
}

static inline bool arch_irqs_masked(void)
{
	return (read_sysreg(daif) & DAIF_I) != 0;
}

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags = read_sysreg(daif);

	__asm__ volatile("msr daifset, #3" ::: "memory");
	if (unlikely(!(flags & DAIF_I)))
		masked_begin();
	return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
	if (unlikely(!(flags & DAIF_I)))
		masked_end();
	write_sysreg(daif, flags);
}

static inline void arch_irq_enable(void)
{
	masked_end();
	__asm__ volatile("msr daifclr, #3" ::: "memory");
}

static inline void arch_irq_disable(void)
{
	(void)arch_irq_save();
}

/*
 * TPIDR_ELx holds this CPU's struct percpu. Volatile: it is read again after every switch, because
 * the thread may have moved.
 */
static inline struct percpu *arch_percpu(void)
{
	struct percpu *p;

	__asm__ volatile("mrs %0, " sysreg_name(TPIDR_ELx) : "=r"(p));
	return p;
}

static inline void arch_set_percpu(struct percpu *p)
{
	write_sysreg_(TPIDR_ELx, (u64)p);
}

static inline u64 arch_table_index(u64 i, u64 n)
{
	__asm__(""
		: "+r"(i)); /* the compiler knows the earlier range check; it must not drop the
			     * mask */
	return i & (n - 1);
}

static inline void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline void arch_idle(void)
{
	dsb(sy); /* our writes are visible before this CPU sleeps */
	__asm__ volatile("wfi" ::: "memory");
}

/* Let accesses through this pointer have one address, in a register: for the shortest paths. */
#define arch_one_address(pointer) __asm__("" : "+r"(pointer))

#endif
