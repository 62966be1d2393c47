/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM's own steps, on the thread of its vCPU 0, while no vCPU runs. A guest's request or a crash
 * ends a run, and the next run begins, after a delay if the runs are short. No other VM waits or
 * pays for that: the thread has the VM's affinity, priority, budget and windows.
 */
#include <arch/timer.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/call.h>
#include <vmm/cpu.h>
#include <vmm/life.h>
#include <vmm/place.h>

/* A VM whose runs keep ending sooner than this after their start has to wait. */
#define SHORT_LIFE_MS   10000
#define FREE_RESTARTS   3
#define BACK_OFF_MS     1000UL
#define BACK_OFF_MAX_MS 60000UL

/* ---- long steps: without the lock, and with interrupts unmasked ---- */

static void open_up(struct vm *vm, unsigned long flags)
{
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	sched_open();
}

static unsigned long come_back(struct vm *vm)
{
	arch_irq_disable();
	return spin_lock_irqsave(&vm->state_wq.lock);
}

/* Begin to clear, copy and reset, on a thread that has no guest meanwhile. */
static void begin_work(struct vm *vm, unsigned long flags)
{
	struct vcpu *v = vm->vcpus[0];

	v->parked = false;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vcpu_leave_guest(v);
	sched_open();
	for (u32 i = 1; i < vm->nvcpus; i++)
		thread_wait_off_cpu(&vm->vcpus[i]->thread);
}

static unsigned long end_work(struct vm *vm)
{
	arch_irq_disable();
	vcpu_join_guest(vm->vcpus[0]);
	return spin_lock_irqsave(&vm->state_wq.lock);
}

/* ---- the end of a run ---- */

static bool wants_restart(const struct vm *vm, enum vm_request req)
{
	switch (req) {
	case VM_REQ_RESET:
		return true;
	case VM_REQ_CRASH:
		return vm->desc.restart != RESTART_NEVER && !vm->debugged;
	default:
		return vm->desc.restart == RESTART_ALWAYS;
	}
}

/* How long a VM waits before its restart: not at all the first times, then longer and longer. */
static u64 back_off_ms(const struct vm *vm)
{
	u32 n = vm->short_lives;

	return n <= FREE_RESTARTS
		       ? 0
		       : MIN(BACK_OFF_MS << MIN(n - FREE_RESTARTS - 1, 8U), BACK_OFF_MAX_MS);
}

static void say_end(const struct vm *vm, enum vm_request req)
{
	switch (req) {
	case VM_REQ_OFF:
		log_info("vm %u '%s' powered off", vm->id, vm->name);
		break;
	case VM_REQ_CRASH:
		log_err("vm %u '%s' stopped: %s", vm->id, vm->name, vm->crash);
		break;
	default:
		log_info("vm %u '%s' resets", vm->id, vm->name);
		break;
	}
	if (vm->restart_at && back_off_ms(vm))
		log_warn("vm %u '%s' has ended %u times soon after its start: it waits %lu s",
			 vm->id, vm->name, vm->short_lives, back_off_ms(vm) / 1000);
}

static void end_life(struct vm *vm, unsigned long *flags)
{
	enum vm_request req = vm->request;
	u64 now = arch_counter(), long_lives = (now - vm->started_at) / ms_to_ticks(SHORT_LIFE_MS);

	vm->request = VM_REQ_NONE;
	vm->short_lives -= (u32)MIN(long_lives, (u64)vm->short_lives);
	vm->short_lives++;
	vm_set_state_locked(vm, req == VM_REQ_CRASH ? VM_CRASHED : VM_STOPPED);
	if (wants_restart(vm, req))
		vm->restart_at = now + ms_to_ticks(back_off_ms(vm));
	open_up(vm, *flags);
	if (req == VM_REQ_CRASH)
		vcpu_note_crash(vm->vcpus[0], false); /* unless one of them has said more */
	say_end(vm, req);
	vm_state_changed(vm);
	*flags = come_back(vm);
}

/* ---- the next run ---- */

static void power_off(struct vcpu *v)
{
	unsigned long flags = spin_lock_irqsave(&v->vm->state_wq.lock);

	v->power = VCPU_OFF;
	v->reset_pending = false;
	spin_unlock_irqrestore(&v->vm->state_wq.lock, flags);
}

