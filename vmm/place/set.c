/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm set`: changes how a live VM is scheduled. Everything is planned before anything is done. */
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>

/*
 * A CPU where a VM without windows would have no time, or not enough of it. MAX_CPUS: there is
 * none.
 */
static u32 without_time(const struct vm *vm, const struct schedule *s)
{
	u64 closed = schedule_cpus(s);
	const struct vcpu *v;

	if (schedule_cpus_of(s, vm->name))
		return MAX_CPUS;
	if (!vm->desc.dedicated)
		closed &= ~schedule_cpus_with_gaps(s);
	for_each_vcpu(v, vm)
		if (closed & BIT(v->cpu))
			return v->cpu;
	return MAX_CPUS;
}

/* -EBUSY with the reason: the schedule leaves a VM without time. */
static int check_windows(const struct vm *vm, const struct schedule *s, struct vm_error *err)
{
	const struct vm *other;

	for_each_vm(other) {
		u32 cpu = other == vm ? MAX_CPUS : without_time(other, s);

		if (cpu == MAX_CPUS)
			continue;
		if (other->desc.dedicated)
			return vm_fail(err, -EBUSY, "cpu%u is dedicated to '%s'", cpu, other->name);
		return vm_fail(err, -EBUSY,
			       "'%s' is on cpu%u: windows would take all of its %lu us",
			       other->name, cpu, schedule_of_cpu(s, cpu)->frame_us);
	}
	return 0;
}

/*
 * Where a CPU gets its first window or loses its last one, the other VMs are changed first: no VM
 * may run in another VM's window. The VM itself is changed by the caller.
 */
static void apply_windows(const struct vm *vm, struct schedule *plan)
{
	const struct schedule *before = schedule_now();
	const u64 changed = schedule_cpus(before) ^ schedule_cpus(plan);
	const struct vcpu *v;
	struct vm *other;

	schedule_adopt(plan);
	for_each_vm(other) {
		u64 on = 0;

		for_each_vcpu(v, other)
			on |= BIT(v->cpu);
		if (other != vm && (on & changed))
			vm_sched_enforce(other);
	}
	schedule_run(before);
}

static int set_locked(struct vm *vm, const struct vm_desc *want,
		      const struct schedule_windows *windows, struct vm_error *err)
{
	struct schedule *plan = NULL;
	int r = windows ? schedule_plan(vm->name, windows, &plan, err) : 0;
	struct sched_plan p;

	if (r)
		return r;
	r = vm_sched_plan(&p, vm, want, plan ? plan : schedule_now(), err);
	if (r)
		return r;
	r = plan ? check_windows(vm, plan, err) : 0;
	if (r) {
		vm_sched_drop(&p);
		return r;
	}
	vm->desc = *want;
	if (plan)
		apply_windows(vm, plan);
	vm_sched_apply(&p);
	vm_sched_enforce(vm);
	vm_mover_look();
	return 0;
}

int vm_set(struct vm *vm, const struct vm_desc *want, const struct schedule_windows *windows,
	   struct vm_error *err)
{
	const char *prop, *problem = desc_sched_problem(want, &prop);
	int r;

	if (problem)
		return vm_fail(err, -EINVAL, "'%s': %s %s", vm->name, prop, problem);
	vmm_lock();
	r = set_locked(vm, want, windows, err);
	vmm_unlock();
	return r;
}
