/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/guest.h>
#include <arch/timer.h>

u64 host_timer_deadline[HOST_CPUS] = { [0 ... HOST_CPUS - 1] = UINT64_MAX };
struct host_guest_timer host_guest_timers[HOST_CPUS][2];
u64 host_timer_offset[HOST_CPUS];
bool host_counter_leads;

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

/* CTL as a read returns it: with ISTATUS. */
static u32 control(enum arch_timer_id id)
{
	const struct host_guest_timer *t = &host_guest_timers[host_cpu][id];
	u64 now = host_counter - (id == ARCH_TIMER_VIRT ? host_timer_offset[host_cpu] : 0);

	return (t->ctl & 3) | ((t->ctl & 1) && now >= t->cval ? 4 : 0);
}

bool arch_guest_counter_leads(void)
{
	return host_counter_leads;
}

void arch_guest_timers_save(struct arch_timer_regs regs[2])
{
	for (enum arch_timer_id id = ARCH_TIMER_VIRT; id <= ARCH_TIMER_PHYS; id++) {
		regs[id].cval = host_guest_timers[host_cpu][id].cval;
		regs[id].ctl = control(id);
		arch_guest_timer_stop(id);
	}
}

void arch_guest_timers_restore(const struct arch_timer_regs regs[2], u64 offset)
{
	host_timer_offset[host_cpu] = offset;
	for (enum arch_timer_id id = ARCH_TIMER_VIRT; id <= ARCH_TIMER_PHYS; id++) {
		host_guest_timers[host_cpu][id].cval = regs[id].cval;
		host_guest_timers[host_cpu][id].ctl = regs[id].ctl & 3;
	}
}

void arch_guest_timer_stop(enum arch_timer_id id)
{
	host_guest_timers[host_cpu][id].ctl = 0;
}

bool arch_guest_timer_asserted(enum arch_timer_id id)
{
	return (control(id) & 7) == 5;
}

s64 arch_guest_timer_late(enum arch_timer_id id)
{
	u64 now = host_counter - (id == ARCH_TIMER_VIRT ? host_timer_offset[host_cpu] : 0);

	return (s64)(now - host_guest_timers[host_cpu][id].cval);
}

u32 arch_guest_virt_late(void)
{
	return (u32)arch_guest_timer_late(ARCH_TIMER_VIRT);
}

u32 arch_guest_timer_intid(enum arch_timer_id id)
{
	return id == ARCH_TIMER_VIRT ? 27 : 30;
}
