/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: a table with the CPU of every vCPU of the machine is changed, looked at, and only then
 * carried out. CPU 0 has the shell, its services and all shared interrupts: it is nobody's own.
 * The rules are in docs/real-time.md, "Where vCPUs run".
 */
#include <kernel/percpu.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/text.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>

#define NOWHERE 0xff

/* Of a CPU's time, in millionths: what budgets may add up to. On CPU 0 some is the shell's. */
#define WHOLE_CPU   1000000
#define SHELL_SHARE 100000

struct plan {
	/* the VM that it is made for, by id, and what it shall be; the others are as they are */
	u32 id;
	const struct vm_desc *want;
	const char *name;
	u32 closed; /* a CPU that is being cleared, else MAX_CPUS */
	u8 cpu[MAX_VMS][VM_MAX_VCPUS];
};

static struct plan plan;

static const struct vm_desc *desc_of(u32 id)
{
	return id == plan.id ? plan.want : &vm_by_id(id)->desc;
}

static const char *name_of(u32 id)
{
	return id == plan.id ? plan.name : vm_by_id(id)->name;
}

/*
 * CPUs that VM id may run on. One that has windows runs where it has them; others go to CPUs that
 * keep no schedule, or if they may not, to the time that a schedule leaves.
 */
static u64 allowed(u32 id)
{
	const struct vm_desc *d = desc_of(id);
	u64 mask = cpus_online_mask() & (d->affinity ? d->affinity : ~0UL);
	u64 windows = schedule_cpus_of(name_of(id)), free = mask & ~schedule_cpus();

	if (windows)
		return mask & windows;
	return free || d->dedicated ? free : mask & schedule_cpus_with_gaps();
}

/* ---- what the table says ---- */

static u32 planned_of(u32 id, u32 cpu)
{
	u32 n = 0;

	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		n += plan.cpu[id][i] == cpu;
	return n;
}

static u32 planned_on(u32 cpu)
{
	u32 n = 0;

	for (u32 id = 0; id < MAX_VMS; id++)
		n += planned_of(id, cpu);
	return n;
}

static bool is_own(u32 cpu)
{
	for (u32 id = 0; id < MAX_VMS; id++)
		if (planned_of(id, cpu) && desc_of(id)->dedicated)
			return true;
	return false;
}

bool vm_sched_is_real_time(const struct vm_desc *d)
{
	return d->priority < PRIO_REALTIME || d->fifo || d->period_us || d->dedicated;
}

bool vm_sched_keeps_off(const struct vm_desc *d)
{
	return !d->affinity && !vm_sched_is_real_time(d);
}

/* CPUs that have a vCPU of a real-time VM other than `id`. */
static u64 real_time_cpus(u32 id)
{
	u64 mask = 0;

	for (u32 other = 0; other < MAX_VMS; other++)
		for (u32 i = 0; other != id && i < VM_MAX_VCPUS; i++)
			if (plan.cpu[other][i] != NOWHERE && vm_sched_is_real_time(desc_of(other)))
				mask |= BIT(plan.cpu[other][i]);
	return mask;
}

/* What a budget is of a CPU, rounded up. */
static u64 share_of(const struct vm_desc *d)
{
	return d->budget_us ? (d->budget_us * WHOLE_CPU + d->period_us - 1) / d->period_us : 0;
}

static u64 share_limit(u32 cpu)
{
	return cpu ? WHOLE_CPU : WHOLE_CPU - SHELL_SHARE;
}

static u64 share_planned(u32 cpu)
{
	u64 sum = 0;

	for (u32 id = 0; id < MAX_VMS; id++) {
		u32 n = planned_of(id, cpu);

		if (n)
			sum += n * share_of(desc_of(id));
	}
	return sum;
}

/* A vCPU of VM id may be put there. */
static bool open_to(u32 id, u32 cpu)
{
	const struct vm_desc *d = desc_of(id);

	if (!(allowed(id) & BIT(cpu)) || cpu == plan.closed || is_own(cpu))
		return false;
	if (share_planned(cpu) + share_of(d) > share_limit(cpu))
		return false;
	return !d->dedicated || (cpu && !planned_on(cpu));
}

/*
 * The fewest vCPUs of this VM, then none of another real-time VM, then the fewest of all VMs, then
 * the highest number (the shell and its interrupts are on CPU 0). An ordinary VM that may run
 * anywhere keeps off CPUs with real-time VMs before all else. NOWHERE: no CPU of the mask is open.
 */
static u8 choose_of(u32 id, u64 mask)
{
	const bool keeps_off = vm_sched_keeps_off(desc_of(id));
	const u64 real_time = real_time_cpus(id);
	u32 least = UINT32_MAX;
	u8 best = NOWHERE;

	for (u32 cpu = MAX_CPUS; cpu-- > 0;) {
		const u32 beside = (real_time & BIT(cpu)) != 0;
		const u32 own = planned_of(id, cpu) + (keeps_off && beside ? VM_MAX_VCPUS : 0);
		const u32 load = (2 * own + beside) * MAX_VMS * VM_MAX_VCPUS + planned_on(cpu);

		if ((mask & BIT(cpu)) && open_to(id, cpu) && load < least) {
			best = (u8)cpu;
			least = load;
		}
	}
	return best;
}

