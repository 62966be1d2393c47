/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of stage-2 descriptors (Arm ARM D8.3 and D8.5.5). */
#include <unit.h>

#include <asm/stage2.h>

#define TYPE(attr)   (stage2_attr_bits(attr, false) >> 2 & 0xf)
#define FORCED(attr) (stage2_attr_bits(attr, true) >> 2 & 0xf) /* with HCR_EL2.FWB */
#define ACCESS(attr) (stage2_attr_bits(attr, false) >> 6 & 3)  /* 1: read, 3: read and write */
#define NEVER(attr)  (stage2_attr_bits(attr, false) >> 53 & 3) /* 2: no execution */

#define WRITE_BACK        0xf /* outer and inner */
#define WRITE_BACK_FORCED 0x6
#define UNCACHED          0x5
#define NGNRE             0x1

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(TYPE(STAGE2_RAM), WRITE_BACK);
	assert_int_equal(TYPE(STAGE2_ROM), WRITE_BACK);
	assert_int_equal(TYPE(STAGE2_DEVICE), NGNRE);
	assert_int_equal(TYPE(STAGE2_DATA), WRITE_BACK);
	assert_int_equal(TYPE(STAGE2_DATA_READ), WRITE_BACK);
	assert_int_equal(TYPE(STAGE2_UNCACHED), UNCACHED);
	assert_int_equal(TYPE(STAGE2_UNCACHED_READ), UNCACHED);
}

/* Only the type differs. */
static void test_forced(void **state)
{
	(void)state;
	for (u32 attr = STAGE2_RAM; attr <= STAGE2_UNCACHED_READ; attr++) {
		assert_int_equal(FORCED(attr),
				 TYPE(attr) == WRITE_BACK ? WRITE_BACK_FORCED : TYPE(attr));
		assert_int_equal(stage2_attr_bits(attr, true) & ~BITS(5, 2),
				 stage2_attr_bits(attr, false) & ~BITS(5, 2));
	}
}

static void test_access(void **state)
{
	(void)state;
	assert_int_equal(ACCESS(STAGE2_RAM), 3);
	assert_int_equal(ACCESS(STAGE2_ROM), 1);
	assert_int_equal(ACCESS(STAGE2_DEVICE), 3);
	assert_int_equal(ACCESS(STAGE2_DATA), 3);
	assert_int_equal(ACCESS(STAGE2_DATA_READ), 1);
	assert_int_equal(ACCESS(STAGE2_UNCACHED), 3);
	assert_int_equal(ACCESS(STAGE2_UNCACHED_READ), 1);
}

static void test_execution(void **state)
{
	(void)state;
	assert_int_equal(NEVER(STAGE2_RAM), 0);
	assert_int_equal(NEVER(STAGE2_ROM), 0);
	for (u32 attr = STAGE2_DEVICE; attr <= STAGE2_UNCACHED_READ; attr++)
		assert_int_equal(NEVER(attr), 2);
	for (u32 attr = STAGE2_RAM; attr <= STAGE2_UNCACHED_READ; attr++)
		assert_true(stage2_attr_bits(attr, false) & BIT(10)); /* the access flag */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_execution),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
