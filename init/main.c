/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the hypervisor starts. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/guest.h>
#include <asm/boot.h>
#include <drivers/host.h>
#include <drivers/nic_virtio.h>
#include <drivers/rtc.h>
#include <drivers/uart.h>
#include <drivers/virtio_console.h>
#include <drivers/virtio_disk.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/ram.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <shell/shell.h>
#include <vmm/debug.h>
#include <vmm/disk.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/place.h>
#include <vmm/port.h>
#include <vmm/trace.h>
#include "machine.h"

static const struct virtio_driver *const virtio_drivers[] = {
	&virtio_console_driver,
	&nic_virtio_driver,
	&virtio_disk_driver,
};

/*
 * Find the initrd. It may lie in memory that the loader has reserved. False: there is none, or it
 * does not lie in usable memory.
 */
static bool find_initrd(struct phys_range *r)
{
	const char *why;

	if (host_fdt_initrd(r))
		return false;
	why = ram_problem(*r, BIT(RAM_RESERVED) | BIT(RAM_TREE));
	if (!why && !ram_take(*r, RAM_BUNDLE))
		why = "no memory is left to record it";
	if (why)
		log_warn("no bundle: the devicetree has the initrd at 0x%lx, 0x%lx bytes: %s",
			 r->base.pa, r->size, why);
	return !why;
}

/* The bundle and preloaded images lie in RAM that the page allocator must not get. */
static void find_types(void)
{
	struct phys_range r;
	bool found = find_initrd(&r);

	preload_detect();
	bundle_init(found ? phys_to_virt(r.base) : NULL, found ? r.size : 0);
	if (the_bundle.base && the_bundle.problem[0])
		log_warn("%s", the_bundle.problem);
	bundle_reserve();
}

/* The timers of EL1 belong to guests. */
static int start_guest_timers(void)
{
	u32 phys, virt;

	if (host_fdt_timer_irq(HOST_TIMER_PHYS, &phys) ||
	    host_fdt_timer_irq(HOST_TIMER_VIRT, &virt))
		return -ENODEV;
	timer_lower_init(phys, virt);
	log_debug("timers: guests' counters start %s",
		  arch_guest_counter_leads() ? "ahead of the machine's" : "at 0");
	return 0;
}

/* Only a PMU whose interrupt is private to each CPU can be given to a guest. */
static void find_pmu(void)
{
	static const char *const names[] = { "arm,armv8-pmuv3", "arm,cortex-a53-pmu",
					     "arm,cortex-a57-pmu", "arm,cortex-a72-pmu" };
	u32 intid, flags;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		int node = host_fdt_find(names[i], -1);

		if (node >= 0 && host_fdt_irq(node, 0, &intid, &flags) == 0 && intid < 32) {
			pmu_init(intid);
			return;
		}
	}
}

static void limit_lrs(u32 limit)
{
	vgic_limit_lrs(limit);
	if (limit)
		log_info("vgic: at most %u list registers are used", limit);
}

void kernel_main(void)
{
	find_types();
	machine_start_kernel();
	must(start_guest_timers(), "the guests' timers and their interrupts");
	find_pmu();
	log_info("ZVM " ZVM_VERSION " on %s, %s", host_fdt_model(), arch_cpu_name(arch_cpu_midr()));
	machine_start_random();
	machine_start_cpus();
	guard_init_cpu();
	may(uart_probe(), "uart");
	may(rtc_probe(), "rtc");
	virtio_probe(virtio_drivers, ARRAY_SIZE(virtio_drivers));
	(void)virtio_console_register();
	uart_ports_probe();
	limit_lrs(host_fdt_option("vgic.lrs="));
	must(page_cleaner_start(), "cleaner");
	must(vmm_init(), "vmm");
	must(console_service_start(), "console service");
	must(vm_mover_start(), "mover");
	must(trace_init(), "trace");
	must(late_init(), "late limits");
	must(core_dump_init(), "core dumps");
	disk_call_off = shell_calls_off;
	must(shell_start(), "shell");
	must(remote_start(), "remote shell");
	thread_set_params(thread_current(), &sched_guarded); /* the shell waits for it */
	vmm_autostart();
	thread_exit();
}
