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

/* What a CPU does depends on the vCPUs that use it. */
static void apply_uses(const struct sched_plan *p)
{
	u64 own = 0, shared = 0, real_time = 0;
	u32 cpu;

	for_each_cpu(cpu) {
		const struct sched_load *l = &p->cpus[cpu];

		shared |= l->vcpus ? BIT(cpu) : 0;
		own |= l->dedicated ? BIT(cpu) : 0;
		real_time |= l->real_time ? BIT(cpu) : 0;
	}
	apply_waits(own);
	apply_cleaner(shared, real_time);
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

/* One lock around reading and applying: of two threads, the later applies what is newest. */
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

static void move(struct vcpu *v, u32 cpu)
{
	v->cpu = cpu;
	if (thread_set_affinity(&v->thread, BIT(cpu)))
		panic("a CPU of the plan is offline");
	enforce(v); /* windows belong to a CPU */
}

static void apply_to(struct vm *vm)
{
	struct vcpu *v;

	for_each_vcpu(v, vm)
		if (vm->planned[v->index] != v->cpu)
			move(v, vm->planned[v->index]);
}

void vm_sched_apply(const struct sched_plan *p)
{
	struct vm *vm;

	vm_sched_adopt(p);
	if (p->moves_others)
		for_each_vm(vm)
			apply_to(vm);
	else if (p->vm)
		apply_to(p->vm);
	apply_uses(p);
}

void vm_sched_gone(struct vm *vm)
{
	struct sched_plan p;

	vm_sched_look(&p);
	vm_sched_remove(&p, vm);
	vm_sched_apply(&p);
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
