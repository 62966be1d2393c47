/* SPDX-License-Identifier: Apache-2.0 */
/* For measuring: a vector table that reads the counter first of all (stamp.S). */
#ifndef KIT_STAMP_H
#define KIT_STAMP_H

#include "kit/cpu.h"

extern const char stamp_vectors[];

/* The guest's own: intid as ICC_IAR1_EL1 gave it, stamp of the vector's first instruction. */
void stamp_irq(uint64_t intid, uint64_t stamp);

/* The stamp of the last synchronous exception, once its handler has returned. */
static inline uint64_t stamp_sync(void)
{
	uint64_t stamp;

	asm volatile("mov %0, x18" : "=r"(stamp));
	return stamp;
}

/* This CPU's interrupts go to stamp_irq from here on; other exceptions as before, stamped. */
static inline void stamp_vectors_on(void)
{
	write_sysreg(vbar_el1, (uintptr_t)stamp_vectors);
	isb();
}

#endif
