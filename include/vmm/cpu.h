/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a vCPU: its thread's hooks and work, timers, trapped system registers, debug, performance
 * monitors, stolen time.
 */
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
 * The EL1 timers of a vCPU. While the vCPU is on a CPU, both are in hardware, and their physical
 * interrupts are forwarded with the HW bit. While it is off the CPU, a kernel timeout at the
 * earlier expiry wakes it.
 */

#define VTIMER_PPI_VIRT 27
#define VTIMER_PPI_PHYS 30

struct vtimer {
	struct arch_timer_regs regs[2]; /* by enum arch_timer_id, while off the CPU */
	u64 due[2];                     /* the same, while wake is set: when they expire */
	struct timeout wake;            /* at the earlier of the two */
	u8 woken; /* timers expired by it, one bit each, whose delivery is not yet counted */
	/*
	 * Ticks from when a timer was due until its interrupt was given to the vCPU: it is in a
	 * list register, and the guest is about to run. A timer that the guest set to the past
	 * counts from when it was set.
	 */
	struct histogram late;
	u32 limit; /* what is later calls vtimer_set_late()'s function, in ticks; 0: nothing is */
};

/* Register the physical timer interrupts; once. */
int __must_check vtimer_host_init(void);
/*
 * Start the VM's virtual counter (CNTVOFF_EL2) now: at 0, or, if it has to lead the machine's
 * (arch_guest_counter_leads()), at a multiple of a power of two of at least 2^22 s. No vCPU runs.
 */
void vtimer_start_clock(struct vm *vm);
/*
 * The VM's counter has stood still for the last `ticks`. A counter that leads must stay ahead of
 * the machine's: once the VM has stood still for more than those 2^22 s in all, the counter jumps
 * forward. No vCPU runs.
 */
void vtimer_stood_still(struct vm *vm, u64 ticks);
/*
 * Turn the timers off, as at reset, and cancel any wake-up. v is off the CPU (also: about to be
 * freed) or is the caller. Before the first call *v must be all zeros.
 */
void vtimer_reset(struct vcpu *v);
/*
 * Switch hooks, interrupts masked. vtimer_put() arms the wake-up only if v is blocked (not parked)
 * and a timer runs: a preempted vCPU finds its expired timer when it is loaded. The wake-up makes
 * the timer's interrupt pending and kicks v.
 */
void vtimer_load(struct vcpu *v);
void vtimer_put(struct vcpu *v);
/* The VM's clock may have been set since v was loaded. v is the caller; interrupts masked. */
void vtimer_follow_clock(struct vcpu *v);
/*
 * v, which is ready, leaves the CPU on which it was put. Cancel its wake-up there: it could fire
 * while v runs elsewhere. On that CPU, interrupts masked.
 */
void vtimer_migrate(struct vcpu *v);
/* v is here and was switched in: count the timers that woke it as delivered. Interrupts masked. */
void vtimer_count_woken(struct vcpu *v);
/*
 * That interrupt is given to the vCPU, which is here. If it is a timer's, count how late it is; a
 * negative value does not count. Interrupts masked.
 */
void vtimer_delivered(struct vtimer *t, u32 vintid);
void vtimer_count_late(struct vtimer *t, s64 late);
/*
 * Set the function that is called when a timer's interrupt comes later than its vCPU's limit: on
 * the vCPU's CPU, interrupts masked. Boot.
 */
typedef void (*vtimer_late_fn)(struct vcpu *v, u64 late);
void vtimer_set_late(vtimer_late_fn fn);
/*
 * Set the limit. When this returns, the function is called for the new one only. Thread context.
 */
void vtimer_set_limit(struct vcpu *v, u32 ticks);
/*
 * The same in a few instructions, for the interrupt of a list register with HW. False: nothing was
 * done; call vtimer_delivered().
 */
static inline bool __must_check vtimer_tally(struct vtimer *t, u32 vintid)
{
	/*
	 * Of the forwarded INTIDs, 23 (performance monitors), 27 and 30, only 27 has bit 2 clear.
	 */
	return likely(!(vintid & BIT(2))) &&
	       likely(histogram_tally(&t->late, arch_guest_virt_late()));
}

