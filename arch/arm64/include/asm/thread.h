/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_THREAD_H
#define ASM_THREAD_H

#include <lib/types.h>

/* FP/SIMD registers of a thread that does not own the unit. Written by fp.S. */
struct fp_state {
	u64 v[32][2];
	u64 fpcr;
	u64 fpsr;
} __aligned(16);

/* What switch.S keeps of a thread; the rest is on its stack. */
struct arch_thread {
	u64 sp;
	u64 reserved;
	struct fp_state fp;
};

#endif
