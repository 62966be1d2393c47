/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's GICv2: the distributor's registers, targets of SPIs, SGIs by sender. */
#include <unit.h>
#include <vgic_guest.h>

#include <string.h>

#define SPI   40
#define SGI_N 5

#define SPENDSGIR GICD(0xf20 + SGI_N)
#define CPENDSGIR GICD(0xf10 + SGI_N)

static struct vcpu *const v1 = &fixture_vcpus[1];

static u64 rd(u32 n, u32 offset)
{
	return fixture_read(n, GICD(offset), 4);
}

static void wr(u32 n, u32 offset, u64 value)
{
	fixture_write(n, GICD(offset), 4, value);
}

static void faults(u32 offset, u32 size)
{
	u64 value = 0;

	assert_int_equal(fixture_access(0, GICD(offset), size, false, &value), MMIO_FAULT);
}

static void enable(u32 n, u32 intid)
{
	wr(n, 0x100 + 4 * (intid / 32), BIT(intid % 32));
}

static u32 sender_in_lr(void)
{
	return (u32)FIELD(fixture_lr(SGI_N), 34, 32);
}

/* ---- registers ---- */

static void identification(void **state)
{
	(void)state;
	assert_int_equal(rd(0, 0), 3);
	wr(0, 0, ~0U);
	assert_int_equal(rd(0, 0), 3);
	wr(0, 0, 1);
	assert_int_equal(rd(0, 0), 1);
	assert_int_equal(rd(0, 4), 2 << 5 | 8); /* 3 CPUs, 288 INTIDs, no security extension */
	assert_int_equal(rd(0, 8) & 0xfff, 0x43b);
	assert_int_equal(rd(0, 0xfe8), 0x2b);
	assert_int_equal(rd(0, 0xffc), 0xb1);
	faults(0, 8);
	faults(0, 1);
	faults(0x1000 - 4, 8);
}

static void no_gicv3_frames(void **state)
{
	u64 value = 0;

	(void)state;
	assert_int_equal(fixture_access(0, GICR(0, 8), 8, false, &value), MMIO_UNMAPPED);
	assert_int_equal(fixture_access(0, GICD(0x6100), 8, false, &value), MMIO_UNMAPPED);
	/* The CPU interface is memory of the VM. */
	assert_int_equal(fixture_access(0, GUEST_GICC_BASE, 4, false, &value), MMIO_UNMAPPED);
}

static void private_registers_are_banked(void **state)
{
	(void)state;
	wr(0, 0x100, 1 << 27);
	wr(1, 0x100, 1 << 30);
	assert_int_equal(rd(0, 0x180), 1 << 27 | 0xffff);
	assert_int_equal(rd(1, 0x180), 1 << 30 | 0xffff);
	assert_int_equal(rd(2, 0x180), 0xffff);
	wr(0, 0x180, ~0U); /* SGIs stay enabled */
	assert_int_equal(rd(0, 0x100), 0xffff);
	wr(1, 0x404, 0xf8c08040);
	assert_int_equal(rd(1, 0x404), 0xf8c08040);
	assert_int_equal(rd(0, 0x404), 0);
	assert_int_equal(fixture_read(1, GICD(0x405), 1), 0x80);
	wr(2, 0x80, ~0U);
	assert_int_equal(rd(2, 0x80), 0xffffffff);
	assert_int_equal(rd(0, 0x80), 0);
	wr(0, 0xc00, 0);
	assert_int_equal(rd(0, 0xc00), 0xaaaaaaaa);
	wr(0, 0xc04, 0x80000002);
	assert_int_equal(rd(0, 0xc04), 0x80000002);
	assert_int_equal(rd(1, 0xc04), 0);
	wr(0, 0x200, 0xffff | 1 << 27); /* no SGIs this way */
	assert_int_equal(rd(0, 0x200), 1 << 27);
	wr(0, 0x280, ~0U);
	assert_int_equal(rd(0, 0x200), 0);
}