static u8 choose(u32 id)
{
	return choose_of(id, ~0UL);
}

/* vCPUs that keep off the VM of the plan, which is real-time, go elsewhere if they may. */
static void give_way(void)
{
	for (u32 id = 0; id < MAX_VMS; id++) {
		for (u32 i = 0; i < VM_MAX_VCPUS; i++) {
			const u8 here = plan.cpu[id][i];

			if (here == NOWHERE || !planned_of(plan.id, here) ||
			    !vm_sched_keeps_off(desc_of(id)))
				continue;
			plan.cpu[id][i] = NOWHERE;
			plan.cpu[id][i] = choose_of(id, ~real_time_cpus(id));
			if (plan.cpu[id][i] == NOWHERE)
				plan.cpu[id][i] = here;
		}
	}
}

/* ---- making room for a CPU of one's own ---- */

/* Move vCPU i of VM id elsewhere. */
static bool move(u32 id, u32 i)
{
	plan.cpu[id][i] = NOWHERE;
	if (id == plan.id || desc_of(id)->dedicated)
		return false;
	plan.cpu[id][i] = choose(id);
	return plan.cpu[id][i] != NOWHERE;
}

/* Move everybody's vCPUs off `cpu`. False, and the table is as before: one may not go. */
static bool clear(u32 cpu)
{
	struct plan before = plan;
	bool done = true;

	plan.closed = cpu;
	for (u32 id = 0; id < MAX_VMS; id++)
		for (u32 i = 0; i < VM_MAX_VCPUS; i++)
			if (done && plan.cpu[id][i] == cpu)
				done = move(id, i);
	if (!done)
		plan = before;
	plan.closed = MAX_CPUS;
	return done;
}

/* A CPU that can be made free, the emptiest first. */
static u8 choose_cleared(void)
{
	u64 mask = allowed(plan.id) & ~BIT(0);

	while (mask) {
		u32 best = 0, fewest = UINT32_MAX;

		for (u32 cpu = MAX_CPUS; cpu-- > 1;) {
			if ((mask & BIT(cpu)) && planned_on(cpu) < fewest) {
				best = cpu;
				fewest = planned_on(cpu);
			}
		}
		mask &= ~BIT(best);
		if (clear(best))
			return (u8)best;
	}
	return NOWHERE;
}

/* ---- the plan ---- */

/* "cpu0 has the shell, cpu1 has 'linux'": why none of them can be the VM's own. */
static void list_occupants(char *buf, size_t size)
{
	u64 mask = allowed(plan.id);
	size_t n = 0;

	buf[0] = '\0';
	for (u32 cpu = 0; cpu < MAX_CPUS && n < size; cpu++) {
		const char *who = cpu ? plan.want->label : "";

		if (!(mask & BIT(cpu)))
			continue;
		for (u32 id = 0; cpu && id < MAX_VMS; id++)
			if (id != plan.id && planned_of(id, cpu))
				who = vm_by_id(id)->name;
		n += (size_t)snprintf(buf + n, size - n,
				      cpu ? "%scpu%u has '%s'" : "%scpu%u has the shell",
				      n ? ", " : "", cpu, who);
	}
	if (n >= size)
		text_cut(buf, size);
}

/* "cpu1: 30.0 % and 'a' 80.0 % are 110.0 % of 100.0 %", of the emptiest one. */
static int refuse_budget(const struct vm *vm, struct vm_error *err)
{
	u64 least = UINT64_MAX, sum, own = share_of(plan.want);
	char who[300];
	size_t n = 0;
	u32 best = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		u64 over = WHOLE_CPU + share_planned(cpu) - share_limit(cpu);

		if (!(allowed(plan.id) & BIT(cpu)) || is_own(cpu) || over >= least)
			continue;
		best = cpu;
		least = over;
	}
	who[0] = '\0';
	for (u32 id = 0; id < MAX_VMS && n < sizeof(who); id++) {
		u64 taken = planned_of(id, best) ? planned_of(id, best) * share_of(desc_of(id)) : 0;

		if (taken)
			n += (size_t)snprintf(who + n, sizeof(who) - n, " + '%s' %lu.%lu %%",
					      id == plan.id ? vm->name : vm_by_id(id)->name,
					      taken / 10000, taken / 1000 % 10);
	}
	if (n >= sizeof(who))
		text_cut(who, sizeof(who));
	sum = share_planned(best) + own;
	return vm_fail(err, -EBUSY,
		       "%lu us of %lu us on cpu%u: %lu.%lu %%%s is %lu.%lu %%, more than %lu %%",
		       plan.want->budget_us, plan.want->period_us, best, own / 10000,
		       own / 1000 % 10, who, sum / 10000, sum / 1000 % 10,
		       share_limit(best) / 10000);
}

