/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include <arch/cpu.h>
#include <kernel/irq.h>
#include <stdio.h>
#include <stdlib.h>
#include <unit_boot.h>

static u32 first_seed;

__noreturn void storm_broken(const char *what)
{
	host_die(what);
}

u32 storm_begin(int argc, char **argv, u32 rounds)
{
	first_seed = argc > 1 ? (u32)atoi(argv[1]) : 1;
	if (argc > 2)
		rounds = (u32)atoi(argv[2]);
	printf("seed %u, %u rounds\n", first_seed, rounds);
	fflush(stdout);
	unit_boot(STORM_CPUS);
	return rounds;
}

u32 storm_seed(u32 n)
{
	return first_seed * 7919 + n * 104729 + 1;
}

u32 storm_draw(u32 *seed, u32 limit)
{
	*seed = *seed * 1664525 + 1013904223;
	return (u32)((u64)(*seed >> 8) * limit >> 24);
}

/* On each CPU: what it alone touches. */
static void look(void *arg)
{
	const struct percpu *pc = this_cpu();
	u32 *homed = arg;

	must(!pc->leaving && !pc->reap && !pc->calls);
	must(!pc->rq.ready);
	*homed += pc->homed;
}

void storm_quiet(void)
{
	u32 homed = 0;

	for (u32 cpu = 0; cpu < STORM_CPUS; cpu++)
		ipi_call(cpu, look, &homed);
	must(homed == 1);
}
