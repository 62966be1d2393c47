/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and when vCPUs run. Each is bound to one CPU. The choice is made for the machine as a
 * whole, under the lifecycle lock, before anything is done. Only vCPUs of ordinary VMs are moved
 * later (mover.c), so no real-time VM's timing depends on it.
 */
#ifndef VMM_PLACE_H
#define VMM_PLACE_H

#include <vmm/core.h>

#define NOWHERE 0xff /* no CPU yet */

/* The planned load of a CPU. */
struct sched_load {
	u32 vcpus, real_time,
		dedicated; /* vCPUs: all; of real-time VMs; of VMs that want the CPU alone */
	u32 tasks;         /* vCPUs of VMs that list their tasks */
	u64 share;         /* of the CPU's time, by the vCPUs' budgets */
};

/*
 * A plan for all vCPUs. vm->planned has each vCPU's CPU; the sums are here. A plan begins with all
 * vCPUs where they are. It ends in vm_sched_apply() or vm_sched_drop(), before the lifecycle lock
 * is released. With no plan under way, vm->planned is where the vCPUs are. The cost of a plan does
 * not grow with the number of VMs, unless others are moved.
 */
struct sched_plan {
	struct vm *vm; /* the VM that it is made for, with `want`; NULL: no VM changes */
	const struct vm_desc *want;
	const struct schedule *schedule;
	u32 closed;        /* a CPU that is being cleared; else MAX_CPUS */
	bool moves_others; /* vCPUs of VMs other than `vm` */
	struct sched_load cpus[MAX_CPUS];
};

/*
 * Plan the CPUs of vm's vCPUs for the description `want` and that schedule, and which other vCPUs
 * have to give way. A vCPU stays on its CPU if it may. 0. -EINVAL, -EBUSY with the arithmetic in
 * err->text: the plan was dropped. Lifecycle lock held.
 */
int __must_check vm_sched_plan(struct sched_plan *p, struct vm *vm, const struct vm_desc *want,
			       const struct schedule *schedule, struct vm_error *err);

/*
 * True if all tasks of the plan's VMs (struct desc_task) keep their deadlines, as far as the
 * longest section with interrupts masked that this machine has had tells. Else the arithmetic is in
 * err->text. For vm_sched_plan().
 */
bool vm_timing_holds(const struct sched_plan *p, struct vm_error *err);

/* The next VM of the plan with at least that id, or NULL, and its description there. */
struct vm *vm_sched_next(const struct sched_plan *p, u32 id);
const struct vm_desc *vm_sched_desc(const struct sched_plan *p, const struct vm *vm);

/* The CPU in the plan under way for a vCPU of vm. NOWHERE: none. */
u32 vm_sched_planned(const struct vm *vm, u32 index);

/*
 * Carry out the plan. vm->desc must be the description that it was made for. Thread context,
 * lifecycle lock held.
 */
void vm_sched_apply(const struct sched_plan *p);
/* Forget the plan of vm_sched_plan(). The same context. */
void vm_sched_drop(const struct sched_plan *p);

/* Schedule vm's vCPUs as its description says, unless they are lifted. Lifecycle lock held. */
void vm_sched_enforce(struct vm *vm);

/*
 * vm->lift has changed. Lifted vCPUs have at least that priority and are guarded (thread.h): the
 * operator waits for their work. Budgets and windows do not hold that work back, and are not
 * charged for it. Thread context.
 */
void vm_sched_refresh(struct vm *vm);

/*
 * True for an ordinary VM that may run anywhere: it keeps off CPUs with real-time VMs as long as
 * there are others.
 */
bool vm_sched_keeps_off(const struct vm_desc *d);

/*
 * Make a plan in which every vCPU stays on its CPU. The lifecycle lock must be held for as long as
 * the plan is used.
 */
void vm_sched_look(struct sched_plan *p);
/*
 * The CPU of the mask that would now be chosen for vCPU `index` of vm: not its current one, and
 * none with a real-time VM. MAX_CPUS: there is none, or vm stays because it is real-time or has
 * windows. p is from vm_sched_look() and is not changed.
 */
