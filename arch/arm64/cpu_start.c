/* SPDX-License-Identifier: Apache-2.0 */
/* Starts secondary CPUs, by PSCI or from a spin-table. They come to boot.S, and then to start.c. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <drivers/host.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>

/* Read by boot.S with the MMU off. */
struct secondary_boot {
	u64 stack_top; /* 0: this CPU has not been asked to start */
	u64 percpu;
	u64 ttbr0;
	u64 hwid;
};
_Static_assert(sizeof(struct secondary_boot) == SECONDARY_SIZE &&
		       offsetof(struct secondary_boot, hwid) == SECONDARY_HWID,
	       "boot.S has them by these numbers");

struct secondary_boot
	secondaries[MAX_CPUS + 1] __aligned(64); /* the last one's hwid, ~0, ends the table */

extern char secondary_start[], secondary_spin_start[];

/*
 * Devicetree Specification v0.4, 3.8.1: the CPU polls this address for its start address. Its
 * caches are off, so it is written past ours.
 */
static int release(u64 address, u64 entry)
{
	volatile u64 *slot = arch_map_device(PADDR(address), sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = entry;
	dsb(sy);
	__asm__ volatile("sev");
	return 0;
}

int arch_cpu_start(u64 hwid, u32 cpu, void *stack_top)
{
	struct secondary_boot *b = &secondaries[cpu];
	u64 address = host_fdt_spin_table(hwid);
	u8 *emergency_stack = page_alloc();

	if (!emergency_stack)
		return -ENOMEM;
	percpus[cpu].arch.emergency_sp = (u64)(emergency_stack + PAGE_SIZE);

	*b = (struct secondary_boot){
		.stack_top = (u64)stack_top,
		.percpu = (u64)&percpus[cpu],
		.ttbr0 = mmu_root_pa(),
		.hwid = hwid,
	};
	secondaries[MAX_CPUS].hwid = ~0ULL;
	arch_dcache_clean_inval(secondaries, sizeof(secondaries));
	if (address)
		return release(address, virt_to_phys(secondary_spin_start).pa);
	return power_cpu_on(hwid, virt_to_phys(secondary_start).pa, virt_to_phys(b).pa);
}
