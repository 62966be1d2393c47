/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run states of a VM. The operator's calls and the manager thread (which serves what guests ask for) hold the lifecycle lock; vCPUs only ever see
 * run_allowed, exiting and their power state, under state_wq's lock.
 */
#include <arch/timer.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/lifecycle.h>
#include <vmm/sched.h>
#include <vmm/schedule.h>
#include <vmm/smccc.h>
#include <vmm/sysreg.h>

static struct mutex lifecycle;
static struct sem requests;
static struct thread manager;

#define MANAGER_PRIORITY (PRIO_DEFAULT + 1)

/* A VM that ends sooner than that after its start, time and again, is kept waiting. */
#define SHORT_LIFE_MS   10000
#define FREE_RESTARTS   3
#define BACK_OFF_MS     1000UL
#define BACK_OFF_MAX_MS 60000UL

static const char *const state_names[] = {
	[VM_CREATED] = "created", [VM_RUNNING] = "running", [VM_PAUSED] = "paused",
	[VM_STOPPED] = "stopped", [VM_CRASHED] = "crashed", [VM_BUSY] = "busy",
};

/* Which states may follow which, a bit each: everything goes through set_state(). */
static const u8 next_states[] = {
	[VM_CREATED] = BIT(VM_RUNNING) | BIT(VM_BUSY),
	[VM_RUNNING] = BIT(VM_PAUSED) | BIT(VM_STOPPED) | BIT(VM_CRASHED) | BIT(VM_BUSY),
	[VM_PAUSED] = BIT(VM_RUNNING) | BIT(VM_STOPPED) | BIT(VM_CRASHED) | BIT(VM_BUSY),
	[VM_STOPPED] = BIT(VM_BUSY),
	[VM_CRASHED] = BIT(VM_BUSY) | BIT(VM_STOPPED),
	[VM_BUSY] = BIT(VM_CREATED) | BIT(VM_RUNNING) | BIT(VM_STOPPED),
};

void vmm_lock(void)
{
	mutex_lock(&lifecycle);
}

void vmm_unlock(void)
{
	mutex_unlock(&lifecycle);
}

const char *vm_state_name(enum vm_state s)
{
	return state_names[s];
}

static void set_state(struct vm *vm, enum vm_state s)
{
	kassert(next_states[vm->state] & BIT(s));
	vm->state = s;
	console_wake(&vm->console); /* whoever is attached looks */
}

/* Let parked vCPUs go on. */
static void let_run(struct vm *vm)
{
	unsigned long flags;

	vm_sched_enforce(vm);
	flags = spin_lock(&vm->state_wq.lock);

	vm->run_allowed = vm->request == VM_REQ_NONE; /* else the manager is about to serve it */
	wait_wake_all_locked(&vm->state_wq);
	spin_unlock(&vm->state_wq.lock, flags);
}

