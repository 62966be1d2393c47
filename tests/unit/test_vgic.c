/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts reach the guest through list registers: one at a time, many, moved, masked, switched. */
#include <unit.h>
#include <vgic_fixture.h>

#define SPI 40

static struct vcpu *const v0 = &fixture_vcpus[0];
static struct vcpu *const v1 = &fixture_vcpus[1];

static void on_cpu1(void (*fn)(void))
{
	host_set_cpu(1);
	fn();
	host_set_cpu(0);
}

static void load1(void)
{
	fixture_load(1);
}

static void ack(u32 intid)
{
	assert_int_equal(host_vgic_ack(), intid);
}

static void take(u32 intid)
{
	ack(intid);
	host_vgic_eoi(intid);
}

static void nothing(void)
{
	ack(1023);
}

static void set_edge(u32 intid)
{
	u64 reg = GICD(0xc00 + 4 * (intid / 16));

	fixture_write(0, reg, 4, fixture_read(0, reg, 4) | 2U << (2 * (intid % 16)));
}

static bool reads_pending(u32 n, u32 intid)
{
	u64 reg = intid < 32 ? SGI(n, 0x200) : GICD(0x200 + 4 * (intid / 32));

	return fixture_read(n, reg, 4) >> (intid % 32) & 1;
}

static bool reads_active(u32 n, u32 intid)
{
	u64 reg = intid < 32 ? SGI(n, 0x300) : GICD(0x300 + 4 * (intid / 32));

	return fixture_read(n, reg, 4) >> (intid % 32) & 1;
}

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
	vgic_lr_limit = 2;
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
	vgic_lr_limit = 1;
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

/* ---- several vCPUs ---- */

static void off_cpu_is_kept_and_kicked(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	assert_false(vgic_pending(v0));
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 1);
	assert_true(vgic_pending(v0));
	assert_false(vgic_pending(v1));
	fixture_load(0);
	ack(SPI);
	fixture_put();
	fixture_load(1);
	nothing();
	fixture_load(0);
	assert_true(reads_active(0, SPI));
	assert_false(vgic_pending(v0));
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	fixture_put();
	assert_false(vgic_pending(v0));
}

static void masked_ones_kick_nobody(void **state)
{
	(void)state;
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_set_ppi(v1, 20, true);
	assert_int_equal(fixture_kicked(), 0);
	assert_false(vgic_pending(v0));
	fixture_enable(0, SPI, 0);
	fixture_enable(0, SPI + 1, 0);
	assert_int_equal(fixture_kicked(), 1);
	fixture_enable(1, 20, 0);
	assert_int_equal(fixture_kicked(), 2);
	assert_true(vgic_pending(v1));
}

static void wfi_ends_by_unmasked_priority(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(vgic_pending(v0));
	host_vgic[0].pmr = 0x80;
	assert_false(vgic_pending(v0));
	host_vgic[0].pmr = 0x88;
	host_vgic[0].groups = 1;
	assert_false(vgic_pending(v0));
	host_vgic[0].groups = 2;
	assert_true(vgic_pending(v0));
	ack(SPI);
	assert_false(vgic_pending(v0));
	/* About to sleep: told although it is in a list register already. */
	v0->in_wfi = true;
	fixture_enable(0, SPI + 1, 0);
	vgic_set_spi(&fixture_vm, SPI + 1, true);
	assert_int_equal(fixture_kicked(), 1);
}

