/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where vCPUs run. Each is bound to one CPU, so that nobody's timing depends on who else moves; the
 * choice is made for the machine as a whole, under the lifecycle lock, before anything is done.
 */
#ifndef VMM_SCHED_H
#define VMM_SCHED_H

#include <vmm/vm.h>

/*
 * Decide where the vCPUs of vm would run if its description was `want`, and what others have to
 * give way; a vCPU stays where it is if it may. 0; or -EINVAL, -EBUSY with the arithmetic in
 * err->text, and nothing is changed. Lifecycle lock held.
 */
int __must_check vm_sched_plan(const struct vm *vm, const struct vm_desc *want,
			       struct vm_error *err);

/* The CPU that the last plan has for a vCPU of vm. */
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

#endif
