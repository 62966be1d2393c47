/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle's part for guest RAM (include/debug/vmm/oracle.h). */
#include <kernel/log.h>
#include <vmm/oracle.h>
#include "guest_ram.h"

/* A block that is on its way may be mapped or not. came.lock held. */
static bool block_is_right(const struct vm_ram *ram, u64 block, const struct stage2_look *l)
{
	const u64 pa = ram->blocks[block].pa;

	if (pa == COMING)
		return true;
	if (pa <= GIVEN)
		return !l->mapped;
	return l->mapped && l->pa == pa && l->attr == STAGE2_RAM && l->size >= BLOCK_SIZE;
}

void oracle_block(struct vm_ram *ram, u64 ipa)
{
	const u64 base = ALIGN_DOWN(ipa, BLOCK_SIZE);
	struct stage2_look l;
	unsigned long flags;
	bool right;
	u64 block, pa;

	if (!ram_find_block(ram, ipa, &block))
		return;
	flags = spin_lock_irqsave(&ram->came.lock);
	pa = ram->blocks[block].pa;
	stage2_look(ram->s2, IPA(base), &l);
	right = block_is_right(ram, block, &l);
	spin_unlock_irqrestore(&ram->came.lock, flags);
	if (!right)
		panic("oracle: RAM at %#lx is block %#lx, but %s %#lx with attributes %d", base, pa,
		      l.mapped ? "mapped to" : "not mapped:", l.pa, l.attr);
}
