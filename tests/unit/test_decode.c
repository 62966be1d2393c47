/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded loads and stores: the words are the GNU assembler's for the text beside them. */
#include <unit.h>

#include <asm/decode.h>

#define STORE   0UL
#define LOAD    BIT(0)
#define SIMD    BIT(1)
#define SIGN    BIT(2)
#define SIGN64  (SIGN | BIT(3))
#define LITERAL BIT(4)
#define INDEXED BIT(5)
#define PRE     BIT(6)
#define POST    (PRE | BIT(7)) /* as writeback and post are */

#define NONE 32 /* no second register */

/* clang-format off */
static const struct {
	const char *text;
	u32 insn;
	u64 kind;
	u32 size;
	u32 rt[2];
	u32 rn;
	s64 offset;
} immediate[] = {
	{ "ldr w0, [x1]", 0xb9400020, LOAD, 4, { 0, NONE }, 1, 0 },
	{ "ldr x2, [x3, #8]", 0xf9400462, LOAD, 8, { 2, NONE }, 3, 8 },
	{ "ldr x30, [sp, #32760]", 0xf97ffffe, LOAD, 8, { 30, NONE }, 31, 32760 },
	{ "str w4, [x5, #4]", 0xb90004a4, STORE, 4, { 4, NONE }, 5, 4 },
	{ "str xzr, [x6]", 0xf90000df, STORE, 8, { 31, NONE }, 6, 0 },
	{ "ldrb w7, [x8, #4095]", 0x397ffd07, LOAD, 1, { 7, NONE }, 8, 4095 },
	{ "strb w9, [x10]", 0x39000149, STORE, 1, { 9, NONE }, 10, 0 },
	{ "ldrh w11, [x12, #2]", 0x7940058b, LOAD, 2, { 11, NONE }, 12, 2 },
	{ "strh w13, [x14, #8190]", 0x793ffdcd, STORE, 2, { 13, NONE }, 14, 8190 },
	{ "ldrsb w15, [x16]", 0x39c0020f, LOAD | SIGN, 1, { 15, NONE }, 16, 0 },
	{ "ldrsb x17, [x18, #1]", 0x39800651, LOAD | SIGN64, 1, { 17, NONE }, 18, 1 },
	{ "ldrsh w19, [x20, #2]", 0x79c00693, LOAD | SIGN, 2, { 19, NONE }, 20, 2 },
	{ "ldrsh x21, [x22]", 0x798002d5, LOAD | SIGN64, 2, { 21, NONE }, 22, 0 },
	{ "ldrsw x23, [x24, #16380]", 0xb9bfff17, LOAD | SIGN64, 4, { 23, NONE }, 24, 16380 },
	{ "ldur w0, [x1, #-1]", 0xb85ff020, LOAD, 4, { 0, NONE }, 1, -1 },
	{ "stur x2, [x3, #-256]", 0xf8100062, STORE, 8, { 2, NONE }, 3, -256 },
	{ "ldursw x4, [x5, #255]", 0xb88ff0a4, LOAD | SIGN64, 4, { 4, NONE }, 5, 255 },
	{ "ldursb w6, [x7, #-3]", 0x38dfd0e6, LOAD | SIGN, 1, { 6, NONE }, 7, -3 },
	{ "ldurh w8, [x9, #5]", 0x78405128, LOAD, 2, { 8, NONE }, 9, 5 },
	{ "ldr w0, [x1], #4", 0xb8404420, LOAD | POST, 4, { 0, NONE }, 1, 4 },
	{ "ldr w0, [x1, #4]!", 0xb8404c20, LOAD | PRE, 4, { 0, NONE }, 1, 4 },
	{ "ldr x2, [sp], #16", 0xf84107e2, LOAD | POST, 8, { 2, NONE }, 31, 16 },
	{ "ldr xzr, [sp, #-16]!", 0xf85f0fff, LOAD | PRE, 8, { 31, NONE }, 31, -16 },
	{ "str w0, [x1], #-4", 0xb81fc420, STORE | POST, 4, { 0, NONE }, 1, -4 },
	{ "str x0, [x1, #-256]!", 0xf8100c20, STORE | PRE, 8, { 0, NONE }, 1, -256 },
	{ "str xzr, [sp, #-16]!", 0xf81f0fff, STORE | PRE, 8, { 31, NONE }, 31, -16 },
	{ "ldrb w3, [x4], #1", 0x38401483, LOAD | POST, 1, { 3, NONE }, 4, 1 },
	{ "strb w3, [x4, #-1]!", 0x381ffc83, STORE | PRE, 1, { 3, NONE }, 4, -1 },
	{ "ldrh w5, [x6], #2", 0x784024c5, LOAD | POST, 2, { 5, NONE }, 6, 2 },
	{ "strh w5, [x6, #254]!", 0x780fecc5, STORE | PRE, 2, { 5, NONE }, 6, 254 },
	{ "ldrsb w7, [x8], #1", 0x38c01507, LOAD | SIGN | POST, 1, { 7, NONE }, 8, 1 },
	{ "ldrsb x7, [x8, #1]!", 0x38801d07, LOAD | SIGN64 | PRE, 1, { 7, NONE }, 8, 1 },
	{ "ldrsh w9, [x10], #-2", 0x78dfe549, LOAD | SIGN | POST, 2, { 9, NONE }, 10, -2 },
	{ "ldrsh x9, [x10, #2]!", 0x78802d49, LOAD | SIGN64 | PRE, 2, { 9, NONE }, 10, 2 },
	{ "ldrsw x11, [x12], #4", 0xb880458b, LOAD | SIGN64 | POST, 4, { 11, NONE }, 12, 4 },
	{ "ldrsw x11, [x12, #-4]!", 0xb89fcd8b, LOAD | SIGN64 | PRE, 4, { 11, NONE }, 12, -4 },
	{ "ldtr w0, [x1]", 0xb8400820, LOAD, 4, { 0, NONE }, 1, 0 },
	{ "ldtr x0, [x1, #-8]", 0xf85f8820, LOAD, 8, { 0, NONE }, 1, -8 },
	{ "sttr w0, [x1, #4]", 0xb8004820, STORE, 4, { 0, NONE }, 1, 4 },
	{ "sttrb w0, [x1, #255]", 0x380ff820, STORE, 1, { 0, NONE }, 1, 255 },
	{ "ldtrsb x0, [x1]", 0x38800820, LOAD | SIGN64, 1, { 0, NONE }, 1, 0 },
	{ "ldtrsh w0, [x1, #2]", 0x78c02820, LOAD | SIGN, 2, { 0, NONE }, 1, 2 },
	{ "ldtrsw x0, [x1, #-4]", 0xb89fc820, LOAD | SIGN64, 4, { 0, NONE }, 1, -4 },
	{ "ldr b0, [x1]", 0x3d400020, LOAD | SIMD, 1, { 0, NONE }, 1, 0 },
	{ "ldr h1, [x2, #2]", 0x7d400441, LOAD | SIMD, 2, { 1, NONE }, 2, 2 },
	{ "ldr s2, [x3, #4]", 0xbd400462, LOAD | SIMD, 4, { 2, NONE }, 3, 4 },
	{ "ldr d3, [x4, #8]", 0xfd400483, LOAD | SIMD, 8, { 3, NONE }, 4, 8 },
	{ "ldr q4, [x5, #16]", 0x3dc004a4, LOAD | SIMD, 16, { 4, NONE }, 5, 16 },
	{ "ldr q31, [sp, #65520]", 0x3dffffff, LOAD | SIMD, 16, { 31, NONE }, 31, 65520 },
	{ "str b5, [x6, #4095]", 0x3d3ffcc5, STORE | SIMD, 1, { 5, NONE }, 6, 4095 },
	{ "str h6, [x7]", 0x7d0000e6, STORE | SIMD, 2, { 6, NONE }, 7, 0 },
	{ "str s7, [x8]", 0xbd000107, STORE | SIMD, 4, { 7, NONE }, 8, 0 },
	{ "str d8, [x9, #32760]", 0xfd3ffd28, STORE | SIMD, 8, { 8, NONE }, 9, 32760 },
	{ "str q9, [x10, #16]", 0x3d800549, STORE | SIMD, 16, { 9, NONE }, 10, 16 },
	{ "ldur b0, [x1, #-1]", 0x3c5ff020, LOAD | SIMD, 1, { 0, NONE }, 1, -1 },
	{ "ldur q1, [x2, #-16]", 0x3cdf0041, LOAD | SIMD, 16, { 1, NONE }, 2, -16 },
	{ "stur q2, [x3, #255]", 0x3c8ff062, STORE | SIMD, 16, { 2, NONE }, 3, 255 },
	{ "stur d2, [x3, #3]", 0xfc003062, STORE | SIMD, 8, { 2, NONE }, 3, 3 },
	{ "ldr q0, [x1], #16", 0x3cc10420, LOAD | SIMD | POST, 16, { 0, NONE }, 1, 16 },
	{ "ldr q0, [x1, #16]!", 0x3cc10c20, LOAD | SIMD | PRE, 16, { 0, NONE }, 1, 16 },
	{ "str q0, [x0, #-16]!", 0x3c9f0c00, STORE | SIMD | PRE, 16, { 0, NONE }, 0, -16 },
	{ "ldr d5, [x6], #8", 0xfc4084c5, LOAD | SIMD | POST, 8, { 5, NONE }, 6, 8 },
	{ "str s5, [x6, #-4]!", 0xbc1fccc5, STORE | SIMD | PRE, 4, { 5, NONE }, 6, -4 },
	{ "ldr b7, [x8], #1", 0x3c401507, LOAD | SIMD | POST, 1, { 7, NONE }, 8, 1 },
	{ "str h7, [x8, #2]!", 0x7c002d07, STORE | SIMD | PRE, 2, { 7, NONE }, 8, 2 },
	{ "ldp w0, w1, [x2]", 0x29400440, LOAD, 4, { 0, 1 }, 2, 0 },
	{ "ldp x3, x4, [x5, #16]", 0xa94110a3, LOAD, 8, { 3, 4 }, 5, 16 },
	{ "ldp x29, x30, [sp], #16", 0xa8c17bfd, LOAD | POST, 8, { 29, 30 }, 31, 16 },
	{ "ldp w6, w7, [x8, #-8]!", 0x29ff1d06, LOAD | PRE, 4, { 6, 7 }, 8, -8 },
	{ "ldpsw x9, x10, [x11]", 0x69402969, LOAD | SIGN64, 4, { 9, 10 }, 11, 0 },
	{ "ldpsw x9, x10, [x11], #8", 0x68c12969, LOAD | SIGN64 | POST, 4, { 9, 10 }, 11, 8 },
	{ "ldpsw x9, x10, [x11, #-256]!", 0x69e02969, LOAD | SIGN64 | PRE, 4, { 9, 10 }, 11, -256 },
	{ "stp w12, w13, [x14, #252]", 0x291fb5cc, STORE, 4, { 12, 13 }, 14, 252 },
	{ "stp x15, x16, [x17, #-512]", 0xa920422f, STORE, 8, { 15, 16 }, 17, -512 },
	{ "stp xzr, xzr, [x0], #16", 0xa8817c1f, STORE | POST, 8, { 31, 31 }, 0, 16 },
	{ "stp x29, x30, [sp, #-16]!", 0xa9bf7bfd, STORE | PRE, 8, { 29, 30 }, 31, -16 },
	{ "stp x0, x0, [x1]", 0xa9000020, STORE, 8, { 0, 0 }, 1, 0 },
	{ "ldp xzr, x1, [x2]", 0xa940045f, LOAD, 8, { 31, 1 }, 2, 0 },
	{ "ldnp w0, w1, [x2]", 0x28400440, LOAD, 4, { 0, 1 }, 2, 0 },
	{ "ldnp x0, x1, [x2, #504]", 0xa85f8440, LOAD, 8, { 0, 1 }, 2, 504 },
	{ "stnp w3, w4, [x5]", 0x280010a3, STORE, 4, { 3, 4 }, 5, 0 },
	{ "stnp x3, x4, [x5, #-512]", 0xa82010a3, STORE, 8, { 3, 4 }, 5, -512 },
	{ "ldp s0, s1, [x2]", 0x2d400440, LOAD | SIMD, 4, { 0, 1 }, 2, 0 },
	{ "ldp d3, d4, [x5], #16", 0x6cc110a3, LOAD | SIMD | POST, 8, { 3, 4 }, 5, 16 },
	{ "ldp q6, q7, [x8, #32]!", 0xadc11d06, LOAD | SIMD | PRE, 16, { 6, 7 }, 8, 32 },
	{ "ldp q6, q7, [sp, #1008]", 0xad5f9fe6, LOAD | SIMD, 16, { 6, 7 }, 31, 1008 },
	{ "stp s0, s1, [x2, #-256]", 0x2d200440, STORE | SIMD, 4, { 0, 1 }, 2, -256 },
	{ "stp d3, d4, [x5, #-16]!", 0x6dbf10a3, STORE | SIMD | PRE, 8, { 3, 4 }, 5, -16 },
	{ "stp q6, q7, [x8], #-1024", 0xaca01d06, STORE | SIMD | POST, 16, { 6, 7 }, 8, -1024 },
	{ "ldnp q0, q1, [x2]", 0xac400440, LOAD | SIMD, 16, { 0, 1 }, 2, 0 },
	{ "stnp d0, d1, [x2, #8]", 0x6c008440, STORE | SIMD, 8, { 0, 1 }, 2, 8 },
	{ "stnp s30, s31, [sp]", 0x2c007ffe, STORE | SIMD, 4, { 30, 31 }, 31, 0 },
	{ "ldr w0, .+8", 0x18000040, LOAD | LITERAL, 4, { 0, NONE }, 0, 8 },
	{ "ldr x1, .-8", 0x58ffffc1, LOAD | LITERAL, 8, { 1, NONE }, 0, -8 },
	{ "ldrsw x2, .+1048572", 0x987fffe2, LOAD | SIGN64 | LITERAL, 4, { 2, NONE }, 0, 1048572 },
	{ "ldr s3, .+4", 0x1c000023, LOAD | SIMD | LITERAL, 4, { 3, NONE }, 0, 4 },
	{ "ldr d4, .-1048576", 0x5c800004, LOAD | SIMD | LITERAL, 8, { 4, NONE }, 0, -1048576 },
	{ "ldr q5, .+16", 0x9c000085, LOAD | SIMD | LITERAL, 16, { 5, NONE }, 0, 16 },
};

