/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and when vCPUs run. Each is bound to one CPU. The choice is made for the machine as a whole, under the lifecycle lock, before
 * anything is done. Only ordinary VMs' vCPUs are moved later (mover.c), so no real-time VM's timing depends on it.
 */
#ifndef VMM_PLACE_H
#define VMM_PLACE_H

#include <vmm/core.h>

#define NOWHERE 0xff /* no CPU yet */

/* What is planned for a CPU. */
struct sched_load {
	u32 vcpus, real_time,
		dedicated; /* all vCPUs; those of real-time VMs; of VMs that want it to themselves */
	u64 share;         /* of its time, by their budgets */
};

/* Where all vCPUs would be: vm->planned has each vCPU's CPU, and here is what that adds up to. */
struct sched_plan {
	struct vm *
		vm; /* that it is made for, and what that shall be; NULL: all VMs are as they are */
	const struct vm_desc *want;
	u32 closed; /* a CPU that is being cleared, else MAX_CPUS */
	struct sched_load cpus[MAX_CPUS];
};

/*
 * Decide where the vCPUs of vm would run if its description was `want`, and what others have to
 * give way; a vCPU stays where it is if it may. 0; or -EINVAL, -EBUSY with the arithmetic in
 * err->text, and nothing is changed. Lifecycle lock held.
 */
int __must_check vm_sched_plan(struct vm *vm, const struct vm_desc *want, struct vm_error *err);

/* The CPU that the last plan has for a vCPU of vm; no CPU of the machine: none. */
u32 vm_sched_planned(const struct vm *vm, u32 index);

/* Carry the last plan out: vm->desc is what it was made for. Thread context, lifecycle lock held. */
void vm_sched_apply(void);

/* Have vm's vCPUs scheduled as its description says, unless they are lifted. Lifecycle lock held. */
void vm_sched_enforce(struct vm *vm);

/*
 * vm->lift has changed. vCPUs that are lifted have that priority at least, are guarded (thread.h): the operator waits
 * for what they do, and it is neither held by their budgets and windows nor charged to them. Thread context.
 */
void vm_sched_refresh(struct vm *vm);

/* A VM of such a description is real-time: priority below 16, FIFO, a budget and period, or CPUs of its own. */
bool vm_sched_is_real_time(const struct vm_desc *d);
/* An ordinary VM that may run anywhere: it keeps off CPUs with real-time VMs as long as there are others. */
bool vm_sched_keeps_off(const struct vm_desc *d);

/* A plan in which every vCPU is where it is. Lifecycle lock held, as long as it is used. */
void vm_sched_look(struct sched_plan *p);
/*
 * The CPU of the mask where vCPU `index` of vm would go, were it chosen now: not the one that it is on, none that has a
 * real-time VM. MAX_CPUS: there is none, or vm is real-time or has windows and stays. p is of vm_sched_look(), and stays so.
 */
u32 vm_sched_room(struct sched_plan *p, struct vm *vm, u32 index, u64 cpus);
/* Bind a vCPU to another CPU. Thread context, lifecycle lock held. */
void vm_sched_move(struct vcpu *v, u32 cpu);

/* Start the thread that moves vCPUs to CPUs that stay idle. 0 or -ENOMEM. */
int __must_check vm_mover_start(void);
/* VMs have come, gone or moved: it looks again whether there is anything for it to do. Lifecycle lock held. */
void vm_mover_look(void);
/*
 * One look, a second after the last one: what has been so for MOVER_SECONDS in a row moves one vCPU. `anew`: only begin to
 * count. True: another look may be of use. Lifecycle lock held.
 */
#define MOVER_SECONDS 3
bool vm_mover_step(bool anew);

struct schedule_windows;

/*
 * Change vm's priority, affinity, budget, period, weight, policy, dedicated and restart to those of
 * *want, which is otherwise vm's description; and its time windows, unless `windows` is NULL. 0; or
 * a negative errno with the reason in err->text, and nothing is changed. Thread context.
 */
int __must_check vm_set(struct vm *vm, const struct vm_desc *want,
			const struct schedule_windows *windows, struct vm_error *err);

/* What budgets led to, all vCPUs together. */
struct vm_budget_stats {
	u64 throttled, missed;
};
void vm_budget_stats(const struct vm *vm, struct vm_budget_stats *s);

/* A VM has left its slot: its CPUs are nobody's own any more. The same context. */
void vm_sched_gone(void);

/* ---- the machine's time windows ---- */

/* What a VM's windows shall be; none at all is possible. */
struct schedule_windows {
	u32 count;
	struct {
		u32 cpu;
		u64 offset_us, length_us;
	} at[SCHEDULE_WINDOWS];
};

/*
 * See what it would be like if these were all windows of that VM: what is asked below is answered so from now on, CPUs keep to what they had. Then one
 * of the other two. 0; or -EINVAL with the reason in err->text, and nothing is changed. Lifecycle lock held.
 */
int __must_check schedule_propose(const char *vm, const struct schedule_windows *want,
				  struct vm_error *err);
void schedule_withdraw(void);
/* CPUs keep to it at once; their frames go on where they are. Thread context. */
void schedule_adopt(void);

/* Read the bundle's schedule, if it has one, and have CPUs keep it. What is wrong is logged. Boot, thread context. */
void schedule_init(void);

/*
 * What is wrong with the bundle's schedule, or to be noted: the next line, from *at on, which begins with 0. False: there is no more. Lifecycle lock held.
 */
bool schedule_next_note(u32 *at, char *text, size_t size);

/* CPUs with a frame; of these, CPUs where the VM has a window; CPUs whose frame has time to spare. */
u64 schedule_cpus(void);
u64 schedule_cpus_of(const char *vm);
u64 schedule_cpus_with_gaps(void);

/* The number of that VM's windows on a CPU (sched_params.window): 0, the time of no window, if it has none there. */
u8 schedule_window_of(const char *vm, u32 cpu);

/* What a CPU keeps to; frame_us 0: nothing. */
const struct schedule_cpu *schedule_of_cpu(u32 cpu);

#endif
