/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped system registers: what is shown, what is hidden, debug registers and performance
 * monitors.
 */
#include <unit.h>
#include <vgic_fixture.h>

#include <vmm/cpu.h>

#include <string.h>

#define DFR0   SYSREG_ENC(3, 0, 0, 5, 0)
#define MDSCR  SYSREG_ENC(2, 0, 0, 2, 2)
#define OSLAR  SYSREG_ENC(2, 0, 1, 0, 4)
#define OSLSR  SYSREG_ENC(2, 0, 1, 1, 4)
#define BVR(n) SYSREG_ENC(2, 0, 0, n, 4)
#define BCR(n) SYSREG_ENC(2, 0, 0, n, 5)
#define WVR(n) SYSREG_ENC(2, 0, 0, n, 6)
#define WCR(n) SYSREG_ENC(2, 0, 0, n, 7)
#define DBGDTR SYSREG_ENC(2, 3, 0, 4, 0)

#define PMCR       SYSREG_ENC(3, 3, 9, 12, 0)
#define PMCNTENSET SYSREG_ENC(3, 3, 9, 12, 1)
#define PMOVSCLR   SYSREG_ENC(3, 3, 9, 12, 3)
#define PMSWINC    SYSREG_ENC(3, 3, 9, 12, 4)
#define PMSELR     SYSREG_ENC(3, 3, 9, 12, 5)
#define PMXEVTYPER SYSREG_ENC(3, 3, 9, 13, 1)
#define PMXEVCNTR  SYSREG_ENC(3, 3, 9, 13, 2)
#define PMOVSSET   SYSREG_ENC(3, 3, 9, 14, 3)
#define PMEVCNTR0  SYSREG_ENC(3, 3, 14, 8, 0)
#define PMEVTYPER0 SYSREG_ENC(3, 3, 14, 12, 0)
#define PMCCFILTR  SYSREG_ENC(3, 3, 14, 15, 7)

#define SS  BIT(0)
#define KDE BIT(13)
#define MDE BIT(15)

static struct vcpu *const v0 = &fixture_vcpus[0];

/* The machine: 6 breakpoints, 4 watchpoints, 2 context-aware ones, PMUv3. */
static int setup(void **state)
{
	(void)fixture_setup(state);
	host_id_registers[5][0] = 0x10305106;
	vsysreg_host_init();
	host_pmu_intid = 23;
	assert_int_equal(vpmu_host_init(), 0);
	vdebug_reset(v0);
	fixture_load(0);
	vpmu_reset(v0);
	return 0;
}

static int setup_pmu(void **state)
{
	(void)setup(state);
	fixture_vm.desc.pmu = true;
	vpmu_reset(v0);
	return 0;
}

static enum sysreg_result access(u32 reg, bool write, bool user, u64 *value)
{
	struct sysreg_access a = { .reg = reg, .write = write, .user = user, .value = *value };
	enum sysreg_result result = vmm_sysreg(v0, &a);

	*value = a.value;
	return result;
}

static u64 get(u32 reg)
{
	u64 value = 0;

	assert_int_equal(access(reg, false, false, &value), SYSREG_OK);
	return value;
}

static void set(u32 reg, u64 value)
{
	assert_int_equal(access(reg, true, false, &value), SYSREG_OK);
}

static void undefined(u32 reg, bool write)
{
	u64 value = 0;

	assert_int_equal(access(reg, write, false, &value), SYSREG_UNDEF);
}

