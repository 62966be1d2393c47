/* SPDX-License-Identifier: Apache-2.0 */
/* A walk of stage 2 from VTTBR on, as the hardware does it (Arm ARM D8.2, D8.3). */
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/stage2.h>

#define LOWER_UPPER (~S2_ADDR & ~(S2_VALID | S2_TABLE))

/* The attribute of such a descriptor. -1: it is none of ours. */
static int attr_of(u64 entry)
{
	for (int a = STAGE2_RAM; a <= STAGE2_UNCACHED_READ; a++)
		if ((entry & LOWER_UPPER) ==
		    stage2_attr_bits((enum stage2_attr)a, guests_are_cached))
			return a;
	return -1;
}

void stage2_look(const struct stage2 *s2, ipa_t ipa, struct stage2_look *l)
{
	/* VTTBR's BADDR. Two tables of level 1: 40 bits of IPA. */
	u64 next = s2->vttbr & BITS(47, 1), index = ipa.ipa >> 30 & 1023;

	for (u32 level = 1;; level++) {
		const u64 *table = phys_to_virt(PADDR(next));
		const u64 entry = __atomic_load_n(&table[index], __ATOMIC_RELAXED);
		const u32 shift = 39 - 9 * level;
		const u64 offset = ipa.ipa & (BIT(shift) - 1);
		const bool low = entry & S2_TABLE;

		if (entry & S2_VALID && low && level < 3) {
			next = entry & S2_ADDR;
			index = ipa.ipa >> (shift - 9) & 511;
			continue;
		}
		/* At level 3 a descriptor without bit 1 is invalid. */
		l->mapped = entry & S2_VALID && (level < 3 || low);
		l->pa = l->mapped ? (entry & S2_ADDR & ~(BIT(shift) - 1)) + offset : 0;
		l->size = BIT(shift) - offset;
		l->attr = l->mapped ? attr_of(entry) : -1;
		return;
	}
}
