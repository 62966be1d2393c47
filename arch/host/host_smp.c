/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several CPUs on one host thread. Each is a flow of control that gives way when it idles, spins,
 * or is told to.
 */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <asm/smp.h>
#include <string.h>

#define SPINS_MAX 1000000
#define TURNS_MAX 10000

u32 host_cpu;
u64 host_counter;
struct host_processor host_processors[HOST_CPUS];

static u32 spins;

void host_smp_reset(void)
{
	memset(host_processors, 0, sizeof(host_processors));
	spins = 0;
	host_cpu = 0;
	host_counter = 0;
}

void host_set_cpu(u32 n)
{
	if (n >= HOST_CPUS)
		host_die("no such CPU");
	host_cpu = n;
}

static void run_cpu(u32 next)
{
	u32 self = host_cpu;

	host_cpu = next;
	host_fiber_switch(&host_processors[self].fiber, &host_processors[next].fiber);
	if (host_cpu != self)
		host_die("resumed as another CPU");
}

/* The next CPU in turn that can continue. HOST_CPUS: none. CPU 0 runs from the start. */
static u32 next_runnable(void)
{
	u32 n;

	for (n = 1; n < HOST_CPUS; n++) {
		u32 cpu = (host_cpu + n) % HOST_CPUS;
		const struct host_processor *p = &host_processors[cpu];

		if (p->suspended && (!p->idle || host_irq_waiting(cpu)))
			return cpu;
	}
	return HOST_CPUS;
}

/* Give the next runnable CPU a turn. False if there is none. */
static bool give_way(bool idle)
{
	struct host_processor *self = &host_processors[host_cpu];
	u32 next = next_runnable();

	if (next == HOST_CPUS)
		return false;
	self->suspended = true;
	self->idle = idle;
	run_cpu(next);
	self->suspended = false;
	self->idle = false;
	return true;
}

void host_relax(void)
{
	host_counter++;
	if (++spins > SPINS_MAX)
		host_die("spins for ever");
	(void)give_way(false);
}

static u64 earliest_deadline(u64 after)
{
	u64 first = UINT64_MAX;
	u32 cpu;

	for (cpu = 0; cpu < HOST_CPUS; cpu++)
		if (host_timer_deadline[cpu] > after)
			first = MIN(first, host_timer_deadline[cpu]);
	return first;
}

void host_idle(void)
{
	spins = 0;
	if (!arch_irqs_masked())
		host_die("arch_idle with interrupts unmasked");
	while (!host_irq_waiting(host_cpu)) {
		u64 deadline;

		if (give_way(true))
			continue;
		deadline = earliest_deadline(host_counter);
		if (deadline == UINT64_MAX)
			host_die("all CPUs are idle for ever");
		host_counter = deadline;
	}
}

void host_run_others(void)
{
	u32 turns;

	for (turns = 0; turns < TURNS_MAX && give_way(false); turns++)
		spins = 0;
	host_poll();
}

/* Let every CPU take its due interrupts. */
static void poll_all(void)
{
	u32 self, cpu;

	host_poll();
	self = host_cpu; /* read late: a switch may have moved this thread */
	for (cpu = 0; cpu < HOST_CPUS; cpu++) {
		if (host_processors[cpu].suspended || cpu == host_cpu || !host_percpu[cpu])
			continue;
		host_set_cpu(cpu);
		host_poll();
		host_set_cpu(self);
	}
	host_run_others();
}

void host_advance(u64 ticks)
{
	u64 target = host_counter + ticks;
	u64 deadline;

	if (!host_deliver) {
		host_counter = target;
		return;
	}
	while ((deadline = earliest_deadline(host_counter)) <= target && deadline != UINT64_MAX) {
		host_counter = deadline;
		poll_all();
	}
	host_counter = MAX(host_counter, target);
	poll_all();
}
