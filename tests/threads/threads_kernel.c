/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that lock, wait, sleep, move, call and wake each other on all CPUs, with changing
 * priorities and parameters, and others that look at them meanwhile. At the end nothing is lost.
 */
#include "storm.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/masked.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/sync.h>
#include <lib/errno.h>
#include <string.h>

#define WORKERS 8
#define LOCKS   3
#define US      (HOST_COUNTER_HZ / 1000000)

static struct thread workers[WORKERS];
static u32 rounds;

/* What a lock guards. */
static struct {
	struct mutex mutex;
	u64 count, twice;
} guarded[LOCKS];
static u64 added[WORKERS][LOCKS];

static struct sem tokens; /* as many as workers / 2 */
static struct msgq messages;
static u64 sent[WORKERS], received[WORKERS];
static u32 calls_made[WORKERS], calls_served[STORM_CPUS];
static u32 open_workers; /* atomic */

static struct {
	struct mutex mutex; /* one caller at a time */
	struct timeout timeout;
	u64 armed, disarmed, fired;
} alarms[2];

static u64 soon(u32 *seed)
{
	return arch_counter() + storm_draw(seed, 400) * US;
}

static void count_up(u32 n, u32 worker, u32 *seed)
{
	int err = 0;

	if (storm_draw(seed, 4))
		mutex_lock(&guarded[n].mutex);
	else
		err = mutex_lock_deadline(&guarded[n].mutex, storm_draw(seed, 3) ? soon(seed) : 0);
	if (err)
		return;
	must(guarded[n].twice == 2 * guarded[n].count);
	guarded[n].count++;
	if (storm_draw(seed, 3) == 0 && n + 1 < LOCKS)
		count_up(n + 1, worker, seed); /* a chain of owners that wait */
	else if (storm_draw(seed, 8) == 0)
		thread_sleep_until(soon(seed));
	guarded[n].twice += 2;
	added[worker][n]++;
	mutex_unlock(&guarded[n].mutex);
}

static void lock_some(u32 worker, u32 *seed)
{
	count_up(storm_draw(seed, LOCKS), worker, seed);
}

static void take_token(u32 worker, u32 *seed)
{
	(void)worker;
	if (sem_take(&tokens, soon(seed)))
		return;
	if (storm_draw(seed, 2))
		thread_yield();
	sem_give(&tokens);
}

static void pass_messages(u32 worker, u32 *seed)
{
	u64 message = storm_draw(seed, 1000);

	if (storm_draw(seed, 2)) {
		if (!msgq_put(&messages, &message, soon(seed)))
			sent[worker] += message;
	} else if (!msgq_get(&messages, &message, soon(seed))) {
		received[worker] += message;
	}
}

static void alarm_fired(struct timeout *timeout)
{
	u32 n = timeout == &alarms[1].timeout;

	alarms[n].fired++;
	if (alarms[n].fired % 8 == 0) { /* from its own function */
		timeout_set(timeout, arch_counter() + 20 * US);
		alarms[n].armed++;
	}
}

/* Timeouts that are cancelled and moved, by any CPU, while they fire. */
static void set_alarm(u32 worker, u32 *seed)
{
	u32 n = storm_draw(seed, 2);

	(void)worker;
	mutex_lock(&alarms[n].mutex);
	alarms[n].disarmed += timeout_cancel(&alarms[n].timeout);
	must(alarms[n].armed == alarms[n].disarmed + alarms[n].fired);
	alarms[n].armed++;
	timeout_set(&alarms[n].timeout, arch_counter() + storm_draw(seed, 30) * US);
	mutex_unlock(&alarms[n].mutex);
}

static void served(void *arg)
{
	u32 *here = arg;

	must(arch_irqs_masked());
	(*here)++;
	calls_served[host_cpu]++;
}

static void call_others(u32 worker, u32 *seed)
{
	u32 cpu = storm_draw(seed, STORM_CPUS), here = 0;
	unsigned long flags = 0;
	bool masked = storm_draw(seed, 4) == 0;

	if (masked)
		flags = arch_irq_save();
	ipi_call(cpu, served, &here);
	must(here == 1);
	calls_made[worker]++;
	if (masked)
		arch_irq_restore(flags);
}

static void move_another(u32 worker, u32 *seed)
{
	struct thread *t = &workers[storm_draw(seed, WORKERS)];

	(void)worker;
	must(!thread_set_affinity(t, 1 + storm_draw(seed, (1 << STORM_CPUS) - 1)));
}

