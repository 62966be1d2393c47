/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.1 (Arm DEN0022) beyond the calls that every system needs: power states, races, optional
 * calls.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define CONTEXT       UINT64_C(0x0123456789abcdef)
#define NOT_SUPPORTED ((uint32_t)PSCI_NOT_SUPPORTED)
#define INVALID       ((uint32_t)PSCI_INVALID_PARAMETERS)
#define DENIED        ((uint32_t)PSCI_DENIED)
#define POWER_DOWN    BIT(16)
#define ABSENT        0xff00ffu

static uint32_t call(uint64_t function, uint64_t arg1, uint64_t arg2)
{
	return (uint32_t)hvc(function, arg1, arg2, 0);
}

/* An interrupt that ends a suspend comes in that many microseconds. */
static void wake_in(uint64_t us)
{
	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, us);
}

static void woken(void)
{
	timer_stop(TIMER_VIRT);
	gic_cpu_init();
}

/* ---- numbers and parameters ---- */

static void numbers(void)
{
	static const struct {
		const char *name;
		uint32_t function;
	} absent[] = {
		{ "power.no-version-64", 0xc4000000 },
		{ "power.no-migrate-32", 0x84000005 }, /* no trusted OS to migrate */
		{ "power.no-migrate-64", 0xc4000005 },
		{ "power.no-migrate-info-up-cpu-32", 0x84000007 },
		{ "power.no-migrate-info-up-cpu-64", 0xc4000007 },
		{ "power.no-features-64", 0xc400000a },
		{ "power.no-freeze-64", 0xc400000b },
		{ "power.no-set-suspend-mode-64", 0xc400000f },
		{ "power.no-mem-protect-64", 0xc4000013 },
		{ "power.no-number-15", 0x84000015 },
		{ "power.no-number-1f", 0x8400001f },
		{ "power.no-yielding-call", 0x04000000 },
	};
	uint32_t version = call(PSCI_VERSION, 0, 0);

	for (size_t n = 0; n < ARRAY_SIZE(absent); n++)
		(void)check_eq(absent[n].name, call(absent[n].function, 0, 0), NOT_SUPPORTED);
	/* "SVE registers hold nothing": to be ignored from SMCCC 1.3 on, a wild number before. */
	(void)CHECK_ONE_OF("smccc.sve-hint", call(PSCI_VERSION | BIT(16), 0, 0), version,
			   NOT_SUPPORTED);
	(void)check_eq("smccc.sve-hint.unknown", call(0x8401007f, 0, 0), NOT_SUPPORTED);
	(void)check_eq("smccc.reserved-bits", call(PSCI_VERSION | BIT(17), 0, 0), NOT_SUPPORTED);
}

static void affinities(void)
{
	static const struct {
		const char *name;
		uint64_t mpidr;
	} absent[] = {
		{ "aff0", 0xff }, { "aff1", 0x100 },   { "aff2", 0x10000 }, { "aff3", BIT(32) },
		{ "u", BIT(30) }, { "res1", BIT(31) }, { "mt", BIT(24) },   { "high", BIT(63) },
	};

	for (size_t n = 0; n < ARRAY_SIZE(absent); n++) {
		uint64_t mpidr = absent[n].mpidr;

		(void)check_eq(check_name("power.affinity-info.absent", absent[n].name, NULL),
			       call(PSCI_AFFINITY_INFO, mpidr, 0), INVALID);
		(void)check_eq(check_name("power.cpu-on.absent", absent[n].name, NULL),
			       call(PSCI_CPU_ON, mpidr, (uintptr_t)secondary_entry), INVALID);
	}
	/* Levels above 0 are answered or refused. */
	(void)CHECK_ONE_OF("power.affinity-info.level-2", call(PSCI_AFFINITY_INFO, 0, 2),
			   PSCI_AFFINITY_ON, INVALID);
	(void)CHECK_ONE_OF("power.affinity-info.level-3", call(PSCI_AFFINITY_INFO, 0, 3),
			   PSCI_AFFINITY_ON, INVALID);
	/* CPU 1 is off, but the cluster is not. */
	if (check_cpus > 1)
		(void)CHECK_ONE_OF("power.affinity-info.level-1", call(PSCI_AFFINITY_INFO, 1, 1),
				   PSCI_AFFINITY_ON, INVALID);
}

/* ---- suspending ---- */

