/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's EL0 may run AArch32 code. These functions compute the state after such an instruction,
 * and whether it was to be executed at all. They are pure functions of SPSR_EL2 and ESR_EL2.
 * SPSR_EL2 then has other fields than for AArch64 (Arm ARM C5.2.19: "exception taken from AArch32
 * state").
 */
#ifndef ASM_AARCH32_H
#define ASM_AARCH32_H

#include <lib/types.h>

#define SPSR_NRW BIT(4) /* AArch32 */
#define SPSR_T   BIT(5) /* T32 */
#define SPSR_E   BIT(9) /* data is big-endian */

/*
 * The SPSR after a trapped instruction is done: the next place in the IT block (AArch32.ITAdvance),
 * and a single step due. Other fields keep their values.
 */
u64 aarch32_next_spsr(u64 spsr);

/*
 * True if the condition of the instruction with this syndrome holds. A CPU may trap an instruction
 * whose condition fails, and says so in COND (Arm ARM D17.2.37, CV and COND). Only for classes that
 * have these fields.
 */
bool aarch32_condition_holds(u64 spsr, u64 esr);

#endif