/* ---- trapped system registers, from one table ---- */

/*
 * Debug registers. Every access of the guest traps (MDCR_EL2.TDA): so the values are always here,
 * and in the CPU only while they have an effect.
 */
struct vdebug {
	struct guest_debug regs;
	u64 mdscr; /* as written */
	u8 claim;  /* DBGCLAIMSET_EL1 */
	bool os_lock;
	struct debugged *by; /* NULL: there is no debugger */
};

/*
 * A debugger's part of a vCPU, which the debugger owns. The vCPU is parked, and these are called on
 * the CPU where it ran last, interrupts masked.
 */
#define DEBUG_BREAKS 64
struct debugged {
	struct guest_debug guest; /* the guest's own registers: without effect meanwhile */
	enum guest_stop stop;     /* why it is held (atomic), written behind ... */
	u64 stop_at;              /* ... the address, of a watchpoint */
	void (*stopped)(void);    /* it is held now; interrupts masked, no lock held */
	const u64 *breaks;        /* IPAs of its BRKs, DEBUG_BREAKS of them: BIT(0) set; 0: none */
};
/* Debug exceptions go to the debugger from now on. */
void vdebug_take(struct vcpu *v, struct debugged *d);
/* Its break- and watchpoints are these; step: it executes one instruction. */
void vdebug_set(struct vcpu *v, const struct guest_debug *points, bool step);
/* The guest has its own registers again. */
void vdebug_give_back(struct vcpu *v);
/* How many breakpoints (GUEST_BVR) or watchpoints (GUEST_WVR) there are. */
u32 vdebug_points(u32 kind);

#define VPMU_PPI 23

/* Performance monitors. */
struct vpmu {
	bool present;          /* the VM has performance monitors */
	u32 selected;          /* PMSELR_EL0 */
	struct guest_pmu regs; /* while off the CPU */
};

/* The number of a system register; the fields are as in MRS/MSR. */
#define SYSREG_ENC(op0, op1, crn, crm, op2) \
	((u32)(op0) << 14 | (u32)(op1) << 11 | (u32)(crn) << 7 | (u32)(crm) << 3 | (u32)(op2))

/* Take down the ID registers' values for guests (vmm_id_register()). Once, at boot. */
void vsysreg_host_init(void);

/*
 * The guest's value of an ID register (op0 3, op1 0, CRn 0, crm, op2), but for what depends on the
 * VM. Also for tests.
 */
u64 sysreg_id_value(u32 crm, u32 op2);

/*
 * Performance monitors (vpmu.c): register their interrupt, once; reset them with the vCPU (v is off
 * the CPU or the caller); handle accesses by v, which is loaded. The last argument is the one of
 * the register's row.
 */
int __must_check vpmu_host_init(void);
void vpmu_reset(struct vcpu *v);
enum sysreg_result vpmu_control(struct vcpu *v, struct sysreg_access *a, u32 arg); /* PMCR_EL0 */
enum sysreg_result vpmu_user(struct vcpu *v, struct sysreg_access *a, u32 arg); /* PMUSERENR_EL0 */
enum sysreg_result vpmu_machine(struct vcpu *v, struct sysreg_access *a, u32 arg); /* PMMIR_EL1 */
enum sysreg_result vpmu_events(struct vcpu *v, struct sysreg_access *a, u32 n); /* PMCEID<n>_EL0 */
/* A bit a counter: reg is an enum guest_pmu_reg. */
enum sysreg_result vpmu_bits(struct vcpu *v, struct sysreg_access *a, u32 reg);
enum sysreg_result vpmu_increment(struct vcpu *v, struct sysreg_access *a,
				  u32 arg);                                       /* PMSWINC_EL0 */