static const struct {
	const char *text;
	u32 insn;
	u64 kind;
	u32 size;
	u32 rt;
	u32 rn;
	u32 rm;
	u32 extend;
	u32 shift;
} indexed[] = {
	{ "ldr w0, [x1, x2]", 0xb8626820, LOAD, 4, 0, 1, 2, EXTEND_UXTX, 0 },
	{ "ldr x0, [x1, x2, lsl #3]", 0xf8627820, LOAD, 8, 0, 1, 2, EXTEND_UXTX, 3 },
	{ "ldr w0, [x1, w2, uxtw]", 0xb8624820, LOAD, 4, 0, 1, 2, EXTEND_UXTW, 0 },
	{ "ldr w0, [x1, w2, uxtw #2]", 0xb8625820, LOAD, 4, 0, 1, 2, EXTEND_UXTW, 2 },
	{ "ldr x0, [x1, w2, sxtw #3]", 0xf862d820, LOAD, 8, 0, 1, 2, EXTEND_SXTW, 3 },
	{ "str x0, [sp, x2, sxtx]", 0xf822ebe0, STORE, 8, 0, 31, 2, EXTEND_SXTX, 0 },
	{ "strh w0, [x1, xzr, lsl #1]", 0x783f7820, STORE, 2, 0, 1, 31, EXTEND_UXTX, 1 },
	{ "ldrsb x0, [x1, w2, sxtw]", 0x38a2c820, LOAD | SIGN64, 1, 0, 1, 2, EXTEND_SXTW, 0 },
	{ "ldrsw x3, [x4, x5, lsl #2]", 0xb8a57883, LOAD | SIGN64, 4, 3, 4, 5, EXTEND_UXTX, 2 },
	{ "ldr q0, [x1, x2, lsl #4]", 0x3ce27820, LOAD | SIMD, 16, 0, 1, 2, EXTEND_UXTX, 4 },
	{ "str q0, [x1, w2, uxtw]", 0x3ca24820, STORE | SIMD, 16, 0, 1, 2, EXTEND_UXTW, 0 },
	{ "ldr b0, [x1, w2, sxtw]", 0x3c62c820, LOAD | SIMD, 1, 0, 1, 2, EXTEND_SXTW, 0 },
	{ "str d0, [x1, x2, lsl #3]", 0xfc227820, STORE | SIMD, 8, 0, 1, 2, EXTEND_UXTX, 3 },
};

