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

/* A VM has left its slot: its CPUs are nobody's own any more. The same context. */
void vm_sched_gone(void);

#endif
