/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a VM. The lifecycle calls serve the shell and any later manager. */
#ifndef VMM_LIFE_H
#define VMM_LIFE_H

#include <vmm/core.h>

struct vm_options {
	const char *name;     /* NULL: the type's, made unique */
	u32 cpus;             /* 0: the description's */
	u64 memory;           /* 0: the description's */
	s32 priority;         /* -1: the description's */
	u64 affinity;         /* 0: the description's */
	const char *bootargs; /* added behind the description's; NULL: none */
};

/* Register the vmm's interrupts and read the schedule. Boot. */
int __must_check vmm_init(void);
/*
 * Create and run the types that have autostart. Thread context, after everything else has started.
 */
void vmm_autostart(void);

/*
 * Lifecycle calls. All in thread context, serialised among themselves. Each returns 0, or a
 * negative errno with err->text set. None waits for a VM to be loaded: its vCPU 0 loads it
 * (VM_LOADING) with at least the priority of the services, and vm_await() waits for that.
 *
 * vm_create: from a type; VM_CREATED when loaded. vm_run: start, or resume a paused one. vm_stop:
 * press its power key, or cancel a restart that is waited for (force: stop it at once). vm_reset:
 * reload the images and start again. vm_delete: free everything (force: even if it is running).
 *
 * Pause, stop, reset and delete fail with -EAGAIN while a vCPU waits for a disk of the machine: the
 * VM does not go on, and the call is made again, with the lifecycle lock released meanwhile.
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
 * A debugger holds a VM whose guest does not run, while it looks at it or changes it: vCPU 0 begins
 * nothing meanwhile. False: the guest runs, or is being loaded. vm_let_go() ends that. Lifecycle
 * lock held.
 */
bool __must_check vm_hold(struct vm *vm);
void vm_let_go(struct vm *vm);
/* Functions for a debugger, set once: a VM's state changed; a VM is going to be deleted. */
struct vm_watch {
	void (*changed)(void);
	void (*leaves)(struct vm *vm); /* no vCPU runs; lifecycle lock held */
};
void vm_set_watch(const struct vm_watch *w);

/*
 * Wait until VM `id` is not VM_LOADING. 0: it is loaded, and runs if requested. -ETIMEDOUT: it is
 * still loading. Else why it could not be loaded, with the reason in err->text. Thread context,
 * lifecycle lock not held.
 */
int __must_check vm_await(u32 id, u64 deadline, struct vm_error *err);

/*
 * The operator does not wait for vm's load: it has the VM's own priority, budget and windows, and
 * is charged to it. After a call that began it, before the lifecycle lock is released.
 */
void vm_load_patiently(struct vm *vm);

/*
 * Figures for `zvm info`. Counts are since the VM was created and never go back. So a rate is the
 * difference of two looks, whatever happened in between.
 */
struct vm_stats {
	u64 run_ticks; /* of all vCPUs, each up to its last switch */
	u64 exits;
	u64 overhead_bytes; /* memory besides its RAM */
};
void vm_stats(const struct vm *vm, struct vm_stats *s);
/*
 * From now on `zvm stat` shows exits and their times, lateness, and effects of budgets from 0.
 * Thread context, vmm_lock held.
 */
void vm_stats_reset(struct vm *vm);

/*
 * ---- between its parts: create.c (create and delete), devices.c, lifecycle.c (the operator's
 * calls), tend.c (the VM's own steps), vm_state.c (its states) ----
 */

/* Of vCPUs that load a VM for a waiting operator: behind the shell, before ordinary VMs. */
#define LOAD_PRIORITY (PRIO_DEFAULT + 1)

/*
 * Clear the VM's RAM and copy the images and the devicetree there. -EINTR: a lifecycle call has
 * cancelled it. On vCPU 0's thread (vm_tend()), or before that thread was started.
 */
int __must_check vm_load_images(struct vm *vm, struct vm_error *err);

/*
 * The kernel that was loaded for vm's type: plan its place, before vm is touched. 0, or -EINVAL
 * with the reason. Then vm_renew_image(), once: the next load takes it. No vCPU runs, and vCPU 0
 * loads nothing. Lifecycle lock held.
 */
struct vm_renewal {
	struct type_image *image;
	struct load_plan plan;
};
int __must_check vm_plan_image(const struct vm *vm, struct vm_renewal *r, struct vm_error *err);
void vm_renew_image(struct vm *vm, const struct vm_renewal *r);

/*
 * The VM's own next step while none of its vCPUs runs: it ends because its guest asked for that or
 * because it crashed, waits for its restart, is loaded, or starts. On vCPU 0's thread, so that its
 * own affinity, priority, budget and windows hold and the time is charged to it. Interrupts masked,
 * vm->state_wq.lock held by `flags`; it is released and taken again. True: a step was done, call
 * again. False: there is nothing to do until *deadline or until woken.
 */
bool vm_tend(struct vm *vm, unsigned long *flags, u64 *deadline);

/* vm->state_wq.lock held: set the state; the step must be allowed; ... */
void vm_set_state_locked(struct vm *vm, enum vm_state s);
/* ... let vCPU 0 load vm if it is not loaded, and then run it or not; ... */
void vm_set_loading_locked(struct vm *vm, bool then_run);
/* ... let it run: the caller wakes the vCPUs if others than its own may be on. */
void vm_let_run_locked(struct vm *vm);

/*
 * Walks through a VM's devices. Each calls a member of their classes, under the conditions of
 * <vmm/dev.h>. In turn: host_init, once at boot; create, for the devices that vm->desc has,
 * forwards; connect; reset; ...
 */
int __must_check vdevs_host_init(void);
int __must_check vdevs_create(struct vm *vm, char why[VDEV_WHY]);
void vdevs_connect(struct vm *vm);
void vdevs_reset(struct vm *vm);
/* ... state_changed; ... */
void vdevs_state_changed(struct vm *vm);
/* ... press_power_key: true if the guest listens to it; ... */
bool vdevs_press_power_key(struct vm *vm);
/*
 * ... stood_still, after a pause of this many ticks (vm->state_wq.lock held); destroy, backwards,
 * for the devices that were created.
 */
void vdevs_stood_still(struct vm *vm, u64 ticks);
void vdevs_destroy(struct vm *vm);

/*
 * Undo the completed steps of vm_create(). No vCPU runs: the VM is halted, or its vCPUs were never
 * started. Lifecycle lock held.
 */
void vm_unmake(struct vm *vm);

/* vm is going to be deleted: tell the debugger. */
void vm_leaves(struct vm *vm);

/*
 * The state changed: notify devices, the console's listener and vm_await(). No lock of the VM is
 * held. Thread context.
 */
void vm_state_changed(struct vm *vm);

#endif
