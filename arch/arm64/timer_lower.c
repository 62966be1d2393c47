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

void arch_guest_timers_save(struct arch_timer_regs regs[2])
{
	struct arch_timer_regs *virt = &regs[ARCH_TIMER_VIRT], *phys = &regs[ARCH_TIMER_PHYS];

	virt->ctl = (u32)read_sysreg(cntv_ctl_el0);
	virt->cval = read_sysreg(cntv_cval_el0);
	phys->ctl = (u32)read_sysreg(cntp_ctl_el0);
	phys->cval = read_sysreg(cntp_cval_el0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	isb();
}

void arch_guest_timers_restore(const struct arch_timer_regs regs[2], u64 offset)
{
	const struct arch_timer_regs *virt = &regs[ARCH_TIMER_VIRT], *phys = &regs[ARCH_TIMER_PHYS];

	write_sysreg(cntvoff_el2, offset);
	write_sysreg(cntv_cval_el0, virt->cval);
	write_sysreg(cntp_cval_el0, phys->cval);
	isb(); /* no expiry by the old values */
	write_sysreg(cntv_ctl_el0, virt->ctl);
	write_sysreg(cntp_ctl_el0, phys->ctl);
}

void arch_guest_timer_stop(enum arch_timer_id id)
{
	if (id == ARCH_TIMER_VIRT)
		write_sysreg(cntv_ctl_el0, 0);
	else
		write_sysreg(cntp_ctl_el0, 0);
	isb();
}

bool arch_guest_timer_asserted(enum arch_timer_id id)
{
	u64 ctl;

	isb();
	ctl = id == ARCH_TIMER_VIRT ? read_sysreg(cntv_ctl_el0) : read_sysreg(cntp_ctl_el0);
	return (ctl & 7) == 5; /* ISTATUS, not IMASK, ENABLE */
}

s64 arch_guest_timer_late(enum arch_timer_id id)
{
	isb(); /* the counter is not read early */
	if (id == ARCH_TIMER_VIRT)
		return (s64)(read_sysreg(cntvct_el0) - read_sysreg(cntv_cval_el0));
	return (s64)(read_sysreg(cntpct_el0) - read_sysreg(cntp_cval_el0));
}
