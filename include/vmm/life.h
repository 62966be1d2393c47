/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a VM. The lifecycle calls are the same for the shell and for any later manager. */
#ifndef VMM_LIFE_H
#define VMM_LIFE_H

#include <vmm/core.h>

struct vm_options {
	const char *name;     /* NULL: the type's, made unique */
	u32 cpus;             /* 0: the description's */
	u64 memory;           /* 0: the description's */
	s32 priority;         /* -1: the description's */
	u64 affinity;         /* 0: the description's */
	const char *bootargs; /* behind the description's; NULL: none */
};

/* Register the vmm's interrupts; read the schedule. Boot. */
int __must_check vmm_init(void);
/* Create and run the types that want it. Thread context, after all else has started. */
void vmm_autostart(void);

/*
 * Lifecycle. All in thread context, serialised among themselves; each returns 0 or a negative errno with err->text set. None waits for a VM to be loaded:
 * that is done by its vCPU 0 (VM_LOADING), with at least the priority of the services, and vm_await() waits for it.
 * vm_create: from a type; VM_CREATED when it is loaded. vm_run: start, or resume a paused one. vm_stop: ask for power-off (force: cut off). vm_reset:
 * reload the images and start again. vm_delete: frees everything (force: also a running one).
 */
int __must_check vm_create(const struct vm_type *type, const struct vm_options *opt,
			   struct vm **out, struct vm_error *err);
int __must_check vm_run(struct vm *vm, struct vm_error *err);
int __must_check vm_pause(struct vm *vm, struct vm_error *err);
int __must_check vm_resume(struct vm *vm, struct vm_error *err);
int __must_check vm_stop(struct vm *vm, bool force, struct vm_error *err);
int __must_check vm_reset(struct vm *vm, struct vm_error *err);
int __must_check vm_delete(struct vm *vm, bool force, struct vm_error *err);

/*
 * Wait until VM `id` is not VM_LOADING. 0: it is loaded, and runs if it was to; -ETIMEDOUT: it is loading
 * still; else why it is not, in err->text. Thread context, lifecycle lock not held.
 */
int __must_check vm_await(u32 id, u64 deadline, struct vm_error *err);

/*
 * Figures for `zvm info`. Counts are since the VM was created: they never go back, so that a rate is the difference of two looks, whatever happened
 * between them.
 */
struct vm_stats {
	u64 run_ticks; /* of all vCPUs, up to when each was last switched */
	u64 exits;
	u64 overhead_bytes; /* memory beside its RAM */
};
void vm_stats(const struct vm *vm, struct vm_stats *s);
/* `zvm stat` shows exits and their times, lateness, and what budgets led to from now on. Thread context, vmm_lock held. */
void vm_stats_reset(struct vm *vm);

/* ---- between its parts: create.c (made and unmade), devices.c, lifecycle.c (the operator's calls), tend.c (what a VM does for itself) ---- */

/* Of vCPUs whose load the operator waits for: behind the shell, before ordinary VMs. */
#define LOAD_PRIORITY (PRIO_DEFAULT + 1)

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

/* vm->state_wq.lock held: one of the steps that may follow the state; ... */
void vm_set_state_locked(struct vm *vm, enum vm_state s);
/* ... have vCPU 0 load vm if it is not loaded, and run it then or not; ... */
void vm_set_loading_locked(struct vm *vm, bool then_run);
/* ... let it run: the caller wakes the vCPUs, if any but its own may be on. */
void vm_let_run_locked(struct vm *vm);

/*
 * The walks through a VM's devices, each of which calls what the class says (<vmm/dev.h>, with the conditions): once at boot;
 * make those that vm->desc has, forwards; to their state at power-on; ...
 */
int __must_check vdevs_host_init(void);
int __must_check vdevs_create(struct vm *vm);
void vdevs_reset(struct vm *vm);
/* ... the VM, which runs again, was paused for so many ticks (vm->state_wq.lock held); undo them, backwards, as far as they were made. */
void vdevs_stood_still(struct vm *vm, u64 ticks);
void vdevs_destroy(struct vm *vm);

/* Undo whatever of vm_create() was done. No vCPU runs: it is halted, or its vCPUs were never started. Lifecycle lock held. */
void vm_unmake(struct vm *vm);

/* The state changed: tell the console's listener, and vm_await(). No lock of the VM is held. Any context. */
void vm_state_changed(struct vm *vm);

#endif