static bool any_open_but_for_budgets(void)
{
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		if ((allowed(plan.id) & BIT(cpu)) && !is_own(cpu))
			return true;
	return false;
}

static int refuse(const struct vm *vm, struct vm_error *err)
{
	const u64 own = allowed(plan.id) & ~BIT(0);
	char who[300];

	if (schedule_cpus_of(vm->name) && !allowed(plan.id))
		return vm_fail(
			err, -EINVAL,
			"'%s' has windows on CPUs 0x%lx, its CPU mask is 0x%lx, 0x%lx are online",
			vm->name, schedule_cpus_of(vm->name), plan.want->affinity,
			cpus_online_mask());
	if (!allowed(plan.id) && (plan.want->affinity & cpus_online_mask()))
		return vm_fail(err, -EBUSY, "'%s': the schedule leaves no time on CPUs 0x%lx",
			       vm->name, plan.want->affinity);
	if (!allowed(plan.id))
		return vm_fail(err, -EINVAL, "CPU mask 0x%lx names no CPU that is online (0x%lx)",
			       plan.want->affinity, cpus_online_mask());
	if (share_of(plan.want) && any_open_but_for_budgets())
		return refuse_budget(vm, err);
	if (plan.want->dedicated && plan.want->cpus > 1 && word_weight(own) < plan.want->cpus)
		return vm_fail(
			err, -EBUSY,
			"'%s' has %u vCPUs, each wants a CPU of its own, and may run on %u beside "
			"cpu0, which has the shell (`zvm new -c` makes fewer)",
			vm->name, plan.want->cpus, word_weight(own));
	list_occupants(who, sizeof(who));
	if (plan.want->dedicated)
		return vm_fail(err, -EBUSY, "'%s' wants %u CPU%s of its own: %s", vm->name,
			       plan.want->cpus, plan.want->cpus == 1 ? "" : "s", who);
	return vm_fail(err, -EBUSY, "'%s' finds no CPU: %s, of its own", vm->name, who);
}

/* A vCPU of the VM of the plan stays on its CPU; if that is to be its own, ordinary ones leave it. */
static bool may_stay(u32 cpu)
{
	if (open_to(plan.id, cpu))
		return true;
	return plan.want->dedicated && cpu &&
	       (allowed(plan.id) & ~real_time_cpus(plan.id) & BIT(cpu)) && clear(cpu);
}

static void start_plan(const struct vm *vm, const struct vm_desc *want)
{
	plan.id = vm->id;
	plan.want = want;
	plan.name = vm->name;
	plan.closed = MAX_CPUS;
	for (u32 id = 0; id < MAX_VMS; id++) {
		const struct vm *other = id == vm->id ? NULL : vm_by_id(id);

		for (u32 i = 0; i < VM_MAX_VCPUS; i++)
			plan.cpu[id][i] = other && i < other->nvcpus ? (u8)other->vcpus[i]->cpu
								     : NOWHERE;
	}
}

int vm_sched_plan(const struct vm *vm, const struct vm_desc *want, struct vm_error *err)
{
	u8 *cpu = plan.cpu[vm->id];

	start_plan(vm, want);
	if (schedule_cpus_of(vm->name) && (want->budget_us || want->dedicated))
		return vm_fail(err, -EINVAL, "'%s' has windows: %s goes not with them", vm->name,
			       want->dedicated ? "dedicated" : "a budget");
	for (u32 i = 0; i < vm->nvcpus; i++)
		if (may_stay(vm->vcpus[i]->cpu))
			cpu[i] = (u8)vm->vcpus[i]->cpu;
	for (u32 i = 0; i < want->cpus; i++) {
		if (cpu[i] == NOWHERE)
			cpu[i] = choose(vm->id);
		if (cpu[i] == NOWHERE && want->dedicated)
			cpu[i] = choose_cleared();
		if (cpu[i] == NOWHERE)
			return refuse(vm, err);
	}
	if (vm_sched_is_real_time(want))
		give_way();
	return 0;
}

u32 vm_sched_room(const struct vm *vm, u32 index, u64 cpus)
{
	u8 cpu;

	if (vm_sched_is_real_time(&vm->desc) || schedule_cpus_of(vm->name))
		return MAX_CPUS;
	start_plan(vm, &vm->desc);
	for (u32 i = 0; i < vm->nvcpus; i++)
		if (i != index)
			plan.cpu[vm->id][i] = (u8)vm->vcpus[i]->cpu;
	cpu = choose_of(vm->id, cpus & ~real_time_cpus(vm->id) & ~BIT(vm->vcpus[index]->cpu));
	return cpu == NOWHERE ? MAX_CPUS : cpu;
}

u32 vm_sched_planned(const struct vm *vm, u32 index)
{
	return plan.cpu[vm->id][index];
}