static void sgi_targets(void **state)
{
	u32 n;

	(void)state;
	for (n = 0; n < 3; n++)
		fixture_enable(n, 5, 0);
	fixture_load(0);
	vgic_send_sgi(v0, 5 << 24 | 1, 1);
	assert_int_equal(fixture_kicked(), 0);
	take(5);
	vgic_send_sgi(v0, 5 << 24 | 0xfffe, 1);
	assert_int_equal(fixture_kicked(), 6);
	nothing();
	assert_true(vgic_pending(v1));
	vgic_send_sgi(v0, 5 << 24 | BIT(40), 1); /* all but self */
	assert_int_equal(fixture_kicked(), 6);
	nothing();
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(16), 1); /* other clusters */
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(32), 1);
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(48), 1);
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(44), 1);
	assert_int_equal(fixture_kicked(), 0);
	vgic_send_sgi(v0, 5 << 24 | 7, 0); /* group 0 reaches no SGI of group 1 */
	assert_int_equal(fixture_kicked(), 0);
	nothing();
	fixture_load(1);
	take(5); /* two were sent: merged */
	nothing();
	/* Other affinities. */
	fixture_vcpus[2].mpidr = BIT(31) | 3ULL << 32 | 2 << 16 | 1 << 8 | 0x23;
	vgic_send_sgi(v1, 3ULL << 48 | 2ULL << 44 | 2ULL << 32 | 1 << 16 | 5 << 24 | BIT(3), 1);
	assert_int_equal(fixture_kicked(), 4);
}

static void sgi_to_the_other_cpu(void **state)
{
	(void)state;
	fixture_enable(1, 5, 0);
	fixture_load(0);
	on_cpu1(load1);
	vgic_send_sgi(v0, 5 << 24 | 2, 1);
	vgic_send_sgi(v0, 5 << 24 | 2, 1);
	host_set_cpu(1);
	nothing();
	fixture_exit();
	ack(5);
	host_set_cpu(0);
	vgic_send_sgi(v0, 5 << 24 | 2, 1); /* while it is active there */
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(fixture_lr(5) & LR_STATE_MASK, LR_STATE_MASK);
	host_vgic_eoi(5);
	take(5);
	nothing();
}

static void changes_reach_another_cpus_list_registers(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	set_edge(SPI);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	fixture_load(0);
	on_cpu1(load1);
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	host_set_cpu(0);
	assert_true(reads_pending(0, SPI));
	/* Priority. */
	fixture_write(0, GICD(0x400 + SPI), 1, 0x40);
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x40);
	host_set_cpu(0);
	/* Disabled, enabled. */
	fixture_write(0, GICD(0x184), 4, BIT(8));
	host_set_cpu(1);
	nothing(); /* it is gone when the write is done */
	host_set_cpu(0);
	fixture_write(0, GICD(0x104), 4, BIT(8));
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	host_set_cpu(0);
	/* Pending state cleared. */
	fixture_write(0, GICD(0x284), 4, BIT(8));
	host_set_cpu(1);
	fixture_exit();
	nothing();
	host_set_cpu(0);
	/* Active state cleared. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	ack(SPI);
	host_set_cpu(0);
	fixture_write(0, GICD(0x384), 4, BIT(8));
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	take(SPI);
	nothing();
}

static void irouter_moves_what_is_pending(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	set_edge(SPI);
	fixture_load(0);
	on_cpu1(load1);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(fixture_lr(SPI));
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	assert_false(fixture_lr(SPI));
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	/* Back, from the CPU that does not hold it. */
	host_set_cpu(0);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 0);
	host_set_cpu(1);
	fixture_exit();
	assert_false(fixture_lr(SPI));
	host_set_cpu(0);
	fixture_exit();
	ack(SPI);
	/* Active stays where it is; what comes meanwhile goes to the new target after the EOI. */
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	nothing();
	host_set_cpu(0);
	nothing();
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	host_set_cpu(1);
	fixture_exit();
	take(SPI);
	fixture_put();
	host_set_cpu(0);
	(void)fixture_read(0, GICD(0x200 + 4 * (SPI / 32)),
			   4); /* its list register is known to be empty */
	host_set_cpu(1);
	fixture_load(1);
	host_set_cpu(0);
	fixture_kicked();
	/* Nowhere, and back. */
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 77);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 0);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, BIT(31));
	take(SPI);
	/* A vCPU that leaves its CPU before it looked hands over as well. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_write(1, GICD(0x6000 + 8 * SPI), 8, 1);
	assert_int_equal(fixture_kicked(), 1);
	host_set_cpu(0);
	fixture_put();
	assert_int_equal(fixture_kicked(), 2);
	host_set_cpu(1);
	vgic_flush(v1);
	take(SPI);
}

/* ---- timers' interrupts ---- */