static bool all_parked(const struct vm *vm)
{
	for (u32 i = 0; i < vm->nvcpus; i++)
		if (!__atomic_load_n(&vm->vcpus[i]->parked, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

void vm_halt(struct vm *vm)
{
	unsigned long flags = spin_lock(&vm->state_wq.lock);

	vm->run_allowed = false;
	spin_unlock(&vm->state_wq.lock, flags);
	/*
	 * The way to the parking place is short, and nobody else's business may make it long. First
	 * the work: who is on our CPU runs at once.
	 */
	for (u32 i = 0; i < vm->nvcpus; i++)
		vcpu_kick(vm->vcpus[i], VCPU_WORK_STATE);
	vm_sched_lift(vm);
	wait_until(&vm->halt_wq, all_parked(vm));
	for (u32 i = 0; i < vm->nvcpus; i++)
		thread_wait_off_cpu(&vm->vcpus[i]->thread);
}

/* Everything as after power-on; vCPU 0 will enter at the image's entry point. No vCPU runs. */
static void power_on_reset(struct vm *vm)
{
	unsigned long flags;

	vgic_init(vm);
	vpl011_reset(&vm->uart);
	vrtc_reset(&vm->rtc);
	for (u32 i = 0; i < vm->nvcpus; i++) {
		vgic_cpu_init(vm->vcpus[i]);
		vtimer_reset(vm->vcpus[i]);
	}
	pvtime_reset(vm);
	flags = spin_lock(&vm->state_wq.lock);
	for (u32 i = 0; i < vm->nvcpus; i++) {
		vm->vcpus[i]->power = VCPU_OFF;
		vm->vcpus[i]->reset_pending = false;
		memset(vm->vcpus[i]->suspends, 0, sizeof(vm->vcpus[i]->suspends));
		memset(vm->vcpus[i]->suspended_ticks, 0, sizeof(vm->vcpus[i]->suspended_ticks));
	}
	vm->vcpus[0]->power = VCPU_ON_PENDING;
	vm->vcpus[0]->reset_pending = true;
	vm->vcpus[0]->boot_entry = vm->plan.entry;
	vm->vcpus[0]->boot_arg = vm->plan.dtb_base;
	vm->request = VM_REQ_NONE;
	vm->crash[0] = '\0';
	spin_unlock(&vm->state_wq.lock, flags);
	vtimer_start_clock(vm);
	vm->started_at = arch_counter();
}

static void start(struct vm *vm)
{
	struct vm_stats stats;

	vm->restart_at = 0;
	power_on_reset(vm);
	vm_stats(vm, &stats);
	vm->ticks_at_start = stats.run_ticks;
	vm->exits_at_start = stats.exits;
	set_state(vm, VM_RUNNING);
	let_run(vm);
	log_info("vm %u '%s' running", vm->id, vm->name);
}

/* Reload the images of a halted VM and leave it as created. */
static int reload(struct vm *vm, struct vm_error *err)
{
	int r;

	set_state(vm, VM_BUSY);
	vm_ram_clear(&vm->ram);
	r = vm_load_images(vm, err);
	set_state(vm, r ? VM_STOPPED : VM_CREATED);
	return r;
}

static int run_locked(struct vm *vm, struct vm_error *err)
{
	int r;

	switch (vm->state) {
	case VM_RUNNING:
		return vm_fail(err, -EPERM, "vm %u '%s' is running already", vm->id, vm->name);
	case VM_PAUSED:
		return vm_resume(vm, err);
	case VM_STOPPED:
	case VM_CRASHED:
		r = reload(vm, err);
		if (r)
			return r;
		vm->restarts++;
		break;
	default:
		break;
	}
	start(vm);
	return 0;
}

int vm_run(struct vm *vm, struct vm_error *err)
{
	vmm_lock();
	int r = run_locked(vm, err);

	vmm_unlock();
	return r;
}

static int refuse_state(const struct vm *vm, struct vm_error *err, const char *wanted,
			const char *what)
{
	return vm_fail(err, -EPERM, "vm %u '%s' is %s: only a %s one can be %s", vm->id, vm->name,
		       vm->request ? "about to stop" : state_names[vm->state], wanted, what);
}

int vm_pause(struct vm *vm, struct vm_error *err)
{
	int r = 0;

	vmm_lock();
	if (vm->state == VM_RUNNING && vm->request == VM_REQ_NONE) {
		vm_halt(vm);
		vm->paused_at = arch_counter();
		set_state(vm, VM_PAUSED);
	} else {
		r = refuse_state(vm, err, "running", "paused");
	}
	vmm_unlock();
	return r;
}

int vm_resume(struct vm *vm, struct vm_error *err)
{
	int r = 0;

	vmm_lock();
	if (vm->state == VM_PAUSED) {
		vtimer_stood_still(vm, arch_counter() - vm->paused_at);
		set_state(vm, VM_RUNNING);
		let_run(vm);
	} else {
		r = refuse_state(vm, err, "paused", "resumed");
	}
	vmm_unlock();
	return r;
}

int vm_stop(struct vm *vm, bool force, struct vm_error *err)
{
	int r = 0;

	vmm_lock();
	if (vm->restart_at) {
		vm->restart_at = 0; /* it waits for its restart, and that is off */
	} else if (vm->state != VM_RUNNING && vm->state != VM_PAUSED) {
		r = vm_fail(err, -EPERM, "vm %u '%s' is not running, it is %s", vm->id, vm->name,
			    state_names[vm->state]);
	} else if (!force) {
		r = vm_fail(
			err, -ENOTSUP,
			"vm %u '%s' has no power button to press: power it off in its console, or cut it off with -f",
			vm->id, vm->name);
	} else {
		vm_halt(vm);
		set_state(vm, VM_STOPPED);
	}
	vmm_unlock();
	return r;
}

int vm_reset(struct vm *vm, struct vm_error *err)
{
	int r;

	vmm_lock();
	vm_halt(vm);
	r = reload(vm, err);
	if (!r) {
		vm->restarts++;
		start(vm);
	}
	vmm_unlock();
	return r;
}

/* ---- what guests ask for ---- */

void vm_request(struct vm *vm, enum vm_request req, const char *why)
{
	unsigned long flags = spin_lock(&vm->state_wq.lock);
	bool first = vm->request == VM_REQ_NONE;

	if (first) {
		vm->request = req;
		vm->run_allowed = false;
		if (req == VM_REQ_CRASH)
			(void)str_copy(vm->crash, why, sizeof(vm->crash));
	}
	spin_unlock(&vm->state_wq.lock, flags);
	if (!first)
		return;
	for (u32 i = 0; i < vm->nvcpus; i++)
		vcpu_kick(vm->vcpus[i], VCPU_WORK_STATE);
	sem_give(&requests);
}

static bool wants_restart(const struct vm *vm, enum vm_request req)
{
	switch (req) {
	case VM_REQ_RESET:
		return true;
	case VM_REQ_CRASH:
		return vm->desc.restart != RESTART_NEVER;
	default:
		return vm->desc.restart == RESTART_ALWAYS;
	}
}

/*
 * How long a VM waits that is to restart: not at all the first times, and then longer and longer
 * while its lives stay short.
 */
static u64 back_off_ms(const struct vm *vm)
{
	u32 n = vm->short_lives;

	return n <= FREE_RESTARTS
		       ? 0
		       : MIN(BACK_OFF_MS << MIN(n - FREE_RESTARTS - 1, 8U), BACK_OFF_MAX_MS);
}

static void serve(struct vm *vm)
{
	enum vm_request req = vm->request;

	/* Another lifecycle call may have come first: then there is nothing left to do. */
	if (req == VM_REQ_NONE || (vm->state != VM_RUNNING && vm->state != VM_PAUSED))
		return;
	vm_halt(vm);
	set_state(vm, req == VM_REQ_CRASH ? VM_CRASHED : VM_STOPPED);
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
	if (arch_counter() - vm->started_at < ms_to_ticks(SHORT_LIFE_MS))
		vm->short_lives++;
	else
		vm->short_lives = 0;
	if (!wants_restart(vm, req))
		return;
	vm->restart_at = deadline_ms(back_off_ms(vm));
	if (vm->restart_at > arch_counter() + ms_to_ticks(BACK_OFF_MS) / 2)
		log_warn("vm %u '%s' has ended %u times soon after its start: it waits %lu s",
			 vm->id, vm->name, vm->short_lives, back_off_ms(vm) / 1000);
}

/* What is left to do for a VM whose time to restart has come. */
static void restart_if_due(struct vm *vm)
{
	struct vm_error err;

	if (!vm->restart_at || vm->restart_at > arch_counter())
		return;
	vm->restart_at = 0;
	/* A guest that resets in a loop pays for its reloads itself. */
	thread_set_priority(&manager, (u8)MAX(vm->desc.priority, (u32)MANAGER_PRIORITY));
	if (run_locked(vm, &err))
		log_err("vm %u '%s' not restarted: %s", vm->id, vm->name, err.text);
	thread_set_priority(&manager, MANAGER_PRIORITY);
}

static void autostart(void)
{
	const struct vm_options none = { .priority = -1 };
	struct vm_error err;
	struct vm *vm;

	for (u32 i = 0; i < vm_type_count; i++) {
		if (!vm_types[i].valid || !vm_types[i].desc.autostart)
			continue;
		if (vm_create(&vm_types[i], &none, &vm, &err) || vm_run(vm, &err))
			log_err("autostart of '%s': %s", vm_types[i].desc.label, err.text);
	}
}

static void manager_main(void *arg)
{
	u64 next_restart = DEADLINE_NEVER;

	(void)arg;
	schedule_init();
	autostart();
	for (;;) {
		int r = sem_take(&requests, next_restart);

		kassert(!r || r == -ETIMEDOUT);
		next_restart = DEADLINE_NEVER;
		vmm_lock();
		for (u32 id = 0; id < MAX_VMS; id++) {
			struct vm *vm = vm_by_id(id);

			if (!vm)
				continue;
			serve(vm);
			restart_if_due(vm);
			if (vm->restart_at)
				next_restart = MIN(next_restart, vm->restart_at);
		}
		vmm_unlock();
	}
}

int vmm_init(void)
{
	int r;

	mutex_init(&lifecycle, LOCK_LIFECYCLE);
	sem_init(&requests, 0, MAX_VMS * 2);
	r = vgic_host_init();
	if (!r)
		r = vtimer_host_init();
	if (!r)
		r = vpmu_host_init();
	if (!r)
		r = vempty_host_init();
	if (!r)
		r = thread_create(&manager, "manager", manager_main, NULL, MANAGER_PRIORITY,
				  BIT(0));
	if (r)
		return r;
	thread_set_params(&manager, &sched_guarded);
	thread_start(&manager);
	return 0;
}
