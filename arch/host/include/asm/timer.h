/* SPDX-License-Identifier: Apache-2.0 */
/* Inline part of arch/timer.h on the fake machine. */
#ifndef ASM_TIMER_H
#define ASM_TIMER_H

#include <asm/host.h>

static inline u64 arch_counter(void)
{
	return host_counter;
}

#endif
