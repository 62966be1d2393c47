/* SPDX-License-Identifier: Apache-2.0 */
/* List registers of a GICv2 and of a GICv3, into each other. */
#include <unit.h>

#include <arch/guest.h>
#include <asm/gicv2_lr.h>

static void both_ways(u64 lr, u32 gich)
{
	assert_int_equal(gicv2_lr_pack(lr), gich);
	assert_int_equal(gicv2_lr_unpack(gich), lr);
}

static void each_field(void **state)
{
	(void)state;
	both_ways(0, 0);
	both_ways(LR_STATE_PENDING, 1U << 28);
	both_ways(LR_STATE_ACTIVE, 1U << 29);
	both_ways(LR_GROUP1, 1U << 30);
	both_ways(LR_HW, 1U << 31);
	both_ways(LR_EOI, 1U << 19);
	both_ways(1019, 1019);
	both_ways(0xf8ULL << LR_PRIORITY_SHIFT, 0x1fU << 23);
	both_ways(0x08ULL << LR_PRIORITY_SHIFT, 1U << 23);
	both_ways(5ULL << LR_PINTID_SHIFT, 5U << 10); /* an SGI's sender */
	both_ways(0x3ffULL << LR_PINTID_SHIFT, 0x3ffU << 10);
}

static void whole_registers(void **state)
{
	(void)state;
	/* A timer's: pending, PPI 27 of both, priority a0. */
	both_ways(LR_HW | LR_STATE_PENDING | 0xa0ULL << LR_PRIORITY_SHIFT |
			  27ULL << LR_PINTID_SHIFT | 27,
		  0x80000000 | 0x10000000 | 0x14U << 23 | 27U << 10 | 27);
	/* A level in group 1, active. */
	both_ways(LR_GROUP1 | LR_STATE_ACTIVE | LR_EOI | 0x40ULL << LR_PRIORITY_SHIFT | 33,
		  0x40000000 | 0x20000000 | 0x80000 | 8U << 23 | 33);
}

/* What a GICv2 has no room for: the low bits of a priority. */
static void lost(void **state)
{
	(void)state;
	assert_int_equal(gicv2_lr_pack(0xffULL << LR_PRIORITY_SHIFT), 0x1fU << 23);
	assert_int_equal(gicv2_lr_unpack(~0U), LR_STATE_MASK | LR_HW | LR_GROUP1 |
						       0xf8ULL << LR_PRIORITY_SHIFT |
						       0x3ffULL << LR_PINTID_SHIFT | 0x3ff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field),
		cmocka_unit_test(whole_registers),
		cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