static void what_is_not_shown_is_undefined(void **state)
{
	static const u32 hidden[] = {
		SYSREG_ENC(3, 0, 1, 0, 6),  /* GCR_EL1 */
		SYSREG_ENC(3, 0, 1, 2, 1),  /* TRFCR_EL1 */
		SYSREG_ENC(3, 0, 5, 4, 0),  /* ERXFR_EL1 */
		SYSREG_ENC(3, 0, 5, 6, 0),  /* TFSR_EL1 */
		SYSREG_ENC(3, 0, 9, 9, 0),  /* PMSCR_EL1 */
		SYSREG_ENC(3, 0, 9, 11, 0), /* TRBLIMITR_EL1 */
		SYSREG_ENC(3, 0, 10, 4, 7), /* LORID_EL1 */
		SYSREG_ENC(3, 1, 0, 0, 4),  /* GMID_EL1 */
		SYSREG_ENC(3, 3, 13, 0, 7), /* SCXTNUM_EL0 */
		SYSREG_ENC(3, 3, 13, 2, 0), /* AMCR_EL0 */
		SYSREG_ENC(3, 0, 15, 0, 0), /* implementation defined */
		PMCR,
		PMSELR,
		PMEVCNTR0,
		PMCCFILTR,
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++) {
		undefined(hidden[i], false);
		undefined(hidden[i], true);
	}
	undefined(PMSWINC, true);
	undefined(DFR0, true);
	undefined(OSLAR, false);
	undefined(OSLSR, true);
}

static void debug_features_are_the_cpus(void **state)
{
	(void)state;
	/* Double lock 0xf: none. PMUVer 0: not asked for. */
	assert_int_equal(get(DFR0), 0xf010305006);
	host_id_registers[5][0] = 0x1030510b; /* a debug architecture of the future */
	vsysreg_host_init();
	assert_int_equal(get(DFR0) & 0xf, 9);
	host_id_registers[5][0] = 0x10305106;
	vsysreg_host_init();
	assert_int_equal(get(DFR0), 0xf010305006);
	set(BVR(5), 0x1234);
	assert_int_equal(get(BVR(5)), 0x1234);
	undefined(BVR(6), false);
	undefined(BCR(6), true);
	set(WVR(3), 0x1234567f);
	assert_int_equal(get(WVR(3)), 0x1234567c);
	undefined(WCR(4), true);
	set(BCR(0), ~0UL);
	assert_int_equal(get(BCR(0)), 0xffe1e7);
}

static void debug_is_loaded_while_it_has_an_effect(void **state)
{
	const struct guest_debug **loaded = &host_guest_debug[0];

	(void)state;
	assert_int_equal(get(OSLSR), 0xa);
	set(BVR(1), 0x4000);
	set(BCR(1), 0x1e3);
	set(MDSCR, KDE | MDE);
	assert_null(*loaded); /* the OS lock is on */
	set(OSLAR, 0);
	assert_int_equal(get(OSLSR), 8);
	assert_ptr_equal(*loaded, &v0->debug.regs);
	assert_int_equal((*loaded)->mdscr, KDE | MDE);
	assert_int_equal((*loaded)->reg[GUEST_BVR][1], 0x4000);
	*loaded = NULL;
	set(WCR(0), 0x1ff3); /* at once */
	assert_non_null(*loaded);
	set(MDSCR, KDE); /* nothing is in use any more */
	assert_int_equal((*loaded)->mdscr, 0);
	*loaded = NULL;
	set(BVR(1), 0x5000);
	assert_null(*loaded);
	set(MDSCR, KDE | SS);
	assert_int_equal((*loaded)->mdscr, KDE | SS);
	vdebug_reset(v0);
	assert_int_equal(v0->debug.regs.mdscr, 0);
	assert_int_equal(get(MDSCR), 0);
}

static void el0_uses_the_channel_if_el1_lets_it(void **state)
{
	u64 value = 0;

	(void)state;
	assert_int_equal(access(DBGDTR, false, true, &value), SYSREG_OK);
	set(MDSCR, BIT(12));
	assert_int_equal(access(DBGDTR, false, true, &value), SYSREG_TRAP);
	assert_int_equal(access(DBGDTR, false, false, &value), SYSREG_OK);
}

static void monitors_for_those_that_ask(void **state)
{
	(void)state;
	assert_int_equal(get(DFR0) >> 8 & 0xf, 1);
	assert_int_equal(get(PMCR) >> 11 & 0x1f, HOST_PMU_EVENTS);
	set(PMCNTENSET, ~0UL);
	assert_int_equal(get(PMCNTENSET), 0x8000000f);
	set(PMEVCNTR0 + 3, 77);
	set(PMSELR, 3);
	assert_int_equal(get(PMXEVCNTR), 77);
	undefined(PMEVCNTR0 + 4, false);
	undefined(PMEVTYPER0 + 4, true);
	set(PMSELR, 4); /* not there: reads as zero */
	set(PMXEVCNTR, 5);
	assert_int_equal(get(PMXEVCNTR), 0);
}

