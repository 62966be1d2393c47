/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: the CPUs that every vCPU of the machine is planned for (vm->planned), and the load
 * that results on each CPU. A plan is changed and checked, and only then carried out. CPU 0 runs
 * the shell, its services and all shared interrupts, so it is never dedicated. The rules are in
 * docs/real-time.md, "Where vCPUs run".
 */
#include <kernel/percpu.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>

/*
 * The most that budgets may take of a CPU's time, in millionths. On CPU 0 a part belongs to the
 * shell.
 */
#define WHOLE_CPU   1000000
#define SHELL_SHARE 100000

/* What the VMs in the table bring each CPU: every plan begins with it. Lifecycle lock. */
static struct sched_load loads[MAX_CPUS];

const struct vm_desc *vm_sched_desc(const struct sched_plan *p, const struct vm *vm)
{
	return vm == p->vm ? p->want : &vm->desc;
}

/* As vm_next(). The VM that the plan is made for need not be in the table yet. */
struct vm *vm_sched_next(const struct sched_plan *p, u32 id)
{
	struct vm *vm = vm_next(id);

	return p->vm && p->vm->id >= id && (!vm || p->vm->id < vm->id) ? p->vm : vm;
}

#define for_each_planned(vm, p) \
	for ((vm) = vm_sched_next(p, 0); (vm); (vm) = vm_sched_next(p, (vm)->id + 1))

/*
 * CPUs that a VM may run on. A VM with windows runs where they are. Other VMs go to CPUs without a
 * schedule, or, if they may not run there, use the time that a schedule leaves.
 */
static u64 allowed(const struct sched_plan *p, const struct vm *vm)
{
	const struct vm_desc *d = vm_sched_desc(p, vm);
	u64 mask = cpus_online_mask() & (d->affinity ? d->affinity : ~0UL);
	u64 windows = schedule_cpus_of(p->schedule, vm->name),
	    free = mask & ~schedule_cpus(p->schedule);

	if (windows)
		return mask & windows;
	return free || d->dedicated ? free : mask & schedule_cpus_with_gaps(p->schedule);
}

/* A budget's share of a CPU, rounded up. */
static u64 share_of(const struct vm_desc *d)
{
	return d->budget_us ? (d->budget_us * WHOLE_CPU + d->period_us - 1) / d->period_us : 0;
}

static u64 share_limit(u32 cpu)
{
	return cpu ? WHOLE_CPU : WHOLE_CPU - SHELL_SHARE;
}

bool vm_sched_keeps_off(const struct vm_desc *d)
{
	return !d->affinity && !desc_is_real_time(d);
}

/* ---- changing the plan ---- */

/* Add one vCPU of such a description, or remove one. */
static void count(struct sched_load *l, const struct vm_desc *d, u32 one)
{
	l->vcpus += one;
	l->real_time += desc_is_real_time(d) ? one : 0;
	l->dedicated += d->dedicated ? one : 0;
	l->tasks += d->task_count ? one : 0;
	l->share += (u64)(s32)one * share_of(d);
}

/* Put vCPU i of vm on that CPU, or NOWHERE. */
static void put(struct sched_plan *p, struct vm *vm, u32 i, u8 cpu)
{
	const struct vm_desc *d = vm_sched_desc(p, vm);

	if (vm->planned[i] != NOWHERE)
		count(&p->cpus[vm->planned[i]], d, -1U);
	vm->planned[i] = cpu;
	if (cpu != NOWHERE)
		count(&p->cpus[cpu], d, 1);
}

static u32 planned_of(const struct vm *vm, u32 cpu)
{
	u32 n = 0;

	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		n += vm->planned[i] == cpu;
	return n;
}

static bool is_own(const struct sched_plan *p, u32 cpu)
{
	return p->cpus[cpu].dedicated;
}

/* CPUs with a vCPU of a real-time VM other than vm. */
static u64 real_time_cpus(const struct sched_plan *p, const struct vm *vm)
{
	const bool counts = desc_is_real_time(vm_sched_desc(p, vm));
	u64 mask = 0;
	u32 cpu;

	for_each_cpu(cpu)
		if (p->cpus[cpu].real_time > (counts ? planned_of(vm, cpu) : 0))
			mask |= BIT(cpu);
	return mask;
}