static void urge_another(u32 worker, u32 *seed)
{
	(void)worker;
	thread_set_priority(&workers[storm_draw(seed, WORKERS)], (u8)(18 + storm_draw(seed, 8)));
}

static void share_anew(u32 worker, u32 *seed)
{
	struct sched_params p = sched_plain;

	(void)worker;
	switch (storm_draw(seed, 5)) {
	case 0:
		p.weight = 50 + storm_draw(seed, 200);
		break;
	case 1:
		p.budget = 500 * US;
		p.period = 1000 * US;
		break;
	case 2:
		p.guarded = true;
		break;
	case 3:
		p.fifo = true;
		break;
	default:
		break;
	}
	thread_set_params(&workers[storm_draw(seed, WORKERS)], &p);
}

static void use_memory(u32 worker, u32 *seed)
{
	size_t size = 1 + storm_draw(seed, 3000);
	u32 pages = 1 + storm_draw(seed, 20);
	u8 *small = kzalloc(size), *large = pages_alloc(pages);

	must(small && large);
	for (size_t i = 0; i < size; i += 7)
		must(!small[i]);
	memset(small, (int)worker, size);
	memset(large, (int)worker, pages * PAGE_SIZE);
	thread_yield();
	must(small[size - 1] == (u8)worker && large[pages * PAGE_SIZE - 1] == (u8)worker);
	kfree(small, size);
	pages_free(large, pages);
}

static void use_block(u32 worker, u32 *seed)
{
	paddr_t pa;

	(void)worker;
	(void)seed;
	if (!block_reserve(1))
		return;
	if (block_alloc(1, 1, &pa)) {
		if (!block_use(pa))
			arch_zero_to_memory(phys_to_virt(pa), BLOCK_SIZE);
		block_free(pa, 1);
	}
	block_unreserve(1);
}

static void wake_another(u32 worker, u32 *seed)
{
	(void)worker;
	thread_unpark(&workers[storm_draw(seed, WORKERS)]);
}

/* Two that wake each other do not both sleep: a parked one is woken by the last that is left. */
static void park(u32 worker, u32 *seed)
{
	unsigned long flags;

	(void)seed;
	thread_unpark(&workers[(worker + 1) % WORKERS]);
	if (__atomic_load_n(&open_workers, __ATOMIC_ACQUIRE) < WORKERS)
		return;
	flags = arch_irq_save();
	thread_park();
	arch_irq_restore(flags);
}

static void short_life(void *arg)
{
	u64 *done = arg;

	thread_sleep_until(arch_counter() + 50 * US);
	*done = 1;
}

static void have_child(u32 worker, u32 *seed)
{
	struct thread *child = kzalloc(sizeof(*child));
	u64 done = 0;
	bool starts = storm_draw(seed, 4);

	(void)worker;
	must(child && !thread_create(child, "child", short_life, &done, 20, 0));
	if (starts) {
		thread_start(child);
		thread_set_priority(child, 21);
	}
	thread_join(child);
	must(done == starts);
	kfree(child, sizeof(*child));
}

static u64 seen;

static void look(const struct thread *t, void *arg)
{
	u64 *threads = arg;

	must(READ_ONCE(t->state) <= THREAD_DEAD && READ_ONCE(t->prio) <= PRIO_IDLE);
	must(READ_ONCE(t->cpu) < STORM_CPUS);
	__atomic_fetch_add(&seen,
			   READ_ONCE(t->run_ticks) + READ_ONCE(t->switched_in_at) +
				   READ_ONCE(t->ready_ticks) + READ_ONCE(t->ready_since) +
				   READ_ONCE(t->switches) + READ_ONCE(t->guard_longest) +
				   READ_ONCE(t->affinity),
			   __ATOMIC_RELAXED);
	(*threads)++;
}

/* As the shell's commands do. */
static void look_around(u32 worker, u32 *seed)
{
	u32 cpu = storm_draw(seed, STORM_CPUS);
	struct masked_section worst[MASKED_WORST];
	struct irq_info info;
	struct page_stats pages;
	u64 threads = 0;

	(void)worker;
	__atomic_fetch_add(&seen, sched_idle_ticks(cpu) + irq_total(cpu) + ipi_total(cpu),
			   __ATOMIC_RELAXED);
	masked_get(cpu, worst);
	must(irq_next_info(0, &info));
	page_stats(&pages);
	thread_for_each(look, &threads);
	must(threads > WORKERS);
}

