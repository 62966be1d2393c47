/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest reads and writes in the distributor and the redistributors. */
#include <unit.h>
#include <vgic_fixture.h>

static u64 gicd(u32 offset)
{
	return fixture_read(0, GICD(offset), 4);
}

static void gicd_is(u32 offset, u32 size, u64 value)
{
	assert_int_equal(fixture_read(0, GICD(offset), size), value);
}

static void faults(u64 ipa, u32 size)
{
	u64 value = 0;

	assert_int_equal(fixture_access(0, ipa, size, false, &value), MMIO_FAULT);
	assert_int_equal(fixture_access(0, ipa, size, true, &value), MMIO_FAULT);
}

static void distributor_identifies_itself(void **state)
{
	(void)state;
	assert_int_equal(gicd(4) & 0x1f, 8);         /* 288 INTIDs */
	assert_int_equal(FIELD(gicd(4), 7, 5), 0);   /* affinity routing cannot be turned off */
	assert_int_equal(FIELD(gicd(4), 10, 10), 0); /* one security state */
	assert_int_equal(FIELD(gicd(4), 23, 19), 9); /* 10 bits of INTID */
	assert_int_equal(FIELD(gicd(4), 17, 17), 0); /* no LPIs */
	fixture_write(0, GICD(4), 4, 0xffffffff);
	assert_int_equal(gicd(4) & 0x1f, 8);
	assert_int_equal(gicd(8) & 0xfff, 0x43b);
	gicd_is(0xc, 4, 0);
	gicd_is(0x10, 4, 0);
	gicd_is(0xffe8, 4, 0x3b);
	gicd_is(0xffe0, 4, 0x92);
	gicd_is(0xffd0, 4, 0x44);
	gicd_is(0xffd4, 4, 0);
	gicd_is(0xfffc, 4, 0xb1);
	faults(GICD(4), 1);
	faults(GICD(0), 8);
	faults(GICD(2), 4);
}

static void control_register(void **state)
{
	(void)state;
	gicd_is(0, 4, 0x53); /* DS, ARE, both groups */
	fixture_write(0, GICD(0), 4, 0);
	gicd_is(0, 4, 0x50);
	fixture_write(0, GICD(0), 4, 0xffffffff);
	gicd_is(0, 4, 0x57); /* RWP never */
	fixture_write(0, GICD(0), 4, 4);
	gicd_is(0, 4, 0x54);
}

static void plain_word(u32 offset)
{
	u32 i;

	/* INTIDs 0-31, and those beyond 287, are RAZ/WI. */
	for (i = 0; i < 32; i++)
		fixture_write(0, GICD(offset + 4 * i), 4, 0xdead0000 + i);
	gicd_is(offset, 4, 0);
	for (i = 1; i <= 8; i++)
		gicd_is(offset + 4 * i, 4, 0xdead0000 + i);
	for (; i < 32; i++)
		gicd_is(offset + 4 * i, 4, 0);
	faults(GICD(offset + 4), 1);
	faults(GICD(offset + 4), 2);
	faults(GICD(offset + 8), 8);
}

static void set_and_clear(u32 set, u32 clear)
{
	fixture_write(0, GICD(set + 8), 4, 0x0f0f);
	fixture_write(0, GICD(set + 8), 4, 0x3000);
	fixture_write(0, GICD(set + 8), 4, 0);
	gicd_is(set + 8, 4, 0x3f0f);
	gicd_is(clear + 8, 4, 0x3f0f);
	fixture_write(0, GICD(clear + 8), 4, 0x8001);
	fixture_write(0, GICD(clear + 8), 4, 0);
	gicd_is(set + 8, 4, 0x3f0e);
	fixture_write(0, GICD(set), 4, ~0U);
	gicd_is(set, 4, 0);
	fixture_write(0, GICD(set + 32), 4, BIT(31)); /* the last word */
	gicd_is(clear + 32, 4, BIT(31));
	fixture_write(0, GICD(set + 36), 4, 1);
	gicd_is(set + 36, 4, 0);
	faults(GICD(set + 4), 2);
	faults(GICD(clear + 4), 8);
}

static void distributor_words(void **state)
{
	(void)state;
	plain_word(0x80);  /* IGROUPR */
	plain_word(0xd00); /* IGRPMODR */
	set_and_clear(0x100, 0x180);
	set_and_clear(0x200, 0x280);
	set_and_clear(0x300, 0x380);
}