static const struct {
	const char *text;
	u32 insn;
} refused[] = {
	{ "nop", 0xd503201f },
	{ "ret", 0xd65f03c0 },
	{ "brk #0", 0xd4200000 },
	{ "svc #0", 0xd4000001 },
	{ "mov x0, x1", 0xaa0103e0 },
	{ "add x0, x1, #4", 0x91001020 },
	{ "b .+8", 0x14000002 },
	{ "msr daifset, #2", 0xd50342df },
	{ "dc zva, x0", 0xd50b7420 },
	{ "dc civac, x0", 0xd50b7e20 },
	{ "ldxr x0, [x1]", 0xc85f7c20 },
	{ "stxr w2, x0, [x1]", 0xc8027c20 },
	{ "ldaxp x0, x1, [x2]", 0xc87f8440 },
	{ "stlxp w3, x0, x1, [x2]", 0xc8238440 },
	{ "ldxrb w0, [x1]", 0x085f7c20 },
	{ "ldar w0, [x1]", 0x88dffc20 },
	{ "stlr x0, [x1]", 0xc89ffc20 },
	{ "ldapr w0, [x1]", 0xb8bfc020 },
	{ "ldapur w0, [x1, #4]", 0x99404020 },
	{ "cas w0, w1, [x2]", 0x88a07c41 },
	{ "casp x0, x1, x2, x3, [x4]", 0x48207c82 },
	{ "ldadd w0, w1, [x2]", 0xb8200041 },
	{ "ldaddal x0, x1, [x2]", 0xf8e00041 },
	{ "swp w0, w1, [x2]", 0xb8208041 },
	{ "stset x0, [x1]", 0xf820303f },
	{ "ldraa x0, [x1]", 0xf8200420 },
	{ "ldrab x0, [x1, #8]!", 0xf8a01c20 },
	{ "ld1 {v0.16b}, [x0]", 0x4c407000 },
	{ "ld1 {v0.s}[1], [x0]", 0x0d409000 },
	{ "st1 {v0.4s, v1.4s}, [x0], #32", 0x4c9fa800 },
	{ "ld1r {v0.2d}, [x0]", 0x4d40cc00 },
	{ "ld4 {v0.8b-v3.8b}, [x0]", 0x0c400000 },
	{ "prfm pldl1keep, [x0]", 0xf9800000 },
	{ "prfm pldl1keep, [x0, x1]", 0xf8a16800 },
	{ "prfum pldl1keep, [x0, #-1]", 0xf89ff000 },
	{ "prfm pldl1keep, .+8", 0xd8000040 },
	{ "stg x0, [x1]", 0xd9200820 },
	{ "ldg x0, [x1]", 0xd9600020 },
	{ "stgp x0, x1, [x2]", 0x69000440 },
	{ "stgp x0, x1, [x2], #32", 0x68810440 },
	{ "fmov d0, x0", 0x9e670000 },
	{ "ld1b {z0.b}, p0/z, [x0]", 0xa400a000 },
	{ "ldr z0, [x0]", 0x85804000 },
	{ "ldr x0, [x0], #8", 0xf8408400 },
	{ "ldr x0, [x0, #8]!", 0xf8408c00 },
	{ "str x5, [x5], #8", 0xf80084a5 },
	{ "strb w5, [x5, #1]!", 0x38001ca5 },
	{ "ldp x0, x1, [x1], #16", 0xa8c10420 },
	{ "ldp w1, w2, [x1, #8]!", 0x29c10821 },
	{ "stp x0, x1, [x0, #16]!", 0xa9810400 },
	{ "stp x0, x1, [x1], #16", 0xa8810420 },
	{ "ldp x0, x0, [x1]", 0xa9400020 },
	{ "ldp q0, q0, [x1]", 0xad400020 },
	{ "ldpsw x3, x3, [x4]", 0x69400c83 },
	{ "pair, opc 3", 0xe9400440 },
	{ "SIMD pair, opc 3", 0xed400440 },
	{ "LDNP of words, signed", 0x68400440 },
	{ "STNP, opc 1", 0x68000440 },
	{ "SIMD, size 1, opc 2", 0x7d800020 },
	{ "SIMD, size 3, opc 3", 0xfdc00020 },
	{ "SIMD, unprivileged", 0x3c400820 },
	{ "size 2, opc 3", 0xb9c00020 },
	{ "size 3, opc 3", 0xf9c00020 },
	{ "size 3, opc 2, post-indexed", 0xf8800420 },
	{ "size 3, opc 2, unprivileged", 0xf8800820 },
	{ "register offset, option 0", 0xb8620820 },
	{ "register offset, option 5", 0xb862a820 },
	{ "SIMD literal, opc 3", 0xdc000040 },
	{ "permanently undefined", 0x00000000 },
	{ "all ones", 0xffffffff },
};
/* clang-format on */

