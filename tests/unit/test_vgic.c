/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts reach the guest through list registers: each kind of one, and more of them than there
 * are registers.
 */
#include <unit.h>
#include <vgic_guest.h>

#define SPI 40

/* ---- one interrupt ---- */

static void level_is_sampled_again_at_eoi(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 0); /* straight into a list register */
	assert_true(fixture_lr(SPI) & LR_EOI);
	assert_true(fixture_lr(SPI) & LR_GROUP1);
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x80);
	ack(SPI);
	assert_true(reads_active(0, SPI));
	assert_true(reads_pending(0, SPI)); /* the line */
	host_vgic_eoi(SPI);
	nothing();
	assert_int_equal(fixture_maintenance(), 1);
	ack(SPI);
	/* The line falls in the handler: no maintenance interrupt for this one. */
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	assert_int_equal(fixture_maintenance(), 0);
	nothing();
	assert_false(reads_active(0, SPI));
	/* And up again in the handler. */
	vgic_set_spi(&fixture_vm, SPI, true);
	ack(SPI);
	vgic_set_spi(&fixture_vm, SPI, false);
	vgic_set_spi(&fixture_vm, SPI, true);
	nothing();
	host_vgic_eoi(SPI);
	assert_int_equal(fixture_maintenance(), 1);
	take(SPI);
	/* A line that falls before it was seen leaves nothing behind. */
	vgic_set_spi(&fixture_vm, SPI, false);
	fixture_maintenance();
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_set_spi(&fixture_vm, SPI, false);
	nothing();
	assert_int_equal(fixture_kicked(), 0);
}

/* The guest handles one interrupt of a line, which falls meanwhile. */
static void handle_line(void)
{
	ack(SPI);
	vgic_set_spi(&fixture_vm, SPI, false);
	assert_false(fixture_lr(SPI) & LR_EOI);
	host_vgic_eoi(SPI);
	assert_int_equal(fixture_maintenance(), 0);
	nothing();
}

/* vgic_pend_spi(): once, as ISPENDR, however the interrupt is configured. */
static void pended_spi(bool edge)
{
	fixture_enable(0, SPI, 0x80);
	if (edge)
		set_edge(SPI);
	fixture_load(0);
	vgic_pend_spi(&fixture_vm, SPI);
	assert_true(reads_pending(0, SPI));
	take(SPI);
	nothing();
	assert_false(reads_pending(0, SPI));
	/* Several before it is taken are one; one in the handler is another. */
	vgic_pend_spi(&fixture_vm, SPI);
	vgic_pend_spi(&fixture_vm, SPI);
	ack(SPI);
	vgic_pend_spi(&fixture_vm, SPI);
	vgic_pend_spi(&fixture_vm, SPI);
	nothing();
	host_vgic_eoi(SPI);
	(void)fixture_maintenance();
	take(SPI);
	nothing();
	(void)fixture_kicked();
	/* Off its CPU its vCPU is kicked; the second time there is nothing to tell. */
	fixture_put();
	vgic_pend_spi(&fixture_vm, SPI);
	assert_int_not_equal(fixture_kicked(), 0);
	vgic_pend_spi(&fixture_vm, SPI);
	assert_int_equal(fixture_kicked(), 0);
	fixture_load(0);
	take(SPI);
	nothing();
	/* There are no such interrupts. */
	vgic_pend_spi(&fixture_vm, 31);
	vgic_pend_spi(&fixture_vm, 1020);
	nothing();
}

static void pended_as_edge(void **state)
{
	(void)state;
	pended_spi(true);
}

static void pended_as_level(void **state)
{
	(void)state;
	pended_spi(false);
}

/* The list register of a line is written again. What changed since the last time counts. */
static void a_line_rises_again(void **state)
{
	u32 folds;

	(void)state;
	fixture_enable(0, SPI, 0x80);
	fixture_load(0);
	folds = fixture_vcpus[0].vgic.folds;
	for (u32 prio = 0x80; prio <= 0xc0; prio += 0x20) {
		vgic_set_spi(&fixture_vm, SPI, true);
		assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), prio);
		assert_true(fixture_lr(SPI) & LR_EOI);
		handle_line();
		fixture_write(0, GICD(0x400 + SPI), 1, prio + 0x20);
	}
	assert_int_equal(fixture_kicked(), 0);
	assert_int_equal(fixture_vcpus[0].vgic.folds, folds);
	/* Disabled in the handler. */
	vgic_set_spi(&fixture_vm, SPI, true);
	ack(SPI);
	fixture_write(0, GICD(0x180 + SPI / 32 * 4), 4, BIT(SPI % 32));
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	vgic_set_spi(&fixture_vm, SPI, true);
	nothing();
	fixture_write(0, GICD(0x100 + SPI / 32 * 4), 4, BIT(SPI % 32));
	fixture_exit();
	handle_line();
	/* Given to another vCPU in the handler. */
	vgic_set_spi(&fixture_vm, SPI, true);
	ack(SPI);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	vgic_set_spi(&fixture_vm, SPI, true);
	nothing();
	assert_int_equal(fixture_kicked(), 1U << 1);
}

