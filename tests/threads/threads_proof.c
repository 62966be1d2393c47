/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sanitizer makes of two CPUs here: it reports what is not ordered, and nothing else. A
 * part of it that saw too little would let the other programs of this folder pass.
 */
#include "storm.h"

#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>

static u32 reports;

void __tsan_on_report(void *report);
void __tsan_on_report(void *report)
{
	(void)report;
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

/* A report is not the end: it is asked for. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "exitcode=0";
}

static struct spinlock lock = SPINLOCK_INIT(LOCK_WAIT);
static u64 data[8];
static bool ready; /* atomic */
static struct thread writer;

static void write_locked(void)
{
	unsigned long flags = spin_lock_irqsave(&lock);

	data[0]++;
	spin_unlock_irqrestore(&lock, flags);
}

static void write_once(void)
{
	WRITE_ONCE(data[1], 1);
	(void)READ_ONCE(data[1]);
}

static void write_plainly(void)
{
	data[2]++;
}

static void note(void *arg)
{
	*(u64 *)arg += data[3];
}

/* The call's interrupt and its answer carry what either CPU wrote. */
static void write_by_call(void)
{
	u64 there = 0;

	data[3]++;
	ipi_call(2, note, &there);
	data[3] += there;
}

/* Of a thread that moves, only the kernel's order is known: what it hands over it sees. */
static void write_on_the_move(void)
{
	for (u32 i = 0; i < 8; i++) {
		data[5]++;
		must(!thread_set_affinity(&writer, BIT(1 + i % 2)));
	}
}

static void write_relaxed(void)
{
	data[4]++;
	__atomic_store_n(&ready, true, __ATOMIC_RELAXED);
}

static void (*writes)(void);

static void write_there(void *arg)
{
	(void)arg;
	writes();
}

/* Reports while two CPUs do this, one soon after the other. */
static u32 reported(void (*fn)(void), void (*after)(void))
{
	u32 before = __atomic_load_n(&reports, __ATOMIC_RELAXED);

	writes = fn;
	must(!thread_create(&writer, "writer", write_there, NULL, 20, BIT(1)));
	thread_start(&writer);
	after();
	thread_join(&writer);
	return __atomic_load_n(&reports, __ATOMIC_RELAXED) - before;
}

static void nothing(void)
{
}

static void read_when_ready(void)
{
	while (!__atomic_load_n(&ready, __ATOMIC_RELAXED))
		arch_relax();
	data[4]++;
}

int main(int argc, char **argv)
{
	(void)storm_begin(argc, argv, 1);
	must(!reported(write_locked, write_locked));
	must(!reported(write_once, write_once));
	must(!reported(write_by_call, nothing));
	must(!reported(write_on_the_move, nothing));
	must(reported(write_plainly, write_plainly));
	must(reported(write_relaxed, read_when_ready));
	return 0;
}