static void monitors_do_not_count_at_el2(void **state)
{
	(void)state;
	set(PMEVTYPER0, ~0UL);
	assert_int_equal(get(PMEVTYPER0), 0xf000ffff);
	set(PMCCFILTR, ~0UL);
	assert_int_equal(get(PMCCFILTR), 0xf0000000);
	set(PMSELR, 31);
	set(PMXEVTYPER, BIT(27) | BIT(30));
	assert_int_equal(get(PMCCFILTR), BIT(30));
	set(PMCR, ~0UL);
	assert_int_equal(get(PMCR) & BIT(4), 0); /* nor are they exported */
}

static void software_increments(void **state)
{
	u64 one = 1;

	(void)state;
	set(PMSWINC, 1);
	assert_int_equal(get(PMEVCNTR0), 0);
	set(PMCR, 1);
	set(PMCNTENSET, 3);
	set(PMSWINC, ~0UL);
	assert_int_equal(get(PMEVCNTR0), 1);
	assert_int_equal(get(PMEVCNTR0 + 1), 1);
	assert_int_equal(get(PMEVCNTR0 + 2), 0);
	set(PMEVTYPER0, BIT(31)); /* not at EL1 */
	set(PMSWINC, 1);
	assert_int_equal(get(PMEVCNTR0), 1);
	assert_int_equal(access(PMSWINC, true, true, &one), SYSREG_OK);
	assert_int_equal(get(PMEVCNTR0), 2);
	set(PMEVTYPER0, BIT(31) | BIT(29)); /* and yet at non-secure EL1 */
	set(PMSWINC, 1);
	assert_int_equal(get(PMEVCNTR0), 3);
	set(PMEVCNTR0, 0xffffffff);
	set(PMSWINC, 1);
	assert_int_equal(get(PMOVSSET), 1);
	set(PMEVTYPER0, 0x11);
	set(PMEVCNTR0, 9);
	set(PMSWINC, 1);
	assert_int_equal(get(PMEVCNTR0), 9);
}

/* GICR_ISPENDR0 of vCPU 0 has the interrupt, and the physical one stays active for it. */
static void overflow_interrupt(void **state)
{
	(void)state;
	set(PMCR, 1);
	set(SYSREG_ENC(3, 0, 9, 14, 1), 1);
	set(PMOVSSET, 1);
	host_irq_set_active(23, 0, true);
	fixture_irq(23);
	assert_true(fixture_read(0, SGI(0, 0x200), 4) & BIT(23));
	assert_true(host_irq_active(23, 0));
	/* The end of its reason. */
	set(PMOVSCLR, ~0UL);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(23), 0);
	assert_false(host_irq_active(23, 0));
}

static void overflow_of_nobody(void **state)
{
	(void)state;
	host_irq_set_active(23, 0, true);
	fixture_irq(23);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(23), 0);
	assert_false(host_irq_active(23, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_not_shown_is_undefined, setup),
		cmocka_unit_test_setup(debug_features_are_the_cpus, setup),
		cmocka_unit_test_setup(debug_is_loaded_while_it_has_an_effect, setup),
		cmocka_unit_test_setup(el0_uses_the_channel_if_el1_lets_it, setup),
		cmocka_unit_test_setup(monitors_for_those_that_ask, setup_pmu),
		cmocka_unit_test_setup(monitors_do_not_count_at_el2, setup_pmu),
		cmocka_unit_test_setup(software_increments, setup_pmu),
		cmocka_unit_test_setup(overflow_interrupt, setup_pmu),
		cmocka_unit_test_setup(overflow_of_nobody, setup),
		cmocka_unit_test_setup(overflow_of_nobody, setup_pmu), /* no more: it was cleared */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