/* A level-sensitive interrupt that the guest sets pending itself, before and after its line. */
static void a_line_and_a_latch(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	handle_line();
	for (u32 i = 0; i < 2; i++) {
		fixture_write(0, GICD(0x200 + SPI / 32 * 4), 4, BIT(SPI % 32));
		assert_false(fixture_lr(SPI) & LR_EOI); /* the line is low */
		take(SPI);
		assert_int_equal(fixture_maintenance(), 0);
		nothing();
	}
	/* The latch is gone: after its line has fallen too, nothing is pending. */
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(0, GICD(0x180 + SPI / 32 * 4), 4, BIT(SPI % 32));
	vgic_set_spi(&fixture_vm, SPI, false);
	fixture_write(0, GICD(0x100 + SPI / 32 * 4), 4, BIT(SPI % 32));
	nothing();
	assert_false(reads_pending(0, SPI));
}

static void edges_merge(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	set_edge(SPI);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(reads_pending(0, SPI));
	ack(SPI);
	assert_false(reads_pending(0, SPI));
	vgic_set_spi(&fixture_vm, SPI, true); /* pending and active */
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_lr(SPI) & LR_STATE_MASK, LR_STATE_MASK);
	assert_true(reads_pending(0, SPI));
	assert_true(reads_active(0, SPI));
	nothing();
	host_vgic_eoi(SPI);
	take(SPI);
	nothing();
	vgic_set_spi(&fixture_vm, SPI, false);
	nothing();
	assert_false(reads_pending(0, SPI));
	assert_int_equal(fixture_maintenance(), 0);
}

static void pending_set_by_software(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	fixture_write(0, GICD(0x204), 4, BIT(8));
	ack(SPI); /* the latch is used up, the line is low */
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	fixture_write(0, GICD(0x204), 4, BIT(8));
	fixture_write(0, GICD(0x284), 4, BIT(8));
	nothing();
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(0, GICD(0x284), 4, BIT(8)); /* the line stays */
	assert_true(reads_pending(0, SPI));
	take(SPI);
	vgic_set_spi(&fixture_vm, SPI, false);
	fixture_maintenance();
	/* An edge that was latched is forgotten in the list register too. */
	set_edge(SPI);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(0, GICD(0x284), 4, BIT(8));
	nothing();
	vgic_set_spi(&fixture_vm, SPI, true);
	ack(SPI);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(0, GICD(0x284), 4, BIT(8));
	fixture_exit();
	assert_int_equal(fixture_lr(SPI) & LR_STATE_MASK, LR_STATE_ACTIVE);
	host_vgic_eoi(SPI);
	nothing();
}

static void active_set_by_software(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, BIT(8));
	fixture_exit();
	vgic_set_spi(&fixture_vm, SPI, true);
	nothing();
	assert_true(reads_active(0, SPI));
	fixture_write(0, GICD(0x384), 4, BIT(8));
	fixture_exit();
	assert_false(reads_active(0, SPI));
	ack(SPI);
	fixture_write(0, GICD(0x384), 4, BIT(8)); /* as good as an EOI */
	fixture_exit();
	ack(SPI);
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
}

static void enables_gate(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	fixture_write(0, GICD(0x184), 4, BIT(8));
	vgic_set_spi(&fixture_vm, SPI, true);
	nothing();
	fixture_write(0, GICD(0x104), 4, BIT(8));
	assert_true(fixture_lr(SPI));
	fixture_write(0, GICD(0x184), 4, BIT(8)); /* out of the list register */
	assert_false(fixture_lr(SPI));
	assert_true(reads_pending(0, SPI));
	fixture_write(0, GICD(0x104), 4, BIT(8));
	ack(SPI);
	fixture_write(0, GICD(0x184), 4, BIT(8)); /* active stays active */
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	fixture_write(0, GICD(0x104), 4, BIT(8));
	fixture_write(0, GICD(0), 4, 1); /* group 1 off */
	fixture_exit();
	nothing();
	fixture_write(0, GICD(0), 4, 2);
	fixture_exit();
	take(SPI);
}

static void groups(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	/* Software that believes that it is secure. */
	fixture_write(0, GICD(0x84), 4, 0);
	fixture_write(0, GICD(0xd04), 4, BIT(8));
	fixture_write(0, GICD(0), 4, 4);
	fixture_exit();
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(fixture_lr(SPI) & LR_GROUP1);
	fixture_write(0, GICD(0xd04), 4, 0); /* group 0 now, and off */
	fixture_exit();
	assert_false(fixture_lr(SPI));
	fixture_write(0, GICD(0), 4, 5);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	assert_false(fixture_lr(SPI) & LR_GROUP1);
	take(SPI);
}

/* ---- many ---- */

