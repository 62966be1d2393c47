/* SPDX-License-Identifier: Apache-2.0 */
/* AArch32 code at EL0: IT blocks and conditions, against the architecture's wording. */
#include <asm/aarch32.h>
#include <unit.h>

#define SS       BIT(21)
#define FLAGS(f) ((u64)(f) << 28)
#define CV       BIT(24)
#define COND(c)  ((u64)(c) << 20)

/* ITSTATE's eight bits, where SPSR has them. */
static u64 with_it(u32 it)
{
	u64 spsr = 0;

	for (u32 bit = 0; bit < 8; bit++)
		if (it >> bit & 1)
			spsr |= bit < 2 ? BIT(25 + bit) : BIT(10 + bit - 2);
	return spsr;
}

/* The conditions' names, and the flags in the order N Z C V. */
static bool model(u32 cond, u32 flags)
{
	bool n = flags >> 3 & 1, z = flags >> 2 & 1, c = flags >> 1 & 1, v = flags & 1;

	switch (cond) {
	case 0x0: /* EQ */
		return z;
	case 0x1: /* NE */
		return !z;
	case 0x2: /* CS */
		return c;
	case 0x3: /* CC */
		return !c;
	case 0x4: /* MI */
		return n;
	case 0x5: /* PL */
		return !n;
	case 0x6: /* VS */
		return v;
	case 0x7: /* VC */
		return !v;
	case 0x8: /* HI */
		return c && !z;
	case 0x9: /* LS */
		return !c || z;
	case 0xa: /* GE */
		return n == v;
	case 0xb: /* LT */
		return n != v;
	case 0xc: /* GT */
		return !z && n == v;
	case 0xd: /* LE */
		return z || n != v;
	default:
		return true;
	}
}

/*
 * The five low bits of ITSTATE move up by one; behind the last instruction of the block all are 0.
 * All other bits stay, but a single step is due.
 */
static void blocks_go_on(void **state)
{
	const u64 others = FLAGS(0xf) | BIT(27) | BIT(24) | BIT(23) | BIT(22) | BIT(20) |
			   BITS(19, 16) | BITS(9, 0);
	u32 it, next;

	(void)state;
	for (it = 0; it < 256; it++) {
		next = it & 7 ? (it & 0xe0) | ((it & 0xf) << 1) : 0;
		assert_int_equal(aarch32_next_spsr(with_it(it)), with_it(next));
		assert_int_equal(aarch32_next_spsr(with_it(it) | others | SS),
				 with_it(next) | others);
	}
}

/* ITETT EQ: EQ, NE, EQ, EQ, and out of it. */
static void a_block_to_its_end(void **state)
{
	static const bool taken[] = { true, false, true, true };
	u64 spsr = with_it(0x09) | FLAGS(4) | SPSR_NRW | SPSR_T;
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		assert_int_equal(aarch32_condition_holds(spsr, 0), taken[i]);
		spsr = aarch32_next_spsr(spsr);
	}
	assert_int_equal(spsr, FLAGS(4) | SPSR_NRW | SPSR_T);
}

static void conditions(void **state)
{
	u32 cond, flags;

	(void)state;
	for (cond = 0; cond < 16; cond++)
		for (flags = 0; flags < 16; flags++) {
			/* COND where it is valid, whatever the IT block says. */
			assert_int_equal(aarch32_condition_holds(FLAGS(flags) | with_it(0x08),
								 CV | COND(cond)),
					 model(cond, flags));
			/* Else the IT block's, and none outside of one. */
			assert_int_equal(aarch32_condition_holds(
						 FLAGS(flags) | with_it(cond << 4 | 8), COND(1)),
					 model(cond, flags));
			assert_true(aarch32_condition_holds(FLAGS(flags), COND(cond)));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_go_on),
		cmocka_unit_test(a_block_to_its_end),
		cmocka_unit_test(conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
