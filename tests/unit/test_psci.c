/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI as a guest's calls see it: numbers, parameters, codes, and what becomes of the vCPUs. */
#include <unit.h>

#include <arch/cpu.h>
#include <kernel/percpu.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/cpu.h>
#include <vmm/life.h>

#define VCPUS 3
#define ENTRY (GUEST_RAM_BASE + 0x80000)

static struct vm vm;
static struct vcpu vcpus[VCPUS];
static enum vm_request requested;

/* ---- in place of lifecycle.c ---- */

void vm_request(struct vm *which, enum vm_request req, const char *why)
{
	(void)why;
	assert_ptr_equal(which, &vm);
	requested = req;
}

/* ---- */

static int setup(void **state)
{
	*state = NULL;
	host_reset();
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	wait_queue_init(&vm.state_wq, LOCK_VM_STATE);
	vm.ram.map = ram_map_default(MIB(64));
	vm.nvcpus = VCPUS;
	for (u32 i = 0; i < VCPUS; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].mpidr = i;
		vm.vcpus[i] = &vcpus[i];
	}
	vcpus[0].power = VCPU_ON;
	vcpus[0].thread.work = VCPU_WORK_STATE; /* no WFI waits */
	requested = VM_REQ_NONE;
	return 0;
}

static u64 waits(void)
{
	return vcpus[0].suspends[0] + vcpus[0].suspends[1];
}

static s64 by(u32 vcpu, u32 function, u64 x1, u64 x2, u64 x3)
{
	u64 x[8] = { function, x1, x2, x3, 4, 5, 6, 7 };

	vmm_smccc(&vcpus[vcpu], x);
	for (u32 i = 4; i < 8; i++)
		assert_int_equal(x[i], i);
	return (s64)x[0];
}

static s64 psci(u32 function, u64 x1, u64 x2, u64 x3)
{
	return by(0, function, x1, x2, x3);
}

#define IN_64(function) ((function) | SMCCC_64)

static void every_number_is_answered(void **state)
{
	/* A bit for each number that there is, in the 32-bit and the 64-bit form. */
	const u32 in_32 = 0x1fff5f & ~BIT(5), in_64 = 0x17701a;

	(void)state;
	for (u32 n = 0; n < 64; n++) {
		s64 want32 = n < 32 && in_32 >> n & 1 ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
		s64 want64 = n < 32 && in_64 >> n & 1 ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;

		assert_int_equal(psci(PSCI_FEATURES, PSCI_VERSION + n, 0, 0), want32);
		assert_int_equal(psci(PSCI_FEATURES, IN_64(PSCI_VERSION) + n, 0, 0), want64);
		if (want32)
			assert_int_equal(psci(PSCI_VERSION + n, 0, 0, 0), PSCI_NOT_SUPPORTED);
		if (want64)
			assert_int_equal(psci(IN_64(PSCI_VERSION) + n, 0, 0, 0),
					 PSCI_NOT_SUPPORTED);
	}
	assert_int_equal(psci(PSCI_FEATURES, SMCCC_VERSION, 0, 0), PSCI_SUCCESS);
	assert_int_equal(psci(PSCI_FEATURES, 0x8000f000, 0, 0), PSCI_NOT_SUPPORTED);
}

/*
 * Bit 16 of a fast call's number says nothing to us; the other reserved bits make it another call.
 */
static void sve_hint_is_ignored(void **state)
{
	(void)state;
	assert_int_equal(psci(PSCI_VERSION | SMCCC_SVE_HINT, 0, 0, 0), PSCI_VERSION_1_1);
	assert_int_equal(psci(SMCCC_VERSION | SMCCC_SVE_HINT, 0, 0, 0), SMCCC_VERSION_1_3);
	assert_int_equal(psci(ZVM_REVISION | SMCCC_SVE_HINT, 0, 0, 0), 1);
	assert_int_equal(psci(PSCI_VERSION | BIT(17), 0, 0, 0), SMCCC_NOT_SUPPORTED);
	assert_int_equal(psci((PSCI_VERSION & ~SMCCC_FAST) | SMCCC_SVE_HINT, 0, 0, 0),
			 SMCCC_NOT_SUPPORTED);
	assert_int_equal(psci(0x8401f000, 0, 0, 0), SMCCC_NOT_SUPPORTED);
}