static void priorities_at_each_width(void **state)
{
	(void)state;
	fixture_write(0, GICD(0x420), 4, 0x01ff8047);
	gicd_is(0x420, 4, 0x00f88040); /* 5 bits */
	gicd_is(0x421, 1, 0x80);
	fixture_write(0, GICD(0x423), 1, 0xa8);
	gicd_is(0x420, 4, 0xa8f88040);
	fixture_write(0, GICD(0x41c), 4, ~0U);
	gicd_is(0x41c, 4, 0);
	fixture_write(0, GICD(0x51c), 4, 0xf8f8f8f8); /* 284-287 */
	gicd_is(0x51f, 1, 0xf8);
	fixture_write(0, GICD(0x520), 4, ~0U);
	gicd_is(0x520, 4, 0);
	faults(GICD(0x420), 2);
	faults(GICD(0x420), 8);
	fixture_write(0, GICD(0x820), 4, ~0U); /* ITARGETSR */
	gicd_is(0x820, 4, 0);
	gicd_is(0x821, 1, 0);
}

static void configuration(void **state)
{
	(void)state;
	fixture_write(0, GICD(0xc00), 4, ~0U);
	gicd_is(0xc00, 4, 0);
	fixture_write(0, GICD(0xc0c), 4, 0xdeadbeef); /* INTIDs 48-63 */
	gicd_is(0xc0c, 4, 0xdeadbeef & 0xaaaaaaaa);
	gicd_is(0xc08, 4, 0);
	fixture_write(0, GICD(0xc44), 4, ~0U);
	gicd_is(0xc44, 4, 0xaaaaaaaa);
	fixture_write(0, GICD(0xc48), 4, ~0U);
	gicd_is(0xc48, 4, 0);
}

static void routing(void **state)
{
	const u64 all = 0xff80ffffff;

	(void)state;
	fixture_write(0, GICD(0x6108), 8, 2);
	gicd_is(0x6108, 8, 2);
	assert_int_equal(fixture_vm.vgic.target[1], 2);
	fixture_write(0, GICD(0x6108), 8, ~0ULL);
	gicd_is(0x6108, 8, all);
	assert_int_equal(fixture_vm.vgic.target[1], 0); /* 1 of N */
	fixture_write(0, GICD(0x6108), 4, 1);
	gicd_is(0x6108, 8, 0xff00000001);
	assert_int_equal(fixture_vm.vgic.target[1], VGIC_NO_TARGET);
	fixture_write(0, GICD(0x610c), 4, 0);
	gicd_is(0x6108, 4, 1);
	gicd_is(0x610c, 4, 0);
	assert_int_equal(fixture_vm.vgic.target[1], 1);
	fixture_write(0, GICD(0x68f8), 8, 1); /* INTID 287 */
	assert_int_equal(fixture_vm.vgic.target[255], 1);
	fixture_write(0, GICD(0x6900), 8, 1);
	gicd_is(0x6900, 8, 0);
	fixture_write(0, GICD(0x6008), 8, 1);
	gicd_is(0x6008, 8, 0);
	faults(GICD(0x6108), 1);
	faults(GICD(0x6108), 2);
}

static void control_frames(void **state)
{
	u32 n;

	(void)state;
	for (n = 0; n < 3; n++) {
		u64 typer = (u64)n << 32 | n << 8 | (n == 2 ? BIT(4) : 0);

		assert_int_equal(fixture_read(0, GICR(n, 8), 8), typer);
		assert_int_equal(fixture_read(0, GICR(n, 8), 4), typer & 0xffffffff);
		assert_int_equal(fixture_read(0, GICR(n, 12), 4), n);
		assert_int_equal(fixture_read(0, GICR(n, 0xffe8), 4), 0x3b);
	}
	assert_int_equal(fixture_read(0, GICR(1, 0x14), 4), 6); /* asleep */
	fixture_write(0, GICR(1, 0x14), 4, 0);
	assert_int_equal(fixture_read(0, GICR(1, 0x14), 4), 0);
	fixture_write(0, GICR(1, 0x14), 4, 0xffffffff);
	assert_int_equal(fixture_read(0, GICR(1, 0x14), 4), 6);
	fixture_write(0, GICR(0, 0), 4, 1);
	assert_int_equal(fixture_read(0, GICR(0, 0), 4), 0);
	fixture_write(0, GICR(0, 0x70), 8, ~0ULL);
	assert_int_equal(fixture_read(0, GICR(0, 0x70), 8), 0);
	assert_int_equal(fixture_read(0, GICR(0, 0x78), 4), 0);
	faults(GICR(0, 8), 2);
	faults(GICR(0, 0), 8);
}