/* Reset everything as after power-on. vCPU 0 will enter at the image's entry point. */
static void power_on_reset(struct vm *vm)
{
	struct vm_stats stats;
	unsigned long flags;
	struct vcpu *v;

	vgic_init(vm);
	vdevs_reset(vm);
	for_each_vcpu(v, vm) {
		vcpu_reset(v, VCPU_RESET_POWER_ON);
		power_off(v);
	}
	flags = spin_lock_irqsave(&vm->state_wq.lock);
	vm->vcpus[0]->power = VCPU_ON_PENDING;
	vm->vcpus[0]->reset_pending = true;
	vm->vcpus[0]->boot_entry = vm->plan.entry;
	vm->vcpus[0]->boot_arg = vm->plan.arg;
	vm->request = VM_REQ_NONE;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vm_stats(vm, &stats);
	vm->ticks_at_start = stats.run_ticks;
	vm->exits_at_start = stats.exits;
}

static void load(struct vm *vm, unsigned long *flags)
{
	struct vm_error err;
	int r;

	begin_work(vm, *flags);
	vdevs_reset(vm); /* no other VM writes into memory that goes away: networks do */
	r = vm_load_images(vm, &err);
	if (!r && vm->note[0] && !vm->restarts) /* once: later runs load the same images */
		log_warn("vm %u '%s': %s", vm->id, vm->name, vm->note);
	*flags = end_work(vm);
	if (r == -EINTR)
		return; /* the call that cancelled it decides what comes next */
	vm->load_result = r;
	vm->loaded = !r;
	if (r)
		text_print(vm->crash, sizeof(vm->crash), "%s", err.text);
}

/* The VM is loaded and does not run yet, or could not be loaded. */
static void end_loading(struct vm *vm, enum vm_state state, unsigned long *flags)
{
	vm_set_state_locked(vm, state);
	open_up(vm, *flags);
	if (vm->load_result && vm->lift != PRIO_IDLE) /* vm_await() tells the operator */
		log_warn("vm %u '%s' not loaded: %s", vm->id, vm->name, vm->crash);
	else if (vm->load_result)
		log_err("vm %u '%s' not restarted: %s", vm->id, vm->name, vm->crash);
	vm_state_changed(vm);
	*flags = come_back(vm);
}

/*
 * The vCPUs are no longer lifted when guest code runs: vCPU 0 comes from here and starts the
 * others.
 */
static void start(struct vm *vm, unsigned long *flags)
{
	bool lifted;

	begin_work(vm, *flags);
	power_on_reset(vm);
	health_begin(vm);
	vtimer_start_clock(vm); /* before vCPU 0 loads its timers */
	*flags = end_work(vm);
	if (vm->operated)
		return; /* that call goes first */
	vm->started_at = arch_counter();
	lifted = vm->lift != PRIO_IDLE;
	vm->lift = PRIO_IDLE;
	vm_let_run_locked(vm);
	open_up(vm, *flags);
	log_info("vm %u '%s' running", vm->id, vm->name);
	vm_state_changed(vm);
	if (lifted)
		vm_sched_refresh(vm);
	*flags = come_back(vm);
}

bool vm_tend(struct vm *vm, unsigned long *flags, u64 *deadline)
{
	bool lives = vm->state == VM_RUNNING || vm->state == VM_PAUSED;

	if (vm->operated || !vm_is_parked(vm, vm->vcpus[0]))
		return false;
	if (vm->request != VM_REQ_NONE && lives) {
		end_life(vm, flags);
	} else if (vm->restart_at > arch_counter()) {
		*deadline = vm->restart_at;
		return false;
	} else if (vm->restart_at) {
		vm->loaded = false;
		vm->restarts++;
		vm_set_loading_locked(vm, true);
	} else if (vm->state != VM_LOADING) {
		return false;
	} else if (vm->load_result) {
		end_loading(vm, VM_STOPPED, flags);
	} else if (!vm->loaded) {
		load(vm, flags);
	} else if (vm->then_run) {
		start(vm, flags);
	} else {
		end_loading(vm, VM_CREATED, flags);
	}
	return true;
}