static bool physically_active(void)
{
	return host_irq_active(27, host_cpu);
}

/* The timer's output on this CPU. */
static void line(bool high)
{
	host_guest_timers[host_cpu][ARCH_TIMER_VIRT].cval = 0;
	host_guest_timers[host_cpu][ARCH_TIMER_VIRT].ctl = high ? 1 : 3;
}

static void fire(void)
{
	line(true);
	host_irq_set_active(27, host_cpu, true);
	vgic_forward_ppi(fixture_current[host_cpu], 27, 27);
}

static void hw_ppi_fast_path(void **state)
{
	u32 i;

	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	for (i = 0; i < 3; i++) {
		fire();
		assert_int_equal(fixture_kicked(), 0);
		assert_int_equal(fixture_lr(27),
				 LR_STATE_PENDING | LR_HW | LR_GROUP1 | 27ULL << 32 | 27);
		ack(27);
		assert_true(physically_active());
		host_vgic_eoi(27);
		assert_false(physically_active());
		assert_int_equal(fixture_maintenance(), 0);
	}
	fixture_put();
	assert_false(v0->vgic.hw);
}

static void hw_ppi_across_put_and_load(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(1, 27, 0);
	fixture_load(0);
	fire();
	fixture_put(); /* pending */
	assert_false(physically_active());
	assert_true(vgic_pending(v0));
	fixture_load(1);
	assert_false(physically_active());
	fire(); /* the other's own */
	ack(27);
	fixture_load(0);
	assert_true(physically_active());
	ack(27);
	fixture_put(); /* active */
	assert_false(physically_active());
	host_set_cpu(1);
	fixture_load(0);
	assert_true(physically_active());
	host_vgic_eoi(27);
	assert_false(physically_active());
	fixture_load(1);
	assert_true(physically_active());
	nothing();
	host_vgic_eoi(27);
	assert_false(physically_active());
	fixture_load(0);
	assert_false(physically_active());
	nothing();
}

static void hw_ppi_never_pending_and_active(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	fire();
	ack(27);
	fire();
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	fixture_write(0, SGI(0, 0x200), 4, BIT(27));
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	fixture_write(0, SGI(0, 0x280), 4, BIT(27));
	fixture_exit();
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	host_vgic_eoi(27);
	nothing();
	assert_false(physically_active());
}

static void hw_ppi_disabled_stays_for_later(void **state)
{
	(void)state;
	fixture_load(0);
	fire();
	nothing();
	assert_true(physically_active());
	fixture_put();
	assert_false(physically_active());
	fixture_load(0);
	assert_true(physically_active());
	fixture_enable(0, 27, 0);
	ack(27);
	host_vgic_eoi(27);
	assert_false(physically_active());
	/* Cleared by software: the physical one is released, to fire again if it has a reason. */
	fire();
	fixture_write(0, SGI(0, 0x280), 4, BIT(27));
	assert_false(physically_active());
	nothing();
	fire();
	ack(27);
	fixture_write(0, SGI(0, 0x380), 4, BIT(27));
	assert_false(physically_active());
	nothing();
	fixture_put();
	assert_int_equal(v0->vgic.hw, 0);
}

/* Found by the check guest: a timer stopped while its interrupt is disabled is pending no more. */
static void hw_ppi_follows_line_while_disabled(void **state)
{
	(void)state;
	fixture_load(0);
	fire();
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), BIT(27));
	line(false);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), 0);
	assert_false(physically_active());
	fire();
	line(false);
	fixture_enable(0, 27, 0);
	nothing();
	assert_false(physically_active());
	fixture_put();
	assert_int_equal(v0->vgic.hw, 0);
}

