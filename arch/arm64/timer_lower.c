/* SPDX-License-Identifier: Apache-2.0 */
/* The generic timers of a lower exception level: CNTV and CNTP belong to guests (Arm ARM D11). */
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/boot.h>

#define CTL_ENABLE  BIT(0)
#define CTL_IMASK   BIT(1)
#define CTL_ISTATUS BIT(2)

static u32 intids[2];
static bool leads;

/* ---- may a guest's counter be ahead of the machine's? ---- */

enum answer { NO, YES, UNKNOWN };

#define TRY_LEAD BIT(48)

/*
 * Test whether a virtual timer fires that is due in `delay` ticks, with CNTVOFF = -TRY_LEAD. CNTP,
 * due right behind it, is the witness. Both must still be pending after they are turned on: QEMU
 * computes the status of an expired timer in another way.
 */
static __cold enum answer try_lead(u64 delay)
{
	u64 due, limit;

	isb(); /* the counter is not read early */
	due = read_sysreg(cntpct_el0) + delay;
	limit = due + arch_counter_hz();
	write_sysreg(cntp_cval_el0, due + 1);
	write_sysreg(cntv_cval_el0, due + TRY_LEAD);
	write_sysreg(cntp_ctl_el0, CTL_ENABLE | CTL_IMASK);
	write_sysreg(cntv_ctl_el0, CTL_ENABLE | CTL_IMASK);
	isb();
	if ((read_sysreg(cntp_ctl_el0) | read_sysreg(cntv_ctl_el0)) & CTL_ISTATUS)
		return UNKNOWN;
	while (!(read_sysreg(cntp_ctl_el0) & CTL_ISTATUS) && read_sysreg(cntpct_el0) < limit)
		isb();
	dsb(sy); /* the witness's deadline is in the past now */
	return read_sysreg(cntv_ctl_el0) & CTL_ISTATUS ? YES : NO;
}

/*
 * CNTVOFF_EL2 = CNTPCT - CNTVCT (Arm ARM D11.2). On hardware any value of it works. QEMU's timers
 * fire at CVAL + CNTVOFF. Before 8.2 a sum that overflows is due at once, again and again: a guest
 * that sets CVAL to ~0 stops the whole machine, unless CNTVOFF <= 0. Since 8.2 such a timer never
 * fires, which is right for CNTVOFF >= 0 and wrong below 0. A test of some microseconds finds out
 * which of these this machine is.
 */
static __cold bool find_leads(void)
{
	enum answer answer = UNKNOWN;

	write_sysreg(cntvoff_el2, 0 - TRY_LEAD);
	for (u64 delay = arch_counter_hz() >> 16; answer == UNKNOWN && delay < arch_counter_hz();
	     delay *= 2)
		answer = try_lead(delay);
	arch_guest_timer_stop(ARCH_TIMER_VIRT);
	arch_guest_timer_stop(ARCH_TIMER_PHYS);
	write_sysreg(cntvoff_el2, 0);
	return answer == YES;
}

void timer_lower_init(u32 phys, u32 virt)
{
	intids[ARCH_TIMER_PHYS] = phys;
	intids[ARCH_TIMER_VIRT] = virt;
	leads = find_leads();
}

bool arch_guest_counter_leads(void)
{
	return leads;
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
	isb(); /* no expiry from the old values */
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

bool arch_guest_timer_armed(void)
{
	const u64 on = BIT(0), both = BITS(1, 0); /* ENABLE, IMASK */

	return (read_sysreg(cntv_ctl_el0) & both) == on || (read_sysreg(cntp_ctl_el0) & both) == on;
}