static u64 kind_of(const struct decoded *d)
{
	return (d->load ? LOAD : 0) | (d->simd ? SIMD : 0) | (d->sign ? SIGN : 0) |
	       (d->wide ? SIGN64 : 0) | (d->literal ? LITERAL : 0) | (d->indexed ? INDEXED : 0) |
	       (d->writeback ? PRE : 0) | (d->post ? POST : 0);
}

static void check(const char *text, const char *what, s64 got, s64 want)
{
	if (got != want)
		fail_msg("%s: %s is %lld, not %lld", text, what, (long long)got, (long long)want);
}

static void immediates(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(immediate); i++) {
		const char *text = immediate[i].text;
		struct decoded d;

		check(text, "decode", decode(immediate[i].insn, &d), true);
		check(text, "kind", (s64)kind_of(&d), (s64)immediate[i].kind);
		check(text, "size", d.size, immediate[i].size);
		check(text, "count", d.count, immediate[i].rt[1] == NONE ? 1 : 2);
		check(text, "rt", d.rt[0], immediate[i].rt[0]);
		check(text, "offset", d.offset, immediate[i].offset);
		if (d.count == 2)
			check(text, "rt2", d.rt[1], immediate[i].rt[1]);
		if (!d.literal)
			check(text, "rn", d.rn, immediate[i].rn);
	}
}