enum sysreg_result vpmu_select(struct vcpu *v, struct sysreg_access *a, u32 arg); /* PMSELR_EL0 */
/* PMXEVTYPER_EL0 (type), PMXEVCNTR_EL0 */
enum sysreg_result vpmu_selected(struct vcpu *v, struct sysreg_access *a, u32 type);
enum sysreg_result vpmu_cycles(struct vcpu *v, struct sysreg_access *a, u32 arg); /* PMCCNTR_EL0 */
/* PMEVCNTR<n>_EL0, PMEVTYPER<n>_EL0, PMCCFILTR_EL0 */
enum sysreg_result vpmu_counter(struct vcpu *v, struct sysreg_access *a, u32 arg);

/* Debug registers (vdebug.c): reset them with the vCPU; handle accesses by v, which is loaded. */
void vdebug_reset(struct vcpu *v);
/* DBGBVR<n>_EL1, DBGBCR<n>_EL1, DBGWVR<n>_EL1, DBGWCR<n>_EL1 */
enum sysreg_result vdebug_point(struct vcpu *v, struct sysreg_access *a);
enum sysreg_result vdebug_mdscr(struct vcpu *v, struct sysreg_access *a, u32 arg);
/* OSLAR_EL1, OSLSR_EL1 */
enum sysreg_result vdebug_os_lock(struct vcpu *v, struct sysreg_access *a, u32 arg);
/* DBGCLAIMSET_EL1, DBGCLAIMCLR_EL1 */
enum sysreg_result vdebug_claim(struct vcpu *v, struct sysreg_access *a, u32 set);
/* The debug communications channel's registers of EL0. There is no debugger at the other end. */
enum sysreg_result vdebug_channel(struct vcpu *v, struct sysreg_access *a, u32 arg);

/* ---- a guest's own translation, read from memory (Arm ARM D8.2) ---- */

/* The registers that it depends on: SCTLR_EL1, TCR_EL1, TTBR<n>_EL1. */
struct stage1 {
	u64 sctlr, tcr, ttbr[2];
};

enum stage1_end {
	STAGE1_OK,
	STAGE1_FAULT,    /* nothing is mapped there */
	STAGE1_LEFT_RAM, /* a table is not in RAM, or in RAM that was never written */
};

struct stage1_walk {
	s32 level;  /* -1 to 3: where it ended */
	u64 ipa;    /* STAGE1_OK: of the address */
	u64 length; /* how many bytes from there on end in the same way; 0: no table has a say */
};

struct vm_ram;

/*
 * Walk the tables for va, without regard to permissions. The guest may change them meanwhile:
 * whatever they hold, it takes at most five reads, all of them within the VM's RAM. Any context.
 */
enum stage1_end stage1_walk(const struct vm_ram *ram, const struct stage1 *s, u64 va,
			    struct stage1_walk *w);

/*
 * ---- stolen time: a page of the VM at GUEST_PVTIME_BASE (vmm/dev.h), with one of these for each
 * vCPU ----
 */

struct pvtime_entry {
	u32 revision;   /* 0 */
	u32 attributes; /* 0 */
	u64 stolen_ns;  /* time ready to run, but not running, since the VM started */
	u8 reserved[48];
};

/* The page of stolen time, mapped for the guest as read-only. */
extern const struct vdev_class pvtime_class;
/* v is about to enter its guest from reset (the VM's, or CPU_ON). On its thread. */
void pvtime_enter(struct vcpu *v);
/* The services of DEN0057 (see vmm/call.h). */
bool pvtime_call(struct vcpu *v, u64 *x);
/* Write v's stolen time to the page: v, which has been told its place, goes on a CPU. */
void pvtime_update(struct vcpu *v);

/* ---- a vCPU at one moment (vcpu_facts.c) ---- */

struct vcpu_facts;

/*
 * v as it is now; it may be executing its guest. Lifecycle lock held, or on v's own thread. Thread
 * context.
 */
void vcpu_look(struct vcpu *v, struct vcpu_facts *f);
/*
 * On v's own thread: its VM is going to be stopped because it failed. lost: v is lost at its
 * vector. The first vCPU that says so in a run is kept.
 */
void vcpu_note_crash(struct vcpu *v, bool lost);

/* ---- health ---- */

