/* SPDX-License-Identifier: Apache-2.0 */
/* A64 load and store encodings (Arm ARM C4.1.94, "Loads and Stores"). */
#include <asm/decode.h>

static u32 bits(u32 insn, u32 hi, u32 lo)
{
	return (u32)FIELD(insn, hi, lo);
}

static bool bit(u32 insn, u32 n)
{
	return insn >> n & 1;
}

/* The field hi..lo as a signed number. */
static s64 signed_bits(u32 insn, u32 hi, u32 lo)
{
	return (s64)((u64)insn << (63 - hi)) >> (63 - hi + lo);
}

/* Decode the fields that all forms have in the same place. */
static void common(u32 insn, struct decoded *d)
{
	*d = (struct decoded){
		.count = 1,
		.rt = { (u8)bits(insn, 4, 0) },
		.rn = (u8)bits(insn, 9, 5),
		.simd = bit(insn, 26),
	};
}

/* The base is written back and is also a data register. */
static bool base_clashes(const struct decoded *d)
{
	if (!d->writeback || d->simd || d->rn == 31)
		return false;
	return d->rt[0] == d->rn || (d->count == 2 && d->rt[1] == d->rn);
}

/* Load register (literal): opc (31:30) gives width and kind. */
static bool decode_literal(u32 insn, struct decoded *d)
{
	u32 opc = bits(insn, 31, 30);

	if (opc == 3) /* PRFM, unallocated */
		return false;
	d->load = true;
	d->literal = true;
	d->offset = signed_bits(insn, 23, 5) * 4;
	d->size = (u8)(4 << opc);
	if (opc == 2 && !d->simd) { /* LDRSW */
		d->size = 4;
		d->sign = true;
		d->wide = true;
	}
	return true;
}

/* Load/store register pair: opc (31:30), L (22), mode (24:23). */
static bool decode_pair(u32 insn, struct decoded *d)
{
	enum { NO_ALLOCATE, POST, OFFSET, PRE } mode = bits(insn, 24, 23);
	u32 opc = bits(insn, 31, 30);

	if (opc == 3)
		return false;
	d->load = bit(insn, 22);
	d->count = 2;
	d->rt[1] = (u8)bits(insn, 14, 10);
	d->size = (u8)(4 << opc);
	if (!d->simd && opc == 1) { /* LDPSW; the store is STGP */
		if (!d->load || mode == NO_ALLOCATE)
			return false;
		d->size = 4;
		d->sign = true;
		d->wide = true;
	} else if (!d->simd) {
		d->size = (u8)(4 << (opc >> 1));
	}
	d->offset = signed_bits(insn, 21, 15) * d->size;
	d->writeback = mode == POST || mode == PRE;
	d->post = mode == POST;
	return !(d->load && d->rt[0] == d->rt[1]);
}

/* size (31:30) and opc (23:22) of the forms with one register. */
static bool single_kind(u32 insn, struct decoded *d)
{
	u32 size = bits(insn, 31, 30), opc = bits(insn, 23, 22);

	d->size = (u8)(1 << size);
	if (d->simd) {
		d->load = opc & 1;
		if (opc & 2)
			d->size = 16;
		return !(opc & 2) || size == 0;
	}
	d->load = opc != 0;
	d->sign = opc >= 2;
	d->wide = opc == 2;
	return !(opc >= 2 && size == 3) /* PRFM */ && !(opc == 3 && size == 2);
}

static u32 log2_size(const struct decoded *d)
{
	return (u32)__builtin_ctz(d->size);
}

static bool decode_register_offset(u32 insn, struct decoded *d)
{
	d->indexed = true;
	d->rm = (u8)bits(insn, 20, 16);
	d->extend = (u8)bits(insn, 15, 13);
	d->shift = (u8)(bit(insn, 12) ? log2_size(d) : 0);
	return d->extend & 2; /* the others are unallocated */
}

/* Load/store register with an immediate of 9 bits: unscaled, post, unprivileged, pre. */
static bool decode_imm9(u32 insn, struct decoded *d)
{
	enum { UNSCALED, POST, UNPRIVILEGED, PRE } mode = bits(insn, 11, 10);

	d->offset = signed_bits(insn, 20, 12);
	d->writeback = mode == POST || mode == PRE;
	d->post = mode == POST;
	return !(mode == UNPRIVILEGED && d->simd);
}

static bool decode_single(u32 insn, struct decoded *d)
{
	if (!single_kind(insn, d))
		return false;
	if (bit(insn, 24)) {
		d->offset = (s64)bits(insn, 21, 10) << log2_size(d);
		return true;
	}
	if (!bit(insn, 21))
		return decode_imm9(insn, d);
	/* The neighbours of register offset are atomics, and loads with pointer authentication. */
	return bits(insn, 11, 10) == 2 && decode_register_offset(insn, d);
}

bool decode(u32 insn, struct decoded *d)
{
	bool known = false;

	common(insn, d);
	/* Bit 26 selects the register file. Bits 24 and 23 downwards belong to the forms. */
	if ((insn & 0x3b000000) == 0x18000000)
		known = decode_literal(insn, d);
	else if ((insn & 0x3a000000) == 0x28000000)
		known = decode_pair(insn, d);
	else if ((insn & 0x3a000000) == 0x38000000)
		known = decode_single(insn, d);
	return known && !base_clashes(d);
}