/* True if one more vCPU of vm may be put on the CPU. The caller has checked allowed(). */
static bool open_to(const struct sched_plan *p, const struct vm *vm, u32 cpu)
{
	const struct vm_desc *d = vm_sched_desc(p, vm);
	const struct sched_load *l = &p->cpus[cpu];

	if (cpu == p->closed || l->dedicated || l->share + share_of(d) > share_limit(cpu))
		return false;
	return !d->dedicated || (cpu && !l->vcpus);
}

/*
 * Choose a CPU of the mask. NOWHERE: none is open. In this order, a CPU is better
 *  - without a real-time VM, for an ordinary VM that may run anywhere;
 *  - with fewer vCPUs of this VM;
 *  - without another real-time VM;
 *  - with fewer vCPUs of all;
 *  - with a higher number: the shell and its interrupts are on CPU 0.
 */
static u8 choose_of(const struct sched_plan *p, const struct vm *vm, u64 mask)
{
	const bool keeps_off = vm_sched_keeps_off(vm_sched_desc(p, vm));
	const u64 real_time = real_time_cpus(p, vm);
	u32 least = UINT32_MAX;
	u8 best = NOWHERE;

	mask &= allowed(p, vm);
	for (u32 cpu = cpu_count; cpu-- > 0;) {
		const u32 beside = (real_time & BIT(cpu)) != 0;
		const u32 own = planned_of(vm, cpu) + (keeps_off && beside ? VM_MAX_VCPUS : 0);
		const u32 load = (2 * own + beside) * MAX_VMS * VM_MAX_VCPUS + p->cpus[cpu].vcpus;

		if ((mask & BIT(cpu)) && open_to(p, vm, cpu) && load < least) {
			best = (u8)cpu;
			least = load;
		}
	}
	return best;
}

static u8 choose(const struct sched_plan *p, const struct vm *vm)
{
	return choose_of(p, vm, ~0UL);
}

/* Move vCPU i of vm, which keeps off the VM of the plan, elsewhere if that is possible. */
static void give_way(struct sched_plan *p, struct vm *vm, u32 i)
{
	const u8 here = vm->planned[i];

	if (here == NOWHERE || !planned_of(p->vm, here))
		return;
	p->moves_others = true;
	put(p, vm, i, NOWHERE);
	put(p, vm, i, choose_of(p, vm, ~real_time_cpus(p, vm)));
	if (vm->planned[i] == NOWHERE)
		put(p, vm, i, here);
}

static void all_give_way(struct sched_plan *p)
{
	struct vm *vm;

	for_each_planned(vm, p)
		for (u32 i = 0; vm_sched_keeps_off(vm_sched_desc(p, vm)) && i < VM_MAX_VCPUS; i++)
			give_way(p, vm, i);
}

/* ---- making room for a dedicated CPU ---- */

/* Move vCPU i of vm elsewhere. */
static bool move(struct sched_plan *p, struct vm *vm, u32 i)
{
	put(p, vm, i, NOWHERE);
	p->moves_others = true;
	if (vm == p->vm || vm_sched_desc(p, vm)->dedicated)
		return false;
	put(p, vm, i, choose(p, vm));
	return vm->planned[i] != NOWHERE;
}

/* Move all vCPUs off `cpu`. False, and the plan is unchanged: one may not move. */
static bool clear(struct sched_plan *p, u32 cpu)
{
	u32 i, moved[MAX_VMS] = { 0 };
	bool done = true;
	struct vm *vm;

	p->closed = cpu;
	for_each_planned(vm, p) {
		for (i = 0; done && i < VM_MAX_VCPUS; i++) {
			if (vm->planned[i] != cpu)
				continue;
			moved[vm->id] |= 1U << i;
			done = move(p, vm, i);
		}
	}
	for_each_planned(vm, p)
		for_each_set_bit(i, done ? 0 : moved[vm->id])
			put(p, vm, i, (u8)cpu);
	p->closed = MAX_CPUS;
	return done;
}

/* Choose a CPU that can be cleared, the emptiest first. */
static u8 choose_cleared(struct sched_plan *p)
{
	u64 mask = allowed(p, p->vm) & ~BIT(0);

	while (mask) {
		u32 best = 0, fewest = UINT32_MAX;

		for (u32 cpu = cpu_count; cpu-- > 1;) {
			if ((mask & BIT(cpu)) && p->cpus[cpu].vcpus < fewest) {
				best = cpu;
				fewest = p->cpus[cpu].vcpus;
			}
		}
		mask &= ~BIT(best);
		if (clear(p, best))
			return (u8)best;
	}
	return NOWHERE;
}

/* ---- the plan ---- */