static void shared_registers(void **state)
{
	(void)state;
	wr(0, 0x104, 0xf0);
	wr(1, 0x184, 0x10);
	assert_int_equal(rd(2, 0x104), 0xe0);
	wr(0, 0x420, 0xf8c08040);
	assert_int_equal(fixture_read(1, GICD(0x423), 1), 0xf8);
	wr(0, 0x51c, 0x10101010); /* the last */
	assert_int_equal(rd(1, 0x51c), 0x10101010);
	wr(0, 0x520, ~0U);
	assert_int_equal(rd(0, 0x520), 0);
	wr(0, 0xc44, ~0U);
	assert_int_equal(rd(0, 0xc44), 0xaaaaaaaa);
	wr(0, 0xd00, ~0U); /* no IGRPMODR */
	assert_int_equal(rd(0, 0xd00), 0);
}

static void targets(void **state)
{
	const u8 *target = fixture_vm.vgic.target;

	(void)state;
	assert_int_equal(rd(0, 0x828), 0);
	assert_int_equal(target[8], VGIC_NO_TARGET);
	assert_int_equal(rd(0, 0x800), 0x01010101);
	assert_int_equal(rd(1, 0x81c), 0x02020202);
	fixture_write(1, GICD(0x800), 1, 7);
	assert_int_equal(fixture_read(1, GICD(0x800), 1), 2);
	wr(0, 0x828, 0xff060201);
	assert_int_equal(rd(0, 0x828), 0x07060201); /* three CPUs */
	assert_int_equal(target[8], 0);
	assert_int_equal(target[9], 1);
	assert_int_equal(target[10], 1); /* the first of them */
	assert_int_equal(target[11], 0);
	fixture_write(0, GICD(0x829), 1, 4);
	assert_int_equal(rd(0, 0x828), 0x07060401);
	assert_int_equal(target[9], 2);
	fixture_write(0, GICD(0x829), 1, 0xf8);
	assert_int_equal(target[9], VGIC_NO_TARGET);
	faults(0x828, 2);
}

static void targets_with_one_vcpu(void **state)
{
	(void)state;
	fixture_vm.nvcpus = fixture_vm.desc.cpus = 1;
	vgic_init(&fixture_vm);
	wr(0, 0x828, ~0U);
	assert_int_equal(rd(0, 0x828), 0);
	assert_int_equal(rd(0, 0x800), 0);
	assert_int_equal(fixture_vm.vgic.target[8], 0);
}

/* ---- delivery ---- */

static void spi_to_its_target(void **state)
{
	(void)state;
	enable(0, SPI);
	fixture_load(1);
	vgic_set_spi(&fixture_vm, SPI, true); /* to no vCPU */
	assert_int_equal(fixture_lr(SPI), 0);
	fixture_write(1, GICD(0x800 + SPI), 1, 2);
	assert_true(fixture_lr(SPI) & LR_STATE_PENDING);
	assert_false(fixture_lr(SPI) & LR_GROUP1);
	wr(1, 0x84, BIT(SPI % 32));
	assert_true(fixture_lr(SPI) & LR_GROUP1);
	wr(1, 0, 1); /* group 1 off */
	fixture_exit();
	assert_int_equal(fixture_lr(SPI), 0);
	wr(1, 0, 2);
	fixture_exit();
	take(SPI);
	fixture_write(1, GICD(0x800 + SPI), 1, 1);
	fixture_maintenance();
	assert_int_equal(fixture_lr(SPI), 0); /* moved on */
}

static void sgi_says_who_sent_it(void **state)
{
	(void)state;
	fixture_load(1);
	wr(2, 0xf00, 2 << 16 | SGI_N); /* to a list */
	fixture_exit();
	assert_int_equal(sender_in_lr(), 2);
	assert_false(fixture_lr(SGI_N) & LR_EOI);
	take(SGI_N);
	wr(0, 0xf00, 1 << 24 | SGI_N); /* to all others */
	fixture_exit();
	assert_int_equal(sender_in_lr(), 0);
	take(SGI_N);
	assert_int_equal(fixture_vcpus[0].vgic.sgi_pending[SGI_N], 0);
	assert_int_equal(fixture_vcpus[2].vgic.sgi_pending[SGI_N], 1);
	wr(1, 0xf00, 2 << 24 | SGI_N); /* to itself */
	assert_int_equal(sender_in_lr(), 1);
	take(SGI_N);
	wr(1, 0xf00, 3 << 24 | 0xff << 16 | SGI_N); /* reserved */
	wr(1, 0xf00, 0xf8 << 16 | SGI_N);           /* to none */
	nothing();
}

