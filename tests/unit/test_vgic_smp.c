/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC between vCPUs: how one sees and changes interrupts of another, where SPIs go, and
 * what must not block other interrupts.
 */
#include <unit.h>
#include <vgic_guest.h>

#define SPI        40
#define BIT_OF_SPI BIT(SPI % 32)

static struct vcpu *const v0 = &fixture_vcpus[0];
static struct vcpu *const v1 = &fixture_vcpus[1];

static void route(u32 intid, u64 to)
{
	fixture_write(0, GICD(0x6000 + 8 * intid), 8, to);
}

/* Of SPI. */
static bool pending(void)
{
	return reads_pending(0, SPI);
}

static bool active(void)
{
	return reads_active(0, SPI);
}

/* vCPU 0 here on CPU 0, vCPU 1 on CPU 1; SPI goes to vCPU 1. */
static int setup(void **state)
{
	fixture_setup(state);
	fixture_enable(0, SPI, 0x80);
	set_edge(SPI);
	route(SPI, 1);
	fixture_load(0);
	host_set_cpu(1);
	fixture_load(1);
	host_set_cpu(0);
	fixture_kicked();
	return 0;
}

/* vCPU 1 goes through its exit path and acknowledges that. */
static void ack_on_1(u32 intid)
{
	host_set_cpu(1);
	fixture_exit();
	ack(intid);
	host_set_cpu(0);
}

static void eoi_on_1(u32 intid)
{
	host_set_cpu(1);
	host_vgic_eoi(intid);
	host_set_cpu(0);
}

/* ---- another vCPU's list registers ---- */

static void state_is_read_where_it_is(void **state)
{
	(void)state;
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(pending() && !active());
	ack_on_1(SPI); /* without an exit */
	assert_true(!pending() && active());
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(pending() && active());
	eoi_on_1(SPI);
	assert_true(pending() && !active());
	ack_on_1(SPI);
	eoi_on_1(SPI);
	assert_true(!pending() && !active());
	/* Private ones, by the other's redistributor frame. */
	fixture_enable(1, 3, 0);
	vgic_send_sgi(v0, 3 << 24 | 2, 1);
	assert_int_equal(fixture_read(0, SGI(1, 0x200), 4), BIT(3));
	ack_on_1(3);
	assert_int_equal(fixture_read(0, SGI(1, 0x200), 4), 0);
	assert_int_equal(fixture_read(0, SGI(1, 0x300), 4), BIT(3));
}

static void a_read_of_what_is_idle_disturbs_nobody(void **state)
{
	u32 folds;

	(void)state;
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(SPI);
	eoi_on_1(SPI);
	assert_true(!pending() && !active()); /* takes it out of the list register */
	folds = v1->vgic.folds;
	assert_true(!pending() && !active());
	assert_int_equal(fixture_read(0, GICD(0x208), 4), 0);
	assert_int_equal(v1->vgic.folds, folds);
	assert_int_equal(fixture_kicked(), 0);
}