static void register_offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(indexed); i++) {
		const char *text = indexed[i].text;
		struct decoded d;

		check(text, "decode", decode(indexed[i].insn, &d), true);
		check(text, "kind", (s64)kind_of(&d), (s64)(indexed[i].kind | INDEXED));
		check(text, "size", d.size, indexed[i].size);
		check(text, "count", d.count, 1);
		check(text, "rt", d.rt[0], indexed[i].rt);
		check(text, "rn", d.rn, indexed[i].rn);
		check(text, "rm", d.rm, indexed[i].rm);
		check(text, "extend", d.extend, indexed[i].extend);
		check(text, "shift", d.shift, indexed[i].shift);
	}
}

static void others_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct decoded d;

		check(refused[i].text, "decode", decode(refused[i].insn, &d), false);
	}
}

/* What emulate.c relies on, whatever a guest has written there. */
static void any_word(void **state)
{
	u32 word = 1, known = 0;

	(void)state;
	for (u32 i = 0; i < 2000000; i++) {
		struct decoded d;

		word = word * 1664525 + 1013904223; /* all words, in some order */
		if (!decode(word ^ word >> 15, &d))
			continue;
		known++;
		assert_in_range(d.count, 1, 2);
		assert_true(d.size && d.size <= (d.simd ? 16 : 8) && !(d.size & (d.size - 1)));
		assert_in_range(d.rt[0] | d.rt[1] | d.rn | d.rm, 0, 31);
		assert_in_range(d.shift, 0, 4);
		assert_true(d.offset >= -(1 << 20) && d.offset < 1 << 20);
		assert_true(!(d.post && !d.writeback) && !(d.wide && !d.sign));
		assert_true(!(d.literal && (d.writeback || d.indexed || !d.load)));
	}
	assert_true(known > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(immediates),
		cmocka_unit_test(register_offsets),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(any_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
