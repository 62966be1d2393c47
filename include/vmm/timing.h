/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration promises its real-time VMs: how late a timer interrupt can be, and when a
 * VM's tasks end at the latest. docs/real-time.md derives the terms. Pure: the same code computes
 * at the desk (tools/zvm-check --timing) and when a VM is created or changed.
 *
 * Times are nanoseconds.
 */
#ifndef VMM_TIMING_H
#define VMM_TIMING_H

#include <vmm/desc.h>

/*
 * The terms of the bound in docs/real-time.md, in instructions. TIMING_SECTION is the longest M
 * that any run of tools/interference and tools/hostile has seen, rounded up to what reading the
 * code gives for the longest fold (both tools fail if one is longer); the others are from
 * docs/performance.md.
 */
#define TIMING_SECTION   4000 /* M: a section with interrupts masked */
#define TIMING_FORWARD   450  /* F: forwarding an EL1 timer's interrupt to the guest that runs */
#define TIMING_GUEST     150  /* G: the guest's handler of its other timer */
#define TIMING_EXIT      45   /* saving and restoring registers, which no section contains */
#define TIMING_DEDICATED 200  /* timer to vector on a dedicated CPU, the first */

/* A VM of the configuration. All of them count, since a running VM costs CPU 0 a timeout. */
struct timing_vm {
	const char *name;
	const struct vm_desc *desc;
	u64 cpus; /* physical CPUs where its vCPUs may run, a bit each; not 0 */
	bool real_time;
};

struct timing_set {
	const struct timing_vm *vms;
	u32 count;
	const struct schedule *schedule; /* or NULL */
	u64 section;                     /* M */
	u64 others;                      /* 2 F + G + 3 exits */
	u64 dedicated;
};

/* A set whose terms are the constants above, if an instruction takes so long. */
struct timing_set timing_at(u64 instruction_ps);

/* Why a VM's time is what it is. */
enum timing_supply { TIMING_OWN_CPU, TIMING_WINDOWS, TIMING_BUDGET, TIMING_PRIORITY };

struct timing_result {
	enum timing_supply supply;
	u32 cpu;      /* the one of its CPUs where it is worst */
	u32 timeouts; /* sections of other timeouts that are due at the same time */
	u64 wake;     /* from the due time to the vector, if no other VM has the CPU */
	u64 wait;     /* until it has the CPU: others' budgets, windows, its own budget */
	u64 late;     /* wake + wait: the bound of its timers' lateness */
	/* Of each task, from when it is due to its end. */
	u64 response[DESC_TASKS_MAX];
};

/*
 * Compute VM `index` of the set, which is real-time. 0. -ENOSPC: it has no bound, or a task misses
 * its deadline; the arithmetic is in `why`. Any context; some milliseconds for tasks with long
 * deadlines and short periods.
 */
int __must_check timing_of(const struct timing_set *s, u32 index, struct timing_result *r,
			   char *why, size_t size);

#endif
