/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifies A64 instructions by their number of successors (Arm ARM C4.1.93, "Branches, Exception
 * Generating and System instructions").
 */
#include <asm/loop.h>

#define SPIN_MAX 4

/* B and BL: one successor, the target. */
static bool is_branch(u32 insn)
{
	return (insn & 0x7c000000) == 0x14000000;
}

static bool is_b(u32 insn)
{
	return (insn & 0xfc000000) == 0x14000000;
}

/* Hints and barriers: CRn is 2 or 3, op0 0, op1 3, Rt 31. */
static bool is_hint(u32 insn)
{
	return (insn & 0xffffe01f) == 0xd503201f;
}

/*
 * MSR, MRS, SYS, hints and barriers are in the group of branches and exceptions, but the next
 * instruction follows them.
 */
static bool goes_on(u32 insn)
{
	return (insn & 0x1c000000) != 0x14000000 || (insn & 0xffc00000) == 0xd5000000;
}

static u64 target(u64 pc, u32 insn)
{
	return pc + (u64)((s64)((u64)insn << 38) >> 36);
}

bool loop_leads_to(struct guest_code *c, u64 from, u64 to, u64 over, u32 max)
{
	bool met = false;
	u64 at = from;
	u32 insn;

	for (u32 n = 0; n <= max; n++) {
		met |= at == over;
		if (at == to)
			return met;
		if (n == max || !guest_fetch(c, at, &insn))
			break;
		if (is_branch(insn))
			at = target(at, insn);
		else if (goes_on(insn))
			at += 4;
		else
			break;
	}
	return false;
}

bool loop_spins(struct guest_code *c, u64 pc)
{
	u64 at = pc;
	u32 insn;

	for (u32 n = 0; n < SPIN_MAX && guest_fetch(c, at, &insn); n++) {
		if (is_b(insn))
			at = target(at, insn);
		else if (is_hint(insn))
			at += 4;
		else
			break;
		if (at == pc)
			return true;
	}
	return false;
}
