/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cleaner clears free blocks while its CPU has nothing better to do, so that a VM that needs
 * one seldom clears it itself. It takes a quarter of the CPU at most: a guest there that waits in
 * place (sched_idle_here()) seldom finds another thread when it continues.
 */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/page.h>
#include <kernel/percpu.h>

/* Ticks of rest for each tick of work. */
#define REST 3

/*
 * From a wake to the first work. Blocks come back when a VM is deleted or reset. In the latter case
 * it is about to be loaded again, and has the memory's bandwidth for itself.
 */
#define CALM_MS 20

static struct thread cleaner;
static bool may_run = true; /* atomic */

static void wake(void)
{
	thread_unpark(&cleaner);
}

static u64 ticks_used(void)
{
	unsigned long flags = arch_irq_save();
	u64 ticks = thread_cpu_ticks(&cleaner, arch_counter());

	arch_irq_restore(flags);
	return ticks;
}

/* Clean one block. False: there is none to clean, or it is not the time. */
static bool clean_block(void)
{
	bool done = false;

	while (!done)
		if (!__atomic_load_n(&may_run, __ATOMIC_RELAXED) || !page_clean_step(&done))
			return false;
	return true;
}

static void sleep(void)
{
	arch_irq_disable();
	thread_park();
	arch_irq_enable();
	thread_sleep_ms(CALM_MS);
}

static void cleaner_main(void *arg __unused)
{
	for (;;) {
		u64 before = ticks_used();

		if (clean_block())
			thread_sleep_until(arch_counter() + REST * (ticks_used() - before));
		else
			sleep();
	}
}

void page_cleaner_cpus(u64 mask)
{
	bool allowed = mask && !thread_set_affinity(&cleaner, mask);

	__atomic_store_n(&may_run, allowed, __ATOMIC_RELAXED);
	if (allowed)
		wake();
}

int page_cleaner_start(void)
{
	int err = thread_create(&cleaner, "cleaner", cleaner_main, NULL, PRIO_LOWEST, 0);

	if (err)
		return err;
	page_set_cleaner(wake);
	thread_start(&cleaner);
	return 0;
}
