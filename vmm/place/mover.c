/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves vCPUs of ordinary VMs to CPUs with room, after their start. Once a second, as long as two
 * vCPUs share a CPU and one of them could be elsewhere, it looks at counters that the scheduler
 * keeps anyway: how long CPUs were idle, and how long vCPUs were ready without running. Its work in
 * thread context masks no interrupts. The move itself is the scheduler's.
 */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <vmm/place.h>

#define PERIOD_MS      1000
#define IDLE_PERMILLE  900 /* of the time since the last look: the CPU counts as idle */
#define WAITS_PERMILLE 250 /* the vCPU does not get the CPU when it needs it */
#define MOVER_PRIORITY 18

/* The counters at the last look, and for how many looks in a row a condition held. */
static struct {
	u64 when;
	u64 idle[MAX_CPUS];
	u8 idle_for[MAX_CPUS];
} last; /* for vCPUs: vcpu.looked */

/* CPUs with more than one vCPU, and CPUs with one of a real-time VM. */
struct company {
	u64 shared, real_time;
};

static struct company find_company(void)
{
	struct company c = { .shared = 0 };
	const struct vm *vm;
	const struct vcpu *v;
	u64 any = 0;

	for_each_vm(vm) {
		for_each_vcpu(v, vm) {
			const u64 cpu = BIT(v->cpu);

			c.shared |= any & cpu;
			any |= cpu;
			if (desc_is_real_time(&vm->desc))
				c.real_time |= cpu;
		}
	}
	return c;
}

/* An estimate: the thread may be switching. */
static u64 waited(const struct thread *t, u64 now)
{
	const u64 since = READ_ONCE(t->ready_since), ticks = READ_ONCE(t->ready_ticks);

	return ticks + (READ_ONCE(t->state) == THREAD_READY && now > since ? now - since : 0);
}

/* The share of `passed` in which a counter grew. A counter that fell belongs to another thread. */
static u64 permille(u64 count, u64 *before, u64 passed)
{
	const u64 more = count > *before ? count - *before : 0;

	*before = count;
	return more * 1000 / MAX(passed, 1);
}

static void count_looks(u8 *looks, bool so)
{
	*looks = so ? (u8)MIN(*looks + 1, MOVER_SECONDS) : 0;
}

/* CPUs that have long been idle. */
static u64 look_at_cpus(u64 passed)
{
	u64 idle = 0;
	u32 cpu;

	for_each_cpu(cpu) {
		const u64 share = permille(sched_idle_ticks(cpu), &last.idle[cpu], passed);

		count_looks(&last.idle_for[cpu], share >= IDLE_PERMILLE);
		if (last.idle_for[cpu] == MOVER_SECONDS)
			idle |= BIT(cpu);
	}
	return idle & cpus_online_mask();
}

/*
 * A vCPU that has long had to wait, or has shared its CPU with a real-time VM, and that has
 * somewhere to go.
 */
struct candidate {
	struct vcpu *v;
	u32 to;
	u64 share;
};

static bool look_at_vcpu(struct vcpu *v, struct sched_plan *p, const struct company *c, u64 idle,
			 u64 passed, struct candidate *best)
{
	const u64 share = permille(waited(&v->thread, last.when), &v->looked.waited, passed);
	const bool shares = (c->shared & BIT(v->cpu)) &&
			    vm_sched_room(p, v->vm, v->index, ~0UL) != MAX_CPUS;
	u32 to;

	count_looks(&v->looked.waits_for,
		    shares && (share >= WAITS_PERMILLE ||
			       ((c->real_time & BIT(v->cpu)) && vm_sched_keeps_off(&v->vm->desc))));
	if (v->looked.waits_for < MOVER_SECONDS || (best->v && best->share >= share))
		return shares;
	to = vm_sched_room(p, v->vm, v->index, idle);
	if (to != MAX_CPUS)
		*best = (struct candidate){ .v = v, .to = to, .share = share };
	return shares;
}

static void forget_looks(void)
{
	const struct vm *vm;
	struct vcpu *v;

	memset(last.idle_for, 0, sizeof(last.idle_for));
	for_each_vm(vm)
		for_each_vcpu(v, vm)
			v->looked.waits_for = 0;
}

bool vm_mover_step(bool first)
{
	const struct company c = find_company();
	const u64 now = arch_counter(), passed = now - last.when;
	struct candidate best = { .v = NULL };
	const struct vm *vm;
	struct sched_plan p;
	struct vcpu *v;
	bool any = false;
	u64 idle;

	vm_sched_look(&p);
	last.when = now;
	idle = look_at_cpus(passed);
	for_each_vm(vm)
		for_each_vcpu(v, vm)
			any |= look_at_vcpu(v, &p, &c, idle, passed, &best);
	if (best.v && !first) {
		log_info("vm %u '%s': vcpu %u moves from cpu%u to cpu%u, which was idle",
			 best.v->vm->id, best.v->vm->name, best.v->index, best.v->cpu, best.to);
		vm_sched_put(&p, best.v->vm, best.v->index, best.to);
		vm_sched_apply(&p);
	}
	if (best.v || first)
		forget_looks();
	return any;
}

/* ---- the thread ---- */

static struct wait_queue wq = WAIT_QUEUE_INIT(wq, LOCK_WAIT);
static bool wanted; /* written under the lifecycle lock */

void vm_mover_look(void)
{
	__atomic_store_n(&wanted, true, __ATOMIC_RELAXED);
	wait_wake_all(&wq);
}

static bool locked_step(bool first)
{
	bool more;

	vmm_lock();
	more = vm_mover_step(first);
	if (!more)
		__atomic_store_n(&wanted, false, __ATOMIC_RELAXED);
	vmm_unlock();
	return more;
}

static void mover_main(void *arg __unused)
{
	for (;;) {
		wait_until(&wq, __atomic_load_n(&wanted, __ATOMIC_RELAXED));
		for (bool more = locked_step(true); more; more = locked_step(false))
			thread_sleep_ms(PERIOD_MS);
	}
}

int vm_mover_start(void)
{
	static struct thread mover;
	int err = thread_create(&mover, "mover", mover_main, NULL, MOVER_PRIORITY, BIT(0));

	if (err)
		return err;
	/* The shell may wait for the lock that this thread holds. */
	thread_set_params(&mover, &sched_guarded);
	thread_start(&mover);
	return 0;
}
