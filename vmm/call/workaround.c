/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workarounds for speculation (DEN0028, 7.4 to 7.6) that a guest may request from its firmware. A
 * workaround that the CPU does not need is reported as such. One that the machine's firmware offers
 * is passed on. Any other one is not supported, and the guest then knows that it is exposed.
 */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <kernel/percpu.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/cpu.h>

#define MIDR_PART_MASK 0xff00fff0u /* implementer and part number */
#define CORTEX_A53     0x4100d030u
#define CORTEX_A35     0x4100d040u
#define CORTEX_A55     0x4100d050u

enum workaround { BRANCH_TARGET, STORE_BYPASS, BRANCH_HISTORY, WORKAROUNDS, NONE = WORKAROUNDS };

/*
 * The answer + ASKED, which each CPU finds out for itself, because CPUs may differ. 0: not yet
 * known.
 */
#define ASKED 8
static u8 answers[MAX_CPUS][WORKAROUNDS];
/* True if the firmware offers the workaround on this CPU. */
static bool forwarded[MAX_CPUS][WORKAROUNDS];

static const u32 ids[] = {
	[BRANCH_TARGET] = SMCCC_ARCH_WORKAROUND_1,  /* CVE-2017-5715 */
	[STORE_BYPASS] = SMCCC_ARCH_WORKAROUND_2,   /* CVE-2018-3639 */
	[BRANCH_HISTORY] = SMCCC_ARCH_WORKAROUND_3, /* CVE-2017-5715 and CVE-2022-23960 */
};

static enum workaround find(u32 id)
{
	for (u32 w = 0; w < WORKAROUNDS; w++)
		if (ids[w] == id)
			return w;
	return NONE;
}

/* True for Arm's cores that do not speculate far enough for any of the three. */
static bool in_order_core(void)
{
	u32 part = arch_cpu_midr() & MIDR_PART_MASK;

	return part == CORTEX_A35 || part == CORTEX_A53 || part == CORTEX_A55;
}

/*
 * ID_AA64PFR0_EL1.CSV2. 1: branch targets of another context are not used. 3: nor is its history.
 * Many cores with 1 or 2 are exposed to branch history.
 */
static bool unaffected(enum workaround w)
{
	u64 csv2 = FIELD(arch_id_register(4, 0), 59, 56);

	if (in_order_core())
		return true;
	return (w == BRANCH_TARGET && csv2 >= 1) || (w == BRANCH_HISTORY && csv2 >= 3);
}

/*
 * Store bypass: the firmware starts with its mitigation on, and ZVM never turns it off. So for a
 * guest it is permanent. A guest that sees PSTATE.SSBS has its own switch and needs no call.
 */
static s64 store_bypass(s64 firmware)
{
	bool ssbs = FIELD(sysreg_id_value(4, 1), 7, 4) != 0;

	if (unaffected(STORE_BYPASS))
		return SMCCC_NOT_REQUIRED;
	return firmware == SMCCC_NOT_SUPPORTED || ssbs ? SMCCC_NOT_SUPPORTED : SMCCC_NOT_REQUIRED;
}

static s64 ask(enum workaround w, bool *forward)
{
	s64 firmware = (s32)arch_firmware(SMCCC_ARCH_FEATURES, ids[w]);

	*forward = false;
	if (w == STORE_BYPASS)
		return store_bypass(firmware);
	if (unaffected(w))
		return SMCCC_UNAFFECTED;
	*forward = firmware == SMCCC_SUCCESS;
	if (*forward)
		return SMCCC_SUCCESS;
	return firmware == SMCCC_UNAFFECTED ? SMCCC_UNAFFECTED : SMCCC_NOT_SUPPORTED;
}

/* Interrupts masked: the CPU stays the same. */
static s64 answer(enum workaround w)
{
	u32 cpu = this_cpu()->id;

	if (!answers[cpu][w])
		answers[cpu][w] = (u8)(ask(w, &forwarded[cpu][w]) + ASKED);
	return (s64)answers[cpu][w] - ASKED;
}

s64 workaround_features(u32 id)
{
	enum workaround w = find(id);

	return w == NONE ? SMCCC_NOT_SUPPORTED : answer(w);
}

/*
 * A guest makes these calls at its exceptions and context switches, so few instructions lead to the
 * firmware.
 */
bool workaround_call(u64 *x)
{
	enum workaround w = find((u32)x[0]);

	if (w == NONE || answer(w) < 0)
		return false;
	if (forwarded[this_cpu()->id][w])
		(void)arch_firmware(ids[w], 0);
	x[0] = SMCCC_SUCCESS;
	return true;
}
