/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's firmware: PSCI (DEN0022) by SMC or HVC. Starts secondary CPUs through it or from a
 * spin-table.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <drivers/host.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>

#define PSCI_SYSTEM_OFF   0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PSCI_CPU_ON       0xc4000003u
#define PSCI_VERSION      0x84000000u
#define PSCI_FEATURES     0x8400000au
#define PSCI_SUCCESS      0
#define PSCI_ALREADY_ON   -4
#define SMCCC_VERSION     0x80000000u
#define NOT_SUPPORTED     -1

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

static bool conduit_hvc;
static u32 cpu_on_fn; /* 0: there is no PSCI */
/* Calls beyond PSCI are possible: they reach the firmware, and it supports SMCCC 1.1. */
static bool services;
struct secondary_boot
	secondaries[MAX_CPUS + 1] __aligned(64); /* the last one's hwid, ~0, ends the table */

extern char secondary_start[], secondary_spin_start[];

static s64 firmware_call(u64 fn, u64 a1, u64 a2, u64 a3)
{
	register u64 x0 __asm__("x0") = fn;
	register u64 x1 __asm__("x1") = a1;
	register u64 x2 __asm__("x2") = a2;
	register u64 x3 __asm__("x3") = a3;

#define SMCCC_CLOBBERS                                                                       \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", \
		"x17", "memory"
	if (conduit_hvc)
		__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::SMCCC_CLOBBERS);
	else
		__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::SMCCC_CLOBBERS);
	return (s64)x0;
}

/* The questions that DEN0028 requires, in this order, before any call of SMCCC 1.1 (appendix B). */
static bool has_smccc_1_1(void)
{
	return (s32)firmware_call(PSCI_VERSION, 0, 0, 0) >= 0x10000 &&
	       (s32)firmware_call(PSCI_FEATURES, SMCCC_VERSION, 0, 0) == PSCI_SUCCESS &&
	       (s32)firmware_call(SMCCC_VERSION, 0, 0, 0) >= 0x10001;
}

int power_init(void)
{
	u32 own_cpu_on;
	enum host_psci conduit = host_fdt_psci(&own_cpu_on);

	conduit_hvc = conduit == HOST_PSCI_HVC;
	if (conduit == HOST_PSCI_NONE)
		return -ENODEV;
	if (conduit_hvc && HVC_IS_OURS)
		return -EPERM;
	cpu_on_fn = own_cpu_on ? own_cpu_on : PSCI_CPU_ON;
	services = !own_cpu_on && has_smccc_1_1();
	return 0;
}

s64 arch_firmware(u32 function, u64 arg)
{
	return services ? firmware_call(function, arg, 0, 0) : NOT_SUPPORTED;
}

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
	s64 r;

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
	if (!cpu_on_fn)
		return -ENODEV;
	r = firmware_call(cpu_on_fn, hwid & MPIDR_AFFINITY, virt_to_phys(secondary_start).pa,
			  virt_to_phys(b).pa);
	return r == PSCI_SUCCESS ? 0 : r == PSCI_ALREADY_ON ? -EBUSY : -EIO;
}

/* PSCI 0.1 has neither call. Without firmware an SMC is undefined. */
static void system_call(u32 fn)
{
	if (cpu_on_fn == PSCI_CPU_ON)
		firmware_call(fn, 0, 0, 0);
}

void arch_reboot(void)
{
	system_call(PSCI_SYSTEM_RESET);
}

void arch_poweroff(void)
{
	system_call(PSCI_SYSTEM_OFF);
}

void arch_halt(void)
{
	arch_irq_disable();
	for (;;)
		__asm__ volatile("wfi");
}

u64 arch_cpu_hwid(void)
{
	return read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
}

u32 arch_cpu_midr(void)
{
	return (u32)read_sysreg(midr_el1);
}