/*
 * Detects failures that a guest does not report (docs/failures.md). While a VM lives, a timeout on
 * CPU 0 asks each of its executing vCPUs for a look at itself (VCPU_WORK_LOOK). The look runs on
 * the vCPU's own thread, on its way back into the guest. A vCPU that leaves its guest anyway is not
 * interrupted for it, unless the VM has a hang timeout.
 */

#define HEALTH_LOOK_MS 250
/*
 * A vCPU has crashed if this many looks in a row show the same exception, or a spin at its vector,
 * with nothing else in between.
 */
#define HEALTH_LOOKS 4
/* The least CPU time between two looks that count. */
#define HEALTH_RUN_US 500

struct vcpu_health {
	u64 exits, timer_irqs; /* as of the last request; only the timeout uses them */
	bool rested;           /* it was waiting at a request since the last look (atomic) */
	bool hung;             /* masked for the hang timeout of its own CPU time (atomic) */
	bool says_hang;        /* its next look reports that its VM hangs (atomic) */
	bool masked;           /* IRQs were masked at all looks since `masked_since` */
	u64 masked_since;      /* its CPU time at the first of those looks */
	u64 looked_at;         /* its CPU time at the last look */
	u64 esr, elr;          /* at that look, the same in `same` looks in a row */
	u32 same;              /* 0: it got on */
};

/* Asks a VM's vCPUs for looks, VCPU_PIECE at a time. */
struct vm_looks {
	struct timeout timeout;
	u32 next;    /* the first vCPU of the next piece */
	u32 hung;    /* hung vCPUs so far in this round */
	u32 speaker; /* the first of them */
	bool hang;   /* so far no vCPU that is on proved otherwise */
};

/*
 * health_init(): for a VM that is being created. health_end(): before it is deleted; no further
 * look is asked for. Thread context.
 */
void health_init(struct vm *vm);
void health_end(struct vm *vm);
/*
 * The VM's guest is about to start: begin the looks, which continue as long as it lives. Thread
 * context, no lock held.
 */
void health_begin(struct vm *vm);
/* v starts from reset. On its thread. */
void health_reset(struct vcpu *v);

/*
 * VCPU_WORK_LOOK. On v's thread, on its way back into its guest. Interrupts are masked; if the VM
 * has failed, they are unmasked for a while.
 */
void health_look(struct vcpu *v);

/* ---- the thread of a vCPU ---- */

extern const struct thread_hooks vcpu_hooks;

/* A vCPU thread's entry function; arg is the struct vcpu. */
void vcpu_main(void *arg);

/*
 * Reset a vCPU. One list in vcpu.c has a row for every part of a vCPU's state. The row says when
 * the part is reset: when the VM's power comes on, or when the vCPU, on its thread, enters its
 * guest at the boot address. Thread context. v is off the CPU or is the caller.
 */
enum vcpu_reset { VCPU_RESET_POWER_ON = BIT(0), VCPU_RESET_ENTRY = BIT(1) };
void vcpu_reset(struct vcpu *v, enum vcpu_reset when);

/* True if all vCPUs except `but` (NULL: no exception) are parked. */
bool vm_is_parked(const struct vm *vm, const struct vcpu *but);

/* The work of vCPU 0 for its VM while it is parked. Set at boot to vm_tend() (vmm/life.h). */
typedef bool (*vcpu_tend_fn)(struct vm *vm, unsigned long *flags, u64 *deadline);
void vcpu_set_tend(vcpu_tend_fn fn);

/*
 * VCPU_WORK_DEVICE. On v's thread, on its way back into its guest. Interrupts are masked; they are
 * unmasked for a while. Set at boot by virtio/.
 */
typedef void (*vcpu_devices_fn)(struct vcpu *v);
void vcpu_set_devices(vcpu_devices_fn fn);

/*
 * vcpu_leave_guest(): vCPU 0 becomes an ordinary thread without a guest below it; this CPU holds
 * none of the guest's state. vcpu_join_guest(): it becomes a vCPU again. On its thread, interrupts
 * masked.
 */
void vcpu_leave_guest(struct vcpu *v);
void vcpu_join_guest(struct vcpu *v);

#endif