static void more_pending_than_list_registers(void **state)
{
	static const u8 prio[] = { 0x50, 0x10, 0x80, 0x20, 0x70, 0x30, 0x60, 0x40, 0x90, 0x18 };
	static const u32 order[] = { 1, 9, 3, 5, 7, 0, 6, 4, 2, 8 };
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(prio); i++) {
		fixture_enable(0, 100 + i, prio[i]);
		set_edge(100 + i);
	}
	fixture_load(0);
	for (i = 0; i < ARRAY_SIZE(prio); i++)
		vgic_set_spi(&fixture_vm, 100 + i, true);
	fixture_exit();
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		u32 intid = 100 + order[i];

		ack(intid);
		assert_true(fixture_maintenance() <= 1);
		host_vgic_eoi(intid);
		assert_true(fixture_maintenance() <= 1);
	}
	nothing();
	assert_int_equal(host_vgic[0].maintenance, 0);
}

static void more_nested_than_list_registers(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < 10; i++) {
		fixture_enable(0, 100 + i, (u8)(0xf0 - 8 * i));
		set_edge(100 + i);
	}
	fixture_load(0);
	for (i = 0; i < 10; i++) { /* each preempts the one before */
		vgic_set_spi(&fixture_vm, 100 + i, true);
		fixture_exit();
		fixture_maintenance();
		ack(100 + i);
	}
	/* One that cannot preempt waits for its turn, also over a switch. */
	fixture_enable(0, 120, 0xb0);
	vgic_set_spi(&fixture_vm, 120, true);
	fixture_exit();
	nothing();
	fixture_put();
	fixture_load(0);
	for (i = 10; i-- > 0;) {
		assert_true(reads_active(0, 100 + i));
		host_vgic_eoi(100 + i);
		fixture_maintenance();
		fixture_exit();
		assert_false(reads_active(0, 100 + i));
		if (i == 8) { /* 107 has 0xb8: 120 goes before it */
			ack(120);
			vgic_set_spi(&fixture_vm, 120, false);
			host_vgic_eoi(120);
			fixture_maintenance();
		}
		nothing();
	}
	nothing();
	assert_int_equal(host_vgic[0].maintenance, 0);
}

static void a_new_best_replaces_the_worst(void **state)
{
	u32 i;

	(void)state;
	vgic_limit_lrs(2);
	for (i = 0; i < 4; i++) {
		fixture_enable(0, 100 + i, (u8)(0x80 - 0x10 * i));
		set_edge(100 + i);
	}
	fixture_load(0);
	for (i = 0; i < 4; i++) {
		vgic_set_spi(&fixture_vm, 100 + i, true);
		fixture_exit();
	}
	assert_true(fixture_lr(103) && fixture_lr(102));
	assert_int_equal(host_vgic[0].lr[2], 0);
	/* The priorities change while they wait. */
	fixture_write(0, GICD(0x464), 1, 0x08);
	fixture_exit();
	take(100);
	fixture_maintenance();
	take(103);
	fixture_maintenance();
	take(102);
	fixture_maintenance();
	take(101);
	fixture_maintenance();
	nothing();
}

static void one_list_register_is_enough(void **state)
{
	u32 i;

	(void)state;
	vgic_limit_lrs(1);
	for (i = 0; i < 4; i++) {
		fixture_enable(0, 100 + i, (u8)(0x80 - 0x10 * i));
		set_edge(100 + i);
	}
	fixture_load(0);
	vgic_set_spi(&fixture_vm, 100, true);
	ack(100);
	vgic_set_spi(&fixture_vm, 103, true);
	vgic_set_spi(&fixture_vm, 102, true);
	fixture_exit();
	ack(103);
	fixture_maintenance();
	host_vgic_eoi(103);
	fixture_maintenance();
	ack(102);
	fixture_maintenance();
	host_vgic_eoi(102);
	fixture_maintenance();
	assert_true(reads_active(0, 100));
	host_vgic_eoi(100);
	fixture_maintenance();
	assert_false(reads_active(0, 100));
	nothing();
	vgic_set_spi(&fixture_vm, 100, true);
	fixture_exit();
	take(100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(level_is_sampled_again_at_eoi, fixture_setup),
		cmocka_unit_test_setup(a_line_rises_again, fixture_setup),
		cmocka_unit_test_setup(pended_as_edge, fixture_setup),
		cmocka_unit_test_setup(pended_as_level, fixture_setup),
		cmocka_unit_test_setup(a_line_and_a_latch, fixture_setup),
		cmocka_unit_test_setup(edges_merge, fixture_setup),
		cmocka_unit_test_setup(pending_set_by_software, fixture_setup),
		cmocka_unit_test_setup(active_set_by_software, fixture_setup),
		cmocka_unit_test_setup(enables_gate, fixture_setup),
		cmocka_unit_test_setup(groups, fixture_setup),
		cmocka_unit_test_setup(more_pending_than_list_registers, fixture_setup),
		cmocka_unit_test_setup(more_nested_than_list_registers, fixture_setup),
		cmocka_unit_test_setup(a_new_best_replaces_the_worst, fixture_setup),
		cmocka_unit_test_setup(one_list_register_is_enough, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
