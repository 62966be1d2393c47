/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt controller between CPUs that are host threads. An interrupt from another CPU
 * carries what that CPU wrote before it, as the barrier before an SGI sees to on the target. To the
 * sanitizer that is all that it carries: each interrupt of each CPU has a word of its own for it,
 * and the masks are changed where the sanitizer does not look.
 */
#include <arch/cpu.h>
#include <arch/irqchip.h>
#include <asm/smp.h>

#define PPIS    32 /* SGIs too */
#define INTIDS  64
#define SPI_CPU 0 /* that all SPIs go to */

#define UNSEEN __attribute__((no_sanitize("thread"), noinline))

/* A bit each INTID. */
static struct {
	u64 pending, unmasked, active;
	u32 carried[INTIDS];
} cpus[HOST_CPUS];

static UNSEEN void set(u64 *mask, u32 intid)
{
	__atomic_fetch_or(mask, BIT(intid), __ATOMIC_SEQ_CST);
}

static UNSEEN void clear(u64 *mask, u32 intid)
{
	__atomic_fetch_and(mask, ~BIT(intid), __ATOMIC_SEQ_CST);
}

static UNSEEN u64 due(u32 cpu)
{
	return __atomic_load_n(&cpus[cpu].pending, __ATOMIC_SEQ_CST) &
	       __atomic_load_n(&cpus[cpu].unmasked, __ATOMIC_SEQ_CST) &
	       ~__atomic_load_n(&cpus[cpu].active, __ATOMIC_SEQ_CST);
}

static u32 bank(u32 intid, u32 cpu)
{
	if (intid >= INTIDS || cpu >= HOST_CPUS)
		host_die("no such interrupt or CPU");
	return intid < PPIS ? cpu : SPI_CPU;
}

void host_irqchip_reset(void)
{
}

u32 arch_irq_count(void)
{
	return INTIDS;
}

void arch_irq_unmask(u32 intid, u32 cpu)
{
	if (intid >= PPIS && cpu != SPI_CPU)
		host_die("an SPI goes to another CPU");
	set(&cpus[bank(intid, host_cpu)].unmasked, intid);
	host_poll();
}

void arch_irq_mask(u32 intid)
{
	clear(&cpus[bank(intid, host_cpu)].unmasked, intid);
}

void arch_irq_set_edge(u32 intid, bool edge)
{
	(void)intid;
	(void)edge;
}

void arch_irq_set_urgent(u32 intid)
{
	(void)intid;
}

void arch_irq_set_active(u32 intid, bool active)
{
	host_irq_set_active(intid, host_cpu, active);
}

void host_irq_set_active(u32 intid, u32 cpu, bool active)
{
	if (active)
		set(&cpus[bank(intid, cpu)].active, intid);
	else
		clear(&cpus[bank(intid, cpu)].active, intid);
}

void host_irq_raise(u32 intid, u32 cpu)
{
	u32 to = bank(intid, cpu);

	__atomic_fetch_add(&cpus[to].carried[intid], 1, __ATOMIC_RELEASE);
	set(&cpus[to].pending, intid);
}

void arch_sgi_send(u32 sgi, u32 cpu)
{
	host_irq_raise(sgi, cpu);
	if (cpu == host_cpu)
		host_poll();
}

u32 host_irq_next(u32 cpu)
{
	u64 mask = due(cpu);

	return mask ? (u32)__builtin_ctzll(mask) : IRQ_SPURIOUS;
}

void host_irq_take(u32 intid, u32 cpu)
{
	u32 at = bank(intid, cpu);

	clear(&cpus[at].pending, intid);
	(void)__atomic_load_n(&cpus[at].carried[intid], __ATOMIC_ACQUIRE);
}

bool host_irq_waiting(u32 cpu)
{
	return host_timer_deadline[cpu] <= host_now() || due(cpu);
}
