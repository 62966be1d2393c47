/* SPDX-License-Identifier: Apache-2.0 */
/* Which data aborts tell an IPA, by their fault status codes. */
#include <asm/fault.h>
#include <unit.h>

/*
 * Levels 0 to 3 of: address size, translation, access flag. Not: permission, external, alignment,
 * TLB conflict, unsupported atomic.
 */
static bool tells(u32 fsc)
{
	return fsc <= 0x03 || (fsc >= 0x04 && fsc <= 0x07) || (fsc >= 0x08 && fsc <= 0x0b);
}

#define OTHERS \
	(0x24UL << 26 | BIT(25) | BIT(24) | BITS(23, 8)) /* class, IL, ISV and what goes with it */

static void loads_and_stores(void **state)
{
	u32 fsc;

	(void)state;
	for (fsc = 0; fsc < 64; fsc++) {
		assert_int_equal(load_has_ipa(OTHERS | fsc), tells(fsc));
		assert_int_equal(store_has_ipa(OTHERS | ISS_WNR | fsc), tells(fsc));
		/* One is not the other, and a walk is neither. */
		assert_false(load_has_ipa(OTHERS | ISS_WNR | fsc));
		assert_false(store_has_ipa(OTHERS | fsc));
		assert_false(load_has_ipa(OTHERS | ISS_S1PTW | fsc));
		assert_false(store_has_ipa(OTHERS | ISS_S1PTW | ISS_WNR | fsc));
		assert_int_equal(is_permission(OTHERS | fsc), fsc >= 0x0c && fsc <= 0x0f);
	}
	assert_false(load_has_ipa(0x21)); /* alignment */
	assert_false(load_has_ipa(0x35)); /* unsupported exclusive or atomic access */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_and_stores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
