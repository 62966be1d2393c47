/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's calls beside PSCI: random numbers, stolen time, workarounds. */
#include <unit.h>

#include <arch/cpu.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#define MS (HOST_COUNTER_HZ / 1000)

static struct vm vm;
static struct vcpu vcpus[2];
static bool entropy;

/* ---- in place of random.c: all ones ---- */

bool random_bytes(struct random *r, void *buf, size_t size)
{
	assert_ptr_equal(r, &vcpus[0].random);
	assert_false(arch_irqs_masked()); /* it takes long, and guests ask for it */
	memset(buf, 0xff, size);
	return entropy;
}

/* ---- */

static int setup(void **state)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), MIB(8) };

	*state = NULL;
	host_reset();
	arch_set_percpu(&percpus[0]);
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	for (u32 i = 0; i < ARRAY_SIZE(vcpus); i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vm.vcpus[i] = &vcpus[i];
	}
	vm.nvcpus = ARRAY_SIZE(vcpus);
	entropy = true;
	return 0;
}

/* ---- random numbers ---- */

static u64 x[8];

static s64 trng(u64 function, u64 arg)
{
	memset(x, 0x77, sizeof(x));
	x[0] = function;
	x[1] = arg;
	assert_true(trng_call(&vcpus[0], x));
	assert_true(arch_irqs_masked());
	return (s64)x[0];
}

static void trng_identity(void **state)
{
	static const u32 known[] = { TRNG_VERSION, TRNG_FEATURES, TRNG_GET_UUID, TRNG_RND32,
				     TRNG_RND64 };

	(void)state;
	assert_int_equal(trng(TRNG_VERSION, 0), 0x10000);
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(trng(TRNG_FEATURES, known[i]), TRNG_SUCCESS);
	assert_int_equal(trng(TRNG_FEATURES, 0x84000054), TRNG_NOT_SUPPORTED);
	assert_int_equal(trng(TRNG_FEATURES, 0xc4000050), TRNG_NOT_SUPPORTED);
	assert_int_equal(trng(TRNG_FEATURES, 0x84000000), TRNG_NOT_SUPPORTED);
	assert_int_equal(trng(TRNG_GET_UUID, 0), TRNG_UUID_0);
	assert_int_equal(x[1], TRNG_UUID_1);
	assert_int_equal(x[2], TRNG_UUID_2);
	assert_int_equal(x[3], TRNG_UUID_3);
	x[0] = 0xc4000052;
	assert_false(trng_call(&vcpus[0], x));
}

static void results_are(u64 x1, u64 x2, u64 x3)
{
	assert_int_equal(x[1], x1);
	assert_int_equal(x[2], x2);
	assert_int_equal(x[3], x3);
}

static void trng_gives_as_many_bits_as_asked_for(void **state)
{
	(void)state;
	assert_int_equal(trng(TRNG_RND32, 1), TRNG_SUCCESS);
	results_are(0, 0, 1);
	assert_int_equal(trng(TRNG_RND32, 32), TRNG_SUCCESS);
	results_are(0, 0, 0xffffffff);
	assert_int_equal(trng(TRNG_RND32, 33), TRNG_SUCCESS);
	results_are(0, 1, 0xffffffff);
	assert_int_equal(trng(TRNG_RND32, 96), TRNG_SUCCESS);
	results_are(0xffffffff, 0xffffffff, 0xffffffff);
	/* An SMC32 call's argument is w1. */
	assert_int_equal(trng(TRNG_RND32, 0x100000001), TRNG_SUCCESS);
	results_are(0, 0, 1);
	assert_int_equal(trng(TRNG_RND64, 64), TRNG_SUCCESS);
	results_are(0, 0, ~0UL);
	assert_int_equal(trng(TRNG_RND64, 129), TRNG_SUCCESS);
	results_are(1, ~0UL, ~0UL);
	assert_int_equal(trng(TRNG_RND64, 192), TRNG_SUCCESS);
	results_are(~0UL, ~0UL, ~0UL);
	assert_int_equal(x[4], 0x7777777777777777);
}

