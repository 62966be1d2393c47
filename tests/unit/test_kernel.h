/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's tests share. The tests are the main thread of a machine booted once per program
 * (unit_boot); the threads that they start record what happens, and only the main thread asserts.
 */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#include "unit_boot.h"

#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/percpu.h>
#include <kernel/sync.h>
#include <lib/errno.h>
#include <string.h>

#define MS (HOST_COUNTER_HZ / 1000)

/* Of the tests themselves, in the middle of the priorities that they give to others. */
#define MAIN_PRIO 32

/* ---- what happened: a string that threads append to ---- */

static char trace[256] __unused;

static inline void mark(char c)
{
	size_t len = strlen(trace);

	if (len + 1 < sizeof(trace)) {
		trace[len] = c;
		trace[len + 1] = '\0';
	}
}

static inline void trace_reset(void)
{
	memset(trace, 0, sizeof(trace));
}

/* ---- threads ---- */

static inline void start(struct thread *t, const char *name, void (*fn)(void *), void *arg, u8 prio,
			 u64 affinity)
{
	if (thread_create(t, name, fn, arg, prio, affinity))
		host_die("thread_create");
	thread_start(t);
}

/* Use the CPU for a while, a tenth of a millisecond at a time. */
static inline void busy(u64 ticks)
{
	for (u64 n = 0; n < ticks; n += MS / 10)
		host_advance(MS / 10);
}

#endif