static void power_states(void)
{
	(void)check_eq("power.cpu-suspend.level-1", call(PSCI_CPU_SUSPEND, 0x01000000, 0), INVALID);
	(void)check_eq("power.cpu-suspend.level-3", call(PSCI_CPU_SUSPEND, 0x03000000, 0), INVALID);
	(void)check_eq("power.cpu-suspend.reserved-17", call(PSCI_CPU_SUSPEND, 0x00020000, 0),
		       INVALID);
	(void)check_eq("power.cpu-suspend.reserved-31", call(PSCI_CPU_SUSPEND32, 0x80000000, 0),
		       INVALID);
	/* Original format, no states chosen by the OS. */
	(void)check_eq("power.features.cpu-suspend-format",
		       call(PSCI_FEATURES, PSCI_CPU_SUSPEND, 0) & 3, 0);
	wake_in(1000);
	(void)check_eq("power.cpu-suspend.state-id", call(PSCI_CPU_SUSPEND, 0x1234, 0), 0);
	woken();
}

/* A power-down may also be carried out as a stand-by, which returns. */
static bool cpu_power_down(void)
{
	int64_t answer;

	wake_in(1000);
	answer = psci_suspend(PSCI_CPU_SUSPEND, POWER_DOWN, (uintptr_t)suspend_entry, CONTEXT);
	woken();
	(void)CHECK_ONE_OF("power.cpu-suspend.power-down", (uint64_t)answer, PSCI_SUCCESS,
			   PSCI_RESUMED);
	return answer == PSCI_RESUMED;
}

/* As after CPU_ON. */
static void check_resumed(const char *name, uint64_t context)
{
	const struct cpu_arrival *a = &cpu_arrival[cpu_id()];

	(void)check_eq(check_name(name, "context", NULL), a->x0, context);
	(void)check_eq(check_name(name, "current-el", NULL), a->current_el, 1u << 2);
	(void)check_eq(check_name(name, "daif", NULL), a->daif, 0x3c0);
	(void)check_eq(check_name(name, "mmu-and-d-cache-off", NULL), a->sctlr & 5, 0);
}

static void cpu_power_down_details(void)
{
	check_resumed("psci-optional.power-down", CONTEXT);
	(void)check_eq("psci-optional.power-down.bad-address",
		       (uint64_t)psci_suspend(PSCI_CPU_SUSPEND, POWER_DOWN, 0x1000, 0),
		       (uint64_t)PSCI_INVALID_ADDRESS);
	(void)check_eq("psci-optional.power-down.odd-address",
		       (uint64_t)psci_suspend(PSCI_CPU_SUSPEND, POWER_DOWN,
					      (uintptr_t)suspend_entry + 2, 0),
		       (uint64_t)PSCI_INVALID_ADDRESS);
}

static void system_suspend(void)
{
	int64_t answer;

	(void)check_eq("psci-optional.system-suspend.bad-address",
		       call(PSCI_SYSTEM_SUSPEND, 0x1000, 0), (uint32_t)PSCI_INVALID_ADDRESS);
	wake_in(1000);
	answer = psci_suspend(PSCI_SYSTEM_SUSPEND, (uintptr_t)suspend_entry, CONTEXT, 0);
	woken();
	(void)check_eq("psci-optional.system-suspend", (uint64_t)answer, PSCI_RESUMED);
	check_resumed("psci-optional.system-suspend", CONTEXT);
	wake_in(1000);
	answer = psci_suspend(PSCI_SYSTEM_SUSPEND32, (uintptr_t)suspend_entry, CONTEXT, 0);
	woken();
	(void)check_eq("psci-optional.system-suspend-32", (uint64_t)answer, PSCI_RESUMED);
	check_resumed("psci-optional.system-suspend-32", (uint32_t)CONTEXT);
}

/*
 * As Linux leaves the GIC: the redistributor sleeps, the interface is off. An interrupt wakes all
 * the same.
 */
static void suspend_with_sleeping_gic(void)
{
	uintptr_t waker = gic_redist() + GICR_WAKER;
	int64_t answer;

	wake_in(1000);
	write_sysreg(S3_0_C12_C12_7, 0); /* ICC_IGRPEN1_EL1 */
	isb();
	mmio_write32(waker, mmio_read32(waker) | GICR_WAKER_SLEEP);
	answer = psci_suspend(PSCI_SYSTEM_SUSPEND, (uintptr_t)suspend_entry, CONTEXT, 0);
	woken();
	(void)check_eq("psci-optional.system-suspend.sleeping-gic", (uint64_t)answer, PSCI_RESUMED);
}