/* A guest that stops its timer with interrupts masked: at the next occasion that we have its interrupt is pending no more. */
static void hw_ppi_follows_line_while_pending(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	line(false);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), 0);
	assert_false(physically_active());
	nothing();
	fire();
	line(false);
	assert_false(vgic_pending(v0)); /* a WFI waits */
	assert_false(physically_active());
	nothing();
	fire();
	assert_true(vgic_pending(v0));
	line(false);
	fixture_put();
	assert_int_equal(v0->vgic.hw, 0);
	assert_false(vgic_pending(v0));
	fixture_load(0);
	nothing();
	assert_false(physically_active());
	/* One that the guest has taken is active until it ends it. */
	fire();
	ack(27);
	line(false);
	fixture_put();
	fixture_load(0);
	assert_true(physically_active());
	host_vgic_eoi(27);
	assert_false(physically_active());
}

static void hw_ppi_expired_off_cpu(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	line(true);
	vgic_expire_ppi(v0, 27, 27);
	assert_int_equal(fixture_kicked(), 1);
	assert_true(vgic_pending(v0));
	assert_false(physically_active());
	vgic_expire_ppi(v0, 27, 27);
	assert_int_equal(fixture_kicked(), 0);
	fixture_load(0);
	assert_true(physically_active());
	vgic_expire_ppi(v0, 27, 27); /* loaded: nothing */
	take(27);
	assert_false(physically_active());
	nothing();
}

