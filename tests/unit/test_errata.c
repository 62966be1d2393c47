/* SPDX-License-Identifier: Apache-2.0 */
/* Errata by MIDR and revision, and the guards against trained predictors. */
#include <asm/errata.h>
#include <string.h>
#include <unit.h>

#define MIDR(part, variant, revision) (0x410f0000U | (variant) << 20 | (part) << 4 | (revision))

#define A53 0xd03U
#define A55 0xd05U
#define A57 0xd07U
#define A72 0xd08U
#define A73 0xd09U
#define A76 0xd0bU
#define N1  0xd0cU
#define A78 0xd41U

static void assert_erratum(u32 midr, const char *name)
{
	u32 found = errata_of(midr);

	if (!name) {
		assert_int_equal(found, 0);
		return;
	}
	assert_int_equal(__builtin_popcount(found), 1);
	assert_string_equal(errata[__builtin_ctz(found)].name, name);
}

static void by_part_and_revision(void **state)
{
	(void)state;
	assert_erratum(MIDR(A53, 0, 4), NULL);
	assert_erratum(MIDR(A55, 0, 0), "Cortex-A55 1530923");
	assert_erratum(MIDR(A55, 1, 15), "Cortex-A55 1530923");
	assert_erratum(MIDR(A55, 2, 0), "Cortex-A55 1530923");
	assert_erratum(MIDR(A55, 2, 1), NULL);
	assert_erratum(MIDR(A57, 1, 0), "Cortex-A57 1319537");
	assert_erratum(MIDR(A72, 0, 3), "Cortex-A72 1319367");
	assert_erratum(MIDR(A72, 15, 15), "Cortex-A72 1319367");
	assert_erratum(MIDR(A76, 2, 0), "Cortex-A76 1165522");
	assert_erratum(MIDR(A76, 3, 0), NULL);
	assert_erratum(MIDR(N1, 1, 0), "Neoverse-N1 1165522");
	assert_erratum(MIDR(N1, 3, 1), NULL);
	assert_erratum(MIDR(A72, 0, 3) & 0x00ffffff, NULL); /* another implementer's */
}

#define CSV2(n)  ((u64)(n) << 56)
#define ECBHB    BIT(60)
#define CLRBHB   BIT(28)
#define AFFECTED 0
#define SAFE     1
#define SILENT   (-1)

static void guards(void **state)
{
	static const struct {
		u32 part;
		u64 pfr0, mmfr1, isar2;
		s32 workaround_1, workaround_3;
		u32 guard;
	} rows[] = {
		/* In order: whatever the firmware says. */
		{ A53, 0, 0, 0, SILENT, SILENT, GUARD_NONE },
		{ A53, 0, 0, 0, AFFECTED, AFFECTED, GUARD_NONE },
		{ A55, CSV2(1), 0, 0, SILENT, SILENT, GUARD_NONE },
		/* Targets and history are the hardware's business. */
		{ A78, CSV2(3), 0, 0, SILENT, SILENT, GUARD_NONE },
		{ A78, CSV2(2), ECBHB, 0, SILENT, SILENT, GUARD_NONE },
		/* History: an instruction, a loop, the firmware. */
		{ A78, CSV2(2), 0, CLRBHB, AFFECTED, AFFECTED, GUARD_CLRBHB },
		{ A78, CSV2(2), 0, 0, SILENT, SILENT, 32 },
		{ A76, CSV2(1), 0, 0, SILENT, AFFECTED, 24 },
		{ N1, CSV2(1), 0, 0, SILENT, SILENT, 24 },
		{ A72, CSV2(1), 0, 0, SILENT, SILENT, 8 },
		{ A73, CSV2(1), 0, 0, SILENT, AFFECTED, GUARD_FIRMWARE_3 },
		{ A73, CSV2(1), 0, 0, SILENT, SAFE, GUARD_NONE },
		{ A73, CSV2(1), 0, 0, SILENT, SILENT, GUARD_UNKNOWN },
		/* Targets: the firmware. */
		{ A72, 0, 0, 0, AFFECTED, AFFECTED, GUARD_FIRMWARE_3 },
		{ A72, 0, 0, 0, AFFECTED, SILENT, GUARD_FIRMWARE_1 },
		{ A72, 0, 0, 0, SAFE, SILENT, 8 },
		{ A57, 0, 0, 0, SILENT, SILENT, GUARD_UNKNOWN },
		{ 0xfff, 0, 0, 0, SILENT, SILENT, GUARD_UNKNOWN },
		{ 0xfff, 0, 0, 0, SAFE, SAFE, GUARD_NONE },
	};
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct predictor_facts facts = {
			.midr = MIDR(rows[i].part, 0, 0),
			.pfr0 = rows[i].pfr0,
			.mmfr1 = rows[i].mmfr1,
			.isar2 = rows[i].isar2,
			.workaround_1 = rows[i].workaround_1,
			.workaround_3 = rows[i].workaround_3,
		};

		assert_int_equal(predictor_guard(&facts), rows[i].guard);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_part_and_revision),
		cmocka_unit_test(guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
