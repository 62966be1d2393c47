/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the fake machine, for tests without its kernel (unit_boot.h). */
#ifndef UNIT_MEMORY_H
#define UNIT_MEMORY_H

#include <arch/cpu.h>
#include <asm/host.h>
#include <kernel/percpu.h>
#include <kernel/ram.h>
#include <unit.h>

/* The machine is just powered on, and pages can be allocated; what was allocated before is lost. */
static inline void unit_memory(void)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), MIB(16) };

	host_reset();
	arch_set_percpu(&percpus[0]);
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
}

#endif
