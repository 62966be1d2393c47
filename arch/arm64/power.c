/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's firmware: PSCI (DEN0022) by SMC or HVC, and the start of secondary CPUs. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
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

/* What boot.S reads with the MMU off. */
struct secondary_boot {
	u64 stack_top;
	u64 percpu;
	u64 ttbr0;
};

static bool conduit_hvc;
/* Calls beyond PSCI may be made: they come to firmware, and it knows SMCCC 1.1. */
static bool services;
static struct secondary_boot secondaries[MAX_CPUS] __aligned(64);

extern char secondary_start[];

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

/* What DEN0028 wants asked, in this order, before any call of SMCCC 1.1 (appendix B). */
static bool has_smccc_1_1(void)
{
	return (s32)firmware_call(PSCI_VERSION, 0, 0, 0) >= 0x10000 &&
	       (s32)firmware_call(PSCI_FEATURES, SMCCC_VERSION, 0, 0) == PSCI_SUCCESS &&
	       (s32)firmware_call(SMCCC_VERSION, 0, 0, 0) >= 0x10001;
}

void power_init(bool hvc)
{
	conduit_hvc = hvc;
	services = !(hvc && HVC_IS_OURS) && has_smccc_1_1();
}

s64 arch_firmware(u32 function, u64 arg)
{
	return services ? firmware_call(function, arg, 0, 0) : NOT_SUPPORTED;
}

int arch_cpu_start(u64 hwid, u32 cpu, void *stack_top)
{
	struct secondary_boot *b = &secondaries[cpu];

	b->stack_top = (u64)stack_top;
	b->percpu = (u64)&percpus[cpu];
	b->ttbr0 = mmu_root_pa();
	arch_dcache_clean_inval(b, sizeof(*b));
	s64 r = firmware_call(PSCI_CPU_ON, hwid & 0xff00ffffffULL, virt_to_phys(secondary_start).pa,
			      virt_to_phys(b).pa);

	return r == PSCI_SUCCESS ? 0 : r == PSCI_ALREADY_ON ? -EBUSY : -EIO;
}

void arch_reboot(void)
{
	firmware_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void arch_poweroff(void)
{
	firmware_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void arch_halt(void)
{
	arch_irq_disable();
	for (;;)
		__asm__ volatile("wfi");
}

u64 arch_cpu_hwid(void)
{
	return read_sysreg(mpidr_el1) & 0xff00ffffffULL;
}

u32 arch_cpu_midr(void)
{
	return (u32)read_sysreg(midr_el1);
}