static void statistics(void)
{
	uint64_t count = hvc64(PSCI_STAT_COUNT, 0, 0, 0);
	uint64_t spent = hvc64(PSCI_STAT_RESIDENCY, 0, 0, 0);
	uint64_t down = hvc64(PSCI_STAT_COUNT, 0, POWER_DOWN, 0);

	wake_in(1000);
	(void)call(PSCI_CPU_SUSPEND, 0, 0);
	woken();
	(void)check_eq("psci-optional.stat-count", hvc64(PSCI_STAT_COUNT, 0, 0, 0) - count, 1);
	(void)check_eq("psci-optional.stat-count-32", call(PSCI_STAT_COUNT32, 0, 0),
		       (uint32_t)count + 1);
	(void)check_range("psci-optional.stat-residency",
			  hvc64(PSCI_STAT_RESIDENCY, 0, 0, 0) - spent, 1, LONG_US);
	(void)check_eq("psci-optional.stat-count.other-state",
		       hvc64(PSCI_STAT_COUNT, 0, POWER_DOWN, 0), down);
	(void)check_eq("psci-optional.stat-count.absent", hvc64(PSCI_STAT_COUNT, ABSENT, 0, 0), 0);
	(void)check_eq("psci-optional.stat-count.wild-state",
		       hvc64(PSCI_STAT_COUNT, 0, 0x01000000, 0), 0);
}

/* ---- the other optional calls ---- */

static void optional_features(void)
{
	static const uint32_t functions[] = {
		PSCI_CPU_FREEZE,       PSCI_DEFAULT_SUSPEND32,
		PSCI_DEFAULT_SUSPEND,  PSCI_NODE_HW_STATE32,
		PSCI_NODE_HW_STATE,    PSCI_SYSTEM_SUSPEND32,
		PSCI_SYSTEM_SUSPEND,   PSCI_SET_SUSPEND_MODE,
		PSCI_STAT_RESIDENCY32, PSCI_STAT_RESIDENCY,
		PSCI_STAT_COUNT32,     PSCI_STAT_COUNT,
		PSCI_SYSTEM_RESET2,    0xc4000012,
		PSCI_MEM_PROTECT,      PSCI_MEM_CHECK_RANGE32,
		PSCI_MEM_CHECK_RANGE,
	};
	unsigned int present = 0;

	for (size_t n = 0; n < ARRAY_SIZE(functions); n++)
		present += call(PSCI_FEATURES, functions[n], 0) == 0;
	(void)check_eq("psci-optional.features", present, ARRAY_SIZE(functions));
	(void)check_eq("psci-optional.reset2.unknown-type", call(PSCI_SYSTEM_RESET2, 1, 0),
		       INVALID);
	wake_in(1000);
	(void)check_eq("psci-optional.default-suspend",
		       (uint32_t)psci_suspend(PSCI_DEFAULT_SUSPEND, (uintptr_t)suspend_entry, 0, 0),
		       0);
	woken();
	(void)check_eq("psci-optional.suspend-mode.platform", call(PSCI_SET_SUSPEND_MODE, 0, 0), 0);
	(void)check_eq("psci-optional.suspend-mode.os", call(PSCI_SET_SUSPEND_MODE, 1, 0),
		       NOT_SUPPORTED);
	(void)check_eq("psci-optional.suspend-mode.wild", call(PSCI_SET_SUSPEND_MODE, 2, 0),
		       INVALID);
	(void)check_eq("psci-optional.hw-state.self", call(PSCI_NODE_HW_STATE, 0, 0), 0);
	(void)check_eq("psci-optional.hw-state.cluster", call(PSCI_NODE_HW_STATE32, 0, 1), 0);
	(void)check_eq("psci-optional.hw-state.absent", call(PSCI_NODE_HW_STATE, ABSENT, 0),
		       INVALID);
	(void)check_eq("psci-optional.hw-state.level-4", call(PSCI_NODE_HW_STATE, 0, 4), INVALID);
}

static void memory_protection(void)
{
	(void)check_eq("psci-optional.mem-protect.on", call(PSCI_MEM_PROTECT, 1, 0), 0);
	(void)check_eq("psci-optional.mem-protect.off", call(PSCI_MEM_PROTECT, 0, 0), 1);
	(void)check_eq("psci-optional.mem-protect.off-again", call(PSCI_MEM_PROTECT, 0, 0), 0);
	(void)check_eq("psci-optional.mem-check.ram",
		       call(PSCI_MEM_CHECK_RANGE, RAM_BASE, 0x200000), 0);
	(void)check_eq("psci-optional.mem-check.none", call(PSCI_MEM_CHECK_RANGE, RAM_BASE, 0),
		       DENIED);
	(void)check_eq("psci-optional.mem-check.below",
		       call(PSCI_MEM_CHECK_RANGE32, RAM_BASE - 1, 2), DENIED);
	(void)check_eq("psci-optional.mem-check.wraps",
		       call(PSCI_MEM_CHECK_RANGE, RAM_BASE, ~UINT64_C(0)), DENIED);
}

static void freeze(void *arg)
{
	(void)arg;
	(void)hvc(PSCI_CPU_FREEZE, 0, 0, 0);
}

static uint32_t stay_up;

static void stay(void *arg)
{
	(void)arg;
	(void)wait_for(!load_acquire(&stay_up), 10 * LONG_US);
}