static void one_after_the_other(void **state)
{
	(void)state;
	fixture_load(1);
	wr(2, 0xf00, 2 << 16 | SGI_N);
	wr(0, 0xf00, 2 << 16 | SGI_N);
	wr(0, 0xf00, 2 << 16 | SGI_N); /* the same again: merged */
	fixture_exit();
	assert_int_equal(sender_in_lr(), 0);
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 5);
	assert_int_equal(fixture_read(1, CPENDSGIR, 1), 5);
	assert_true(fixture_lr(SGI_N) & LR_EOI);
	ack(SGI_N);
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 4);
	fixture_exit();
	assert_int_equal(fixture_lr(SGI_N) & LR_STATE_MASK, LR_STATE_ACTIVE);
	assert_int_equal(sender_in_lr(), 0);
	assert_true(rd(1, 0x300) & BIT(SGI_N));
	assert_true(rd(1, 0x200) & BIT(SGI_N));
	host_vgic_eoi(SGI_N);
	assert_int_equal(fixture_maintenance(), 1);
	assert_int_equal(sender_in_lr(), 2);
	take(SGI_N);
	assert_int_equal(fixture_maintenance(), 0);
	nothing();
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 0);
}

static void senders_survive_a_switch(void **state)
{
	(void)state;
	fixture_load(1);
	wr(2, 0xf00, 2 << 16 | SGI_N);
	fixture_exit();
	ack(SGI_N);
	wr(0, 0xf00, 2 << 16 | SGI_N);
	fixture_put();
	assert_int_equal(v1->vgic.sgi_active[SGI_N], 2);
	assert_int_equal(v1->vgic.sgi_pending[SGI_N], 1);
	fixture_load(1);
	assert_int_equal(fixture_lr(SGI_N) & LR_STATE_MASK, LR_STATE_ACTIVE);
	assert_int_equal(sender_in_lr(), 2);
	host_vgic_eoi(SGI_N);
	assert_int_equal(fixture_maintenance(), 1);
	assert_int_equal(sender_in_lr(), 0);
	fixture_put();
	assert_int_equal(v1->vgic.sgi_pending[SGI_N], 1);
	fixture_load(1);
	take(SGI_N);
	nothing();
}

static void set_and_clear_by_register(void **state)
{
	(void)state;
	fixture_load(1);
	fixture_write(1, SPENDSGIR, 1, 0xff); /* three CPUs */
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 7);
	assert_int_equal(rd(1, 0xf20 + 4), 7 << 8);
	fixture_write(1, CPENDSGIR, 1, 5);
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 2);
	assert_int_equal(sender_in_lr(), 1);
	ack(SGI_N);
	fixture_write(1, SPENDSGIR, 1, 4); /* while active */
	fixture_exit();
	assert_int_equal(fixture_read(1, SPENDSGIR, 1), 4);
	fixture_exit();
	fixture_write(1, CPENDSGIR, 1, 4);
	fixture_exit();
	host_vgic_eoi(SGI_N);
	fixture_maintenance();
	nothing();
	assert_int_equal(fixture_read(0, SPENDSGIR, 1), 0); /* each its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(identification, fixture_setup_gicv2),
		cmocka_unit_test_setup(no_gicv3_frames, fixture_setup_gicv2),
		cmocka_unit_test_setup(private_registers_are_banked, fixture_setup_gicv2),
		cmocka_unit_test_setup(shared_registers, fixture_setup_gicv2),
		cmocka_unit_test_setup(targets, fixture_setup_gicv2),
		cmocka_unit_test_setup(targets_with_one_vcpu, fixture_setup_gicv2),
		cmocka_unit_test_setup(spi_to_its_target, fixture_setup_gicv2),
		cmocka_unit_test_setup(sgi_says_who_sent_it, fixture_setup_gicv2),
		cmocka_unit_test_setup(one_after_the_other, fixture_setup_gicv2),
		cmocka_unit_test_setup(senders_survive_a_switch, fixture_setup_gicv2),
		cmocka_unit_test_setup(set_and_clear_by_register, fixture_setup_gicv2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
