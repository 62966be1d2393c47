/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This CPU's errata and predictors: found out at its start, passed to the vectors, shown to the
 * operator.
 */
#include <arch/cpu.h>
#include <asm/boot.h>
#include <asm/errata.h>
#include <asm/sysreg.h>
#include <kernel/percpu.h>
#include <uapi/smccc.h>

void guard_init_cpu(void)
{
	struct predictor_facts facts = {
		.midr = arch_cpu_midr(),
		.pfr0 = read_sysreg(id_aa64pfr0_el1),
		.mmfr1 = read_sysreg(id_aa64mmfr1_el1),
		.isar2 = read_sysreg_(ID_AA64ISAR2_EL1),
		.workaround_1 = (s32)arch_firmware(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1),
		.workaround_3 = (s32)arch_firmware(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_3),
	};
	u32 guard = predictor_guard(&facts);
	struct arch_percpu *cpu = &this_cpu()->arch;

	cpu->exposed = guard == GUARD_UNKNOWN;
	cpu->guard = cpu->exposed ? GUARD_NONE : guard;
	trap_init_cpu();
}

static u64 cpus_with_erratum(u32 n)
{
	u64 cpus = 0;
	u32 cpu;

	for_each_cpu(cpu)
		if (percpus[cpu].arch.errata >> n & 1)
			cpus |= BIT(cpu);
	return cpus;
}

static u64 cpus_guarded(u32 first, u32 last)
{
	u64 cpus = 0;
	u32 cpu;

	for_each_cpu(cpu)
		if (percpus[cpu].arch.guard >= first && percpus[cpu].arch.guard <= last)
			cpus |= BIT(cpu);
	return cpus;
}

static u64 cpus_exposed(void)
{
	u64 cpus = 0;
	u32 cpu;

	for_each_cpu(cpu)
		if (percpus[cpu].arch.exposed)
			cpus |= BIT(cpu);
	return cpus;
}

bool arch_erratum(u32 n, const char **what, u64 *cpus)
{
	if (n < ERRATA) {
		*what = errata[n].name;
		*cpus = cpus_with_erratum(n);
		return true;
	}
	switch (n - ERRATA) {
	case 0:
		*what = "branch history: cleared at every exit";
		*cpus = cpus_guarded(1, GUARD_CLRBHB);
		return true;
	case 1:
		*what = "branch predictor: cleared by firmware at every exit";
		*cpus = cpus_guarded(GUARD_FIRMWARE_1, GUARD_FIRMWARE_3);
		return true;
	case 2:
		*what = "branch predictor: EXPOSED, the firmware offers nothing against it";
		*cpus = cpus_exposed();
		return true;
	default:
		return false;
	}
}