/* "cpu0 has the shell, cpu1 has 'linux'": why none of the CPUs can be dedicated to the VM. */
static void list_occupants(const struct sched_plan *p, char *buf, size_t size)
{
	u64 mask = allowed(p, p->vm);
	const struct vm *vm;
	size_t n = 0;

	buf[0] = '\0';
	for (u32 cpu = 0; cpu < cpu_count && n < size; cpu++) {
		const char *occupant = cpu ? p->want->label : "";

		if (!(mask & BIT(cpu)))
			continue;
		for_each_planned(vm, p)
			if (cpu && vm != p->vm && planned_of(vm, cpu))
				occupant = vm->name;
		n += (size_t)snprintf(buf + n, size - n,
				      cpu ? "%scpu%u has '%s'" : "%scpu%u has the shell",
				      n ? ", " : "", cpu, occupant);
	}
	if (n >= size)
		text_cut(buf, size);
}

/* " + 'a' 80.0 % + 'b' 10.0 %": the VMs with budgets on a CPU. */
static void list_budgets(const struct sched_plan *p, u32 cpu, char *buf, size_t size)
{
	const struct vm *vm;
	size_t n = 0;

	buf[0] = '\0';
	for_each_planned(vm, p) {
		u64 taken = planned_of(vm, cpu) * share_of(vm_sched_desc(p, vm));

		if (taken && n < size)
			n += (size_t)snprintf(buf + n, size - n, " + '%s' %lu.%lu %%", vm->name,
					      taken / 10000, taken / 1000 % 10);
	}
	if (n >= size)
		text_cut(buf, size);
}

/* Report the emptiest CPU: "cpu1: 30.0 % and 'a' 80.0 % are 110.0 % of 100.0 %". */
static int refuse_budget(const struct sched_plan *p, struct vm_error *err)
{
	u64 least = UINT64_MAX, sum, own = share_of(p->want);
	char others[300];
	u32 cpu, best = 0;

	for_each_cpu(cpu) {
		u64 over = WHOLE_CPU + p->cpus[cpu].share - share_limit(cpu);

		if (!(allowed(p, p->vm) & BIT(cpu)) || is_own(p, cpu) || over >= least)
			continue;
		best = cpu;
		least = over;
	}
	list_budgets(p, best, others, sizeof(others));
	sum = p->cpus[best].share + own;
	return vm_fail(err, -EBUSY,
		       "%lu us of %lu us on cpu%u: %lu.%lu %%%s is %lu.%lu %%, more than %lu %%",
		       p->want->budget_us, p->want->period_us, best, own / 10000, own / 1000 % 10,
		       others, sum / 10000, sum / 1000 % 10, share_limit(best) / 10000);
}

static bool any_open_but_for_budgets(const struct sched_plan *p)
{
	u32 cpu;

	for_each_cpu(cpu)
		if ((allowed(p, p->vm) & BIT(cpu)) && !is_own(p, cpu))
			return true;
	return false;
}

static int refuse(const struct sched_plan *p, struct vm_error *err)
{
	const struct vm_desc *want = p->want;
	const char *name = p->vm->name;
	const u64 mask = allowed(p, p->vm), own = mask & ~BIT(0);
	char others[300];

	if (schedule_cpus_of(p->schedule, name) && !mask)
		return vm_fail(
			err, -EINVAL,
			"'%s' has windows on CPUs 0x%lx, its CPU mask is 0x%lx, 0x%lx are online",
			name, schedule_cpus_of(p->schedule, name), want->affinity,
			cpus_online_mask());
	if (!mask && (want->affinity & cpus_online_mask()))
		return vm_fail(err, -EBUSY, "'%s': the schedule leaves no time on CPUs 0x%lx", name,
			       want->affinity);
	if (!mask)
		return vm_fail(err, -EINVAL, "CPU mask 0x%lx names no CPU that is online (0x%lx)",
			       want->affinity, cpus_online_mask());
	if (share_of(want) && any_open_but_for_budgets(p))
		return refuse_budget(p, err);
	if (want->dedicated && want->cpus > 1 && word_weight(own) < want->cpus)
		return vm_fail(
			err, -EBUSY,
			"'%s' has %u vCPUs that each need a dedicated CPU, but may run on only %u besides "
			"cpu0, which has the shell (`zvm new -c` makes fewer)",
			name, want->cpus, word_weight(own));
	list_occupants(p, others, sizeof(others));
	if (want->dedicated)
		return vm_fail(err, -EBUSY, "'%s' needs %u dedicated CPU%s: %s", name, want->cpus,
			       want->cpus == 1 ? "" : "s", others);
	return vm_fail(err, -EBUSY, "'%s' finds no CPU that is not dedicated: %s", name, others);
}

