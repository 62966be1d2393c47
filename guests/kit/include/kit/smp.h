/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs by PSCI. A CPU's number is its MPIDR.Aff0. */
#ifndef KIT_SMP_H
#define KIT_SMP_H

#include "kit/types.h"

/* As crt0.S found the CPU at its entry. */
struct cpu_arrival {
	uint64_t x0; /* devicetree or context id */
	uint64_t current_el;
	uint64_t sctlr;
	uint64_t daif;
	uint64_t spsel;
};

extern struct cpu_arrival cpu_arrival[KIT_MAX_CPUS];

/* Runs on a started CPU with interrupts masked; the CPU turns itself off when it returns. */
typedef void (*cpu_fn_t)(void *arg);

/*
 * CPUs there are, by asking PSCI AFFINITY_INFO until it says INVALID_PARAMETERS; at most
 * KIT_MAX_CPUS.
 */
unsigned int cpu_count(void);

/*
 * Starts fn on a CPU that is off, with that context id; PSCI's answer to the last CPU_ON. A CPU on
 * its way off is waited for.
 */
int32_t cpu_start(unsigned int cpu, cpu_fn_t fn, void *arg, uint64_t context);

/* Waits until the CPU is off; false if it is still on after us microseconds. */
bool cpu_wait_off(unsigned int cpu, uint64_t us);

/*
 * The guest's own part, on the boot CPU with interrupts masked. Returning powers the machine off.
 */
void guest_main(void);

/* Called by crt0.S. */
void kit_start(void);
void kit_start_secondary(unsigned int cpu);
void secondary_entry(void);

#endif
