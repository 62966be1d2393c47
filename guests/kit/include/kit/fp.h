/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP/SIMD registers as a resource: C code of guests never uses them, so the values that these
 * functions leave in v0..v31 stay until the next call.
 */
#ifndef KIT_FP_H
#define KIT_FP_H

#include "kit/types.h"

/* v[n] = { seed + n * FP_STRIDE, ~that }; FPCR 0, FPSR = seed's low five bits. */
void fp_fill(uint64_t seed);

#define FP_STRIDE UINT64_C(0x0101010101010101)

/* A bit for each of v0..v31 that fp_fill(seed) would have filled otherwise. */
uint32_t fp_wrong(uint64_t seed);

/* v[n] += v[n + 1], both halves, from v0 to v31 (whose next is v0). */
void fp_step(void);

/* All halves folded by exclusive or. */
uint64_t fp_sum(void);

/* What fp_sum gives after fp_fill(seed) and so many fp_step. */
uint64_t fp_expected_sum(uint64_t seed, unsigned int steps);

/* One FP/SIMD load or store of the memory at addr: fp_mmio_by("ldr q31, [%0]", addr). */
#define fp_mmio_by(insn, addr)                                         \
	asm volatile(".arch_extension fp\n.arch_extension simd\n" insn \
		     :                                                 \
		     : "r"((uint64_t)(addr))                           \
		     : "memory")

/* 1 + ... + n computed in double precision in v16 and v17, which change. */
uint64_t fp_triangle(uint64_t n);

#endif
