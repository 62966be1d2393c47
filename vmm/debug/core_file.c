/* SPDX-License-Identifier: Apache-2.0 */
#include "core_file.h"

#include <lib/string.h>

#define ET_CORE       4
#define EM_AARCH64    183
#define PT_LOAD       1
#define PT_NOTE       4
#define PF_RWX        7
#define NT_PRSTATUS   1
#define NT_FPREGSET   2
#define NAME_BYTES    8 /* "CORE", padded */
#define PRSTATUS_SIZE 392
#define PRSTATUS_PID  32
#define PRSTATUS_REGS 112
#define FPREGSET_SIZE 528

static void put(u8 *out, u32 at, u64 value, u32 bytes)
{
	memcpy(out + at, &value, bytes); /* little-endian, as this CPU */
}

void core_header(u8 out[CORE_HEADER_BYTES], u32 segments)
{
	/* ELF, 64 bits, little-endian, version 1 */
	static const u8 ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	memset(out, 0, CORE_HEADER_BYTES);
	memcpy(out, ident, sizeof(ident));
	put(out, 16, ET_CORE, 2);
	put(out, 18, EM_AARCH64, 2);
	put(out, 20, 1, 4);
	put(out, 32, CORE_HEADER_BYTES, 8); /* where the segments' headers are */
	put(out, 52, CORE_HEADER_BYTES, 2);
	put(out, 54, CORE_SEGMENT_BYTES, 2);
	put(out, 56, segments, 2);
}

static void segment(u8 *out, u32 type, u64 va, u64 at, u64 size)
{
	memset(out, 0, CORE_SEGMENT_BYTES);
	put(out, 0, type, 4);
	put(out, 4, type == PT_LOAD ? PF_RWX : 0, 4);
	put(out, 8, at, 8);
	put(out, 16, va, 8);
	put(out, 32, size, 8);
	put(out, 40, type == PT_LOAD ? size : 0, 8);
	put(out, 48, 1, 8);
}

void core_notes_segment(u8 out[CORE_SEGMENT_BYTES], u64 at, u64 size)
{
	segment(out, PT_NOTE, 0, at, size);
}

void core_memory_segment(u8 out[CORE_SEGMENT_BYTES], u64 va, u64 at, u64 size)
{
	segment(out, PT_LOAD, va, at, size);
}

/* The place of the note's content. */
static u8 *note(u8 **out, u32 type, u32 size)
{
	u8 *at = *out;

	put(at, 0, sizeof("CORE"), 4);
	put(at, 4, size, 4);
	put(at, 8, type, 4);
	memcpy(at + 12, "CORE", sizeof("CORE"));
	*out = at + 12 + NAME_BYTES + size;
	return at + 12 + NAME_BYTES;
}

void core_notes(u8 out[CORE_NOTES_BYTES], u32 number, const struct guest_regs *r)
{
	u8 *content;

	_Static_assert(CORE_NOTES_BYTES == 2 * (12 + NAME_BYTES) + PRSTATUS_SIZE + FPREGSET_SIZE,
		       "");
	_Static_assert(sizeof(r->core) == 272 && sizeof(r->v) == 512, "as in the notes");
	memset(out, 0, CORE_NOTES_BYTES);
	content = note(&out, NT_PRSTATUS, PRSTATUS_SIZE);
	put(content, PRSTATUS_PID, number, 4);
	memcpy(content + PRSTATUS_REGS, r->core, sizeof(r->core));
	content = note(&out, NT_FPREGSET, FPREGSET_SIZE);
	memcpy(content, r->v, sizeof(r->v));
	put(content, sizeof(r->v), r->fpsr, 4);
	put(content, sizeof(r->v) + 4, r->fpcr, 4);
}

/* ---- segments of memory ---- */

static void end_segment(struct core_segments *c)
{
	if (!c->size)
		return;
	if (c->count == CORE_SEGMENTS_MAX) {
		c->cut = true;
	} else {
		c->count++;
		if (c->found)
			c->found(c->va, c->at, c->size);
	}
	c->size = 0;
}

