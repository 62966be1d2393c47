/* SPDX-License-Identifier: Apache-2.0 */
/* The generic timers of a lower exception level: CNTV and CNTP are guests' (Arm ARM D11). */
#include <arch/guest.h>
#include <asm/boot.h>

static u32 intids[2];

void timer_lower_init(u32 phys, u32 virt)
{
	intids[ARCH_TIMER_PHYS] = phys;
	intids[ARCH_TIMER_VIRT] = virt;
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

bool arch_guest_timer_asserted(enum arch_timer_id id)
{
	u64 ctl;

	isb();
	ctl = id == ARCH_TIMER_VIRT ? read_sysreg(cntv_ctl_el0) : read_sysreg(cntp_ctl_el0);
	return (ctl & 7) == 5; /* ISTATUS, not IMASK, ENABLE */
}

void arch_guest_timer_offset(u64 offset)
{
	write_sysreg(cntvoff_el2, offset);
}