static void one_of_many_turns_a_cpu_on(void **state)
{
	(void)state;
	vcpus[2].power = VCPU_ON;
	assert_int_equal(by(0, IN_64(PSCI_CPU_ON), 1, ENTRY, 7), PSCI_SUCCESS);
	assert_int_equal(by(2, IN_64(PSCI_CPU_ON), 1, ENTRY + 4, 8), PSCI_ON_PENDING);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 1, 0, 0), PSCI_AFFINITY_ON_PENDING);
	assert_int_equal(vcpus[1].boot_entry, ENTRY);
	assert_int_equal(vcpus[1].boot_arg, 7);
	assert_true(vcpus[1].reset_pending);
	vcpus[1].power = VCPU_ON;
	assert_int_equal(by(2, PSCI_CPU_ON, 1, ENTRY, 0), PSCI_ALREADY_ON);
	assert_int_equal(by(0, PSCI_CPU_ON, 0, ENTRY, 0), PSCI_ALREADY_ON);
}

static void cpu_on_refuses(void **state)
{
	static const u64 absent[] = { VCPUS, 0x100, 0x10001, 0x80000001, 1UL << 32 | 1 };
	static const u64 nowhere[] = { 0,
				       GUEST_RAM_BASE - 4,
				       GUEST_RAM_BASE + MIB(64),
				       GUEST_RAM_BASE + MIB(64) - 2,
				       ENTRY + 1,
				       ENTRY | BIT(56),
				       ~3UL };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(psci(IN_64(PSCI_CPU_ON), absent[i], ENTRY, 0),
				 PSCI_INVALID_PARAMETERS);
	for (u32 i = 0; i < ARRAY_SIZE(nowhere); i++)
		assert_int_equal(psci(IN_64(PSCI_CPU_ON), 1, nowhere[i], 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(vcpus[1].power, VCPU_OFF);
	/* An SMC32 call's arguments are w1 to w3. */
	assert_int_equal(psci(PSCI_CPU_ON, 1UL << 32 | 1, 1UL << 63 | ENTRY, ~0UL), PSCI_SUCCESS);
	assert_int_equal(vcpus[1].boot_entry, ENTRY);
	assert_int_equal(vcpus[1].boot_arg, 0xffffffff);
}

static void affinity_levels(void **state)
{
	(void)state;
	vcpus[2].mpidr = 0x100; /* a cluster of its own */
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0, 0, 0), PSCI_AFFINITY_ON);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 1, 0, 0), PSCI_AFFINITY_OFF);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 1, 1, 0), PSCI_AFFINITY_ON);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0x1ff, 1, 0), PSCI_AFFINITY_OFF);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0x1ff, 2, 0), PSCI_AFFINITY_ON);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0xffffff, 3, 0), PSCI_AFFINITY_ON);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0x200, 1, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0, 4, 0), PSCI_INVALID_PARAMETERS);
	vcpus[2].power = VCPU_ON_PENDING;
	assert_int_equal(psci(PSCI_AFFINITY_INFO, 0x100, 1, 0), PSCI_AFFINITY_ON_PENDING);
	assert_int_equal(psci(PSCI_NODE_HW_STATE, 0x100, 1, 0), PSCI_HW_ON);
	assert_int_equal(psci(PSCI_NODE_HW_STATE, 1, 0, 0), PSCI_HW_OFF);
	assert_int_equal(psci(PSCI_NODE_HW_STATE, 0x200, 0, 0), PSCI_INVALID_PARAMETERS);
}

