/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's EL0 may run AArch32 code. What such an instruction leaves behind, and whether it was to be executed at all: pure functions of SPSR_EL2 and
 * ESR_EL2. SPSR_EL2 has other fields then than for AArch64 (Arm ARM C5.2.19: "exception taken from AArch32 state").
 */
#ifndef ASM_AARCH32_H
#define ASM_AARCH32_H

#include <lib/types.h>

#define SPSR_NRW BIT(4) /* AArch32 */
#define SPSR_T   BIT(5) /* T32 */
#define SPSR_E   BIT(9) /* data is big-endian */

/*
 * The state behind a trapped instruction that is done: the next instruction's place in the IT block (AArch32.ITAdvance), a single step due. Other fields as
 * they are.
 */
u64 aarch32_next_spsr(u64 spsr);

/*
 * The condition of the instruction that trapped with this syndrome holds. A CPU may trap one whose condition fails, and tell so by COND (Arm ARM
 * D17.2.37, CV and COND); only for classes that have these fields.
 */
bool aarch32_condition_holds(u64 spsr, u64 esr);

#endif
