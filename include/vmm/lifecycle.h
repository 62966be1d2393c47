/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the life of a VM: vm.c (made and unmade), lifecycle.c (the operator's calls), tend.c (what it does for itself), vcpu.c. */
#ifndef VMM_LIFECYCLE_H
#define VMM_LIFECYCLE_H

#include <vmm/vm.h>

/* Of vCPUs whose load the operator waits for: behind the shell, before ordinary VMs. */
#define LOAD_PRIORITY (PRIO_DEFAULT + 1)

extern const struct thread_hooks vcpu_hooks;

/* A vCPU thread's entry; arg is the struct vcpu. */
void vcpu_main(void *arg);

/*
 * Clear the VM's RAM and copy the images and the devicetree there. -EINTR: it was called off (vm_halt). On vCPU
 * 0's thread (vm_tend), or before that was started.
 */
int __must_check vm_load_images(struct vm *vm, struct vm_error *err);

/*
 * Stop all vCPUs where they are, a load too, and wait until none runs guest code. Lifecycle lock held, vm->operated set.
 */
void vm_halt(struct vm *vm);

/*
 * What a VM does for itself when none of its vCPUs runs: it ends as its guest asked for or because it crashed,
 * waits for its restart, is loaded, and starts. On vCPU 0's thread, so that its own affinity, priority, budget and
 * windows hold and all of it is charged to it. Interrupts masked, vm->state_wq.lock held by `flags`; it is released
 * and taken again. True: something was done, look again. False: there is nothing to do until *deadline or until
 * woken.
 */
bool vm_tend(struct vm *vm, unsigned long *flags, u64 *deadline);

/* All vCPUs but `but` (NULL: all) are parked. */
bool vm_is_parked(const struct vm *vm, const struct vcpu *but);

/* vm->state_wq.lock held: one of the steps that may follow the state; ... */
void vm_set_state_locked(struct vm *vm, enum vm_state s);
/* ... have vCPU 0 load vm if it is not loaded, and run it then or not; ... */
void vm_set_loading_locked(struct vm *vm, bool then_run);
/* ... let it run: the caller wakes the vCPUs, if any but its own may be on. */
void vm_let_run_locked(struct vm *vm);

/* Undo whatever of vm_create() was done. No vCPU runs: it is halted, or its vCPUs were never started. Lifecycle lock held. */
void vm_unmake(struct vm *vm);

/* The state changed: tell the console's listener, and vm_await(). No lock of the VM is held. Any context. */
void vm_state_changed(struct vm *vm);

/* Set the explanation of a failed call and return its errno. */
int vm_fail(struct vm_error *err, int code, const char *fmt, ...) __printf(3, 4);

#endif