static void no_more_frames_than_vcpus(void **state)
{
	u64 value = 0;

	(void)state;
	assert_int_equal(fixture_access(0, GICR(3, 8), 8, false, &value), MMIO_UNMAPPED);
	assert_int_equal(fixture_access(0, GICD(0x10000), 4, false, &value), MMIO_UNMAPPED);
	assert_int_equal(fixture_access(0, SGI(2, 0xfffc), 4, false, &value), MMIO_OK);
}

static void private_set_and_clear(u32 set, u32 clear)
{
	fixture_write(0, SGI(1, set), 4, 0x80000103);
	assert_int_equal(fixture_read(0, SGI(1, clear), 4), 0x80000103);
	fixture_write(0, SGI(1, clear), 4, 0x101);
	assert_int_equal(fixture_read(0, SGI(1, set), 4), 0x80000002);
	assert_int_equal(fixture_read(0, SGI(0, set), 4), 0); /* each its own */
	assert_int_equal(fixture_read(0, SGI(1, set + 4), 4), 0);
	faults(SGI(1, set), 1);
}

static void private_frames(void **state)
{
	(void)state;
	private_set_and_clear(0x100, 0x180);
	private_set_and_clear(0x200, 0x280);
	private_set_and_clear(0x300, 0x380);
	fixture_write(0, SGI(2, 0x80), 4, 0x12345678);
	assert_int_equal(fixture_read(0, SGI(2, 0x80), 4), 0x12345678);
	fixture_write(0, SGI(2, 0xd00), 4, 0x87654321);
	assert_int_equal(fixture_read(0, SGI(2, 0xd00), 4), 0x87654321);
	fixture_write(0, SGI(2, 0x41c), 4, 0xf0e0d0c7);
	assert_int_equal(fixture_read(0, SGI(2, 0x41c), 4), 0xf0e0d0c0);
	fixture_write(0, SGI(2, 0x41f), 1, 0x80);
	assert_int_equal(fixture_read(0, SGI(2, 0x41f), 1), 0x80);
	assert_int_equal(fixture_read(0, SGI(2, 0x420), 4), 0);
	fixture_write(0, SGI(2, 0xc00), 4, 0);
	assert_int_equal(fixture_read(0, SGI(2, 0xc00), 4), 0xaaaaaaaa);
	fixture_write(0, SGI(2, 0xc04), 4, 0x80000002);
	assert_int_equal(fixture_read(0, SGI(2, 0xc04), 4), 0x80000002);
	assert_int_equal(fixture_read(0, SGI(2, 0xe00), 4), 0);
}

static void message_spis(void **state)
{
	(void)state;
	fixture_write(0, GICD(0x40), 4, 40); /* level-sensitive */
	gicd_is(0x204, 4, BIT(8));
	fixture_write(0, GICD(0x48), 2, 40);
	gicd_is(0x204, 4, 0);
	fixture_write(0, GICD(0xc08), 4, BIT(17)); /* edge */
	fixture_write(0, GICD(0x40), 2, 40);
	gicd_is(0x204, 4, BIT(8));
	fixture_write(0, GICD(0x48), 4, 40);
	gicd_is(0x204, 4, 0);
	fixture_write(0, GICD(0x40), 4, 5); /* no SPI */
	fixture_write(0, GICD(0x40), 4, 288);
	gicd_is(0x40, 4, 0);
	fixture_write(0, GICD(0x50), 4, 40); /* SETSPI_SR: no second security state */
	gicd_is(0x204, 4, 0);
	faults(GICD(0x40), 1);
	fixture_write(0, GICD(0x40), 4, 32); /* the first */
	gicd_is(0x204, 4, BIT(0));
	fixture_write(0, GICD(0x48), 4, 32);
	gicd_is(0x204, 4, 0);
	fixture_write(0, GICD(0x204), 4, BIT(9)); /* a message takes back what messages gave */
	fixture_write(0, GICD(0x48), 4, 41);
	gicd_is(0x204, 4, BIT(9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(distributor_identifies_itself, fixture_setup),
		cmocka_unit_test_setup(control_register, fixture_setup),
		cmocka_unit_test_setup(distributor_words, fixture_setup),
		cmocka_unit_test_setup(priorities_at_each_width, fixture_setup),
		cmocka_unit_test_setup(configuration, fixture_setup),
		cmocka_unit_test_setup(routing, fixture_setup),
		cmocka_unit_test_setup(control_frames, fixture_setup),
		cmocka_unit_test_setup(no_more_frames_than_vcpus, fixture_setup),
		cmocka_unit_test_setup(private_frames, fixture_setup),
		cmocka_unit_test_setup(message_spis, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
