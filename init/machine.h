/* SPDX-License-Identifier: Apache-2.0 */
/* Startup that the hypervisor and the RTOS share. Boot CPU, in the order of these calls. */
#ifndef INIT_MACHINE_H
#define INIT_MACHINE_H

#include <lib/types.h>

/*
 * Handle the result of starting a part. must(): the part is needed; on an error, log it and halt.
 * may(): the part may be absent (-ENODEV); on any other error, warn.
 */
void must(int r, const char *what);
void may(int r, const char *what);

/*
 * Start the page allocator, the CPUs' descriptions, the scheduler, the interrupt controller and the
 * timer. Afterwards the caller is thread 'main', interrupts are on, and log lines carry their time.
 */
void machine_start_kernel(void);
/* Seed the random numbers. */
void machine_start_random(void);
/* Start the secondary CPUs. The log names each CPU that does not start. */
void machine_start_cpus(void);

#endif
