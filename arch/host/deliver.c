/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake machine's interrupt entry and exit: the same upcalls in the same order as on the real
 * one.
 */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>

static void timer_interrupt(void)
{
	arch_timer_stop();
	this_cpu()->irq_depth++;
	timeouts_expired();
	this_cpu()->irq_depth--;
}

static void device_interrupt(u32 intid)
{
	u32 cpu = host_cpu;

	host_irq_take(intid, cpu);
	if (irq_dispatch(intid) & IRQ_STAYS_ACTIVE)
		host_irq_set_active(intid, cpu, true);
}

void arch_guest_take_irq(struct vcpu *v)
{
	u32 intid = host_irq_next(host_cpu);

	(void)v;
	if (intid != IRQ_SPURIOUS)
		device_interrupt(intid);
	else if (host_irq_waiting(host_cpu))
		timer_interrupt();
}

static void deliver(void)
{
	while (!arch_irqs_masked() && host_irq_waiting(host_cpu)) {
		u32 intid = host_irq_next(host_cpu);

		arch_irq_disable();
		if (intid == IRQ_SPURIOUS)
			timer_interrupt();
		else
			device_interrupt(intid);
		if (sched_pending())
			schedule();
		/* This may be on another CPU now. */
		host_irqs_open[host_cpu] = true;
	}
}

void host_irqs_on(void)
{
	host_deliver = deliver;
}
