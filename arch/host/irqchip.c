/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <asm/smp.h>
#include <string.h>

/* State of an interrupt; SPIs use cpu[0] only. */
static struct {
	struct {
		bool unmasked, pending, active;
	} cpu[HOST_CPUS];
	u32 route;
	bool edge, urgent;
	u32 sent[HOST_CPUS];
} irqs[HOST_INTIDS];

/* The copy of an interrupt's state that CPU `cpu` sees. */
static u32 bank(u32 intid, u32 cpu)
{
	if (intid >= HOST_INTIDS || cpu >= HOST_CPUS)
		host_die("no such interrupt or CPU");
	return intid < 32 ? cpu : 0;
}

void host_irqchip_reset(void)
{
	memset(irqs, 0, sizeof(irqs));
}

u32 arch_irq_count(void)
{
	return HOST_INTIDS;
}

void arch_irq_unmask(u32 intid, u32 cpu)
{
	irqs[intid].cpu[bank(intid, host_cpu)].unmasked = true;
	irqs[intid].route = cpu;
	host_poll();
}

void arch_irq_mask(u32 intid)
{
	irqs[intid].cpu[bank(intid, host_cpu)].unmasked = false;
}

void arch_irq_set_edge(u32 intid, bool edge)
{
	if (host_irq_unmasked(intid, host_cpu))
		host_die("edge or level changed while unmasked");
	irqs[intid].edge = edge;
}

void arch_irq_set_urgent(u32 intid)
{
	irqs[intid].urgent = true;
}

void arch_sgi_send(u32 sgi, u32 cpu)
{
	if (sgi >= 16)
		host_die("no such SGI");
	irqs[sgi].sent[cpu]++;
	host_irq_raise(sgi, cpu);
}

void arch_irq_set_active(u32 intid, bool active)
{
	host_irq_set_active(intid, host_cpu, active);
}

bool host_irq_unmasked(u32 intid, u32 cpu)
{
	return irqs[intid].cpu[bank(intid, cpu)].unmasked;
}

bool host_irq_active(u32 intid, u32 cpu)
{
	return irqs[intid].cpu[bank(intid, cpu)].active;
}

bool host_irq_pending(u32 intid, u32 cpu)
{
	return irqs[intid].cpu[bank(intid, cpu)].pending;
}

void host_irq_set_active(u32 intid, u32 cpu, bool active)
{
	irqs[intid].cpu[bank(intid, cpu)].active = active;
}

u32 host_irq_route(u32 intid)
{
	return irqs[intid].route;
}

bool host_irq_is_edge(u32 intid)
{
	return irqs[intid].edge;
}

bool host_irq_is_urgent(u32 intid)
{
	return irqs[intid].urgent;
}

u32 host_sgis_sent(u32 sgi, u32 cpu)
{
	return irqs[sgi].sent[cpu];
}

void host_irq_raise(u32 intid, u32 cpu)
{
	irqs[intid].cpu[bank(intid, cpu)].pending = true;
	host_poll();
}

u32 host_irq_next(u32 cpu)
{
	u32 i;

	for (i = 0; i < HOST_INTIDS; i++) {
		u32 b = bank(i, cpu);

		if (irqs[i].cpu[b].pending && irqs[i].cpu[b].unmasked && !irqs[i].cpu[b].active &&
		    (i < 32 || irqs[i].route == cpu))
			return i;
	}
	return IRQ_SPURIOUS;
}

void host_irq_take(u32 intid, u32 cpu)
{
	irqs[intid].cpu[bank(intid, cpu)].pending = false;
}

bool host_irq_waiting(u32 cpu)
{
	return host_timer_deadline[cpu] <= host_counter || host_irq_next(cpu) != IRQ_SPURIOUS;
}
