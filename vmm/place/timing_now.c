/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of guests' tasks, checked when a VM comes or changes (vmm/timing.h). */
#include <arch/timer.h>
#include <kernel/masked.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <vmm/place.h>
#include <vmm/timing.h>

/* What the terms of the bound are here, if all are in proportion to the longest section so far. */
static struct timing_set measured(void)
{
	struct masked_section worst[MASKED_WORST];
	u64 longest = 0;
	u32 cpu;

	for_each_cpu(cpu) {
		masked_get(cpu, worst);
		longest = MAX(longest, worst[0].ticks);
	}
	return timing_at(MIN(longest, 1000000UL) * 1000000000000UL / arch_counter_hz() /
			 TIMING_SECTION);
}

static u64 planned_cpus(const struct vm *vm)
{
	u64 mask = 0;

	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		mask |= vm->planned[i] == NOWHERE ? 0 : BIT(vm->planned[i]);
	return mask;
}

/* Usually there are none, and then the cost of a plan does not grow with the number of VMs. */
static bool has_tasks(const struct sched_plan *p)
{
	u32 cpu;

	for_each_cpu(cpu)
		if (p->cpus[cpu].tasks)
			return true;
	return false;
}

bool vm_timing_holds(const struct sched_plan *p, struct vm_error *err)
{
	static struct timing_vm vms[MAX_VMS]; /* under the lifecycle lock */
	struct timing_set set;
	struct timing_result r;
	struct vm *vm;
	char why[200];

	if (!has_tasks(p))
		return true;
	set = measured();
	for (vm = vm_sched_next(p, 0); vm; vm = vm_sched_next(p, vm->id + 1)) {
		const struct vm_desc *d = vm_sched_desc(p, vm);

		vms[set.count++] = (struct timing_vm){ .name = vm->name,
						       .desc = d,
						       .cpus = planned_cpus(vm),
						       .real_time = desc_is_real_time(d) };
	}
	set.vms = vms;
	set.schedule = p->schedule;
	for (u32 i = 0; i < set.count; i++) {
		const char *problem = desc_tasks_problem(vms[i].desc);

		if (problem)
			(void)vm_fail(err, -EBUSY, "'%s' %s", vms[i].name, problem);
		if (problem)
			return false;
		if (!vms[i].desc->task_count || !timing_of(&set, i, &r, why, sizeof(why)))
			continue;
		(void)vm_fail(err, -EBUSY, "%s (the longest section so far: %lu ns, `host irq`)",
			      why, set.section);
		return false;
	}
	return true;
}
