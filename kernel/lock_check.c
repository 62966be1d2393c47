/* SPDX-License-Identifier: Apache-2.0 */
/* Lock checks, in builds that have them (include/debug/kernel/lock_check.h). */
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>

static const char *const names[LOCK_RANKS] = {
	[LOCK_UNRANKED] = "unranked", [LOCK_LIFECYCLE] = "lifecycle",
	[LOCK_RTOS] = "rtos",         [LOCK_VM_STATE] = "vm state",
	[LOCK_SCHED] = "schedule",    [LOCK_UART_WRITERS] = "uart writers",
	[LOCK_UART] = "uart",         [LOCK_PORT] = "port",
	[LOCK_NET] = "network",       [LOCK_DEVICE] = "device",
	[LOCK_VGIC] = "vgic",         [LOCK_CONSOLE] = "console",
	[LOCK_DISK] = "disk",         [LOCK_VIRTIO] = "virtio",
	[LOCK_SHELL] = "shell",       [LOCK_PI] = "inheritance",
	[LOCK_WAIT] = "wait queue",   [LOCK_MSGQ_WRITERS] = "message queue writers",
	[LOCK_THREADS] = "threads",   [LOCK_PARAMS] = "parameters",
	[LOCK_TIMEOUTS] = "timeouts", [LOCK_IRQ] = "interrupts",
	[LOCK_VMID] = "vmid",         [LOCK_MAP] = "map",
	[LOCK_ALLOC] = "alloc",       [LOCK_PAGE] = "page",
	[LOCK_LOG] = "log",           [LOCK_ECHO] = "echo",
	[LOCK_STREAM] = "stream",     [LOCK_TRACE] = "trace",
	[LOCK_PCI] = "pci",
};

/* Spinlocks held by each CPU. */
static struct lock_held spinlocks[MAX_CPUS];

/* By rank, of all CPUs. */
static u64 taken[LOCK_RANKS], waits[LOCK_RANKS];

const char *lock_rank_name(u32 rank)
{
	return rank < LOCK_RANKS ? names[rank] : NULL;
}

/* The number of this CPU; the boot CPU's before there is per-CPU data. Interrupts masked. */
static u32 cpu_id(void)
{
	const struct percpu *pc = this_cpu();

	return pc ? pc->id : 0;
}

/*
 * The running thread. NULL before there are threads. Any context: masked, because the thread could
 * move between reading the CPU and its current thread.
 */
static struct thread *running(void)
{
	unsigned long flags = arch_irq_save();
	const struct percpu *pc = this_cpu();
	struct thread *t = pc ? pc->current : NULL;

	arch_irq_restore(flags);
	return t;
}

/* Mutexes that the running thread holds. */
static struct lock_held *mutexes(void)
{
	static struct lock_held early;
	struct thread *self = running();

	return self ? &self->mutexes : &early;
}

static const char *holder_name(const struct lock_check *c)
{
	return c->holder ? c->holder->name : "none";
}

static __noreturn void refuse(const struct lock_check *c, u64 at, const char *why)
{
	panic("lock '%s' %lx at %lx: %s", names[c->rank], (u64)c, at, why);
}

/* The same, because of the held lock `other`. */
static __noreturn void refuse_for(const struct lock_check *c, u64 at, const char *why,
				  const struct lock_check *other)
{
	panic("lock '%s' %lx at %lx: %s '%s' %lx of CPU %u, thread '%s', since %lx", names[c->rank],
	      (u64)c, at, why, names[other->rank], (u64)other, other->cpu, holder_name(other),
	      other->taken_at);
}

static void check_order(const struct lock_held *held, const struct lock_check *c, u64 at)
{
	const struct lock_check *other;

	if (!c->rank)
		refuse(c, at, "taken, but was not initialised");
	for (other = held->last; other; other = other->outer) {
		if (other == c)
			refuse_for(c, at, "taken by the holder of", other);
		if (other->rank >= c->rank)
			refuse_for(c, at, "taken inside of", other);
	}
}

