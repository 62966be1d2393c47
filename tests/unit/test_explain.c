/* SPDX-License-Identifier: Apache-2.0 */
/* What `zvm info` says of a guest that failed or is silent. */
#include <unit.h>

#include <string.h>

#include <vmm/core.h>
#include <vmm/debug.h>

static struct vm vm;
static struct mmio_region regions[] = { { .base = 0x09000000, .size = 0x1000, .name = "pl011" } };

/* Lost after that exception, whose FAR is mapped at the same IPA. */
static struct vcpu_facts lost(u64 esr, u64 far)
{
	return (struct vcpu_facts){
		.lost = true,
		.vbar = 0x40200800,
		.sp = 0x40300000,
		.insn = 0x12345678,
		.last = { esr, far, 0x40201000 },
		.last_ipa = far,
	};
}

static const char *why(struct vcpu_facts f)
{
	const struct explanation *e = explain_cause(&vm, &f);

	return e ? e->why : "";
}

static int setup(void **state)
{
	(void)state;
	vm.ram.map = ram_map_default(MIB(8));
	vm.bus = (struct mmio_bus){ .count = 1, .regions = regions };
	return 0;
}

static void places(void **state)
{
	(void)state;
	assert_string_equal(explain_place(&vm, 0x40000000), "RAM");
	assert_string_equal(explain_place(&vm, 0x40800000), "no RAM");
	assert_string_equal(explain_place(&vm, 0x09000fff), "pl011");
	assert_string_equal(explain_place(&vm, 0x08010000), "no GICv2 CPU interface");
	assert_string_equal(explain_place(&vm, 0x09040018), "no second UART");
	assert_string_equal(explain_place(&vm, 0x0f000000), "no device");
	assert_string_equal(explain_place(&vm, VCPU_NO_IPA), "not in its tables");
}

#define FETCH    0x86000010UL /* external */
#define STORE    0x96000050UL
#define UNDEF    0x02000000UL
#define OF_STORE 0x96000040UL

static void aborts(void **state)
{
	struct vcpu_facts f = lost(FETCH, 0x200);

	(void)state;
	f.vbar = 0;
	assert_string_equal(why(f), "an exception, and no vectors at VBAR_EL1");
	assert_string_equal(why(lost(FETCH, 0x200)), "a call of a null pointer");
	assert_string_equal(why(lost(FETCH, 0x50000000)), "it executes where no code is");
	assert_string_equal(why(lost(STORE, 8)), "an access by a null pointer");
	assert_string_equal(why(lost(STORE, 0x0f000000)), "an access to a missing device");
	assert_string_equal(why(lost(STORE, 0x50000000)), "an access outside of its RAM");
	assert_string_equal(why(lost(OF_STORE | 0x21, 0x40000001)),
			    "an unaligned access, MMU off or to a device");
	f = lost(OF_STORE | 7, 0xffff000012345678);
	f.last_ipa = VCPU_NO_IPA;
	assert_string_equal(why(f), "its own tables forbid the access");
	f = lost(STORE, 0x50000ff8);
	f.sp = 0x50001000;
	assert_string_equal(why(f), "its stack is not in RAM: never set, or overflowed");
}

static void others(void **state)
{
	struct vcpu_facts f = lost(UNDEF, 0);

	(void)state;
	assert_string_equal(why(f), "an instruction that it does not have");
	f.insn = 0xd53800a0; /* mrs x0, mpidr_el1 */
	assert_string_equal(why(f), "a register that it does not have at EL1");
	f.insn = 0;
	assert_string_equal(why(f), "it executes where no code is");
	assert_string_equal(why(lost(0x1e000000, 0)), "FP or SIMD, which CPACR_EL1 forbids");
	assert_string_equal(why(lost(0x3a000000, 0)), "ERET to an illegal state");
	assert_string_equal(why(lost(0x9a000000, 0)), "SP is not a multiple of 16");
	assert_string_equal(why(lost(0xf2000001, 0)), "BRK, often an assertion");
	assert_string_equal(why(lost(0, 0)), ""); /* it spins where interrupts lead to */
}

/* What ZVM gave comes before what followed in the vector. */
static void given(void **state)
{
	struct vcpu_facts f = lost(FETCH, 0x200);
	struct vcpu_exception x;

	(void)state;
	f.vbar = 0;
	f.given = (struct guest_exception){ STORE, 0x0f000000, 0x40201004 };
	f.given_ipa = 0x0f000000;
	assert_string_equal(why(f), "an access to a missing device");
	assert_true(explain_exception(&f, &x));
	assert_int_equal(x.e.elr, 0x40201004);
	assert_int_equal(x.ipa, 0x0f000000);
}

static void silent(void **state)
{
	struct vcpu_facts f = { .waits = true };
	struct vcpu_exception x;

	(void)state;
	assert_false(explain_exception(&f, &x));
	assert_string_equal(why(f), "it waits (WFI), and no timer is set");
	f.timers = true;
	assert_string_equal(why(f), "it waits for interrupts");
	f.waits = false;
	assert_string_equal(why(f), "it executes");
	f.pstate = BIT(7);
	assert_string_equal(why(f), "it executes with interrupts masked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places), cmocka_unit_test(aborts), cmocka_unit_test(others),
		cmocka_unit_test(given),  cmocka_unit_test(silent),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
