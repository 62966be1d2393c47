/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

/* The fake machine keeps its own per-CPU state (asm/host.h). */
struct arch_percpu {
	char unused;
};

#endif
