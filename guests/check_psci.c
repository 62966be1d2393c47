/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI 1.1 (Arm DEN0022) and the calling convention (DEN0028), and the state a CPU starts in. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define CONTEXT        UINT64_C(0xfedcba9876543210)
#define NOT_SUPPORTED  ((uint32_t)PSCI_NOT_SUPPORTED)
#define INVALID        ((uint32_t)PSCI_INVALID_PARAMETERS)
#define FDT_MAGIC      0xedfe0dd0u /* 0xd00dfeed read little-endian */
#define CURRENT_EL_EL1 (1u << 2)

/* How a CPU arrives: EL1h, everything masked, MMU and caches off. */
static void check_arrival(const struct cpu_arrival *arrival)
{
	(void)check_eq("arrival.current-el", arrival->current_el, CURRENT_EL_EL1);
	(void)check_eq("arrival.spsel", arrival->spsel, 1);
	(void)check_eq("arrival.daif", arrival->daif, 0x3c0);
	(void)check_eq("arrival.mmu-and-d-cache-off", arrival->sctlr & 5, 0);
}

void check_boot(void)
{
	uint64_t fdt = cpu_arrival[0].x0;

	check_arrival(&cpu_arrival[0]);
	if (fdt == 0)
		check_skip("arrival.devicetree", "x0 is 0, as for ELF images on bare QEMU");
	else
		(void)check_eq("arrival.devicetree", mmio_read32(fdt), FDT_MAGIC);
}

static void features(void)
{
	static const struct {
		const char *name;
		uint32_t function;
		bool mandatory;
	} functions[] = {
		{ "psci.features.version", PSCI_VERSION, true },
		{ "psci.features.cpu-suspend-32", PSCI_CPU_SUSPEND32, true },
		{ "psci.features.cpu-suspend-64", PSCI_CPU_SUSPEND, true },
		{ "psci.features.cpu-off", PSCI_CPU_OFF, true },
		{ "psci.features.cpu-on-32", PSCI_CPU_ON32, true },
		{ "psci.features.cpu-on-64", PSCI_CPU_ON, true },
		{ "psci.features.affinity-info-32", PSCI_AFFINITY_INFO32, true },
		{ "psci.features.affinity-info-64", PSCI_AFFINITY_INFO, true },
		{ "psci.features.system-off", PSCI_SYSTEM_OFF, true },
		{ "psci.features.system-reset", PSCI_SYSTEM_RESET, true },
		{ "psci.features.features", PSCI_FEATURES, true },
		{ "psci.features.migrate-info-type", PSCI_MIGRATE_INFO_TYPE, false },
		{ "psci.features.smccc-version", SMCCC_VERSION, false },
	};
	uint32_t answer;

	for (size_t n = 0; n < ARRAY_SIZE(functions); n++) {
		answer = (uint32_t)hvc(PSCI_FEATURES, functions[n].function, 0, 0);
		if (functions[n].mandatory)
			(void)check_eq(functions[n].name, answer, 0);
		else
			(void)CHECK_ONE_OF(functions[n].name, answer, 0, NOT_SUPPORTED);
	}
	(void)check_eq("psci.features.unknown", (uint32_t)hvc(PSCI_FEATURES, 0x8400ffff, 0, 0),
		       NOT_SUPPORTED);
}

static void wild_numbers(void)
{
	static const uint64_t functions[] = {
		0,          1,          0x8400007f, 0xc400007f, 0x84ffffff, 0xdeadbeef,
		0x00000fff, 0x42000000, 0xbf00ff7f, 0xffffffff, 0xc6fffff0, 0x8fffffff,
	};
	unsigned int right = 0;

	for (size_t n = 0; n < ARRAY_SIZE(functions); n++)
		right += (uint32_t)hvc(functions[n], 0, 0, 0) == NOT_SUPPORTED;
	(void)check_eq("smccc.unknown-functions", right, ARRAY_SIZE(functions));
	(void)check_eq("smccc.unknown-is-64-bit-minus-1", hvc64(0xc400007f, 0, 0, 0), ~UINT64_C(0));
}

