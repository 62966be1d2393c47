/* SPDX-License-Identifier: Apache-2.0 */
/* Running a vCPU: its thread's hooks and work, timers, trapped system registers, debug, performance monitors, stolen time. */
#ifndef VMM_CPU_H
#define VMM_CPU_H

#include <arch/guest.h>
#include <kernel/timeout.h>
#include <lib/histogram.h>
#include <lib/types.h>

struct vcpu;
struct vdev_class;
struct vm;
struct thread_hooks;

/*
 * The EL1 timers of a vCPU. While the vCPU is on a CPU both are the hardware's own; their physical interrupt is forwarded with the HW bit. While it is
 * off CPU, a kernel timeout at the earlier expiry wakes it.
 */

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

/* ---- trapped system registers, from one table ---- */

/* Debug registers. Every access of the guest traps (MDCR_EL2.TDA), so that they are here always, and in the CPU while they have an effect. */
struct vdebug {
	struct guest_debug regs;
	u64 mdscr; /* as written */
	u8 claim;  /* DBGCLAIMSET_EL1 */
	bool os_lock;
};

#define VPMU_PPI 23

/* Performance monitors. */
struct vpmu {
	bool present;          /* the VM has them */
	u32 selected;          /* PMSELR_EL0 */
	struct guest_pmu regs; /* while off CPU */
};

/* The number by which a system register is known, fields as in MRS/MSR. */
#define SYSREG_ENC(op0, op1, crn, crm, op2) \
	((u32)(op0) << 14 | (u32)(op1) << 11 | (u32)(crn) << 7 | (u32)(crm) << 3 | (u32)(op2))

/* What a guest is shown of the ID register (op0 3, op1 0, CRn 0, crm, op2). Also for tests. */
u64 sysreg_id_value(u32 crm, u32 op2);

/* Performance monitors (vpmu.c). Their interrupt, once; as at the vCPU's reset (v is off CPU or the caller); accesses by v, which is loaded. */
int __must_check vpmu_host_init(void);
void vpmu_reset(struct vcpu *v);
enum sysreg_result vpmu_access(struct vcpu *v, struct sysreg_access *a);
/* PMEVCNTR<n>_EL0, PMEVTYPER<n>_EL0, PMCCFILTR_EL0 */
enum sysreg_result vpmu_counter(struct vcpu *v, struct sysreg_access *a);

/* Debug registers (vdebug.c), as at the vCPU's reset; accesses to them by v, which is loaded. */
void vdebug_reset(struct vcpu *v);
/* DBGBVR<n>_EL1, DBGBCR<n>_EL1, DBGWVR<n>_EL1, DBGWCR<n>_EL1 */
enum sysreg_result vdebug_point(struct vcpu *v, struct sysreg_access *a);
enum sysreg_result vdebug_mdscr(struct vcpu *v, struct sysreg_access *a);
/* OSLAR_EL1, OSLSR_EL1 */
enum sysreg_result vdebug_os_lock(struct vcpu *v, struct sysreg_access *a);
/* DBGCLAIMSET_EL1, DBGCLAIMCLR_EL1 */
enum sysreg_result vdebug_claim(struct vcpu *v, struct sysreg_access *a);
/* The debug communications channel's registers of EL0: nobody is at its other end. */
enum sysreg_result vdebug_channel(struct vcpu *v, struct sysreg_access *a);

/* ---- stolen time: a page of the VM at GUEST_PVTIME_BASE (vmm/dev.h), one of these per vCPU ---- */

struct pvtime_entry {
	u32 revision;   /* 0 */
	u32 attributes; /* 0 */
	u64 stolen_ns;  /* ready to run, but not running; since the VM started */
	u8 reserved[48];
};

/* The page, and its map for the guest, read-only. */
extern const struct vdev_class pvtime_class;
/* v is about to enter its guest from reset (the VM's, or CPU_ON). On its thread. */
void pvtime_enter(struct vcpu *v);
/* The services of DEN0057 (see vmm/call.h). */
bool pvtime_call(struct vcpu *v, u64 *x);
/* v goes on a CPU: write down what was stolen. Interrupts masked. */
void pvtime_update(struct vcpu *v);

/* ---- health ---- */

/*
 * What counts as a failure of a VM although its guest says nothing (docs/failures.md). While a VM lives, a timeout of CPU 0 asks each of its vCPUs that
 * executes for a look at itself (VCPU_WORK_LOOK): on its own thread, on its way back into the guest. One that leaves its guest anyway is not interrupted
 * for that, unless the VM has a hang timeout.
 */

#define HEALTH_LOOK_MS 250
/* A vCPU that repeats an exception, or spins at its vector, in so many looks after each other, with nothing else in between, has crashed. */
#define HEALTH_LOOKS 4
/* CPU time between two looks that count. */
#define HEALTH_RUN_US 500

struct vcpu_health {
	u64 exits, timer_irqs; /* at requests; the timeout's */
	bool rested;           /* it waited at a request since the last look (atomic) */
	bool hung;             /* masked for the hang timeout of its own CPU time (atomic) */
	bool says_hang;        /* its next look is to say that its VM hangs (atomic) */
	bool masked;           /* IRQs were masked at all looks since `masked_since` */
	u64 masked_since;      /* its CPU time then */
	u64 looked_at;         /* its CPU time at the last look */
	u64 esr, elr;          /* then, and in `same` looks in a row */
	u32 same;              /* 0: it got on */
};

/* For a VM that is being made; and before it is unmade: no look is asked for any more. Thread context. */
void health_init(struct vm *vm);
void health_end(struct vm *vm);
/* Its guest is about to start: looks begin, and go on as long as it lives. Thread context, no lock held. */
void health_begin(struct vm *vm);
/* v starts from reset. On its thread. */
void health_reset(struct vcpu *v);

/* VCPU_WORK_LOOK. On v's thread, which is on its way back into its guest; interrupts masked, and for a while not if the VM has failed. */
void health_look(struct vcpu *v);

/* ---- the thread of a vCPU ---- */

extern const struct thread_hooks vcpu_hooks;

/* A vCPU thread's entry; arg is the struct vcpu. */
void vcpu_main(void *arg);

/*
 * Every part of a vCPU's state that a reset resets has a row in one list (vcpu.c), which says at which: its VM's power comes on, or the vCPU enters its
 * guest at its boot address, on its thread. Thread context; v is off CPU or the caller.
 */
enum vcpu_reset { VCPU_RESET_POWER_ON = BIT(0), VCPU_RESET_ENTRY = BIT(1) };
void vcpu_reset(struct vcpu *v, enum vcpu_reset when);

/* All vCPUs but `but` (NULL: all) are parked. */
bool vm_is_parked(const struct vm *vm, const struct vcpu *but);

/*
 * What vCPU 0 does for its VM while it is parked: see vm_tend() (vmm/life.h), which is set as that at boot.
 */
typedef bool (*vcpu_tend_fn)(struct vm *vm, unsigned long *flags, u64 *deadline);
void vcpu_set_tend(vcpu_tend_fn fn);

/*
 * vCPU 0 becomes an ordinary thread that has no guest below it, which nothing of the guest's state in this
 * CPU belongs to; and a vCPU again. On its thread, interrupts masked.
 */
void vcpu_leave_guest(struct vcpu *v);
void vcpu_join_guest(struct vcpu *v);

#endif
