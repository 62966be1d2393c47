/* SPDX-License-Identifier: Apache-2.0 */
/* The generic timer (Arm ARM D11) for the kernel's timeouts: CNTHP at EL2, CNTV at EL1. */
#include <arch/timer.h>
#include <asm/boot.h>
#include <kernel/irq.h>
#include <kernel/timeout.h>

#define CTL_ENABLE BIT(0)

u64 arch_counter_hz(void)
{
	return read_sysreg(cntfrq_el0);
}

void arch_timer_set(u64 deadline)
{
	write_sysreg_(TIMER_CVAL, deadline);
	write_sysreg_(TIMER_CTL, CTL_ENABLE);
	isb();
}

void arch_timer_stop(void)
{
	write_sysreg_(TIMER_CTL, 0);
	isb();
}

static void timer_irq(u32 intid, void *arg)
{
	(void)intid;
	(void)arg;
	/*
	 * This sets the next deadline. So the level-sensitive line falls before the interrupt is
	 * deactivated.
	 */
	timeouts_expired();
}

int timer_init(u32 intid)
{
	return irq_request(intid, "timer", timer_irq, NULL, IRQ_URGENT);
}
