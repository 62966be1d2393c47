/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EL1 timers of a vCPU. While the vCPU is on a CPU both are the hardware's own; their physical interrupt is forwarded with the HW bit. While it is
 * off CPU, a kernel timeout at the earlier expiry wakes it.
 */
#ifndef VMM_VTIMER_H
#define VMM_VTIMER_H

#include <arch/guest.h>
#include <kernel/timeout.h>
#include <lib/histogram.h>

struct vcpu;
struct vm;

#define VTIMER_PPI_VIRT 27
#define VTIMER_PPI_PHYS 30

struct vtimer {
	struct arch_timer_regs regs[2]; /* by enum arch_timer_id, while off CPU */
	u64 due[2];                     /* the same, while wake is set: when they expire */
	struct timeout wake;            /* at the earlier of those */
	u8 woken; /* timers, by bit, that have expired by it, and whose delivery is not counted */
	/*
	 * Ticks from when a timer was due to when its interrupt was given to the vCPU: it is in a list register, and the guest is about to run. As the
	 * guest has set it: one that was set to the past counts from then.
	 */
	struct histogram late;
};

/* Register the physical timer interrupts; once. */
int __must_check vtimer_host_init(void);
/*
 * The VM's virtual counter (CNTVOFF_EL2) starts now: at 0, or, where it has to lead the machine's (arch_guest_counter_leads()), at a multiple of a power of
 * two of at least 2^22 s. No vCPU runs.
 */
void vtimer_start_clock(struct vm *vm);
/*
 * It has stood still for the last `ticks`. A counter that leads goes on with what the machine's would be ahead of it, once the VM has stood still for more
 * than those 2^22 s in all. No vCPU runs.
 */
void vtimer_stood_still(struct vm *vm, u64 ticks);
/* Timers off, as at reset, and no wake-up is under way. v is off CPU (also: about to be freed) or the caller. *v was all zeros before the first time. */
void vtimer_reset(struct vcpu *v);
/*
 * Switch hooks, masked. put arms the wake-up only if v is blocked (not parked) with a timer running: a preempted vCPU finds its expired timer when it
 * is loaded. The wake-up makes the timer's interrupt pending and kicks v.
 */
void vtimer_load(struct vcpu *v);
void vtimer_put(struct vcpu *v);
/* v, which is ready, leaves the CPU where it was put: its wake-up does not stay behind, where it could come while v runs elsewhere. On that CPU, masked. */
void vtimer_migrate(struct vcpu *v);
/* v is here, and was switched in: those that woke it are delivered. Masked. */
void vtimer_count_woken(struct vcpu *v);
/*
 * The vCPU, which is here, is given that interrupt: if it is a timer's, count how late it is; what is negative does not count. Masked.
 */
void vtimer_delivered(struct vtimer *t, u32 vintid);
void vtimer_count_late(struct vtimer *t, s64 late);
/* The same in a few instructions, for the interrupt of a list register that is HW. False: nothing was done, vtimer_delivered() is for it. */
static inline bool __must_check vtimer_tally(struct vtimer *t, u32 vintid)
{
	/* Of those that are forwarded, 23 (performance monitors), 27 and 30, bit 2 is clear in one alone. */
	return likely(!(vintid & BIT(2))) &&
	       likely(histogram_tally(&t->late, arch_guest_virt_late()));
}

#endif