static void state_is_written_where_it_is(void **state)
{
	(void)state;
	/* Active: not delivered, though pending in its list register. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	host_set_cpu(0);
	fixture_write(0, GICD(0x304), 4, BIT_OF_SPI);
	assert_true(pending() && active());
	ack_on_1(1023);
	fixture_write(0, GICD(0x384), 4, BIT_OF_SPI);
	assert_true(pending() && !active());
	ack_on_1(SPI);
	/* Ended by another, and pending again. */
	fixture_write(0, GICD(0x204), 4, BIT_OF_SPI);
	fixture_write(0, GICD(0x384), 4, BIT_OF_SPI);
	assert_true(pending() && !active());
	/* Taken back, and gone at once. */
	fixture_write(0, GICD(0x284), 4, BIT_OF_SPI);
	host_set_cpu(1);
	nothing();
	host_set_cpu(0);
	assert_true(!pending() && !active());
	/* The distributor off: also at once. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	host_set_cpu(0);
	fixture_write(0, GICD(0), 4, 1);
	host_set_cpu(1);
	nothing();
	host_set_cpu(0);
	assert_true(pending());
	fixture_write(0, GICD(0), 4, 2);
	ack_on_1(SPI);
}

/* ---- ends in two steps ---- */

/*
 * SPI, SPI + 1 and SPI + 2, each more urgent than the one before, are active on vCPU 0, which has
 * one list register.
 */
/*
 * What was made active, or not, by another is so once: the list register's next interrupt has a
 * state of its own.
 */
static void what_others_wrote_holds_once(void **state)
{
	(void)state;
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	host_set_cpu(0);
	fixture_write(0, GICD(0x304), 4, BIT_OF_SPI);
	eoi_on_1(SPI);
	ack_on_1(SPI);
	eoi_on_1(SPI);
	assert_false(active());
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(SPI);
	fixture_write(0, GICD(0x384), 4, BIT_OF_SPI);
	assert_false(active());
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(SPI);
	assert_true(active());
	eoi_on_1(SPI);
	assert_false(active());
}

/* A timer's interrupt that another vCPU ends: the physical one may come again. */
static void others_end_a_timers_interrupt(void **state)
{
	(void)state;
	fixture_enable(1, 27, 0x80);
	host_set_cpu(1);
	host_guest_timers[1][0].ctl = 1;
	host_irq_set_active(27, 1, true);
	vgic_forward_ppi(v1, 27, 27);
	fixture_exit();
	ack(27);
	host_set_cpu(0);
	assert_true(reads_active(1, 27));
	assert_true(host_irq_active(27, 1));
	fixture_write(0, SGI(1, 0x380), 4, BIT(27));
	assert_false(reads_active(1, 27));
	assert_false(host_irq_active(27, 1));
}

static void nest_three(void)
{
	vgic_limit_lrs(1);
	for (u32 n = 0; n < 3; n++) {
		fixture_enable(0, SPI + n, (u8)(0x80 - 0x10 * n));
		set_edge(SPI + n);
		route(SPI + n, 0);
		vgic_set_spi(&fixture_vm, SPI + n, true);
		fixture_exit();
		ack(SPI + n);
		fixture_maintenance();
	}
}

static void dir_ends_what_it_names(void **state)
{
	(void)state;
	nest_three();
	vgic_dir(v0, SPI + 1); /* not before the guest says that it ends them so */
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 7 * BIT_OF_SPI);
	host_vgic[0].eoi_split = true;
	host_vgic[1].eoi_split = true;
	vgic_dir(v0, SPI + 1);
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 5 * BIT_OF_SPI);
	vgic_dir(v0, SPI);
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 4 * BIT_OF_SPI);
	/* An SPI may be ended by any vCPU; a private one is each one's own. */
	host_set_cpu(1);
	vgic_dir(v1, SPI + 2);
	vgic_dir(v1, 5);
	vgic_dir(v1, 1023);
	vgic_dir(v1, ~0U);
	host_set_cpu(0);
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 0);
	fixture_exit();
	nothing();
	vgic_set_spi(&fixture_vm, SPI + 1, true);
	fixture_exit();
	ack(SPI + 1);
}

/* Of one that is in no list register. */
static void first_step_ends_nothing(void **state)
{
	(void)state;
	host_vgic[0].eoi_split = true;
	nest_three();
	host_vgic[0].eoi_count = 2;
	fixture_maintenance();
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 7 * BIT_OF_SPI);
	assert_int_equal(host_vgic[0].eoi_count, 0);
}

/* The same list register of another CPU holds something else. */
static void dir_of_what_another_has(void **state)
{
	(void)state;
	fixture_enable(0, SPI + 1, 0x80);
	set_edge(SPI + 1);
	route(SPI + 1, 0);
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_set_spi(&fixture_vm, SPI + 1, true);
	fixture_exit();
	ack(SPI + 1);
	ack_on_1(SPI);
	host_vgic[0].eoi_split = true;
	host_vgic[1].eoi_split = true;
	vgic_dir(v0, SPI);
	host_set_cpu(1);
	fixture_exit();
	host_set_cpu(0);
	assert_int_equal(fixture_read(0, GICD(0x304), 4), 2 * BIT_OF_SPI);
	/* Pending again meanwhile: its own end lets it come, and keeps what is pending. */
	vgic_set_spi(&fixture_vm, SPI + 1, true);
	fixture_exit();
	nothing();
	vgic_dir(v0, SPI + 1);
	ack(SPI + 1);
}

static void dir_ends_a_timers_interrupt(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	host_vgic[0].eoi_split = true;
	host_guest_timers[0][ARCH_TIMER_VIRT].ctl = 1;
	host_irq_set_active(27, 0, true);
	vgic_forward_ppi(v0, 27, 27);
	ack(27);
	vgic_dir(v0, 27);
	assert_false(host_irq_active(27, 0));
	nothing();
}

/* ---- where SPIs go ---- */