static void trng_errors(void **state)
{
	static const u64 wrong[][2] = {
		{ TRNG_RND32, 0 },    { TRNG_RND32, 97 },          { TRNG_RND32, 0xffffffff },
		{ TRNG_RND64, 0 },    { TRNG_RND64, 193 },         { TRNG_RND64, 0x100000001 },
		{ TRNG_RND64, ~0UL }, { TRNG_RND32, 0x100000000 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(trng(wrong[i][0], wrong[i][1]), TRNG_INVALID_PARAMETERS);
		results_are(0, 0, 0);
	}
	entropy = false;
	assert_int_equal(trng(TRNG_RND64, 192), TRNG_NO_ENTROPY);
	results_are(0, 0, 0);
	assert_int_equal(trng(TRNG_RND32, 97), TRNG_INVALID_PARAMETERS);
}

/* ---- stolen time ---- */

static struct vdev stolen = { .class = &pvtime_class, .vm = &vm };

static s64 pvtime(u32 vcpu, u64 function, u64 arg)
{
	x[0] = function;
	x[1] = arg;
	assert_true(pvtime_call(&vcpus[vcpu], x));
	return (s64)x[0];
}

static void pvtime_is_found(void **state)
{
	u64 pa;
	int attr;

	(void)state;
	assert_int_equal(pvtime(0, PV_TIME_FEATURES, PV_TIME_FEATURES), SMCCC_SUCCESS);
	assert_int_equal(pvtime(0, PV_TIME_FEATURES, PV_TIME_ST), SMCCC_SUCCESS);
	assert_int_equal(pvtime(0, PV_TIME_FEATURES, PV_TIME_ST + 1), SMCCC_NOT_SUPPORTED);
	x[0] = 0x85000020;
	assert_false(pvtime_call(&vcpus[0], x));

	assert_int_equal(stage2_init(&vm.s2), 0);
	assert_int_equal(pvtime_class.create(&stolen), 0);
	assert_int_equal(pvtime(0, PV_TIME_ST, 0), 0x090a0000);
	assert_int_equal(pvtime(1, PV_TIME_ST, 0), 0x090a0040);
	assert_true(host_stage2_lookup(&vm.s2, 0x090a0fff, &pa, &attr));
	assert_int_equal(attr, STAGE2_ROM);
	assert_false(host_stage2_lookup(&vm.s2, 0x090a1000, &pa, &attr));
	assert_int_equal(vm.pvtime[1].revision, 0);
	assert_int_equal(vm.pvtime[1].attributes, 0);
	assert_int_equal(vm.pvtime[1].stolen_ns, 0);
	stage2_destroy(&vm.s2);
	pvtime_class.destroy(&stolen);
	pvtime_class.destroy(&stolen);
}

static void runs(struct vcpu *v)
{
	if (v->stolen_told)
		pvtime_update(v);
}

static void pvtime_counts_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(stage2_init(&vm.s2), 0);
	assert_int_equal(pvtime_class.create(&stolen), 0);
	vcpus[0].thread.ready_ticks = 5 * MS;
	pvtime_class.reset(&stolen);
	vcpus[0].thread.ready_ticks = 6 * MS; /* on the way to its first entry */
	runs(&vcpus[0]);
	assert_int_equal(vm.pvtime[0].stolen_ns, 0);
	pvtime_enter(&vcpus[0]);
	runs(&vcpus[0]);
	assert_false(vcpus[0].stolen_told);
	assert_int_equal(pvtime(0, PV_TIME_ST, 0), 0x090a0000);
	runs(&vcpus[0]);
	assert_int_equal(vm.pvtime[0].stolen_ns, 0);
	vcpus[0].thread.ready_ticks += 3;
	runs(&vcpus[0]);
	assert_int_equal(vm.pvtime[0].stolen_ns, 48); /* of 16 ns each */
	assert_int_equal(vm.pvtime[1].stolen_ns, 0);
	pvtime_enter(&vcpus[0]); /* CPU_OFF and CPU_ON: it never falls */
	assert_int_equal(vm.pvtime[0].stolen_ns, 48);
	/* A year. */
	vcpus[0].thread.ready_ticks = 6 * MS + 31536000 * HOST_COUNTER_HZ + 1;
	runs(&vcpus[0]);
	assert_int_equal(vm.pvtime[0].stolen_ns, 31536000000000016);
	pvtime_class.reset(&stolen);
	assert_int_equal(vm.pvtime[0].stolen_ns, 0);
	assert_false(vcpus[0].stolen_told);
	vcpus[0].thread.ready_ticks += 1000; /* before the next PV_TIME_ST */
	pvtime_enter(&vcpus[0]);
	vcpus[0].thread.ready_ticks += 2;
	assert_int_equal(pvtime(0, PV_TIME_ST, 0), 0x090a0000);
	assert_int_equal(vm.pvtime[0].stolen_ns, 32); /* what was before counts */
	stage2_destroy(&vm.s2);
	pvtime_class.destroy(&stolen);
}

