/* SPDX-License-Identifier: Apache-2.0 */
/* The generic timer: CNTHP for the kernel's timeouts, CNTV and CNTP for guests (Arm ARM D11). */
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/boot.h>
#include <kernel/irq.h>
#include <kernel/timeout.h>

#define CTL_ENABLE BIT(0)

static u32 intids[2];

u64 arch_counter_hz(void)
{
	return read_sysreg(cntfrq_el0);
}

void arch_timer_set(u64 deadline)
{
	write_sysreg(cnthp_cval_el2, deadline);
	write_sysreg(cnthp_ctl_el2, CTL_ENABLE);
	isb();
}

void arch_timer_stop(void)
{
	write_sysreg(cnthp_ctl_el2, 0);
	isb();
}

static void hyp_timer_irq(u32 intid, void *arg)
{
	(void)intid;
	(void)arg;
	/* The line is level-sensitive: it must fall before the interrupt is deactivated. timeouts_expired() sets the next deadline. */
	arch_timer_stop();
	timeouts_expired();
}

int timer_init(u32 phys, u32 virt, u32 hyp)
{
	intids[ARCH_TIMER_PHYS] = phys;
	intids[ARCH_TIMER_VIRT] = virt;
	return irq_request(hyp, "timer", hyp_timer_irq, NULL, 0);
}

u32 arch_guest_timer_intid(enum arch_timer_id id)
{
	return intids[id];
}

void arch_guest_timer_save(enum arch_timer_id id, struct arch_timer_regs *regs)
{
	if (id == ARCH_TIMER_VIRT) {
		regs->ctl = (u32)read_sysreg(cntv_ctl_el0);
		regs->cval = read_sysreg(cntv_cval_el0);
		write_sysreg(cntv_ctl_el0, 0);
	} else {
		regs->ctl = (u32)read_sysreg(cntp_ctl_el0);
		regs->cval = read_sysreg(cntp_cval_el0);
		write_sysreg(cntp_ctl_el0, 0);
	}
	isb();
}

void arch_guest_timer_restore(enum arch_timer_id id, const struct arch_timer_regs *regs)
{
	if (id == ARCH_TIMER_VIRT) {
		write_sysreg(cntv_cval_el0, regs->cval);
		isb(); /* no expiry by the old value */
		write_sysreg(cntv_ctl_el0, regs->ctl);
	} else {
		write_sysreg(cntp_cval_el0, regs->cval);
		isb();
		write_sysreg(cntp_ctl_el0, regs->ctl);
	}
}

void arch_guest_timer_offset(u64 offset)
{
	write_sysreg(cntvoff_el2, offset);
}