static void one_of_n(void **state)
{
	(void)state;
	route(SPI, BIT(31));
	vgic_cpu_online(v1, true);
	fixture_write(0, GICR(1, 0x14), 4, 0);
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(SPI); /* vCPU 0 is not on */
	vgic_cpu_online(v0, true);
	eoi_on_1(SPI);
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(1023); /* hands it over */
	fixture_exit();
	assert_true(fixture_lr(SPI)); /* pending on vCPU 0, that goes off */
	vgic_cpu_online(v0, false);
	fixture_exit();
	nothing();
	ack_on_1(SPI);
	eoi_on_1(SPI);
	/* Asleep: the same. */
	vgic_cpu_online(v0, true);
	vgic_set_spi(&fixture_vm, SPI, true);
	ack_on_1(1023);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	fixture_write(0, GICR(0, 0x14), 4, 2);
	fixture_exit();
	nothing();
	ack_on_1(SPI);
	eoi_on_1(SPI);
	/* No vCPU is left: it waits. */
	fixture_write(0, GICR(1, 0x14), 4, 2);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(pending());
	fixture_write(0, GICR(1, 0x14), 4, 0);
	ack_on_1(SPI);
}

static void sleep_holds_back(void **state)
{
	(void)state;
	fixture_write(0, GICR(1, 0x14), 4, 2);
	assert_int_equal(fixture_read(0, GICR(1, 0x14), 4), 6);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 2);
	host_set_cpu(1);
	vgic_flush(v1);
	nothing();
	assert_int_equal(fixture_maintenance(), 0);
	assert_true(vgic_pending(v1)); /* WakeRequest */
	host_set_cpu(0);
	assert_true(pending());
	fixture_write(1, GICR(1, 0x14), 4, 0);
	ack_on_1(SPI);
	/* One that is active ends as usual. */
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(0, GICR(1, 0x14), 4, 2);
	eoi_on_1(SPI);
	ack_on_1(1023);
	host_set_cpu(1);
	fixture_maintenance();
	nothing();
	host_set_cpu(0);
	fixture_write(1, GICR(1, 0x14), 4, 0);
	ack_on_1(SPI);
}

/* ---- what must not keep others out ---- */

static void arm_many(u32 count)
{
	u32 n;

	for (n = 0; n < count; n++) {
		fixture_enable(0, SPI + n, (u8)(0x20 + 8 * n));
		set_edge(SPI + n);
		route(SPI + n, 0);
	}
}

/*
 * Enough interrupts of a group that the guest's interface does not take, more urgent, to fill all
 * list registers.
 */
static void a_disabled_group_blocks_nobody(void **state)
{
	u32 n;

	(void)state;
	arm_many(6);
	fixture_write(0, GICD(0), 4, 3);
	fixture_write(0, GICD(0x84), 4, BIT_OF_SPI << 5);
	host_vgic[0].groups = 2;
	fixture_exit();
	for (n = 0; n < 6; n++)
		vgic_set_spi(&fixture_vm, SPI + n, true);
	fixture_exit();
	take(SPI + 5);
	fixture_maintenance();
	nothing();
	host_vgic[0].groups = 3;
	assert_int_not_equal(fixture_maintenance(), 0);
	for (n = 0; n < 5; n++) {
		take(SPI + n);
		fixture_maintenance();
	}
	nothing();
}

/*
 * Found by the check guest: an end drops the priority in the list register. So that must be the
 * priority at the acknowledge.
 */
static void an_active_one_keeps_its_priority(void **state)
{
	(void)state;
	arm_many(1);
	vgic_set_spi(&fixture_vm, SPI, true);
	ack(SPI);
	fixture_write(0, GICD(0x400 + SPI), 1, 0x60);
	assert_int_equal(fixture_read(0, GICD(0x400 + SPI), 1), 0x60);
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x20);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_put();
	fixture_load(0);
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x20);
	host_vgic_eoi(SPI);
	fixture_maintenance();
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x60);
	take(SPI);
}

static void a_lowered_priority_lets_others_by(void **state)
{
	u32 n;

	(void)state;
	vgic_limit_lrs(1);
	arm_many(3);
	for (n = 0; n < 3; n++)
		vgic_set_spi(&fixture_vm, SPI + n, true);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	fixture_write(0, GICD(0x400 + SPI), 1, 0xf0);
	fixture_exit();
	assert_true(fixture_lr(SPI + 1));
	fixture_write(0, GICD(0x400 + SPI + 2), 1, 0);
	fixture_exit();
	take(SPI + 2);
	fixture_maintenance();
	take(SPI + 1);
	fixture_maintenance();
	take(SPI);
}

/* ---- an SPI that another CPU sets pending again, as a doorbell ---- */

/* It came once, and its list register still has it. */
static void came_once(void)
{
	vgic_pend_spi(&fixture_vm, SPI);
	ack_on_1(SPI);
	eoi_on_1(SPI);
	host_set_cpu(1);
	host_vgic_synchronize();
	host_set_cpu(0);
	fixture_kicked();
}

