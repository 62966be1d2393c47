/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's calls. Each holds the lifecycle lock and takes the VM (vm->operated) before it
 * looks at the state. From then on vCPU 0 changes nothing by itself (tend.c). vCPUs only see
 * run_allowed, exiting and their power state, under state_wq's lock.
 */
#include <arch/timer.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <vmm/cpu.h>
#include <vmm/desc.h>
#include <vmm/disk.h>
#include <vmm/life.h>
#include <vmm/oracle.h>
#include <vmm/place.h>
#include <vmm/virtio.h>

/* ---- taking a VM ---- */

/* The VM's state, and whether its guest has asked for its end. */
struct standing {
	enum vm_state state;
	bool ends;
};

static struct standing take(struct vm *vm)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
	struct standing s;

	vm->operated = true;
	s.state = vm->state;
	s.ends = vm->request != VM_REQ_NONE && (vm->state == VM_RUNNING || vm->state == VM_PAUSED);
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	return s;
}

/* How long a call waits, with the lifecycle lock held, for vCPUs that are about to stop. */
#define HALT_MS 100

/* Give the VM back: vCPU 0 continues its work, or begins new work. */
static void give_back(struct vm *vm)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

	vm->operated = false;
	vcpu_wake_tend_locked(vm);
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	sched_preempt_point();
}

bool vm_hold(struct vm *vm)
{
	const struct standing s = take(vm);

	if (s.state != VM_RUNNING && s.state != VM_LOADING && !s.ends && vm_is_parked(vm, NULL))
		return true;
	give_back(vm);
	return false;
}

void vm_let_go(struct vm *vm)
{
	give_back(vm);
}

static void set_state(struct vm *vm, enum vm_state s)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

	vm_set_state_locked(vm, s);
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vm_state_changed(vm);
}

static void set_lift(struct vm *vm, u8 prio)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

	vm->lift = prio;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vm_sched_refresh(vm);
}

/*
 * Stop all vCPUs where they are, cancel a load, and wait until none runs guest code. False: one
 * waits for a disk of the machine, and no other caller has to wait for that. The call fails with
 * -EAGAIN, keeps the VM, and is made again. Lifecycle lock held, vm->operated set.
 */
static bool halt(struct vm *vm, struct vm_error *err)
{
	const u64 deadline = deadline_ms(HALT_MS);
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
	struct vcpu *v;

	vm->run_allowed = false;
	__atomic_store_n(&vm->ram.call_off, true, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	/*
	 * The way to the parking place is short, and nothing may make it longer. So the work is set
	 * first: a vCPU on this CPU runs at once.
	 */
	for_each_vcpu(v, vm)
		vcpu_kick(v, VCPU_WORK_STATE);
	set_lift(vm, PRIO_REALTIME);
	flags = spin_lock_irqsave(&vm->halt_wq.lock);
	while (!vm_is_parked(vm, NULL)) {
		if (wait_block_locked(&vm->halt_wq, flags, deadline)) {
			(void)vm_fail(err, -EAGAIN, "vm %u '%s' waits for its disk", vm->id,
				      vm->name);
			return false;
		}
		flags = spin_lock_irqsave(&vm->halt_wq.lock);
	}
	spin_unlock_irqrestore(&vm->halt_wq.lock, flags);
	for_each_vcpu(v, vm)
		thread_wait_off_cpu(&v->thread);
	return true;
}

static void give_back_unless(struct vm *vm, int r)
{
	if (r != -EAGAIN)
		give_back(vm);
}

/* Let vCPU 0 load vm, unless it is loaded, and then run it. The operator waits for it. */
static void start_loading(struct vm *vm)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

	vm_set_loading_locked(vm, true);
	vm->lift = LOAD_PRIORITY;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vm_sched_refresh(vm);
	vm_state_changed(vm);
}

void vm_load_patiently(struct vm *vm)
{
	if (vm->lift == LOAD_PRIORITY)
		set_lift(vm, PRIO_IDLE);
}

static void set_loaded(struct vm *vm, bool loaded)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

	vm->loaded = loaded;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
}

/* ---- run, pause, stop, reset ---- */

static void resume(struct vm *vm)
{
	unsigned long flags;
	u64 paused;

	set_lift(vm, PRIO_IDLE);
	flags = spin_lock_irqsave(&vm->state_wq.lock);
	paused = arch_counter() - vm->paused_at;
	vtimer_stood_still(vm, paused);
	vm_let_run_locked(vm);
	vdevs_stood_still(vm, paused);
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vcpu_wake_parked(vm);
	vm_state_changed(vm);
}

static int run(struct vm *vm, struct standing s, struct vm_error *err)
{
	struct vm_renewal image;

	switch (s.state) {
	case VM_RUNNING:
		return vm_fail(err, -EPERM, "vm %u '%s' is running already", vm->id, vm->name);
	case VM_PAUSED:
		resume(vm);
		return 0;
	case VM_LOADING:
		break;
	default:
		if (vm_plan_image(vm, &image, err))
			return -EINVAL;
		if (s.state != VM_CREATED) {
			set_loaded(vm, false);
			vm->restarts++;
		}
		vm_renew_image(vm, &image);
		break;
	}
	start_loading(vm);
	return 0;
}

int vm_run(struct vm *vm, struct vm_error *err)
{
	int r;

	vmm_lock();
	r = run(vm, take(vm), err);
	give_back(vm);
	oracle_vms();
	vmm_unlock();
	return r;
}