static void conduit(void)
{
	uint32_t version = (uint32_t)hvc(PSCI_VERSION, 0, 0, 0);
	struct probe probe;
	uint64_t got = 0;

	(void)check_range("psci.version", version, 0x10000, 0x1ffff);
	(void)CHECK_ONE_OF("smccc.version", (uint32_t)hvc(SMCCC_VERSION, 0, 0, 0), 0x10001, 0x10002,
			   0x10003, 0x10004, 0x10005, NOT_SUPPORTED);
	(void)check_eq("smccc.registers-kept", hvc_changed_registers(PSCI_VERSION), 0);
	(void)check_eq("smccc.registers-kept-unknown", hvc_changed_registers(0xc400007f), 0);
	/* Other immediates are reserved (DEN0028 2.9): NOT_SUPPORTED, or the call as by 0. */
	probe = PROBE(got = hvc_imm(0x123, PSCI_VERSION));
	(void)check_eq("smccc.hvc-immediate.no-exception", probe.count, 0);
	(void)CHECK_ONE_OF("smccc.hvc-immediate", (uint32_t)got, NOT_SUPPORTED, version);
	probe = PROBE(got = hvc_imm(0xffff, 0x12345678));
	(void)check_eq("smccc.hvc-wild-immediate.no-exception", probe.count, 0);
	(void)check_eq("smccc.hvc-wild-immediate", (uint32_t)got, NOT_SUPPORTED);
	/* Without EL3 and without a hypervisor that traps it, SMC is undefined. */
	probe = PROBE(got = smc(PSCI_VERSION));
	if (probe.count)
		(void)check_eq("smccc.smc-undefined", ESR_EC(probe.esr), EC_UNKNOWN);
	else
		(void)check_eq("smccc.smc-answers", (uint32_t)got, version);
	probe = PROBE(got = smc(0x12345678));
	if (probe.count)
		(void)check_eq("smccc.smc-wild-undefined", ESR_EC(probe.esr), EC_UNKNOWN);
	else
		(void)check_eq("smccc.smc-wild", (uint32_t)got, NOT_SUPPORTED);
}

static void affinity_info(void)
{
	(void)check_eq("psci.affinity-info.self", (uint32_t)hvc(PSCI_AFFINITY_INFO, 0, 0, 0),
		       PSCI_AFFINITY_ON);
	(void)check_eq("psci.affinity-info.self-32", (uint32_t)hvc(PSCI_AFFINITY_INFO32, 0, 0, 0),
		       PSCI_AFFINITY_ON);
	(void)check_eq("psci.affinity-info.absent",
		       (uint32_t)hvc(PSCI_AFFINITY_INFO, 0xff00ff, 0, 0), INVALID);
	/* Levels above 0 have only to be answered if they are power domains. */
	(void)CHECK_ONE_OF("psci.affinity-info.level-1", (uint32_t)hvc(PSCI_AFFINITY_INFO, 0, 1, 0),
			   PSCI_AFFINITY_ON, INVALID);
	(void)check_eq("psci.cpu-on.self",
		       (uint32_t)hvc(PSCI_CPU_ON, 0, (uintptr_t)secondary_entry, 0),
		       (uint32_t)PSCI_ALREADY_ON);
	(void)check_eq("psci.cpu-on.absent",
		       (uint32_t)hvc(PSCI_CPU_ON, 0xff00ff, (uintptr_t)secondary_entry, 0),
		       INVALID);
	/* 2: no trusted OS that would have to be migrated; the call itself is optional. */
	(void)CHECK_ONE_OF("psci.migrate-info-type", (uint32_t)hvc(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0),
			   2, NOT_SUPPORTED);
}

/* A standby state: returns SUCCESS when the timer wakes it, with PSTATE.I set. */
static void suspend(void)
{
	unsigned int good = 0;
	uint64_t start;

	gic_enable(CNTV_INTID);
	for (unsigned int n = 0; n < 10; n++) {
		timer_start_us(TIMER_VIRT, 1000);
		start = now();
		do
			good += hvc(PSCI_CPU_SUSPEND, 0, 0, 0) == PSCI_SUCCESS;
		while (!irq_waiting() && now() - start < us_to_ticks(LONG_US));
		timer_stop(TIMER_VIRT);
	}
	(void)check_true("psci.cpu-suspend.standby", good >= 10);
	timer_start_us(TIMER_VIRT, 1000);
	(void)check_eq("psci.cpu-suspend.standby-32", (uint32_t)hvc(PSCI_CPU_SUSPEND32, 0, 0, 0),
		       0);
	timer_stop(TIMER_VIRT);
	(void)check_eq("psci.cpu-suspend.reserved-bits",
		       (uint32_t)hvc(PSCI_CPU_SUSPEND, 0xfc000000, 0, 0), INVALID);
}

