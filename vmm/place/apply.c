/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out a plan (placement.c): vCPUs' threads get their CPUs and parameters. */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/bitmap.h>
#include <vmm/place.h>

static u64 dedicated_now; /* CPUs whose guest waits without a trap */

static void wait_untrapped(void *arg __unused)
{
	arch_guest_trap_waits(false);
}

static void wait_trapped(void *arg __unused)
{
	arch_guest_trap_waits(true);
}

/* A guest that waits on a CPU of its own does not trap. */
static void apply_waits(u64 own)
{
	const u64 changed = own ^ dedicated_now;
	u32 cpu;

	dedicated_now = own;
	for_each_set_bit(cpu, changed)
		ipi_call(cpu, own & BIT(cpu) ? wait_untrapped : wait_trapped, NULL);
}

/*
 * The cleaner runs where no vCPU is bound, or else where none of a real-time VM is: on its CPU a
 * guest that waits does not always wait in place.
 */
static void apply_cleaner(u64 shared, u64 real_time)
{
	static u64 now = ~0UL;
	const u64 online = cpus_online_mask();
	const u64 cpus = online & ~shared ? online & ~shared : online & ~real_time;

	if (cpus != now)
		page_cleaner_cpus(cpus);
	now = cpus;
}

/* What a CPU does depends on the VMs that use it. */
static void apply_uses(void)
{
	u64 own = 0, shared = 0, real_time = 0;
	const struct vcpu *v;
	const struct vm *vm;

	for_each_vm(vm) {
		u64 used = 0;

		for_each_vcpu(v, vm)
			used |= BIT(v->cpu);
		shared |= used;
		own |= vm->desc.dedicated ? used : 0;
		real_time |= vm_sched_is_real_time(&vm->desc) ? used : 0;
	}
	apply_waits(own);
	apply_cleaner(shared, real_time);
}

/*
 * An ordinary VM changes no CPU's use but for the cleaner, which may go on where it was until the
 * next change: deleting such a VM does not walk the others.
 */
void vm_sched_gone(const struct vm_desc *d)
{
	if (vm_sched_is_real_time(d))
		apply_uses();
	vm_mover_look();
}

static struct sched_params params_of(const struct vcpu *v)
{
	const struct vm_desc *d = &v->vm->desc;
	const struct schedule *s = schedule_now();

	return (struct sched_params){
		.budget = us_to_ticks(d->budget_us),
		.period = us_to_ticks(d->period_us),
		.weight = d->priority < PRIO_DEFAULT ? 0 : d->weight,
		.window = schedule_cpus(s) & BIT(v->cpu)
				  ? schedule_window_of(s, v->vm->name, v->cpu)
				  : WINDOW_ALWAYS,
		.fifo = d->fifo,
	};
}

/* Look and act under one lock: the later of two threads has seen what the other one did. */
static void apply_params(struct vcpu *v)
{
	unsigned long flags = spin_lock_irqsave(&v->sched_lock);
	u8 lift = __atomic_load_n(&v->vm->lift, __ATOMIC_RELAXED);
	struct sched_params p = v->params;

	p.guarded = lift != PRIO_IDLE;
	thread_set_params(&v->thread, &p);
	thread_set_priority(&v->thread, MIN(v->prio, lift));
	spin_unlock_irqrestore(&v->sched_lock, flags);
	sched_preempt_point();
}

static void enforce(struct vcpu *v)
{
	unsigned long flags = spin_lock_irqsave(&v->sched_lock);

	v->params = params_of(v);
	v->prio = (u8)v->vm->desc.priority;
	spin_unlock_irqrestore(&v->sched_lock, flags);
	apply_params(v);
}

void vm_sched_enforce(struct vm *vm)
{
	struct vcpu *v;

	for_each_vcpu(v, vm)
		enforce(v);
}

void vm_sched_refresh(struct vm *vm)
{
	struct vcpu *v;

	for_each_vcpu(v, vm)
		apply_params(v);
}

void vm_sched_move(struct vcpu *v, u32 cpu)
{
	v->cpu = cpu;
	if (thread_set_affinity(&v->thread, BIT(cpu)))
		panic("a CPU of the plan is offline");
	enforce(v); /* windows belong to a CPU */
}

void vm_sched_apply(void)
{
	const struct vm *vm;
	struct vcpu *v;

	for_each_vm(vm) {
		for_each_vcpu(v, vm) {
			const u32 cpu = vm_sched_planned(vm, v->index);

			if (cpu < MAX_CPUS && cpu != v->cpu)
				vm_sched_move(v, cpu);
		}
	}
	apply_uses();
	vm_mover_look();
}

void vm_budget_stats(const struct vm *vm, struct vm_budget_stats *s)
{
	const struct vcpu *v;

	*s = (struct vm_budget_stats){ .throttled = 0 };
	for_each_vcpu(v, vm) {
		const struct thread *t = &v->thread;

		s->throttled += t->server.throttled;
		s->missed += t->server.period && t->state == THREAD_READY
				     ? server_missed(&t->server, arch_counter())
				     : t->server.missed;
	}
}
