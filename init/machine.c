/* SPDX-License-Identifier: Apache-2.0 */
/* From the devicetree to a kernel that runs on all CPUs. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/timer.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include "machine.h"

#define REDIST_REGIONS 4

void must(int r, const char *what)
{
	if (!r)
		return;
	log_err("ZVM cannot run here: %s: %s", what, strerror(r));
	uart_drain();
	arch_halt();
}

void may(int r, const char *what)
{
	if (r && r != -ENODEV)
		log_warn("%s: %s", what, strerror(r));
}

/* CPU 0 is the boot CPU. The others follow in the devicetree's order. */
static void find_cpus(void)
{
	u64 hwids[MAX_CPUS];
	u32 found = host_fdt_cpus(hwids, ARRAY_SIZE(hwids));

	cpu_count = 1;
	for (u32 i = 0; i < found && i < ARRAY_SIZE(hwids); i++) {
		if (hwids[i] == percpus[0].hwid)
			continue;
		if (cpu_count == MAX_CPUS) {
			log_warn("the machine has %u CPUs, %u are used", found, MAX_CPUS);
			break;
		}
		percpus[cpu_count].id = cpu_count;
		percpus[cpu_count].hwid = hwids[i];
		cpu_count++;
	}
}

static int start_gicv3(int node)
{
	u32 regions = MIN(host_fdt_u32(node, "#redistributor-regions", 1), (u32)REDIST_REGIONS);
	struct phys_range dist, redist[REDIST_REGIONS];
	u32 n = 0;

	if (host_fdt_reg(node, 0, &dist))
		return -ENODEV;
	while (n < regions && host_fdt_reg(node, 1 + n, &redist[n]) == 0)
		n++;
	return gic_init(dist.base, dist.size, redist, n);
}

static int start_interrupts(void)
{
	int node = host_fdt_find("arm,gic-v3", -1);
	int r = node < 0 ? gicv2_init() : start_gicv3(node);

	if (!r)
		r = gic_lower_init();
	if (!r)
		r = gic_init_cpu();
	if (!r)
		gic_lower_init_cpu();
	return r;
}

static int start_timer(void)
{
	u32 intid;

	return host_fdt_timer_irq(TIMER_OURS, &intid) ? -ENODEV : timer_init(intid);
}

void machine_start_kernel(void)
{
	panic_record_tell(arch_panic_page());
	must(page_init(), "memory without the devicetree's reservations");
	mmu_page_allocator_ready();
	find_cpus();
	sched_init();
	must(start_interrupts(), "the interrupt controller");
	ipi_init();
	must(start_timer(), "the timer of " EL_NAME " and its interrupt");
	arch_irq_enable();
}

static int start_cpu(u32 cpu)
{
	u64 limit = deadline_ms(1000);
	int r;

	percpus[cpu].stack_top = arch_stack_alloc();
	if (!percpus[cpu].stack_top)
		return -ENOMEM;
	r = arch_cpu_start(percpus[cpu].hwid, cpu, percpus[cpu].stack_top);
	while (!r && !(cpus_online_mask() & BIT(cpu)))
		if (arch_counter() > limit)
			r = -ETIMEDOUT;
	return r;
}

void machine_start_cpus(void)
{
	int psci = power_init();
	u32 unreachable = 0;

	for (u32 cpu = 1; cpu < cpu_count; cpu++) {
		int r = start_cpu(cpu);

		if (r == -ENODEV)
			unreachable++;
		else if (r)
			log_err("cpu%u does not start: %s", cpu, strerror(r));
	}
	if (unreachable)
		log_warn("%u of %u CPUs cannot be started: no spin-table, and %s", unreachable,
			 cpu_count,
			 psci == -EPERM ? "PSCI uses HVC, which cannot reach the firmware from EL2"
					: "no PSCI in the devicetree");
}

void machine_start_random(void)
{
	u8 seed[64];

	random_init(seed, host_fdt_seed(seed, sizeof(seed)));
}
