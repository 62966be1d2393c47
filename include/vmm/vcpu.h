/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU: a thread with a guest below it. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <arch/guest.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <vmm/health.h>
#include <vmm/vgic.h>
#include <vmm/vtimer.h>

struct vm;
struct mmio_region;

#define VM_MAX_VCPUS 8

/* PSCI power state (DEN0022, AFFINITY_INFO). */
enum vcpu_power {
	VCPU_OFF,
	VCPU_ON_PENDING, /* CPU_ON was accepted; its thread has not entered yet */
	VCPU_ON,
};

/* Bits of thread.work. */
#define VCPU_WORK_VIRQ BIT(0) /* virtual interrupts changed */
#define VCPU_WORK_LOOK \
	BIT(1) /* a look at what its guest is at (vmm/health.h); is lost where it waits */
#define VCPU_WORK_STATE BIT(2) /* the VM's or the vCPU's run state changed: park, reset or exit */
#define VCPU_WORK_ERROR BIT(3) /* its guest has caused an SError: serror_esr */

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

struct vcpu {
	struct thread thread; /* first: the running vCPU is the current thread */
	struct arch_vcpu arch;
	struct vgic_cpu vgic;
	struct vtimer timer;
	struct vdebug debug;
	struct vpmu pmu;
	struct vcpu_health health;
	struct random random; /* its own thread alone uses it */
	struct vm *vm;
	const struct mmio_region *mmio_hint; /* where its last access went; NULL: none yet */
	u32 index;
	u32 cpu; /* that its thread is bound to (vmm/sched.h). Lifecycle lock */
	/* how its VM's description has it scheduled, while it is not lifted; under sched_lock */
	struct sched_params params;
	u8 prio;
	struct spinlock sched_lock;
	u64 mpidr;
	enum vcpu_power power; /* under vm->state_wq.lock */
	bool parked; /* its thread waits in the work hook; no guest code runs. Under vm->state_wq.lock */
	bool reset_pending; /* enter at boot_entry/boot_arg with reset registers */
	u64 boot_entry, boot_arg;
	bool in_wfi;          /* blocked in vmm_wfi */
	bool waits;           /* in vmm_wfi, blocked or where it is */
	u64 ready_at_start;   /* thread.ready_ticks when it first ran since the VM's reset */
	bool stolen_restarts; /* it did not run since (atomic) */
	u64 suspends[2], suspended_ticks[2]; /* PSCI statistics: stand-by, power-down */
	u64 serror_esr;
	u64 exits[EXIT_KINDS];        /* since it was made */
	u64 exits_before[EXIT_KINDS]; /* of these, what `zvm stat` leaves out: vm_stats_reset() */
	/* of those that came while exits are measured (kernel/masked.h): from vector to eret, as far as the vCPU was on a CPU */
	struct exit_time {
		u64 count, ticks;
	} exit_times[EXIT_KINDS];
	u64 exit_began; /* the one that is being measured: its CPU time then */
	enum exit_kind exit_kind;
};

/* The vCPU that is the current thread, or NULL if the current thread is no vCPU. Interrupts masked. */
struct vcpu *vcpu_current(void);

/*
 * What vCPU 0 does for its VM while it is parked: see vm_tend() (vmm/lifecycle.h), which is set as that at boot.
 */
typedef bool (*vcpu_tend_fn)(struct vm *vm, unsigned long *flags, u64 *deadline);
void vcpu_set_tend(vcpu_tend_fn fn);

/* Have vCPU 0 look what there is to do for its VM, if it is parked. vm->state_wq.lock held. */
void vcpu_wake_tend_locked(struct vm *vm);

/*
 * vCPU 0 becomes an ordinary thread that has no guest below it, which nothing of the guest's state in this
 * CPU belongs to; and a vCPU again. On its thread, interrupts masked.
 */
void vcpu_leave_guest(struct vcpu *v);
void vcpu_join_guest(struct vcpu *v);

/* Make v look at its work before its guest runs on, and end a WFI. Any context. */
void vcpu_kick(struct vcpu *v, u32 work);

/*
 * Wait until v's list registers were folded by its CPU (v->vgic.folds is no more what it was), or v left it. For a vCPU in a trap, interrupts masked; they
 * are not meanwhile, and its own list registers are folded for whoever waits for them. v has been told.
 */
void vcpu_await_fold(const struct vcpu *v, u32 folds);

#endif
