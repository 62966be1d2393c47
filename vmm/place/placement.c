/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement: a table with the CPU of every vCPU of the machine is changed, looked at, and only then
 * carried out. CPU 0 has the shell, its services and all shared interrupts: it is nobody's own.
 */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
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
static u64 dedicated_now; /* CPUs whose guest waits without a trap */

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
 * The fewest vCPUs of this VM, then the fewest of all VMs, then the highest number (the shell and
 * its interrupts are on CPU 0). NOWHERE: none is open.
 */
static u8 choose(u32 id)
{
	u32 fewest = UINT32_MAX;
	u8 best = NOWHERE;

	for (u32 cpu = MAX_CPUS; cpu-- > 0;) {
		u32 load = planned_of(id, cpu) * MAX_VMS * VM_MAX_VCPUS + planned_on(cpu);

		if (open_to(id, cpu) && load < fewest) {
			best = (u8)cpu;
			fewest = load;
		}
	}
	return best;
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
	list_occupants(who, sizeof(who));
	if (plan.want->dedicated)
		return vm_fail(err, -EBUSY, "'%s' wants %u CPU%s of its own: %s", vm->name,
			       plan.want->cpus, plan.want->cpus == 1 ? "" : "s", who);
	return vm_fail(err, -EBUSY, "'%s' finds no CPU: %s, of its own", vm->name, who);
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
		if (open_to(vm->id, vm->vcpus[i]->cpu))
			cpu[i] = (u8)vm->vcpus[i]->cpu;
	for (u32 i = 0; i < want->cpus; i++) {
		if (cpu[i] == NOWHERE)
			cpu[i] = choose(vm->id);
		if (cpu[i] == NOWHERE && want->dedicated)
			cpu[i] = choose_cleared();
		if (cpu[i] == NOWHERE)
			return refuse(vm, err);
	}
	return 0;
}

u32 vm_sched_planned(const struct vm *vm, u32 index)
{
	return plan.cpu[vm->id][index];
}

/* ---- carrying it out ---- */

static void wait_untrapped(void *arg __unused)
{
	arch_guest_trap_waits(false);
}

static void wait_trapped(void *arg __unused)
{
	arch_guest_trap_waits(true);
}

static void apply_waits(void)
{
	u64 own = 0, changed;

	for (u32 id = 0; id < MAX_VMS; id++) {
		const struct vm *vm = vm_by_id(id);

		for (u32 i = 0; vm && vm->desc.dedicated && i < vm->nvcpus; i++)
			own |= BIT(vm->vcpus[i]->cpu);
	}
	changed = own ^ dedicated_now;
	dedicated_now = own;
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		if (changed & BIT(cpu))
			ipi_call(cpu, own & BIT(cpu) ? wait_untrapped : wait_trapped, NULL);
}

void vm_sched_gone(void)
{
	apply_waits();
}

static struct sched_params params_of(const struct vcpu *v)
{
	const struct vm_desc *d = &v->vm->desc;

	return (struct sched_params){
		.budget = us_to_ticks(d->budget_us),
		.period = us_to_ticks(d->period_us),
		.weight = d->priority < PRIO_DEFAULT ? 0 : d->weight,
		.window = schedule_cpus() & BIT(v->cpu) ? schedule_window_of(v->vm->name, v->cpu)
							: WINDOW_ALWAYS,
		.fifo = d->fifo,
	};
}

/*
 * Look and act under one lock: whichever of two threads comes last has seen what the other one did.
 */
static void apply_params(struct vcpu *v)
{
	unsigned long flags = spin_lock(&v->sched_lock);
	u8 lift = __atomic_load_n(&v->vm->lift, __ATOMIC_RELAXED);
	struct sched_params p = v->params;

	p.guarded = lift != PRIO_IDLE;
	thread_set_params(&v->thread, &p);
	thread_set_priority(&v->thread, MIN(v->prio, lift));
	spin_unlock(&v->sched_lock, flags);
	sched_preempt_point();
}

void vm_sched_enforce(struct vm *vm)
{
	for (u32 i = 0; i < vm->nvcpus; i++) {
		struct vcpu *v = vm->vcpus[i];
		unsigned long flags = spin_lock(&v->sched_lock);

		v->params = params_of(v);
		v->prio = (u8)vm->desc.priority;
		spin_unlock(&v->sched_lock, flags);
		apply_params(v);
	}
}

void vm_sched_refresh(struct vm *vm)
{
	for (u32 i = 0; i < vm->nvcpus; i++)
		apply_params(vm->vcpus[i]);
}

/* Its vCPUs are where the table says. True: some were not. */
static bool apply_places(struct vm *vm)
{
	bool moved = false;

	for (u32 i = 0; i < vm->nvcpus; i++) {
		struct vcpu *v = vm->vcpus[i];
		u8 cpu = plan.cpu[vm->id][i];

		if (cpu == NOWHERE || cpu == v->cpu)
			continue;
		v->cpu = cpu;
		moved = true;
		if (thread_set_affinity(&v->thread, BIT(cpu)))
			panic("a CPU of the plan is offline");
	}
	return moved;
}

void vm_sched_apply(void)
{
	for (u32 id = 0; id < MAX_VMS; id++) {
		struct vm *vm = vm_by_id(id);

		if (vm && apply_places(vm))
			vm_sched_enforce(vm);
	}
	apply_waits();
}

void vm_budget_stats(const struct vm *vm, struct vm_budget_stats *s)
{
	*s = (struct vm_budget_stats){ .throttled = 0 };
	for (u32 i = 0; i < vm->nvcpus; i++) {
		const struct thread *t = &vm->vcpus[i]->thread;

		s->throttled += t->server.throttled;
		s->missed += t->server.period && t->state == THREAD_READY
				     ? server_missed(&t->server, arch_counter())
				     : t->server.missed;
	}
}