static void add(struct lock_held *held, struct lock_check *c, u64 at)
{
	c->cpu = cpu_id();
	c->holder = running();
	c->taken_at = at;
	c->outer = held->last;
	held->last = c;
}

/* Locks may be released in any order. */
static void take_out(struct lock_held *held, const struct lock_check *c)
{
	struct lock_check **link = &held->last;

	while (*link && *link != c)
		link = &(*link)->outer;
	if (*link)
		*link = c->outer;
}

/* ---- spinlocks ---- */

#define CALLER ((u64)__builtin_return_address(0))

void lock_check_wanted(const struct lock_check *c)
{
	if (!arch_irqs_masked())
		refuse(c, CALLER, "taken with interrupts unmasked");
	check_order(&spinlocks[cpu_id()], c, CALLER);
}

void lock_check_waits(const struct lock_check *c)
{
	__atomic_fetch_add(&waits[c->rank], 1, __ATOMIC_RELAXED);
}

bool lock_counts(u32 rank, struct lock_counts *counts)
{
	if (rank >= LOCK_RANKS)
		return false;
	counts->name = names[rank];
	counts->taken = __atomic_load_n(&taken[rank], __ATOMIC_RELAXED);
	counts->waits = __atomic_load_n(&waits[rank], __ATOMIC_RELAXED);
	return true;
}

void lock_check_taken(struct lock_check *c)
{
	__atomic_fetch_add(&taken[c->rank], 1, __ATOMIC_RELAXED);
	c->depth = 1;
	add(&spinlocks[cpu_id()], c, CALLER);
}

void lock_check_released(struct lock_check *c)
{
	if (!c->depth)
		refuse(c, CALLER, "released, but is free");
	if (c->cpu != cpu_id())
		refuse_for(c, CALLER, "released, but is", c);
	c->depth = 0;
	take_out(&spinlocks[cpu_id()], c);
}

void lock_check_unlocked(void)
{
	if (!arch_irqs_masked())
		lock_check_no_spinlock("unmasks interrupts");
}

void lock_check_no_spinlock(const char *what)
{
	unsigned long flags = arch_irq_save();
	const struct lock_check *c = spinlocks[cpu_id()].last;

	if (c)
		panic("CPU %u %s with lock '%s' %lx held, since %lx", cpu_id(), what,
		      names[c->rank], (u64)c, c->taken_at);
	arch_irq_restore(flags);
}

/* ---- mutexes ---- */

void lock_check_mutex_wanted(const struct lock_check *c)
{
	const struct thread *self = running();

	lock_check_no_spinlock("takes a mutex");
	if (self && self->no_mutex)
		refuse(c, CALLER, "taken by a thread that may be kept off its CPU");
	if (!c->depth || c->holder != self)
		check_order(mutexes(), c, CALLER);
}

void lock_check_mutex_taken(struct lock_check *c)
{
	if (c->depth++ == 0)
		add(mutexes(), c, CALLER);
}

void lock_check_mutex_released(struct lock_check *c)
{
	if (!c->depth)
		refuse(c, CALLER, "released, but is free");
	if (c->holder != running())
		refuse_for(c, CALLER, "released, but is", c);
	if (--c->depth == 0)
		take_out(mutexes(), c);
}

void lock_check_no_lock(const char *what)
{
	const struct lock_check *c = mutexes()->last;

	lock_check_no_spinlock(what);
	if (c)
		panic("thread '%s' %s with lock '%s' %lx held, since %lx", holder_name(c), what,
		      names[c->rank], (u64)c, c->taken_at);
}

void lock_check_forget(void)
{
	struct lock_check *c;

	while ((c = spinlocks[cpu_id()].last))
		lock_check_released(c);
	while ((c = mutexes()->last)) {
		c->depth = 0;
		take_out(mutexes(), c);
	}
}
