/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs that have vCPU threads on CPUs and nothing else, for tests of where they run. They never
 * start.
 */
#ifndef PLACED_H
#define PLACED_H

#include "unit_boot.h"

#include <vmm/life.h>

/* The error text of planning and of vm_set(). */
extern struct vm_error placed_err;

/* The CPUs of the cleaner. */
extern u64 placed_cleaner;

/* VM number id, fit to be placed: as many vCPUs, priority 20, on any CPU. */
struct vm *placed_vm(u32 id, const char *name, u32 cpus);
/* Plan for it, make its threads and list it under that number. 0, or the plan's errno. */
int place(struct vm *vm);
void unplace(struct vm *vm);
/* Teardown of a test: removes all of them. */
int placed_teardown(void **state);

#endif
