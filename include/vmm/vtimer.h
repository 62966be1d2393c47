/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EL1 timers of a vCPU. While the vCPU is on a CPU both are the hardware's own; their physical interrupt is forwarded with the HW bit. While it is
 * off CPU, a kernel timeout at the earlier expiry wakes it.
 */
#ifndef VMM_VTIMER_H
#define VMM_VTIMER_H

#include <arch/guest.h>
#include <kernel/timeout.h>

struct vcpu;

#define VTIMER_PPI_VIRT 27
#define VTIMER_PPI_PHYS 30

struct vtimer {
	struct arch_timer_regs regs[2]; /* by enum arch_timer_id, while off CPU */
	u64 due[2];                     /* the same, while wake is set: when they expire */
	struct timeout wake;            /* at the earlier of those */
	bool armed;                     /* wake was set at the last put, and has not come yet */
};

/* Register the physical timer interrupts; once. */
int __must_check vtimer_host_init(void);
/* Timers off, as at reset, and no wake-up is under way. v is off CPU (also: about to be freed) or the caller. *v was all zeros before the first time. */
void vtimer_reset(struct vcpu *v);
/*
 * Switch hooks, masked. put arms the wake-up only if v is blocked (not parked) with a timer running: a preempted vCPU finds its expired timer when it
 * is loaded. The wake-up makes the timer's interrupt pending and kicks v.
 */
void vtimer_load(struct vcpu *v);
void vtimer_put(struct vcpu *v);
/* Guest-virtual counter value now. */
u64 vtimer_count(struct vcpu *v);

#endif
