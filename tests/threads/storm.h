/* SPDX-License-Identifier: Apache-2.0 */
/* What storms of random operations share. */
#ifndef STORM_H
#define STORM_H

#include <lib/types.h>

#define STORM_CPUS 4

/* Not cmocka's: any CPU may find it. */
#define must(what)                           \
	do {                                 \
		if (!(what))                 \
			storm_broken(#what); \
	} while (0)
__noreturn void storm_broken(const char *what);

/*
 * From the program's arguments: SEED ROUNDS, or the ones given here. Prints them, starts the
 * kernel on STORM_CPUS CPUs; the caller is its thread `main` on CPU 0. Returns the rounds.
 */
u32 storm_begin(int argc, char **argv, u32 rounds);
/* The number of a random sequence of its own. */
u32 storm_seed(u32 n);

/* The next random number of a sequence, below `limit`. */
u32 storm_draw(u32 *seed, u32 limit);
/* Nothing is left to do in the kernel. On CPU 0, all others idle. */
void storm_quiet(void);

#endif
