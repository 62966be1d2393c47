/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a guest's translation tables as the CPU does (Arm ARM D8.2). */
#include <arch/mmu.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#define SCTLR_M BIT(0)

#define DESC_TYPE  3
#define DESC_BLOCK 1
#define DESC_TABLE 3 /* a page at the last level */

#define LAST_LEVEL  3
#define MAX_VA_BITS 52

/* TCR_EL1 and TTBR<n>_EL1 of the half of the address space that va is in. */
struct half {
	u64 table;
	s32 va_bits;
	s32 page_bits;
	bool off;         /* EPD<n>: not walked */
	bool ignores_top; /* TBI<n> */
};

/* All values are within bounds, whatever the registers hold. */
static struct half half_of(const struct stage1 *s, u64 va)
{
	static const u8 low_granules[4] = { 12, 16, 14, 12 }, high_granules[4] = { 12, 14, 12, 16 };
	const bool high = va & BIT(55);
	const u64 tcr = high ? s->tcr >> 16 : s->tcr; /* but for TBI<n> */

	return (struct half){
		.table = s->ttbr[high] & BITS(47, 3), /* without the ASID and CnP */
		.va_bits = MIN((s32)(64 - FIELD(tcr, 5, 0)), MAX_VA_BITS),
		.page_bits = (high ? high_granules : low_granules)[FIELD(tcr, 15, 14)],
		.off = tcr & BIT(7),
		.ignores_top = s->tcr & BIT(37 + high),
	};
}

/* The address has nothing but copies of bit 55 above the translated bits. */
static bool is_canonical(const struct half *h, u64 va)
{
	const s32 ignored = h->ignores_top ? 8 : 0;
	const s64 above = (s64)(va << ignored) >> (h->va_bits + ignored);

	return above == 0 || above == -1;
}

static s32 first_level(const struct half *h)
{
	const s32 level_bits = h->page_bits - 3;
	const s32 levels = (h->va_bits - h->page_bits + level_bits - 1) / level_bits;

	return LAST_LEVEL + 1 - MAX(levels, 1);
}

/* The guest's caches may be off: an older copy of the entry must not answer. */
static bool read_entry(const struct vm_ram *ram, u64 ipa, u64 *desc)
{
	const u64 *entry = vm_ram_ptr(ram, ipa);

	if (!entry)
		return false;
	arch_clean_for_guest(entry, sizeof(*entry));
	*desc = __atomic_load_n(entry, __ATOMIC_RELAXED);
	return true;
}

static enum stage1_end walk_half(const struct vm_ram *ram, const struct half *h, u64 va,
				 struct stage1_walk *w)
{
	const s32 level_bits = h->page_bits - 3;
	u64 table = h->table;

	va &= BITS(h->va_bits - 1, 0);
	for (w->level = first_level(h); w->level <= LAST_LEVEL; w->level++) {
		const s32 shift = h->page_bits + (LAST_LEVEL - w->level) * level_bits;
		const u64 index = va >> shift & BITS(level_bits - 1, 0);
		const u64 type = w->level == LAST_LEVEL ? DESC_TABLE : DESC_BLOCK;
		u64 desc;

		w->length = BIT(shift) - (va & BITS(shift - 1, 0));
		if (!read_entry(ram, table + index * 8, &desc))
			return STAGE1_LEFT_RAM;
		if ((desc & DESC_TYPE) == type) {
			w->ipa = (desc & BITS(47, shift)) | (va & BITS(shift - 1, 0));
			return STAGE1_OK;
		}
		if ((desc & DESC_TYPE) != DESC_TABLE)
			break;
		table = desc & BITS(47, h->page_bits);
	}
	return STAGE1_FAULT;
}

enum stage1_end stage1_walk(const struct vm_ram *ram, const struct stage1 *s, u64 va,
			    struct stage1_walk *w)
{
	const struct half h = half_of(s, va);

	if (!(s->sctlr & SCTLR_M)) {
		*w = (struct stage1_walk){ .ipa = va, .length = BLOCK_SIZE - va % BLOCK_SIZE };
		return STAGE1_OK;
	}
	*w = (struct stage1_walk){ .level = first_level(&h) };
	if (h.off || !is_canonical(&h, va))
		return STAGE1_FAULT;
	return walk_half(ram, &h, va, w);
}
