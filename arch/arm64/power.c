/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's firmware: PSCI (DEN0022) by SMC or HVC. */
#include <arch/cpu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <drivers/host.h>
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

static bool conduit_hvc;
static u32 cpu_on_fn; /* 0: there is no PSCI */
/* Calls beyond PSCI are possible: they reach the firmware, and it supports SMCCC 1.1. */
static bool services;

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

int power_cpu_on(u64 hwid, u64 entry, u64 arg)
{
	s64 r;

	if (!cpu_on_fn)
		return -ENODEV;
	r = firmware_call(cpu_on_fn, hwid & MPIDR_AFFINITY, entry, arg);
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
