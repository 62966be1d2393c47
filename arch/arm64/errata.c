/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errata by MIDR (each CPU's Software Developers Errata Notice), and the guard that each CPU needs
 * against trained predictors (DEN0028 7.4, 7.6; Arm's note on Spectre-BHB).
 */
#include <asm/errata.h>

#define MIDR_PART(midr) ((midr)&0xff00fff0U)
#define ARM(part)       (0x41000000U | (part) << 4)

#define CORTEX_A53   ARM(0xd03)
#define CORTEX_A35   ARM(0xd04)
#define CORTEX_A55   ARM(0xd05)
#define CORTEX_A57   ARM(0xd07)
#define CORTEX_A72   ARM(0xd08)
#define CORTEX_A76   ARM(0xd0b)
#define NEOVERSE_N1  ARM(0xd0c)
#define CORTEX_A77   ARM(0xd0d)
#define NEOVERSE_V1  ARM(0xd40)
#define CORTEX_A78   ARM(0xd41)
#define CORTEX_A78AE ARM(0xd42)
#define CORTEX_X1    ARM(0xd44)
#define CORTEX_A510  ARM(0xd46)
#define CORTEX_A710  ARM(0xd47)
#define CORTEX_X2    ARM(0xd48)
#define NEOVERSE_N2  ARM(0xd49)
#define CORTEX_A78C  ARM(0xd4b)

#define EVERY 0xff

const struct erratum errata[ERRATA] = {
	{ CORTEX_A55, 0x00, 0x20, "Cortex-A55 1530923" },
	{ CORTEX_A57, 0x00, EVERY, "Cortex-A57 1319537" },
	{ CORTEX_A72, 0x00, EVERY, "Cortex-A72 1319367" },
	{ CORTEX_A76, 0x00, 0x20, "Cortex-A76 1165522" },
	{ NEOVERSE_N1, 0x00, 0x20, "Neoverse-N1 1165522" },
};

u32 errata_of(u32 midr)
{
	u32 found = 0, rev = (u32)(FIELD(midr, 23, 20) << 4 | FIELD(midr, 3, 0));

	for (u32 i = 0; i < ERRATA; i++)
		if (MIDR_PART(midr) == errata[i].part && rev >= errata[i].first_rev &&
		    rev <= errata[i].last_rev)
			found |= 1U << i;
	return found;
}

/* Turns of the loop that replace the whole history. 0: the CPU runs in order, or is not known. */
static const struct {
	u32 part;
	u8 turns;
} histories[] = {
	{ CORTEX_A35, 0 },   { CORTEX_A53, 0 },   { CORTEX_A55, 0 },    { CORTEX_A510, 0 },
	{ CORTEX_A57, 8 },   { CORTEX_A72, 8 },   { CORTEX_A76, 24 },   { CORTEX_A77, 24 },
	{ NEOVERSE_N1, 24 }, { CORTEX_A78, 32 },  { CORTEX_A78AE, 32 }, { CORTEX_A78C, 32 },
	{ CORTEX_X1, 32 },   { CORTEX_A710, 32 }, { CORTEX_X2, 32 },    { NEOVERSE_N2, 32 },
	{ NEOVERSE_V1, 32 },
};

static u32 by_firmware(const struct predictor_facts *f)
{
	if (f->workaround_3 == 0)
		return GUARD_FIRMWARE_3;
	if (f->workaround_3 > 0)
		return GUARD_NONE;
	return GUARD_UNKNOWN;
}

/* Targets are safe (CSV2). This is about the history that they are chosen by. */
static u32 history_guard(const struct predictor_facts *f)
{
	if (FIELD(f->pfr0, 59, 56) >= 3 || FIELD(f->mmfr1, 63, 60)) /* CSV2_3, ECBHB */
		return GUARD_NONE;
	if (FIELD(f->isar2, 31, 28)) /* CLRBHB */
		return GUARD_CLRBHB;
	for (u32 i = 0; i < sizeof(histories) / sizeof(*histories); i++)
		if (MIDR_PART(f->midr) == histories[i].part)
			return histories[i].turns;
	return by_firmware(f);
}

static bool in_order(u32 midr)
{
	for (u32 i = 0; i < sizeof(histories) / sizeof(*histories); i++)
		if (MIDR_PART(midr) == histories[i].part)
			return histories[i].turns == 0;
	return false;
}

u32 predictor_guard(const struct predictor_facts *f)
{
	u32 guard;

	if (in_order(f->midr))
		return GUARD_NONE;
	if (FIELD(f->pfr0, 59, 56)) /* CSV2: targets of another context are not used */
		return history_guard(f);
	/* The firmware's call for the history also covers targets. */
	guard = by_firmware(f);
	if (guard == GUARD_UNKNOWN && f->workaround_1 == 0)
		return GUARD_FIRMWARE_1;
	return guard == GUARD_UNKNOWN && f->workaround_1 > 0 ? history_guard(f) : guard;
}
