/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Straight ways of code, and spinning without effect: the words are the GNU assembler's for the
 * text beside them.
 */
#include <asm/loop.h>
#include <unit.h>

/* Eight instructions are enough for all ways here. */
#define leads_to(from, to, over) loop_leads_to(NULL, from, to, over, 8)

#define BASE 0x40200000UL

static u32 code[64];

bool guest_fetch(struct guest_code *c, u64 pc, u32 *insn)
{
	(void)c;
	if (pc < BASE || pc >= BASE + sizeof(code))
		return false;
	*insn = code[(pc - BASE) / 4];
	return true;
}

#define NOP      0xd503201f
#define YIELD    0xd503203f
#define WFE      0xd503205f
#define WFI      0xd503207f
#define ISB      0xd5033fdf
#define DSB_SY   0xd5033f9f
#define B_SELF   0x14000000 /* b . */
#define B_BACK_4 0x17ffffff /* b .-4 */
#define B_BACK_8 0x17fffffe
#define B_ON_8   0x14000002 /* b .+8 */
#define BL_ON_8  0x94000002
#define STP_PRE  0xa9bf7bfd /* stp x29, x30, [sp, #-16]! */
#define SUB_SP   0xd10483ff /* sub sp, sp, #0x120 */
#define MRS_ESR  0xd5385200 /* mrs x0, esr_el1 */
#define CBZ      0xb4000040 /* cbz x0, .+8 */
#define B_EQ     0x54000040 /* b.eq .+8 */
#define TBNZ     0x37000040 /* tbnz w0, #0, .+8 */
#define RET      0xd65f03c0
#define ERET     0xd69f03e0
#define BR_X0    0xd61f0000
#define HVC      0xd4000002
#define SVC      0xd4000001
#define BRK      0xd4200000

static void put(u32 n, u32 a, u32 b, u32 c)
{
	for (u32 i = 0; i < ARRAY_SIZE(code); i++)
		code[i] = ERET;
	code[n] = a;
	code[n + 1] = b;
	code[n + 2] = c;
}

static u64 at(u32 n)
{
	return BASE + 4 * n;
}

static void spins(void **state)
{
	(void)state;
	put(8, B_SELF, NOP, NOP);
	assert_true(loop_spins(NULL, at(8)));
	put(8, WFE, B_BACK_4, NOP);
	assert_true(loop_spins(NULL, at(8)));
	assert_true(loop_spins(NULL, at(9)));
	put(8, YIELD, WFI, B_BACK_8);
	for (u32 n = 8; n <= 10; n++)
		assert_true(loop_spins(NULL, at(n)));
	put(8, ISB, DSB_SY, B_BACK_8);
	assert_true(loop_spins(NULL, at(8)));
}

/* Whatever may have an effect, or end it, or leads on. */
static void does_not_spin(void **state)
{
	static const u32 other[] = { STP_PRE, SUB_SP, MRS_ESR, CBZ, B_EQ, TBNZ,   RET,
				     ERET,    BR_X0,  HVC,     SVC, BRK,  BL_ON_8 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(other); i++) {
		put(8, other[i], B_BACK_4, NOP);
		assert_false(loop_spins(NULL, at(8)));
	}
	put(8, NOP, NOP, NOP); /* and then ERET */
	assert_false(loop_spins(NULL, at(8)));
	put(8, B_ON_8, B_SELF, B_SELF); /* gets there, and is not there yet */
	assert_false(loop_spins(NULL, at(8)));
	assert_true(loop_spins(NULL, at(10)));
	assert_false(loop_spins(NULL, BASE - 4));
}

static void leads(void **state)
{
	(void)state;
	assert_true(leads_to(0x200, 0x200, 0x200)); /* no code is needed for that */
	assert_false(leads_to(0x200, 0x200, 0x204));
	assert_false(leads_to(0x200, 0x204, 0x200));
	put(0, SUB_SP, STP_PRE, NOP);
	assert_true(leads_to(at(0), at(1), at(0)));
	assert_true(leads_to(at(0), at(1), at(1)));
	assert_false(leads_to(at(0), at(1), at(2))); /* it is behind the fault: handled */
	put(0, MRS_ESR, B_ON_8, NOP);
	assert_true(leads_to(at(0), at(3), at(1)));
	assert_false(leads_to(at(0), at(3), at(2))); /* branched over */
	assert_false(leads_to(at(0), at(2), at(1)));
	put(0, BL_ON_8, NOP, STP_PRE);
	assert_true(leads_to(at(0), at(2), at(0)));
}

/* Where it depends, nothing is proven. */
static void leads_nowhere(void **state)
{
	static const u32 ends[] = { CBZ, B_EQ, TBNZ, RET, ERET, BR_X0, HVC, SVC, BRK };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++) {
		put(0, ends[i], NOP, NOP);
		assert_true(leads_to(at(0), at(0), at(0)));
		assert_false(leads_to(at(0), at(1), at(0)));
	}
}

static void is_bounded(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(code); i++)
		code[i] = NOP;
	assert_true(leads_to(at(0), at(8), at(0)));
	assert_false(leads_to(at(0), at(8 + 1), at(0)));
	put(0, B_SELF, NOP, NOP);
	assert_false(leads_to(at(0), at(1), at(0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spins),      cmocka_unit_test(does_not_spin),
		cmocka_unit_test(leads),      cmocka_unit_test(leads_nowhere),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
