/* SPDX-License-Identifier: Apache-2.0 */
/* How late timer interrupts reach their vCPUs. */
#include <vmm/core.h>
#include <vmm/cpu.h>

void vtimer_count_late(struct vtimer *t, s64 late)
{
	if (late < 0) /* the guest has moved its deadline in between */
		return;
	if (late > INT32_MAX || !histogram_tally(&t->late, (u32)late))
		histogram_add(&t->late, (u64)late);
}

void vtimer_delivered(struct vtimer *t, u32 vintid)
{
	if (vintid == VTIMER_PPI_VIRT)
		vtimer_count_late(t, arch_guest_timer_late(ARCH_TIMER_VIRT));
	else if (vintid == VTIMER_PPI_PHYS)
		vtimer_count_late(t, arch_guest_timer_late(ARCH_TIMER_PHYS));
}