/* Off CPU with nothing but ended list registers: those stand until somebody operates on the VM's interrupts. */
static void ended_ones_are_parked(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(1, 27, 0x40);
	host_set_cpu(1);
	fixture_load(1);
	fire();
	take(27);
	fixture_put();
	host_set_cpu(0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	assert_true(fixture_vm.vgic.parked & 1);
	line(true);
	vgic_expire_ppi(v0, 27, 27);
	assert_true(fixture_vm.vgic.parked & 1);
	assert_false(physically_active());
	host_set_cpu(1); /* whose list registers were another vCPU's */
	line(true);
	fixture_load(0);
	assert_true(physically_active());
	assert_int_equal(fixture_lr(27), LR_STATE_PENDING | LR_HW | LR_GROUP1 | 27ULL << 32 | 27);
	assert_int_equal(v0->vgic.hw, BIT(27));
	take(27);
	assert_false(physically_active());
	nothing();
	host_irq_set_active(27, host_cpu, true);
	assert_true(vgic_refire(v0, 27));
	take(27);
}

static void parked_ones_are_folded_for_others(void **state)
{
	u32 word;

	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	line(true);
	vgic_expire_ppi(v0, 27, 27);
	host_set_cpu(1);
	fixture_load(1);
	word = (u32)fixture_read(1, SGI(0, 0x200), 4); /* ISPENDR: it is pending, and seen to be */
	assert_true(word & BIT(27));
	assert_int_equal(fixture_vm.vgic.parked & 1, 0);
	fixture_write(1, SGI(0, 0x180), 4, BIT(27)); /* disabled, enabled */
	host_set_cpu(0);
	fixture_load(0);
	nothing();
	host_set_cpu(1);
	fixture_write(1, SGI(0, 0x100), 4, BIT(27));
	host_set_cpu(0);
	fixture_exit();
	take(27);
	assert_false(physically_active());
}

/* One that is active is not written over before its list register is known to be used. */
static void active_sgi_comes_again_after_a_switch(void **state)
{
	(void)state;
	fixture_enable(0, 5, 0x80);
	fixture_load(0);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	ack(5);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	fixture_put();
	fixture_load(0);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	assert_int_equal(fixture_lr(5) & LR_STATE_MASK, LR_STATE_ACTIVE | LR_STATE_PENDING);
	host_vgic_eoi(5);
	take(5);
	nothing();
}

/* What others left in the list registers meanwhile is nothing of the vCPU that comes back: not the priority of what is made active. */
static void parked_ones_have_their_own_priority(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0x40);
	fixture_enable(1, 27, 0xa0);
	host_set_cpu(1);
	fixture_load(1);
	fire();
	take(27);
	host_set_cpu(0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	host_set_cpu(1); /* whose list register has the other one's priority */
	fixture_load(0);
	host_set_cpu(0);
	fixture_load(1);
	fixture_write(1, SGI(0, 0x300), 4, BIT(27)); /* ISACTIVER */
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(fixture_lr(27) & (LR_STATE_MASK | LR_VINTID_MASK), LR_STATE_ACTIVE | 27);
	assert_int_equal(FIELD(fixture_lr(27), 55, 48), 0x40);
}

/* What is active, or to be sampled again, or for a vCPU that sleeps, is not left to a list register. */
static void others_are_not_parked(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	ack(27);
	fixture_put();
	assert_int_equal(fixture_vm.vgic.parked, 0);
	fixture_load(0);
	host_vgic_eoi(27);
	fixture_put();
	assert_int_equal(fixture_vm.vgic.parked, 1);
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_exit();
	ack(SPI);
	host_vgic_eoi(SPI); /* its line is still high: the maintenance interrupt is still to come */
	fixture_put();
	assert_int_equal(fixture_vm.vgic.parked, 0);
}

static void hw_ppi_overflows(void **state)
{
	(void)state;
	vgic_lr_limit = 1;
	fixture_enable(0, 27, 0x80);
	fixture_enable(0, SPI, 0x40);
	set_edge(SPI);
	fixture_load(0);
	fire();
	ack(27);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_exit();
	take(SPI);
	fixture_maintenance();
	host_vgic_eoi(27); /* hits no list register */
	fixture_maintenance();
	assert_false(physically_active());
	assert_int_equal(v0->vgic.hw, 0);
	fire();
	fixture_exit();
	take(27);
}

static void reset_lets_go(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	fire();
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_cpu_init(v0);
	assert_false(physically_active());
	fixture_exit();
	assert_false(fixture_lr(27));
	assert_true(fixture_lr(SPI)); /* the distributor was not reset */
	fixture_put();
	vgic_init(&fixture_vm);
	vgic_cpu_init(v0);
	assert_false(vgic_pending(v0));
	fixture_load(0);
	nothing();
	assert_int_equal(fixture_read(0, GICD(0), 4), 0x50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(level_is_sampled_again_at_eoi, fixture_setup),
		cmocka_unit_test_setup(edges_merge, fixture_setup),
		cmocka_unit_test_setup(pending_set_by_software, fixture_setup),
		cmocka_unit_test_setup(active_set_by_software, fixture_setup),
		cmocka_unit_test_setup(enables_gate, fixture_setup),
		cmocka_unit_test_setup(groups, fixture_setup),
		cmocka_unit_test_setup(more_pending_than_list_registers, fixture_setup),
		cmocka_unit_test_setup(more_nested_than_list_registers, fixture_setup),
		cmocka_unit_test_setup(a_new_best_replaces_the_worst, fixture_setup),
		cmocka_unit_test_setup(one_list_register_is_enough, fixture_setup),
		cmocka_unit_test_setup(off_cpu_is_kept_and_kicked, fixture_setup),
		cmocka_unit_test_setup(masked_ones_kick_nobody, fixture_setup),
		cmocka_unit_test_setup(wfi_ends_by_unmasked_priority, fixture_setup),
		cmocka_unit_test_setup(sgi_targets, fixture_setup),
		cmocka_unit_test_setup(sgi_to_the_other_cpu, fixture_setup),
		cmocka_unit_test_setup(changes_reach_another_cpus_list_registers, fixture_setup),
		cmocka_unit_test_setup(irouter_moves_what_is_pending, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_fast_path, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_across_put_and_load, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_never_pending_and_active, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_disabled_stays_for_later, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_follows_line_while_disabled, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_follows_line_while_pending, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_expired_off_cpu, fixture_setup),
		cmocka_unit_test_setup(ended_ones_are_parked, fixture_setup),
		cmocka_unit_test_setup(parked_ones_are_folded_for_others, fixture_setup),
		cmocka_unit_test_setup(active_sgi_comes_again_after_a_switch, fixture_setup),
		cmocka_unit_test_setup(parked_ones_have_their_own_priority, fixture_setup),
		cmocka_unit_test_setup(others_are_not_parked, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_overflows, fixture_setup),
		cmocka_unit_test_setup(reset_lets_go, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