static int refuse_state(const struct vm *vm, struct standing s, struct vm_error *err,
			const char *wanted, const char *what)
{
	return vm_fail(err, -EPERM, "vm %u '%s' is %s: only a %s VM can be %s", vm->id, vm->name,
		       s.ends ? "about to stop" : vm_state_name(s.state), wanted, what);
}

static int pause(struct vm *vm, struct standing s, struct vm_error *err)
{
	if (s.state != VM_RUNNING || s.ends)
		return refuse_state(vm, s, err, "running", "paused");
	if (!halt(vm, err))
		return -EAGAIN;
	s = take(vm);
	if (s.ends) { /* on its way to its parking place it asked for its end: vCPU 0 does that */
		set_lift(vm, PRIO_IDLE);
		return refuse_state(vm, s, err, "running", "paused");
	}
	vm->paused_at = arch_counter();
	set_state(vm, VM_PAUSED);
	return 0;
}

int vm_pause(struct vm *vm, struct vm_error *err)
{
	int r;

	vmm_lock();
	r = pause(vm, take(vm), err);
	give_back_unless(vm, r);
	oracle_vms();
	vmm_unlock();
	return r;
}

int vm_resume(struct vm *vm, struct vm_error *err)
{
	struct standing s;
	int r = 0;

	vmm_lock();
	s = take(vm);
	if (s.state == VM_PAUSED)
		resume(vm);
	else
		r = refuse_state(vm, s, err, "paused", "resumed");
	give_back(vm);
	oracle_vms();
	vmm_unlock();
	return r;
}

static int press_power_key(struct vm *vm, enum vm_state state, struct vm_error *err)
{
	if (state != VM_RUNNING)
		return vm_fail(err, -EPERM,
			       "vm %u '%s' is %s, and does not see its power key: stop it with -f",
			       vm->id, vm->name, vm_state_name(state));
	if (!vdevs_press_power_key(vm))
		return vm_fail(
			err, -ENOTSUP,
			"vm %u '%s' does not listen to its power key: power it off in its console, or stop it at once with -f",
			vm->id, vm->name);
	return 0;
}

static int stop(struct vm *vm, enum vm_state state, bool force, struct vm_error *err)
{
	if (vm->restart_at) {
		vm->restart_at = 0; /* it was waiting for its restart, which is cancelled */
		return 0;
	}
	if (state != VM_RUNNING && state != VM_PAUSED && state != VM_LOADING)
		return vm_fail(err, -EPERM, "vm %u '%s' is not running, it is %s", vm->id, vm->name,
			       vm_state_name(state));
	if (!force)
		return press_power_key(vm, state, err);
	if (!halt(vm, err))
		return -EAGAIN;
	set_state(vm, VM_STOPPED);
	return 0;
}

int vm_stop(struct vm *vm, bool force, struct vm_error *err)
{
	int r;

	vmm_lock();
	r = stop(vm, take(vm).state, force, err);
	give_back_unless(vm, r);
	oracle_vms();
	vmm_unlock();
	return r;
}

int vm_reset(struct vm *vm, struct vm_error *err)
{
	struct vm_renewal image;
	int r;

	vmm_lock();
	r = vm_plan_image(vm, &image, err);
	if (!r)
		(void)take(vm);
	if (!r && !halt(vm, err)) {
		type_image_put(image.image);
		r = -EAGAIN;
	} else if (!r) {
		set_loaded(vm, false);
		vm_renew_image(vm, &image);
		vm->restarts++;
		start_loading(vm);
		give_back(vm);
	}
	oracle_vms();
	vmm_unlock();
	return r;
}

int vm_delete(struct vm *vm, bool force, struct vm_error *err)
{
	enum vm_state state;
	int r = 0;

	vmm_lock();
	state = take(vm).state;
	if (!force && (state == VM_RUNNING || state == VM_PAUSED || state == VM_LOADING)) {
		r = vm_fail(err, -EBUSY, "vm %u '%s' is %s: stop it first, or use -f", vm->id,
			    vm->name, vm_state_name(state));
		give_back(vm);
	} else if (!halt(vm, err)) {
		r = -EAGAIN;
	} else {
		log_info("vm %u '%s' deleted", vm->id, vm->name);
		vm_unmake(vm);
	}
	oracle_vms();
	vmm_unlock();
	return r;
}

/* ---- start ---- */

static void hand_over_disks(const struct vm_desc *d)
{
	disk_hand_over(d->variables);
	for (u32 i = 0; i < d->virtio_count; i++)
		if (!d->virtio[i].readonly)
			disk_hand_over(d->virtio[i].disk);
}

void vmm_autostart(void)
{
	const struct vm_options none = { .priority = -1 };
	struct vm_error err;
	struct vm *vm;

	for (u32 i = 0; i < vm_type_count; i++)
		hand_over_disks(&vm_types[i]->desc);
	for (u32 i = 0; i < vm_type_count; i++) {
		if (!vm_types[i]->valid || !vm_types[i]->desc.autostart)
			continue;
		if (vm_create(vm_types[i], &none, &vm, &err) || vm_run(vm, &err))
			log_err("autostart of '%s': %s", vm_types[i]->desc.label, err.text);
	}
}

int vmm_init(void)
{
	int r;

	vms_init();
	vsysreg_host_init();
	vcpu_set_tend(vm_tend);
	virtio_init();
	r = vgic_host_init();
	if (!r)
		r = vtimer_host_init();
	if (!r)
		r = vpmu_host_init();
	if (!r)
		r = vdevs_host_init();
	if (!r)
		schedule_init();
	return r;
}
