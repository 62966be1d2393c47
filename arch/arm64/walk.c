/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats the guest's own table walk to find where it left memory (Arm ARM D8.2): stage 2's
 * syndrome does not give the level of stage 1.
 */
#include <arch/mmu.h>
#include <asm/trap.h>
#include <lib/types.h>
#include <vmm/core.h>

#define DESC_TYPE  3
#define DESC_TABLE 3

#define LAST_LEVEL  3
#define MAX_VA_BITS 52

/* TCR_EL1 and TTBR<n>_EL1 of the half of the address space that va is in. */
struct walk {
	u64 table;
	u64 va; /* without the bits above the translated ones */
	s32 va_bits;
	s32 page_bits;
};

/* All values are within bounds, whatever the registers hold: they may have been written since. */
static struct walk walk_of(u64 va)
{
	static const u8 low_granules[4] = { 12, 16, 14, 12 }, high_granules[4] = { 12, 14, 12, 16 };
	u64 tcr = read_sysreg(tcr_el1);
	bool high = va & BIT(55);
	u64 size = high ? FIELD(tcr, 21, 16) : FIELD(tcr, 5, 0);
	struct walk w = {
		.table = high ? read_sysreg(ttbr1_el1) : read_sysreg(ttbr0_el1),
		.va_bits = MIN((s32)(64 - size), MAX_VA_BITS),
		.page_bits = high ? high_granules[FIELD(tcr, 31, 30)]
				  : low_granules[FIELD(tcr, 15, 14)],
	};

	w.table &= BITS(47, 3); /* without the ASID and CnP */
	w.va = va & BITS(w.va_bits - 1, 0);
	return w;
}

/* The entry, or NULL if it is not in RAM, or in RAM that was never written. */
static const u64 *entry_at(const struct vcpu *v, const struct walk *w, s32 level)
{
	s32 level_bits = w->page_bits - 3;
	s32 shift = w->page_bits + (LAST_LEVEL - level) * level_bits;
	u64 index = w->va >> shift & BITS(level_bits - 1, 0);

	return vm_ram_ptr(&v->vm->ram, w->table + index * 8);
}

static s32 first_level(const struct walk *w)
{
	s32 level_bits = w->page_bits - 3;
	s32 levels = (w->va_bits - w->page_bits + level_bits - 1) / level_bits;

	return LAST_LEVEL + 1 - MAX(levels, 1);
}

s32 walk_leaves_ram(const struct vcpu *v, u64 va)
{
	struct walk w = walk_of(va);
	s32 level;

	for (level = first_level(&w); level < LAST_LEVEL; level++) {
		const u64 *entry = entry_at(v, &w, level);
		u64 desc;

		if (!entry)
			break;
		arch_clean_for_guest(entry, sizeof(*entry));
		desc = __atomic_load_n(entry, __ATOMIC_RELAXED);
		if ((desc & DESC_TYPE) != DESC_TABLE)
			break;
		w.table = desc & BITS(47, w.page_bits);
	}
	return level;
}
