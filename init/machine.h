/* SPDX-License-Identifier: Apache-2.0 */
/* What the hypervisor's and the RTOS's start share. Boot CPU, in the order of these calls. */
#ifndef INIT_MACHINE_H
#define INIT_MACHINE_H

#include <lib/types.h>

/* If r is an error of a part without which nothing works: say so and halt. Warn if it is one of a part that may be absent (-ENODEV). */
void must(int r, const char *what);
void may(int r, const char *what);

/*
 * Page allocator, the CPUs' descriptions, scheduler, interrupt controller, timer: afterwards the caller is thread 'main', interrupts are on, and log lines have
 * their time.
 */
void machine_start_kernel(void);
/* Seed the random numbers. */
void machine_start_random(void);
/* Start the secondary CPUs; says in the log which does not come. */
void machine_start_cpus(void);

#endif