/* A part of one block of RAM that the guest sees at va. */
static void add(struct core_segments *c, u64 va, u64 block, u64 offset, u64 size)
{
	const bool absent = c->place[block] == CORE_ABSENT;
	const u64 at = (absent ? c->zeroes : (u64)c->place[block] * BLOCK_SIZE) + offset;

	if (c->size && (c->va + c->size != va || c->at + c->size != at))
		end_segment(c);
	if (!c->size) {
		if (absent && c->absent == CORE_ZEROES_MAX) {
			c->cut = true;
			return;
		}
		c->absent += absent;
		c->va = va;
		c->at = at;
	}
	c->size += size;
}

/* The number of the block that contains ipa. False: ipa is not RAM. */
static bool find_block(const struct vm_ram *ram, u64 ipa, u64 *block)
{
	u64 first = 0;

	for (u32 i = 0; i < ram->map.count; i++) {
		const struct ram_bank *bank = &ram->map.banks[i];

		*block = first + (ipa - bank->base) / BLOCK_SIZE;
		if (ipa - bank->base < bank->size)
			return true;
		first += bank->size / BLOCK_SIZE;
	}
	return false;
}

static u64 bank_address(const struct vm_ram *ram, u64 block)
{
	const struct ram_bank *bank = ram->map.banks;

	while (block >= bank->size / BLOCK_SIZE)
		block -= bank++->size / BLOCK_SIZE;
	return bank->base + block * BLOCK_SIZE;
}

#define SCTLR_M BIT(0)

/* How many bits an address in a half has, by T0SZ or T1SZ. */
static u32 half_bits(u64 size)
{
	return (u32)MIN(64 - size, 52UL);
}

static void begin_part(struct core_segments *c, u32 part)
{
	end_segment(c);
	if (part < CORE_RAM && !(c->tables.sctlr & SCTLR_M))
		part = CORE_RAM;
	c->part = part;
	c->next = part == CORE_HIGH ? ~0ULL << half_bits(FIELD(c->tables.tcr, 21, 16)) : 0;
}

void core_segments_begin(struct core_segments *c)
{
	c->steps = 0;
	c->count = 0;
	c->absent = 0;
	c->size = 0;
	c->cut = false;
	begin_part(c, CORE_HIGH);
}

/* One entry of the guest's tables, up to the end of a block of RAM. */
static void step_tables(struct core_segments *c)
{
	struct stage1_walk w;
	u64 block;

	if (c->part == CORE_LOW && c->next >> half_bits(FIELD(c->tables.tcr, 5, 0))) {
		begin_part(c, CORE_RAM);
		return;
	}
	if (stage1_walk(c->ram, &c->tables, c->next, &w) == STAGE1_OK) {
		w.length = MIN(w.length, BLOCK_SIZE - w.ipa % BLOCK_SIZE);
		if (find_block(c->ram, w.ipa, &block))
			add(c, c->next, block, w.ipa % BLOCK_SIZE, w.length);
	}
	c->next += w.length;
	if (++c->steps == CORE_STEPS_MAX) {
		c->cut = true;
		begin_part(c, CORE_RAM);
	} else if (!w.length || c->next < w.length) {
		begin_part(c, c->part + 1);
	}
}

static void step_ram(struct core_segments *c)
{
	if (c->next == c->ram->nblocks) {
		begin_part(c, CORE_DONE);
		return;
	}
	add(c, bank_address(c->ram, c->next), c->next, 0, BLOCK_SIZE);
	c->next++;
}

bool core_segments_step(struct core_segments *c, u32 steps)
{
	while (steps-- && c->part != CORE_DONE) {
		if (c->part == CORE_RAM)
			step_ram(c);
		else
			step_tables(c);
	}
	return c->part != CORE_DONE;
}
