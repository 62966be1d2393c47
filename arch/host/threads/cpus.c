/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs that are host threads, and the counter. */
#include <arch/cpu.h>
#include <asm/smp.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

/* Ticks that pass with a reading of the counter, and with a look for interrupts while idle. */
#define TICKS_READ 16
#define TICKS_IDLE 1250 /* 20 us */
/* An idle CPU looks this often before it sleeps, for so long in between. */
#define IDLE_LOOKS    32
#define IDLE_SLEEP_NS 50000

static __thread u32 cpu_number;
static u64 counter;

/* Not to be inlined or called once for two: see asm/host.h. */
__attribute__((noipa)) u32 host_this_cpu(void)
{
	return cpu_number;
}

static u64 pass(u64 ticks)
{
	return __atomic_add_fetch(&counter, ticks, __ATOMIC_RELAXED);
}

u64 host_now(void)
{
	return pass(TICKS_READ);
}

/* There is one power-on: the state at the program's start. */
void host_smp_reset(void)
{
}

void host_set_cpu(u32 n)
{
	if (n != host_cpu)
		host_die("a CPU is a thread");
}

void host_run_others(void)
{
	host_poll();
}

void host_relax(void)
{
	host_poll();
	sched_yield();
}

void host_idle(void)
{
	const struct timespec nap = { .tv_nsec = IDLE_SLEEP_NS };
	u32 looks = 0;

	if (!arch_irqs_masked())
		host_die("arch_idle with interrupts unmasked");
	while (!host_irq_waiting(host_cpu)) {
		pass(TICKS_IDLE);
		if (++looks < IDLE_LOOKS)
			sched_yield();
		else
			nanosleep(&nap, NULL);
	}
}

static void *cpu_main(void *number)
{
	cpu_number = (u32)(uintptr_t)number;
	arch_irq_disable();
	arch_set_percpu(&percpus[host_cpu]);
	kernel_secondary_main(host_cpu);
}

/* The idle thread keeps the stack that it starts on, which is the host's. */
int arch_cpu_start(u64 hwid, u32 cpu, void *stack_top)
{
	pthread_t thread;

	(void)hwid;
	(void)stack_top;
	if (cpu >= HOST_CPUS || pthread_create(&thread, NULL, cpu_main, (void *)(uintptr_t)cpu))
		return -EINVAL;
	return 0;
}