u32 vm_sched_room(struct sched_plan *p, struct vm *vm, u32 index, u64 cpus);
/* Add to such a plan: vCPU `index` of vm goes to that CPU; all vCPUs of vm go away. */
void vm_sched_put(struct sched_plan *p, struct vm *vm, u32 index, u32 cpu);
void vm_sched_remove(struct sched_plan *p, struct vm *vm);
/* The sums of the plan are those of the machine now. For vm_sched_apply(). */
void vm_sched_adopt(const struct sched_plan *p);

/* Start the thread that moves vCPUs to CPUs that stay idle. 0 or -ENOMEM. */
int __must_check vm_mover_start(void);
/*
 * VMs have come or gone or were moved: let the mover check again whether it has something to do.
 * Lifecycle lock held.
 */
void vm_mover_look(void);
/*
 * One look, a second after the last one. A condition that held for MOVER_SECONDS in a row moves one
 * vCPU. `first`: only begin to count. True: another look may be useful. Lifecycle lock held.
 */
#define MOVER_SECONDS 3
bool vm_mover_step(bool first);

struct schedule_windows;

/*
 * Change vm's priority, affinity, budget, period, weight, policy, dedicated and restart to those of
 * *want, which otherwise equals vm's description; and its time windows, unless `windows` is NULL.
 * 0. A negative errno with the reason in err->text, and nothing is changed. Thread context.
 */
int __must_check vm_set(struct vm *vm, const struct vm_desc *want,
			const struct schedule_windows *windows, struct vm_error *err);

/* Effects of budgets, of all vCPUs together. */
struct vm_budget_stats {
	u64 throttled, missed;
};
void vm_budget_stats(const struct vm *vm, struct vm_budget_stats *s);

/* The VM, which was placed, has left its slot and no longer uses its CPUs. The same context. */
void vm_sched_gone(struct vm *vm);

/* ---- the machine's time windows ---- */

/* The wanted windows of a VM; there may be none. */
struct schedule_windows {
	u32 count;
	struct {
		u32 cpu;
		u64 offset_us, length_us;
	} at[SCHEDULE_WINDOWS];
};

/* The schedule that holds. NULL: no CPU has windows. Lifecycle lock held, as for all of these. */
const struct schedule *schedule_now(void);

/*
 * *plan: the schedule that holds, with these as all of the VM's windows. There is room for one
 * plan: the next call overwrites it. NULL: there is no schedule, and none is wanted. 0. -EINVAL or
 * -EBUSY with the reason in err->text.
 */
int __must_check schedule_plan(const char *vm, const struct schedule_windows *want,
			       struct schedule **plan, struct vm_error *err);
/*
 * The plan holds from now on. CPUs follow at schedule_run(), where it differs from the one before:
 * their frames continue at their current position. Thread context.
 */
void schedule_adopt(struct schedule *plan);
void schedule_run(const struct schedule *before);

/*
 * Read the bundle's schedule, if it has one, and let CPUs use it. Problems are logged. Boot, thread
 * context.
 */
void schedule_init(void);

/*
 * The next line about problems and notes of the bundle's schedule. *at begins with 0. False: there
 * are no more. Lifecycle lock held.
 */
bool schedule_next_note(u32 *at, char *text, size_t size);

/*
 * Queries of a schedule, which may be NULL. schedule_cpus(): CPUs with windows. The next two: of
 * these, CPUs where the VM has a window; CPUs whose frame has time to spare.
 */
u64 schedule_cpus(const struct schedule *s);
u64 schedule_cpus_of(const struct schedule *s, const char *vm);
u64 schedule_cpus_with_gaps(const struct schedule *s);

/*
 * The number of that VM's windows on a CPU (sched_params.window). 0, the time outside all windows,
 * if it has none there.
 */
u8 schedule_window_of(const struct schedule *s, const char *vm, u32 cpu);

/* The schedule of a CPU; frame_us 0: it has none. */
const struct schedule_cpu *schedule_of_cpu(const struct schedule *s, u32 cpu);

#endif