static void pvtime_without_memory(void **state)
{
	(void)state;
	assert_int_equal(stage2_init(&vm.s2), 0);
	host_alloc_limit = 0;
	assert_int_equal(pvtime_class.create(&stolen), -ENOMEM);
	pvtime_class.destroy(&stolen);
	assert_null(vm.pvtime);
	stage2_destroy(&vm.s2);
}

/* ---- workarounds ---- */

#define CORTEX_A72  0x410fd083
#define NEOVERSE_N1 0x413fd0c1

static s64 firmware_says;
static u32 firmware_calls;

static s64 firmware(u32 function, u64 arg)
{
	if (function == SMCCC_ARCH_FEATURES) {
		assert_in_range(arg, SMCCC_ARCH_WORKAROUND_3, SMCCC_ARCH_WORKAROUND_1);
		return firmware_says;
	}
	firmware_calls++;
	return 0x12345;
}

static void on_cpu(u32 midr, u64 csv2, s64 says)
{
	/* Each CPU asks once and keeps the answers: every call is on another. */
	static u32 cpu;

	assert_true(cpu < MAX_CPUS);
	host_reset();
	percpus[cpu].id = cpu;
	arch_set_percpu(&percpus[cpu++]);
	host_midr = midr;
	host_id_registers[4][0] = csv2 << 56;
	host_firmware = says == SMCCC_NOT_SUPPORTED ? NULL : firmware;
	firmware_says = says;
	firmware_calls = 0;
}

static void features_are(s64 branch_target, s64 store_bypass, s64 branch_history)
{
	assert_int_equal(workaround_features(SMCCC_ARCH_WORKAROUND_1), branch_target);
	assert_int_equal(workaround_features(SMCCC_ARCH_WORKAROUND_2), store_bypass);
	assert_int_equal(workaround_features(SMCCC_ARCH_WORKAROUND_3), branch_history);
	assert_int_equal(workaround_features(0x80001234), SMCCC_NOT_SUPPORTED);
}

/* The call's x0, or 1000 if there is none. */
static s64 call(u32 id)
{
	x[0] = id;
	return workaround_call(x) ? (s64)x[0] : 1000;
}

static void in_order_cores_need_none(void **state)
{
	(void)state;
	on_cpu(0x410fd034, 0, SMCCC_NOT_SUPPORTED);
	features_are(1, -2, 1);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_1), 0);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_2), 1000);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_3), 0);
	on_cpu(0x411fd050, 1, SMCCC_SUCCESS);
	features_are(1, -2, 1);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_1), 0);
	assert_int_equal(firmware_calls, 0);
}

static void firmware_of_an_affected_core(void **state)
{
	(void)state;
	on_cpu(CORTEX_A72, 0, SMCCC_NOT_SUPPORTED);
	features_are(-1, -1, -1);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_1), 1000);
	on_cpu(CORTEX_A72, 0, SMCCC_SUCCESS);
	features_are(0, -2, 0); /* store bypass: on, and left on */
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_1), 0);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_3), 0);
	assert_int_equal(firmware_calls, 2);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_2), 1000);
	on_cpu(CORTEX_A72, 0, SMCCC_UNAFFECTED);
	features_are(1, -2, 1);
	assert_int_equal(call(SMCCC_ARCH_WORKAROUND_1), 0);
	assert_int_equal(firmware_calls, 0);
}

/* CSV2 says nothing of branch history until it is 3; PSTATE.SSBS takes the place of a call. */
static void id_registers_say(void **state)
{
	(void)state;
	on_cpu(NEOVERSE_N1, 1, SMCCC_NOT_SUPPORTED);
	features_are(1, -1, -1);
	on_cpu(NEOVERSE_N1, 1, SMCCC_SUCCESS);
	host_id_registers[4][1] = 2 << 4;
	features_are(1, -1, 0);
	on_cpu(0x000f0510, 3, SMCCC_NOT_SUPPORTED);
	features_are(1, -1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(trng_identity, setup),
		cmocka_unit_test_setup(trng_gives_as_many_bits_as_asked_for, setup),
		cmocka_unit_test_setup(trng_errors, setup),
		cmocka_unit_test_setup(pvtime_is_found, setup),
		cmocka_unit_test_setup(pvtime_counts_from_the_start, setup),
		cmocka_unit_test_setup(pvtime_without_memory, setup),
		cmocka_unit_test_setup(in_order_cores_need_none, setup),
		cmocka_unit_test_setup(firmware_of_an_affected_core, setup),
		cmocka_unit_test_setup(id_registers_say, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
