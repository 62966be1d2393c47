/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes A64 loads and stores, for Data Aborts without a valid syndrome. */
#ifndef ASM_DECODE_H
#define ASM_DECODE_H

#include <lib/types.h>

/* How Rm becomes an offset (Arm ARM C1.3.3, the `option` field). */
enum extend { EXTEND_UXTW = 2, EXTEND_UXTX = 3, EXTEND_SXTW = 6, EXTEND_SXTX = 7 };

/*
 * One or two registers and adjacent memory. The first access is at base + offset; at base for a
 * post-indexed instruction. The base written back is base + offset in both cases.
 */
struct decoded {
	u8 size;   /* bytes of each register: 1, 2, 4, 8; for SIMD&FP registers also 16 */
	u8 count;  /* registers: 1 or 2 */
	u8 rt[2];  /* 31: the zero register, or V31 */
	u8 rn;     /* base; 31: SP. Not if literal */
	u8 rm;     /* if indexed: the offset is Rm, extended, shifted left; 31: the zero register */
	u8 extend; /* enum extend */
	u8 shift;  /* bits */
	s64 offset;   /* if not indexed */
	bool load;    /* else a store */
	bool simd;    /* rt are SIMD&FP registers; a load clears their upper bits */
	bool sign;    /* the load sign-extends... */
	bool wide;    /* ...to 64 bits, else to 32 */
	bool literal; /* the base is the instruction's own address */
	bool indexed; /* register offset */
	bool writeback;
	bool post;
};

/*
 * Decode an instruction. True for: LDR, STR and their byte, half and signed forms, with immediate
 * (unsigned, unscaled, pre- and post-indexed, unprivileged), register offset or literal; LDP, STP,
 * LDPSW, LDNP, STNP; all of them for general and, where they exist, SIMD&FP registers.
 *
 * False, with *d undefined, for all other instructions, and for the CONSTRAINED UNPREDICTABLE ones
 * (a base that is written back and transferred, a register loaded twice). A pure function: any
 * context, any word.
 */
bool __must_check decode(u32 insn, struct decoded *d);

#endif
