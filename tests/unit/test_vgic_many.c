/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More interrupts than list registers: none is lost, and none that ended comes again, whatever the
 * guest or a switch does in between.
 */
#include <unit.h>
#include <vgic_guest.h>

#include <arch/irqchip.h>

static void pend(u32 intid, u8 prio)
{
	fixture_enable(0, intid, prio);
	set_edge(intid);
	vgic_set_spi(&fixture_vm, intid, true);
}

static u32 how_many_active(u32 first, u32 end)
{
	u32 n, count = 0;

	for (n = first; n < end; n++)
		count += reads_active(0, n);
	return count;
}

/* What found no list register has one after the switch, also if all that had one were ended. */
static void the_rest_comes_after_a_switch(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	pend(40, 0x40);
	pend(41, 0x80);
	fixture_load(0);
	take(40); /* the maintenance interrupt is not taken yet */
	fixture_put();
	fixture_load(0);
	take(41);
	nothing();
}

/* The same for what is active: the switch itself takes its end into account. */
static void the_rest_is_active_after_a_switch(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	fixture_enable(0, 40, 0x40);
	fixture_enable(0, 41, 0x80);
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, BIT(8) | BIT(9));
	fixture_exit();
	assert_int_equal(how_many_active(40, 42), 2);
	host_vgic_eoi(40);
	host_vgic_eoi(41); /* in no list register: counted */
	fixture_put();
	fixture_load(0);
	assert_int_equal(how_many_active(40, 42), 0);
	assert_int_equal(host_vgic[0].maintenance, 0);
}

/* EOIs that hit no list register end the most urgent of those that have none, each one. */
static void counted_ends(void **state)
{
	u32 n;

	(void)state;
	host_lr_count = VGIC_MAX_LRS;
	vgic_limit_lrs(0);
	for (n = 32; n < 96; n++)
		fixture_enable(0, n, (u8)(n < 48 ? 0x10 : n < 68 ? 0x40 : 0x80));
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, ~0U);
	fixture_write(0, GICD(0x308), 4, 0xff);
	fixture_exit();
	assert_int_equal(how_many_active(32, 96), 40);
	host_vgic[0].eoi_count = 20;
	assert_true(host_vgic_maintenance());
	fixture_maintenance();
	assert_int_equal(how_many_active(32, 48), 16);
	assert_int_equal(how_many_active(48, 68), 0);
	assert_int_equal(how_many_active(68, 72), 4);
}

/* More of them than there are interrupts to end: nothing else is touched. */
static void more_ends_than_active(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	fixture_enable(0, 40, 0x40);
	fixture_enable(0, 41, 0x80);
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, BIT(8) | BIT(9));
	fixture_exit();
	host_vgic[0].eoi_count = 31;
	fixture_maintenance();
	assert_true(reads_active(0, 40)); /* in the list register: its own EOI ends it */
	assert_false(reads_active(0, 41));
}

/* EOIs from before there were too many say nothing of those that are too many now. */
static void ends_before_do_not_count(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	fixture_enable(0, 40, 0x40);
	fixture_enable(0, 41, 0x80);
	fixture_load(0);
	host_vgic_eoi(77);
	host_vgic_eoi(78);
	fixture_write(0, GICD(0x304), 4, BIT(8) | BIT(9));
	fixture_exit();
	fixture_maintenance();
	assert_int_equal(how_many_active(40, 42), 2);
}

/* A counted end of an SPI does not end the timer's interrupt at the same place in its bank. */
static void ends_are_of_their_bank(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	fixture_enable(0, 27, 0x20);
	fixture_enable(0, 32 + 27, 0x80);
	host_guest_timers[0][0].ctl = 1;
	fixture_load(0);
	host_irq_set_active(27, 0, true);
	vgic_forward_ppi(&fixture_vcpus[0], 27, 27);
	fixture_exit();
	ack(27);
	fixture_write(0, GICD(0x304), 4, BIT(27));
	fixture_exit();
	assert_true(reads_active(0, 27) && reads_active(0, 59));
	host_vgic[0].eoi_count = 1;
	fixture_maintenance();
	assert_false(reads_active(0, 59));
	assert_true(reads_active(0, 27));
	assert_true(host_irq_active(27, 0));
	host_vgic_eoi(27);
	assert_false(host_irq_active(27, 0));
}

/*
 * One list register, and pending interrupts of both groups, of which the guest's interface enables
 * none, one or both. After every change, the most urgent one that it can take is in the list
 * register.
 */
static void whatever_groups_are_enabled(void **state)
{
	u32 from, to, n;

	for (from = 0; from < 4; from++) {
		for (to = 0; to < 4; to++) {
			fixture_setup(state);
			vgic_limit_lrs(1);
			host_vgic[0].groups = from;
			for (n = 0; n < 6; n++)
				pend(40 + n, (u8)(0x20 + 0x10 * n));
			/* Group 0: 42 and 44. */
			fixture_write(0, GICD(0x84), 4,
				      fixture_read(0, GICD(0x84), 4) & ~(BIT(10) | BIT(12)));
			fixture_load(0);
			fixture_maintenance();
			host_vgic[0].groups = to;
			fixture_maintenance();
			if (to)
				ack(to & 2 ? 40 : 42);
			else
				nothing();
			fixture_put();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_rest_comes_after_a_switch, fixture_setup),
		cmocka_unit_test_setup(the_rest_is_active_after_a_switch, fixture_setup),
		cmocka_unit_test_setup(counted_ends, fixture_setup),
		cmocka_unit_test_setup(more_ends_than_active, fixture_setup),
		cmocka_unit_test_setup(ends_before_do_not_count, fixture_setup),
		cmocka_unit_test_setup(ends_are_of_their_bank, fixture_setup),
		cmocka_unit_test_setup(whatever_groups_are_enabled, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