static void it_comes_again(void **state)
{
	(void)state;
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	assert_true(v1->vgic.lr_again != 0);
	vgic_pend_spi(&fixture_vm, SPI); /* one edge, whatever comes before it is taken */
	assert_true(vgic_to_flush(&v1->vgic));
	ack_on_1(SPI);
	assert_int_equal(v1->vgic.lr_again, 0);
	assert_false(vgic_to_flush(&v1->vgic));
	/* While the guest handles it. */
	vgic_pend_spi(&fixture_vm, SPI);
	ack_on_1(1023);
	eoi_on_1(SPI);
	ack_on_1(SPI);
	eoi_on_1(SPI);
	ack_on_1(1023);
}

/* Another SPI, and an SGI, come again at the same time. */
static void it_comes_with_others(void **state)
{
	(void)state;
	fixture_enable(0, SPI + 1, 0x90);
	set_edge(SPI + 1);
	route(SPI + 1, 1);
	fixture_enable(1, 3, 0xa0);
	for (u32 turn = 0; turn < 3; turn++) {
		vgic_pend_spi(&fixture_vm, SPI);
		if (turn < 2)
			vgic_pend_spi(&fixture_vm, SPI + 1);
		if (turn != 1)
			vgic_send_sgi(v0, 3 << 24 | 2, 1);
		host_set_cpu(1);
		fixture_exit();
		take(SPI);
		if (turn < 2)
			take(SPI + 1);
		if (turn != 1)
			take(3);
		nothing();
		host_vgic_synchronize();
		host_set_cpu(0);
	}
}

static void it_ends_a_wfi(void **state)
{
	(void)state;
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	host_set_cpu(1);
	assert_true(vgic_pending(v1));
	take(SPI);
	host_vgic_synchronize();
	assert_false(vgic_pending(v1));
	host_set_cpu(0);
}

static void it_is_read_and_taken_back(void **state)
{
	(void)state;
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	assert_true(pending());
	ack_on_1(SPI);
	eoi_on_1(SPI);
	/* By its own vCPU. */
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	host_set_cpu(1);
	assert_true(reads_pending(1, SPI));
	take(SPI);
	host_set_cpu(0);
	/* Taken back, by both. */
	for (u32 n = 0; n < 2; n++) {
		came_once();
		vgic_pend_spi(&fixture_vm, SPI);
		host_set_cpu(n);
		fixture_write(n, GICD(0x284), 4, BIT_OF_SPI);
		host_set_cpu(0);
		assert_false(pending());
		ack_on_1(1023);
	}
}

static void it_goes_with_its_vcpu(void **state)
{
	(void)state;
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	host_set_cpu(1);
	fixture_put();
	fixture_load(1);
	take(SPI);
	host_set_cpu(0);
	/* To another one, before it is taken. */
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	route(SPI, 0);
	ack_on_1(1023);
	fixture_exit();
	take(SPI);
}

static void not_while_it_is_disabled(void **state)
{
	(void)state;
	came_once();
	vgic_pend_spi(&fixture_vm, SPI);
	fixture_write(0, GICD(0x184), 4, BIT_OF_SPI);
	ack_on_1(1023);
	vgic_pend_spi(&fixture_vm, SPI);
	ack_on_1(1023);
	fixture_write(0, GICD(0x104), 4, BIT_OF_SPI);
	ack_on_1(SPI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(state_is_read_where_it_is, setup),
		cmocka_unit_test_setup(a_read_of_what_is_idle_disturbs_nobody, setup),
		cmocka_unit_test_setup(state_is_written_where_it_is, setup),
		cmocka_unit_test_setup(what_others_wrote_holds_once, setup),
		cmocka_unit_test_setup(others_end_a_timers_interrupt, setup),
		cmocka_unit_test_setup(dir_ends_what_it_names, setup),
		cmocka_unit_test_setup(first_step_ends_nothing, setup),
		cmocka_unit_test_setup(dir_of_what_another_has, setup),
		cmocka_unit_test_setup(dir_ends_a_timers_interrupt, setup),
		cmocka_unit_test_setup(one_of_n, setup),
		cmocka_unit_test_setup(sleep_holds_back, setup),
		cmocka_unit_test_setup(a_disabled_group_blocks_nobody, setup),
		cmocka_unit_test_setup(an_active_one_keeps_its_priority, setup),
		cmocka_unit_test_setup(a_lowered_priority_lets_others_by, setup),
		cmocka_unit_test_setup(it_comes_again, setup),
		cmocka_unit_test_setup(it_comes_with_others, setup),
		cmocka_unit_test_setup(it_ends_a_wfi, setup),
		cmocka_unit_test_setup(it_is_read_and_taken_back, setup),
		cmocka_unit_test_setup(it_goes_with_its_vcpu, setup),
		cmocka_unit_test_setup(not_while_it_is_disabled, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