/*
 * True if a vCPU of the plan's VM may stay on its CPU. If that CPU becomes dedicated, ordinary
 * vCPUs leave it.
 */
static bool may_stay(struct sched_plan *p, u32 cpu)
{
	const u64 mask = allowed(p, p->vm);

	if ((mask & BIT(cpu)) && open_to(p, p->vm, cpu))
		return true;
	return p->want->dedicated && cpu && (mask & ~real_time_cpus(p, p->vm) & BIT(cpu)) &&
	       clear(p, cpu);
}

/*
 * Begin with all vCPUs where they are, except those of the VM that the plan is made for: these are
 * nowhere.
 */
static void start_plan(struct sched_plan *p, struct vm *vm, const struct vm_desc *want,
		       const struct schedule *s)
{
	const struct vcpu *v;

	*p = (struct sched_plan){ .vm = vm, .want = want, .schedule = s, .closed = MAX_CPUS };
	memcpy(p->cpus, loads, sizeof(p->cpus));
	if (!vm)
		return;
	memset(vm->planned, NOWHERE, sizeof(vm->planned));
	for_each_vcpu(v, vm)
		count(&p->cpus[v->cpu], &vm->desc, -1U);
}

static void stay(struct vm *vm)
{
	const struct vcpu *v;

	memset(vm->planned, NOWHERE, sizeof(vm->planned));
	for_each_vcpu(v, vm)
		vm->planned[v->index] = (u8)v->cpu;
}

void vm_sched_drop(const struct sched_plan *p)
{
	struct vm *vm;

	stay(p->vm);
	if (p->moves_others)
		for_each_vm(vm)
			stay(vm);
}

static int make_plan(struct sched_plan *p, struct vm_error *err)
{
	const struct vm_desc *want = p->want;
	struct vm *vm = p->vm;
	u8 *cpu = vm->planned;
	const struct vcpu *v;

	if (schedule_cpus_of(p->schedule, vm->name) && (want->budget_us || want->dedicated))
		return vm_fail(err, -EINVAL, "'%s' has windows: they exclude %s", vm->name,
			       want->dedicated ? "dedicated" : "a budget");
	for_each_vcpu(v, vm)
		if (may_stay(p, v->cpu))
			put(p, vm, v->index, (u8)v->cpu);
	for (u32 i = 0; i < want->cpus; i++) {
		if (cpu[i] == NOWHERE)
			put(p, vm, i, choose(p, vm));
		if (cpu[i] == NOWHERE && want->dedicated)
			put(p, vm, i, choose_cleared(p));
		if (cpu[i] == NOWHERE)
			return refuse(p, err);
	}
	if (desc_is_real_time(want))
		all_give_way(p);
	return 0;
}

int vm_sched_plan(struct sched_plan *p, struct vm *vm, const struct vm_desc *want,
		  const struct schedule *schedule, struct vm_error *err)
{
	int r;

	start_plan(p, vm, want, schedule);
	r = make_plan(p, err);
	if (!r && !vm_timing_holds(p, err))
		r = -EBUSY;
	if (r)
		vm_sched_drop(p);
	return r;
}

void vm_sched_look(struct sched_plan *p)
{
	start_plan(p, NULL, NULL, schedule_now());
}

void vm_sched_put(struct sched_plan *p, struct vm *vm, u32 index, u32 cpu)
{
	put(p, vm, index, (u8)cpu);
	p->moves_others = true;
}

void vm_sched_remove(struct sched_plan *p, struct vm *vm)
{
	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		put(p, vm, i, NOWHERE);
}

void vm_sched_adopt(const struct sched_plan *p)
{
	memcpy(loads, p->cpus, sizeof(loads));
}

u32 vm_sched_room(struct sched_plan *p, struct vm *vm, u32 index, u64 cpus)
{
	const u8 here = vm->planned[index];
	u8 cpu;

	if (desc_is_real_time(&vm->desc) || schedule_cpus_of(p->schedule, vm->name))
		return MAX_CPUS;
	put(p, vm, index, NOWHERE);
	cpu = choose_of(p, vm, cpus & ~real_time_cpus(p, vm) & ~BIT(here));
	put(p, vm, index, here);
	return cpu == NOWHERE ? MAX_CPUS : cpu;
}

u32 vm_sched_planned(const struct vm *vm, u32 index)
{
	return vm->planned[index];
}
