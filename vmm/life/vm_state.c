/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's states: which may follow which, and waiting for the next one. */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/trace.h>
#include <lib/errno.h>
#include <vmm/life.h>

/*
 * The states that may follow each state, one bit each. Every change goes through
 * vm_set_state_locked().
 */
static const u8 next_states[] = {
	[VM_CREATED] = BIT(VM_LOADING),
	[VM_RUNNING] = BIT(VM_PAUSED) | BIT(VM_STOPPED) | BIT(VM_CRASHED) | BIT(VM_LOADING),
	[VM_PAUSED] = BIT(VM_RUNNING) | BIT(VM_STOPPED) | BIT(VM_CRASHED) | BIT(VM_LOADING),
	[VM_STOPPED] = BIT(VM_LOADING),
	[VM_CRASHED] = BIT(VM_LOADING),
	[VM_LOADING] = BIT(VM_CREATED) | BIT(VM_RUNNING) | BIT(VM_STOPPED) | BIT(VM_LOADING),
};

void vm_set_state_locked(struct vm *vm, enum vm_state s)
{
	kassert(next_states[vm->state] & BIT(s));
	vm->state = s;
	if (trace_wants(TRACE_STATES))
		trace_event(TRACE_STATE, arch_counter(), trace_tag_of(vm->id, 0), s, 0);
}

void vm_set_loading_locked(struct vm *vm, bool then_run)
{
	vm_set_state_locked(vm, VM_LOADING);
	vm->then_run = then_run;
	vm->restart_at = 0;
	if (vm->load_result)
		vm->crash[0] = '\0';
	vm->load_result = 0;
	__atomic_store_n(&vm->ram.call_off, false, __ATOMIC_RELAXED);
}

void vm_let_run_locked(struct vm *vm)
{
	vm_set_state_locked(vm, VM_RUNNING);
	vm->run_allowed = vm->request == VM_REQ_NONE; /* else its end comes first */
}

static const struct vm_watch *watch; /* (atomic) */

void vm_set_watch(const struct vm_watch *w)
{
	__atomic_store_n(&watch, w, __ATOMIC_RELEASE);
}

void vm_leaves(struct vm *vm)
{
	if (watch)
		watch->leaves(vm);
}

/* vm_await() sleeps here until `changes` grows: it counts state changes of all VMs. */
static struct wait_queue changed = WAIT_QUEUE_INIT(changed, LOCK_WAIT);
static u32 changes;

void vm_state_changed(struct vm *vm)
{
	const struct vm_watch *w;

	vdevs_state_changed(vm);
	__atomic_fetch_add(&changes, 1, __ATOMIC_RELEASE);
	wait_wake_all(&changed);
	console_wake(&vm->console); /* an attached reader looks again */
	w = __atomic_load_n(&watch, __ATOMIC_ACQUIRE);
	if (w)
		w->changed();
}

/* ---- waiting for a load ---- */

/* -EAGAIN: not yet. */
static int load_result(u32 id, struct vm_error *err)
{
	struct vm *vm;
	int r;

	vmm_lock();
	vm = vm_by_id(id);
	if (!vm)
		r = vm_fail(err, -ENOENT, "vm %u was deleted while it was loading", id);
	else if (vm->state == VM_LOADING)
		r = -EAGAIN;
	else if (vm->load_result)
		r = vm_fail(err, vm->load_result, "%s", vm->crash);
	else
		r = 0;
	vmm_unlock();
	return r;
}

static bool moved_on(u32 seen)
{
	return __atomic_load_n(&changes, __ATOMIC_ACQUIRE) != seen;
}

int vm_await(u32 id, u64 deadline, struct vm_error *err)
{
	for (;;) {
		u32 seen = __atomic_load_n(&changes, __ATOMIC_ACQUIRE);
		int r = load_result(id, err);
		unsigned long flags;

		if (r != -EAGAIN)
			return r;
		flags = spin_lock_irqsave(&changed.lock);
		if (moved_on(seen))
			spin_unlock_irqrestore(&changed.lock, flags);
		else if (wait_block_locked(&changed, flags, deadline) != 0)
			return -ETIMEDOUT;
	}
}