static uint32_t running;
static uint32_t leave;

static void stay(void *arg)
{
	(void)arg;
	atomic_inc(&running);
	(void)wait_for(load_acquire(&leave), 10 * LONG_US);
}

static void on_and_off(void)
{
	uint32_t answer;

	running = 0;
	leave = 0;
	(void)check_eq("psci.affinity-info.off", (uint32_t)hvc(PSCI_AFFINITY_INFO, 1, 0, 0),
		       PSCI_AFFINITY_OFF);
	(void)check_eq("psci.cpu-on", (uint32_t)cpu_start(1, stay, NULL, CONTEXT), 0);
	answer = (uint32_t)hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_entry, CONTEXT);
	/* QEMU 7.2 starts CPUs asynchronously and says SUCCESS to both calls. */
	if (answer == PSCI_SUCCESS && check_bare())
		check_skip("psci.cpu-on.twice", "QEMU tells both calls SUCCESS");
	else
		(void)CHECK_ONE_OF("psci.cpu-on.twice", answer, (uint32_t)PSCI_ALREADY_ON,
				   (uint32_t)PSCI_ON_PENDING);
	(void)check_true("psci.cpu-on.runs", wait_for(load_acquire(&running) >= 1, LONG_US));
	delay_us(1000);
	running = 1;
	(void)check_eq("psci.cpu-on.context", cpu_arrival[1].x0, CONTEXT);
	check_arrival(&cpu_arrival[1]);
	(void)check_eq("psci.affinity-info.on", (uint32_t)hvc(PSCI_AFFINITY_INFO, 1, 0, 0),
		       PSCI_AFFINITY_ON);
	(void)check_eq("psci.cpu-on.running",
		       (uint32_t)hvc(PSCI_CPU_ON, 1, (uintptr_t)secondary_entry, 0),
		       (uint32_t)PSCI_ALREADY_ON);
	store_release(&leave, 1);
	(void)check_true("psci.cpu-off", cpu_wait_off(1, LONG_US));

	(void)check_eq("psci.cpu-on.again", (uint32_t)cpu_start(1, stay, NULL, ~CONTEXT), 0);
	(void)check_true("psci.cpu-on.again-runs", wait_for(load_acquire(&running) == 2, LONG_US));
	(void)check_eq("psci.cpu-on.again-context", cpu_arrival[1].x0, ~CONTEXT);
	(void)check_true("psci.cpu-off.again", cpu_wait_off(1, LONG_US));
	(void)check_eq("psci.cpu-on-32",
		       (uint32_t)hvc(PSCI_CPU_ON32, 1, (uintptr_t)secondary_entry, 0x89abcdef), 0);
	(void)check_true("psci.cpu-on-32.runs", wait_for(load_acquire(&running) == 3, LONG_US));
	(void)check_eq("psci.cpu-on-32.context", cpu_arrival[1].x0, 0x89abcdef);
	(void)cpu_wait_off(1, LONG_US);
}

/* All the others, on and off many times over. */
static void churn(void)
{
	unsigned int others = check_cpus - 1;
	unsigned int good = 0;
	unsigned int off = 0;

	leave = 1;
	running = 0;
	for (unsigned int n = 1; n <= 20; n++) {
		for (unsigned int cpu = 1; cpu < check_cpus; cpu++)
			good += cpu_start(cpu, stay, NULL, n) == PSCI_SUCCESS;
		(void)wait_for(load_acquire(&running) == n * others, LONG_US);
		for (unsigned int cpu = 1; cpu < check_cpus; cpu++)
			off += cpu_wait_off(cpu, LONG_US);
	}
	(void)check_eq("psci.churn.started", good, 20 * others);
	(void)check_eq("psci.churn.ran", running, 20 * others);
	(void)check_eq("psci.churn.off", off, 20 * others);
}

void check_psci(void)
{
	conduit();
	features();
	wild_numbers();
	affinity_info();
	suspend();
	if (check_cpus == 1) {
		check_skip("psci.cpu-on", "one cpu");
		return;
	}
	on_and_off();
	churn();
}
