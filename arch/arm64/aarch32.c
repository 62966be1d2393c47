/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch32 state at EL0: IT blocks and conditions (Arm ARM G1.9.3, J1.2.3: ITAdvance,
 * ConditionHolds).
 */
#include <asm/aarch32.h>

#define SPSR_SS BIT(21)

/* IT[7:2] are bits 15:10, IT[1:0] bits 26:25. */
#define SPSR_IT (BITS(15, 10) | BITS(26, 25))

#define ESR_CV        BIT(24)
#define ESR_COND(esr) ((u32)FIELD(esr, 23, 20))

#define COND_ALWAYS 0xeU

static u32 it_state(u64 spsr)
{
	return (u32)(FIELD(spsr, 15, 10) << 2 | FIELD(spsr, 26, 25));
}

u64 aarch32_next_spsr(u64 spsr)
{
	u32 it = it_state(spsr);

	/* IT[2:0] = 0: this was the last instruction of its block. */
	it = it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
	return (spsr & ~(SPSR_IT | SPSR_SS)) | (u64)(it >> 2) << 10 | (u64)(it & 3) << 25;
}

/*
 * The condition of the trapped instruction. A CPU that does not report COND leaves it to SPSR.IT:
 * an instruction in an IT block has the block's condition. IT is 0 outside a block, and in A32.
 */
static u32 condition(u64 spsr, u64 esr)
{
	u32 it = it_state(spsr);

	if (esr & ESR_CV)
		return ESR_COND(esr);
	return it & 0xf ? it >> 4 : COND_ALWAYS;
}

bool aarch32_condition_holds(u64 spsr, u64 esr)
{
	u32 cond = condition(spsr, esr);
	bool n = spsr & BIT(31), z = spsr & BIT(30), c = spsr & BIT(29), v = spsr & BIT(28);
	const bool holds[8] = {
		z, c, n, v, c && !z, n == v, n == v && !z, true,
	};

	return holds[cond >> 1] != (cond & 1 && cond != 0xf);
}
