/* SPDX-License-Identifier: Apache-2.0 */
/* Inline part of arch/timer.h. */
#ifndef ASM_TIMER_H
#define ASM_TIMER_H

#include <asm/sysreg.h>

static inline u64 arch_counter(void)
{
	isb(); /* the counter is not read early */
	return read_sysreg_(TIMER_COUNTER);
}

#endif
