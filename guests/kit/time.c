/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/time.h"
#include "kit/mmio.h"

uint64_t ticks_per_second(void)
{
	uint64_t frequency = read_sysreg(cntfrq_el0) & UINT32_MAX;

	/* A machine that leaves CNTFRQ 0 must not make every bounded wait endless or empty. */
	return frequency ? frequency : 62500000;
}

uint64_t us_to_ticks(uint64_t us)
{
	return us * ticks_per_second() / 1000000;
}

uint64_t ticks_to_us(uint64_t ticks)
{
	return ticks * 1000000 / ticks_per_second();
}

void delay_us(uint64_t us)
{
	(void)wait_for(false, us);
}

unsigned int timer_intid(enum timer_kind kind)
{
	return kind == TIMER_VIRT ? CNTV_INTID : CNTP_INTID;
}

uint64_t timer_counter(enum timer_kind kind)
{
	isb();
	return kind == TIMER_VIRT ? read_sysreg(cntvct_el0) : read_sysreg(cntpct_el0);
}

void timer_set_ctl(enum timer_kind kind, uint64_t ctl)
{
	if (kind == TIMER_VIRT)
		write_sysreg(cntv_ctl_el0, ctl);
	else
		write_sysreg(cntp_ctl_el0, ctl);
	isb();
}

uint64_t timer_get_ctl(enum timer_kind kind)
{
	isb();
	return kind == TIMER_VIRT ? read_sysreg(cntv_ctl_el0) : read_sysreg(cntp_ctl_el0);
}

void timer_set_cval(enum timer_kind kind, uint64_t cval)
{
	if (kind == TIMER_VIRT)
		write_sysreg(cntv_cval_el0, cval);
	else
		write_sysreg(cntp_cval_el0, cval);
	isb();
}

uint64_t timer_get_cval(enum timer_kind kind)
{
	return kind == TIMER_VIRT ? read_sysreg(cntv_cval_el0) : read_sysreg(cntp_cval_el0);
}

void timer_set_tval(enum timer_kind kind, uint32_t tval)
{
	if (kind == TIMER_VIRT)
		write_sysreg(cntv_tval_el0, tval);
	else
		write_sysreg(cntp_tval_el0, tval);
	isb();
}

uint32_t timer_get_tval(enum timer_kind kind)
{
	isb();
	return (uint32_t)(kind == TIMER_VIRT ? read_sysreg(cntv_tval_el0)
					     : read_sysreg(cntp_tval_el0));
}

void timer_start_us(enum timer_kind kind, uint64_t us)
{
	timer_set_ctl(kind, 0);
	timer_set_cval(kind, timer_counter(kind) + us_to_ticks(us));
	timer_set_ctl(kind, TIMER_ENABLE);
}

void timer_stop(enum timer_kind kind)
{
	timer_set_ctl(kind, 0);
}
