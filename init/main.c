/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the house is put up. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/timer.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <drivers/host.h>
#include <drivers/rtc.h>
#include <drivers/uart.h>
#include <drivers/virtio_console.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <shell/shell.h>
#include <vmm/bundle.h>
#include <vmm/vm.h>

#define RESERVED_RANGES 24
#define REDIST_REGIONS  4

/* Interrupts of an arm,armv8-timer node, in order: secure physical, physical, virtual, EL2 physical. */
enum { TIMER_PHYS = 1, TIMER_VIRT = 2, TIMER_HYP = 3 };

static struct phys_range initrd;

/* RAM that is in use before the page allocator exists. */
static u32 reserved_ranges(const struct phys_range *ram, u32 nram, struct phys_range image,
			   struct phys_range *r)
{
	u32 n = 0;

	r[n++] = image;
	r[n++] = (struct phys_range){ virt_to_phys(host_fdt), fdt_totalsize(host_fdt) };
	if (host_fdt_initrd(&initrd) == 0)
		r[n++] = initrd;
	n += host_fdt_reserved(&r[n], RESERVED_RANGES - n);
	n += preload_detect(ram, nram, &r[n], RESERVED_RANGES - n);
	bundle_init(initrd.size ? phys_to_virt(initrd.base) : NULL, initrd.size);
	n += bundle_reserve(&r[n], RESERVED_RANGES - n);
	return n;
}

/* CPU 0 is the one that we boot on; the others follow in the devicetree's order. */
static void find_cpus(void)
{
	u64 hwids[32];
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

static u32 maintenance_intid(int gic)
{
	u32 intid = 25, flags;

	if (host_fdt_irq(gic, 0, &intid, &flags))
		log_warn("gic: no maintenance interrupt in the devicetree, taking PPI 9");
	return intid;
}

static int start_gicv2(void)
{
	int r = gicv2_init(maintenance_intid(gicv2_node()));

	return r ? r : gic_init_cpu();
}

static int start_interrupts(void)
{
	int node = host_fdt_find("arm,gic-v3", -1);
	const fdt32_t *count = fdt_getprop(host_fdt, node, "#redistributor-regions", NULL);
	u32 regions = MIN(count ? fdt32_to_cpu(*count) : 1u, (u32)REDIST_REGIONS);
	struct phys_range dist, redist[REDIST_REGIONS];
	u32 n = 0;
	int r;

	if (node < 0)
		return start_gicv2();
	if (host_fdt_reg(node, 0, &dist))
		return -ENODEV;
	while (n < regions && host_fdt_reg(node, 1 + n, &redist[n]) == 0)
		n++;
	r = gic_init(dist.base, dist.size, redist, n, maintenance_intid(node));
	return r ? r : gic_init_cpu();
}

static int start_timer(void)
{
	int node = host_fdt_find("arm,armv8-timer", -1);
	u32 phys, virt, hyp, flags;

	if (host_fdt_irq(node, TIMER_PHYS, &phys, &flags) ||
	    host_fdt_irq(node, TIMER_VIRT, &virt, &flags) ||
	    host_fdt_irq(node, TIMER_HYP, &hyp, &flags))
		return -ENODEV;
	return timer_init(phys, virt, hyp);
}

static void start_secondaries(void)
{
	if (host_fdt_psci() == HOST_PSCI_NONE) {
		if (cpu_count > 1)
			log_warn("no PSCI in the devicetree: one CPU only");
		return;
	}
	power_init(host_fdt_psci() == HOST_PSCI_HVC);
	for (u32 cpu = 1; cpu < cpu_count; cpu++) {
		u64 limit = deadline_ms(1000);
		int r;

		percpus[cpu].stack_top = arch_stack_alloc();
		r = percpus[cpu].stack_top
			    ? arch_cpu_start(percpus[cpu].hwid, cpu, percpus[cpu].stack_top)
			    : -ENOMEM;
		while (!r && !(cpus_online_mask() & BIT(cpu)))
			if (arch_counter() > limit)
				r = -ETIMEDOUT;
		if (r)
			log_err("cpu%u does not start: %s", cpu, strerror(r));
	}
}

static void start_random(void)
{
	u8 seed[64];

	random_init(seed, host_fdt_seed(seed, sizeof(seed)));
}

/* A part without which nothing works. */
static void must(int r, const char *what)
{
	if (r)
		panic("%s: %s", what, strerror(r));
}

/* A part that may be absent: everything else goes on. */
static void may(int r, const char *what)
{
	if (r && r != -ENODEV)
		log_warn("%s: %s", what, strerror(r));
}

void kernel_main(const struct phys_range *ram, u32 nram, struct phys_range image)
{
	static struct phys_range reserved[RESERVED_RANGES];
	u32 n = reserved_ranges(ram, nram, image, reserved);

	must(page_init(ram, nram, reserved, n), "page allocator");
	mmu_page_allocator_ready();
	find_cpus();
	sched_init();
	must(start_interrupts(), "gic");
	ipi_init();
	must(start_timer(), "timer");
	arch_irq_enable();
	log_info("ZVM " ZVM_VERSION " on %s, %s", host_fdt_model(), arch_cpu_name(arch_cpu_midr()));
	start_random();
	start_secondaries();
	may(uart_probe(), "uart");
	may(rtc_probe(), "rtc");
	(void)virtio_console_probe();
	must(vmm_init(), "vmm");
	must(console_service_start(), "console service");
	must(shell_start(), "shell");
	thread_exit();
}
