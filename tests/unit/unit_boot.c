/* SPDX-License-Identifier: Apache-2.0 */
#include "unit_boot.h"

#include <arch/cpu.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <stdio.h>

static void put_char(char c)
{
	putchar(c);
}

static void start_secondary(u32 cpu)
{
	static u8 small_stack[64] __aligned(16);

	assert_int_equal(arch_cpu_start(cpu, cpu, small_stack + sizeof(small_stack)), 0);
	while (!(cpus_online_mask() & BIT(cpu)))
		arch_relax();
}

void unit_boot(u32 cpus)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), UNIT_RAM };
	u32 cpu;

	host_reset();
	log_putc = put_char;
	log_echo_level = LOG_WARN;
	arch_set_percpu(&percpus[0]);
	for (cpu = 0; cpu < cpus; cpu++) {
		percpus[cpu].id = cpu;
		percpus[cpu].hwid = cpu;
	}
	cpu_count = cpus;
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	sched_init();
	ipi_init();
	host_irqs_on();
	arch_irq_enable();
	for (cpu = 1; cpu < cpus; cpu++)
		start_secondary(cpu);
	host_run_others();
}

static u8 prio_before;

void hold_cpu(void)
{
	prio_before = thread_current()->base_prio;
	thread_set_priority(thread_current(), 0);
}

void give_cpu(void)
{
	thread_set_priority(thread_current(), prio_before);
}
