/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the hypervisor is put up. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/guest.h>
#include <asm/boot.h>
#include <drivers/host.h>
#include <drivers/rtc.h>
#include <drivers/uart.h>
#include <drivers/virtio_console.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <shell/shell.h>
#include <vmm/bundle.h>
#include <vmm/vm.h>
#include "machine.h"

#define RESERVED_RANGES 24

static struct phys_range initrd;

/* RAM that is in use before the page allocator exists. */
static u32 reserved_ranges(const struct phys_range *ram, u32 nram, struct phys_range image,
			   struct phys_range fdt, struct phys_range *r)
{
	u32 n = 0;

	r[n++] = image;
	r[n++] = fdt;
	if (host_fdt_initrd(&initrd) == 0)
		r[n++] = initrd;
	n += host_fdt_reserved(&r[n], RESERVED_RANGES - n);
	n += preload_detect(ram, nram, &r[n], RESERVED_RANGES - n);
	bundle_init(initrd.size ? phys_to_virt(initrd.base) : NULL, initrd.size);
	if (the_bundle.base && the_bundle.problem[0])
		log_warn("%s", the_bundle.problem);
	n += bundle_reserve(&r[n], RESERVED_RANGES - n);
	return n;
}

/* The timers of EL1 are guests'. */
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

/* Only one whose interrupt is private to each CPU can be a guest's. */
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

void kernel_main(const struct phys_range *ram, u32 nram, struct phys_range image,
		 struct phys_range fdt)
{
	static struct phys_range reserved[RESERVED_RANGES];
	u32 n = reserved_ranges(ram, nram, image, fdt, reserved);

	machine_start_kernel(ram, nram, reserved, n);
	must(start_guest_timers(), "the timers of EL1, whose interrupts guests have");
	find_pmu();
	log_info("ZVM " ZVM_VERSION " on %s, %s", host_fdt_model(), arch_cpu_name(arch_cpu_midr()));
	machine_start_random();
	machine_start_cpus();
	may(uart_probe(), "uart");
	may(rtc_probe(), "rtc");
	(void)virtio_console_probe();
	uart_ports_probe();
	vgic_lr_limit = host_fdt_option("vgic.lrs=");
	if (vgic_lr_limit)
		log_info("vgic: at most %u list registers are used", vgic_lr_limit);
	must(vmm_init(), "vmm");
	must(console_service_start(), "console service");
	must(shell_start(), "shell");
	thread_set_params(thread_current(), &sched_guarded); /* the shell may wait for it */
	vmm_autostart();
	thread_exit();
}