static void optional_with_others(void)
{
	(void)check_eq("psci-optional.hw-state.off", call(PSCI_NODE_HW_STATE, 1, 0), 1);
	(void)cpu_start(1, freeze, NULL, 0);
	(void)check_true("psci-optional.cpu-freeze", cpu_wait_off(1, LONG_US));
	stay_up = 1;
	(void)check_eq("psci-optional.cpu-freeze.on-again", (uint32_t)cpu_start(1, stay, NULL, 0),
		       0);
	(void)check_true("psci-optional.hw-state.on",
			 wait_for(call(PSCI_NODE_HW_STATE, 1, 0) == 0, LONG_US));
	(void)check_eq("psci-optional.system-suspend.not-alone",
		       call(PSCI_SYSTEM_SUSPEND, (uintptr_t)suspend_entry, 0), DENIED);
	store_release(&stay_up, 0);
	(void)cpu_wait_off(1, LONG_US);
	/* Bad addresses; bare QEMU would start a CPU there. */
	(void)check_eq("psci-optional.cpu-on.device-address", call(PSCI_CPU_ON, 1, UART_BASE),
		       (uint32_t)PSCI_INVALID_ADDRESS);
	(void)check_eq("psci-optional.cpu-on.odd-address",
		       call(PSCI_CPU_ON, 1, (uintptr_t)secondary_entry + 1),
		       (uint32_t)PSCI_INVALID_ADDRESS);
	(void)check_eq("psci-optional.cpu-on.high-address",
		       call(PSCI_CPU_ON, 1, (uintptr_t)secondary_entry | BIT(56)),
		       (uint32_t)PSCI_INVALID_ADDRESS);
	(void)check_eq("psci-optional.cpu-on.still-off", call(PSCI_AFFINITY_INFO, 1, 0),
		       PSCI_AFFINITY_OFF);
}

static void optional(bool powers_down)
{
	if (call(PSCI_FEATURES, PSCI_STAT_COUNT, 0) != 0) {
		check_skip("psci-optional.all", "not implemented");
		return;
	}
	if (powers_down)
		cpu_power_down_details();
	optional_features();
	memory_protection();
	statistics();
	system_suspend();
	if (gic_version != 2)
		suspend_with_sleeping_gic();
	if (check_cpus > 1)
		optional_with_others();
}

/* ---- all at once ---- */

#define ROUNDS  20u
#define RACE_US 20000000u /* a busy host is no reason to fail */

static uint32_t ready;
static uint32_t answered;
static uint32_t answers[KIT_MAX_CPUS];

/* The last CPU: on until every other CPU has tried. */
static void prize(void *arg)
{
	(void)arg;
	(void)wait_for(load_acquire(&answered) >= check_cpus - 1, RACE_US);
}

/* All others at once: turn the last CPU on. */
static void racer(void *arg)
{
	unsigned int last = check_cpus - 1;

	(void)arg;
	(void)atomic_inc(&ready);
	(void)wait_for(load_acquire(&ready) == last, RACE_US);
	answers[cpu_id()] = call(PSCI_CPU_ON, last, (uintptr_t)secondary_entry);
	(void)atomic_inc(&answered);
}

static bool one_winner(unsigned int last)
{
	unsigned int started = 0, late = 0;

	for (unsigned int cpu = 0; cpu < last; cpu++) {
		started += answers[cpu] == 0;
		late += answers[cpu] == (uint32_t)PSCI_ON_PENDING ||
			answers[cpu] == (uint32_t)PSCI_ALREADY_ON;
	}
	return started == 1 && late == last - 1;
}

static void race(void)
{
	unsigned int last = check_cpus - 1, right = 0, ran = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		answered = last;
		(void)cpu_start(last, prize, NULL, 0); /* what it runs whenever it is started */
		ran += cpu_wait_off(last, RACE_US);
		ready = 0;
		answered = 0;
		for (unsigned int cpu = 1; cpu < last; cpu++)
			(void)cpu_start(cpu, racer, NULL, 0);
		racer(NULL);
		for (unsigned int cpu = 1; cpu < check_cpus; cpu++)
			ran += cpu_wait_off(cpu, RACE_US);
		right += one_winner(last);
	}
	(void)check_eq("power.race.one-winner", right, ROUNDS);
	(void)check_eq("power.race.all-end", ran, ROUNDS * check_cpus);
}

void check_power(void)
{
	bool powers_down;

	numbers();
	affinities();
	power_states();
	powers_down = cpu_power_down();
	optional(powers_down);
	if (check_cpus < 3)
		check_skip("power.race.few", "two CPUs cannot race");
	else if (check_bare())
		check_skip("power.race", "QEMU starts CPUs by and by, and tells several SUCCESS");
	else
		race();
}