static void suspending(void **state)
{
	static const u64 wrong[] = { 0x01000000, 0x02000000, 0x00020000, 0x04000000, 0x80000000 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(psci(PSCI_CPU_SUSPEND, wrong[i], ENTRY, 0),
				 PSCI_INVALID_PARAMETERS);
	assert_int_equal(waits(), 0);
	assert_int_equal(psci(PSCI_CPU_SUSPEND, 0xffff, 0, 0), PSCI_SUCCESS);
	assert_int_equal(psci(IN_64(PSCI_CPU_DEFAULT_SUSPEND), 0, 0, 0), PSCI_SUCCESS);
	assert_int_equal(waits(), 2);
	assert_int_equal(vcpus[0].arch.resets, 0);
	assert_int_equal(psci(PSCI_CPU_SUSPEND, PSCI_POWER_DOWN, 4, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(waits(), 2);
	(void)psci(IN_64(PSCI_CPU_SUSPEND), PSCI_POWER_DOWN, ENTRY, 9);
	assert_int_equal(waits(), 3);
	assert_int_equal(vcpus[0].arch.resets, 1);
	assert_int_equal(vcpus[0].arch.pc, ENTRY);
	assert_int_equal(vcpus[0].arch.x0, 9);

	assert_int_equal(psci(PSCI_STAT_COUNT, 0, 0, 0), 2);
	assert_int_equal(psci(PSCI_STAT_COUNT, 0, PSCI_POWER_DOWN, 0), 1);
	assert_int_equal(psci(PSCI_STAT_COUNT, 1, 0, 0), 0);
	vcpus[0].suspended_ticks[0] = HOST_COUNTER_HZ;
	vcpus[0].suspended_ticks[1] = 2 * HOST_COUNTER_HZ;
	assert_int_equal(psci(PSCI_STAT_RESIDENCY, 0, 0, 0), 1000000);
	assert_int_equal(psci(PSCI_STAT_RESIDENCY, 0, PSCI_POWER_DOWN, 0), 2000000);
	assert_int_equal(psci(PSCI_STAT_RESIDENCY, VCPUS, 0, 0), 0);
	assert_int_equal(psci(PSCI_STAT_RESIDENCY, 0, 0x01000000, 0), 0);

	assert_int_equal(psci(PSCI_SET_SUSPEND_MODE, 0, 0, 0), PSCI_SUCCESS);
	assert_int_equal(psci(PSCI_SET_SUSPEND_MODE, 1, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(psci(PSCI_SET_SUSPEND_MODE, 2, 0, 0), PSCI_INVALID_PARAMETERS);
}

/* Power-down resets monitors, break- and watchpoints. A state that keeps power loses nothing. */
static void what_power_down_loses(void **state)
{
	struct vcpu *v = &vcpus[0];

	(void)state;
	vm.desc.pmu = true;
	v->pmu.present = true;
	v->thread.hooks = &vcpu_hooks;
	v->thread.lower = v;
	v->vgic.loaded = true;
	arch_set_percpu(&percpus[0]);
	percpus[0].current = &v->thread;
	v->debug.os_lock = false;
	v->debug.regs.reg[0][0] = 1;
	arch_guest_pmu_write(PMU_ENABLE_SET, 0, 1);
	arch_guest_pmu_write(PMU_IRQ_SET, 0, 1);
	(void)psci(PSCI_CPU_SUSPEND, 0, ENTRY, 0);
	assert_int_equal(arch_guest_pmu_read(PMU_ENABLE_SET, 0), 1);
	assert_int_equal(v->debug.regs.reg[0][0], 1);
	(void)psci(PSCI_CPU_SUSPEND, PSCI_POWER_DOWN, 4, 0); /* refused */
	assert_int_equal(arch_guest_pmu_read(PMU_ENABLE_SET, 0), 1);
	assert_false(v->debug.os_lock);
	(void)psci(IN_64(PSCI_CPU_SUSPEND), PSCI_POWER_DOWN, ENTRY, 0);
	assert_int_equal(arch_guest_pmu_read(PMU_ENABLE_SET, 0), 0);
	assert_int_equal(arch_guest_pmu_read(PMU_IRQ_SET, 0), 0);
	assert_int_equal(v->debug.regs.reg[0][0], 0);
	assert_true(v->debug.os_lock);
	percpus[0].current = NULL;
}

static void system_suspend_is_for_the_last_cpu(void **state)
{
	(void)state;
	vcpus[1].power = VCPU_ON_PENDING;
	assert_int_equal(psci(IN_64(PSCI_SYSTEM_SUSPEND), ENTRY, 5, 0), PSCI_DENIED);
	vcpus[1].power = VCPU_OFF;
	assert_int_equal(psci(IN_64(PSCI_SYSTEM_SUSPEND), 0, 5, 0), PSCI_INVALID_ADDRESS);
	assert_int_equal(waits(), 0);
	(void)psci(IN_64(PSCI_SYSTEM_SUSPEND), ENTRY, 5, 0);
	assert_int_equal(waits(), 1);
	assert_int_equal(vcpus[0].arch.pc, ENTRY);
	assert_int_equal(vcpus[0].arch.x0, 5);
}

static void system_calls(void **state)
{
	(void)state;
	(void)psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	assert_int_equal(requested, VM_REQ_OFF);
	(void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
	assert_int_equal(requested, VM_REQ_RESET);
	requested = VM_REQ_NONE;
	assert_int_equal(psci(PSCI_SYSTEM_RESET2, 1, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(requested, VM_REQ_NONE);
	(void)psci(IN_64(PSCI_SYSTEM_RESET2), 0, 0, 0);
	assert_int_equal(requested, VM_REQ_RESET);
	requested = VM_REQ_NONE;
	(void)psci(PSCI_SYSTEM_RESET2, 0x80000001, 0, 0);
	assert_int_equal(requested, VM_REQ_RESET);
}

static void memory_protection(void **state)
{
	(void)state;
	assert_int_equal(psci(PSCI_MEM_PROTECT, 1, 0, 0), 0);
	assert_int_equal(psci(PSCI_MEM_PROTECT, 0, 0, 0), 1);
	assert_int_equal(psci(PSCI_MEM_PROTECT, 0, 0, 0), 0);
	assert_int_equal(psci(IN_64(PSCI_MEM_PROTECT_CHECK_RANGE), GUEST_RAM_BASE, MIB(64), 0),
			 PSCI_SUCCESS);
	assert_int_equal(psci(IN_64(PSCI_MEM_PROTECT_CHECK_RANGE), GUEST_RAM_BASE, MIB(64) + 1, 0),
			 PSCI_DENIED);
	assert_int_equal(psci(IN_64(PSCI_MEM_PROTECT_CHECK_RANGE), ENTRY, ~0UL, 0), PSCI_DENIED);
	assert_int_equal(psci(IN_64(PSCI_MEM_PROTECT_CHECK_RANGE), ENTRY, 0, 0), PSCI_DENIED);
}

static void a_cpu_that_goes_off(void **state)
{
	static const u32 calls[] = { PSCI_CPU_OFF, PSCI_CPU_FREEZE };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		vcpus[1].power = VCPU_ON;
		vcpus[1].thread.work = 0;
		(void)by(1, calls[i], 0, 0, 0);
		assert_int_equal(vcpus[1].power, VCPU_OFF);
		assert_int_equal(vcpus[1].thread.work, VCPU_WORK_STATE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_number_is_answered, setup),
		cmocka_unit_test_setup(sve_hint_is_ignored, setup),
		cmocka_unit_test_setup(one_of_many_turns_a_cpu_on, setup),
		cmocka_unit_test_setup(cpu_on_refuses, setup),
		cmocka_unit_test_setup(affinity_levels, setup),
		cmocka_unit_test_setup(suspending, setup),
		cmocka_unit_test_setup(what_power_down_loses, setup),
		cmocka_unit_test_setup(system_suspend_is_for_the_last_cpu, setup),
		cmocka_unit_test_setup(system_calls, setup),
		cmocka_unit_test_setup(memory_protection, setup),
		cmocka_unit_test_setup(a_cpu_that_goes_off, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
