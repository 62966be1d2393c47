/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/guest.h>
#include <arch/timer.h>

u64 host_counter;
u64 host_timer_deadline[HOST_CPUS] = { [0 ... HOST_CPUS - 1] = UINT64_MAX };
struct host_guest_timer host_guest_timers[HOST_CPUS][2];
u64 host_timer_offset[HOST_CPUS];

u64 arch_counter_hz(void)
{
	return HOST_COUNTER_HZ;
}

void arch_timer_set(u64 deadline)
{
	host_timer_deadline[host_cpu] = deadline;
}

void arch_timer_stop(void)
{
	host_timer_deadline[host_cpu] = UINT64_MAX;
}

void arch_guest_timer_save(enum arch_timer_id id, struct arch_timer_regs *regs)
{
	struct host_guest_timer *t = &host_guest_timers[host_cpu][id];
	u64 now = host_counter - (id == ARCH_TIMER_VIRT ? host_timer_offset[host_cpu] : 0);

	regs->cval = t->cval;
	regs->ctl = t->ctl & 3;
	if ((t->ctl & 1) && now >= t->cval)
		regs->ctl |= 4;
	t->ctl = 0;
}

void arch_guest_timer_restore(enum arch_timer_id id, const struct arch_timer_regs *regs)
{
	host_guest_timers[host_cpu][id].cval = regs->cval;
	host_guest_timers[host_cpu][id].ctl = regs->ctl & 3;
}

bool arch_guest_timer_asserted(enum arch_timer_id id)
{
	struct arch_timer_regs regs;

	arch_guest_timer_save(id, &regs);
	arch_guest_timer_restore(id, &regs);
	return (regs.ctl & 7) == 5;
}

void arch_guest_timer_offset(u64 offset)
{
	host_timer_offset[host_cpu] = offset;
}

u32 arch_guest_timer_intid(enum arch_timer_id id)
{
	return id == ARCH_TIMER_VIRT ? 27 : 30;
}
