/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/smp.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/time.h"
#include "kit/uart.h"

_Static_assert(sizeof(struct cpu_arrival) == KIT_ARRIVAL_SIZE, "crt0.S");

static struct {
	cpu_fn_t fn;
	void *arg;
} start_of[KIT_MAX_CPUS];

unsigned int cpu_count(void)
{
	unsigned int count = 1;

	while (count < KIT_MAX_CPUS && hvc(PSCI_AFFINITY_INFO, count, 0, 0) >= 0)
		count++;
	return count;
}

bool cpu_wait_off(unsigned int cpu, uint64_t us)
{
	return wait_for(hvc(PSCI_AFFINITY_INFO, cpu, 0, 0) == PSCI_AFFINITY_OFF, us);
}

int32_t cpu_start(unsigned int cpu, cpu_fn_t fn, void *arg, uint64_t context)
{
	(void)cpu_wait_off(cpu, 10000000);
	start_of[cpu].arg = arg;
	store_release(&start_of[cpu].fn, fn);
	return hvc(PSCI_CPU_ON, cpu, (uintptr_t)secondary_entry, context);
}

void kit_start_secondary(unsigned int cpu)
{
	gic_cpu_init();
	load_acquire (&start_of[cpu].fn)(start_of[cpu].arg);
	timer_stop(TIMER_VIRT);
	timer_stop(TIMER_PHYS);
	irq_mask();
	(void)hvc(PSCI_CPU_OFF, 0, 0, 0);
	print("kit: cpu %u: CPU_OFF returned\n", cpu);
	for (;;)
		wfi();
}

void kit_start(void)
{
	uart_init();
	gic_init();
	guest_main();
	psci_system_off();
}