static void trace(u32 worker, u32 *seed)
{
	unsigned long flags = arch_irq_save();

	(void)seed;
	if (trace_wants(TRACE_SWITCHES))
		trace_event(TRACE_NOTIFY, arch_counter(), worker, 0, 0);
	arch_irq_restore(flags);
}

static void sleep(u32 worker, u32 *seed)
{
	(void)worker;
	thread_sleep_until(soon(seed));
}

static void (*const deeds[])(u32 worker, u32 *seed) = {
	lock_some,     lock_some,     lock_some,   take_token,  take_token,
	pass_messages, pass_messages, set_alarm,   call_others, move_another,
	urge_another,  share_anew,    use_memory,  use_block,   wake_another,
	park,          have_child,    look_around, trace,       sleep,
};

static void work(void *arg)
{
	u32 worker = (u32)(uintptr_t)arg, seed = storm_seed(worker);

	for (u32 i = 0; i < rounds; i++)
		deeds[storm_draw(&seed, ARRAY_SIZE(deeds))](worker, &seed);
	__atomic_fetch_sub(&open_workers, 1, __ATOMIC_RELEASE);
	for (u32 i = 0; i < WORKERS; i++)
		thread_unpark(&workers[i]);
}

/* ---- before and after ---- */

static u64 used_pages(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.pages_used;
}

static void prepare(void)
{
	static u8 buffer[4 * sizeof(u64)];

	for (u32 i = 0; i < LOCKS; i++)
		mutex_init(&guarded[i].mutex, LOCK_LIFECYCLE);
	for (u32 i = 0; i < ARRAY_SIZE(alarms); i++) {
		mutex_init(&alarms[i].mutex, LOCK_LIFECYCLE);
		timeout_init(&alarms[i].timeout, alarm_fired);
	}
	sem_init(&tokens, WORKERS / 2, WORKERS / 2);
	msgq_init(&messages, buffer, sizeof(u64), sizeof(buffer) / sizeof(u64));
	for (u32 cpu = 0; cpu < STORM_CPUS; cpu++) {
		percpus[cpu].trace.records =
			pages_alloc(TRACE_RING_RECORDS * sizeof(struct trace_record) / PAGE_SIZE);
		must(percpus[cpu].trace.records);
	}
}

static void check(void)
{
	u64 sum = 0, calls = 0;

	for (u32 n = 0; n < LOCKS; n++) {
		u64 all = 0;

		for (u32 i = 0; i < WORKERS; i++)
			all += added[i][n];
		must(guarded[n].count == all && guarded[n].twice == 2 * all);
		must(!guarded[n].mutex.owner);
	}
	for (u32 i = 0; i < WORKERS; i++) {
		sum += sent[i] - received[i];
		calls += calls_made[i];
	}
	for (u64 message; !msgq_get(&messages, &message, 0);)
		sum -= message;
	must(!sum);
	for (u32 cpu = 0; cpu < STORM_CPUS; cpu++)
		calls -= calls_served[cpu];
	must(!calls);
	must(tokens.count == WORKERS / 2);
	for (u32 n = 0; n < ARRAY_SIZE(alarms); n++) {
		alarms[n].disarmed += timeout_cancel(&alarms[n].timeout);
		must(alarms[n].armed == alarms[n].disarmed + alarms[n].fired);
	}
}

int main(int argc, char **argv)
{
	u32 seed;
	u64 pages;

	rounds = storm_begin(argc, argv, 1000);
	seed = storm_seed(WORKERS);
	prepare();
	pages = used_pages();
	open_workers = WORKERS;
	for (u32 i = 0; i < WORKERS; i++)
		must(!thread_create(&workers[i], "worker", work, (void *)(uintptr_t)i, 20, 0));
	for (u32 i = 0; i < WORKERS; i++)
		thread_start(&workers[i]);
	while (__atomic_load_n(&open_workers, __ATOMIC_ACQUIRE)) {
		trace_set_groups(storm_draw(&seed, 2) ? TRACE_SWITCHES | TRACE_IRQS : 0, 0, 0);
		look_around(0, &seed);
		thread_sleep_until(soon(&seed));
	}
	for (u32 i = 0; i < WORKERS; i++)
		thread_join(&workers[i]);
	trace_set_groups(0, 0, 0);
	check();
	storm_quiet();
	must(used_pages() == pages);
	return 0;
}
