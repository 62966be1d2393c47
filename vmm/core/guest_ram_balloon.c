/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a guest gives back, in pages. A bit for each page says which; a block whose pages are
 * all given back returns to the machine, as VMs' RAM is made of blocks. Pages of other blocks stay
 * mapped, with their contents.
 *
 * `allowed` blocks are the VM's or reserved for it: what it did not give back, and at least
 * `target`. So what the operator leaves it, it gets without fail when it wants it again. More comes
 * as far as the machine has some to spare.
 */
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/oracle.h>
#include "guest_ram.h"

#define SPARED MIB(16) /* of the machine's memory: no guest takes it back */

static u32 table_pages(const struct vm_ram *ram)
{
	return (u32)(ALIGN_UP(ram->nblocks * sizeof(*ram->pages), PAGE_SIZE) / PAGE_SIZE);
}

u64 vm_ram_balloon_bytes(const struct vm_ram *ram)
{
	return ram->pages ? table_pages(ram) * PAGE_SIZE : 0;
}

int vm_ram_balloon_init(struct vm_ram *ram)
{
	ram->pages = pages_alloc(table_pages(ram));
	return ram->pages ? 0 : -ENOMEM;
}

void ram_balloon_free(struct vm_ram *ram)
{
	if (ram->pages)
		pages_free(ram->pages, table_pages(ram));
}

/* ---- a block's pages, under the lock ---- */

unsigned long ram_lock_settled(struct vm_ram *ram, u64 block)
{
	unsigned long flags = spin_lock_irqsave(&ram->came.lock);

	while (ram->blocks[block].pa == COMING) {
		(void)wait_block_locked(&ram->came, flags, DEADLINE_NEVER);
		flags = spin_lock_irqsave(&ram->came.lock);
	}
	return flags;
}

/* The word with the bit of the page at ipa. */
static u64 *word_of(const struct vm_ram *ram, u64 block, u64 ipa, u64 *bit)
{
	const u64 page = ipa % BLOCK_SIZE / PAGE_SIZE;

	*bit = BIT(page % 64);
	return &ram->pages[block][page / 64];
}

static bool is_full(const struct vm_ram *ram, u64 block)
{
	u64 all = ~0ULL;

	for (u32 i = 0; i < ARRAY_SIZE(*ram->pages); i++)
		all &= ram->pages[block][i];
	return !~all;
}

/* The page is the guest's again. True: it was not before. */
static bool clear_page(struct vm_ram *ram, u64 block, u64 ipa)
{
	u64 bit, *word = word_of(ram, block, ipa, &bit);
	const bool was = *word & bit;

	*word &= ~bit;
	ram->ballooned -= was;
	return was;
}

/* ---- the reservation, under the lock ---- */

/* What is reserved beyond what the VM may still want is given up. */
static void shrink(struct vm_ram *ram)
{
	const u64 want = MAX(ram->target, ram->nblocks - ram->given);

	if (ram->allowed <= want)
		return;
	block_unreserve(ram->allowed - want);
	ram->allowed = want;
}

/* One block more, if the machine can spare it. */
static bool grow(struct vm_ram *ram)
{
	struct page_stats mem;

	page_stats(&mem);
	if (mem.free < SPARED + BLOCK_SIZE || !block_reserve(1))
		return false;
	ram->allowed++;
	return true;
}

/* A block that was given back is wanted again. */
static bool take_back(struct vm_ram *ram, u64 block)
{
	if (ram->allowed <= ram->nblocks - ram->given && !grow(ram))
		return false;
	ram->blocks[block].pa = ABSENT;
	ram->given--;
	return true;
}

bool ram_may_hold(struct vm_ram *ram, u64 block, u64 ipa)
{
	const bool may = ram->blocks[block].pa == GIVEN ? take_back(ram, block)
							: ram->held < ram->allowed || grow(ram);

	if (!may)
		ram->refused++;
	else if (ram->pages)
		ram->untold += clear_page(ram, block, ipa);
	return may;
}

int vm_ram_set_target(struct vm_ram *ram, u64 bytes)
{
	const u64 target = bytes / BLOCK_SIZE;
	unsigned long flags = spin_lock_irqsave(&ram->came.lock);
	int ret = 0;

	if (target > ram->allowed) {
		if (block_reserve(target - ram->allowed))
			ram->allowed = target;
		else
			ret = -ENOMEM;
	}
	if (!ret) {
		ram->target = target;
		shrink(ram);
	}
	spin_unlock_irqrestore(&ram->came.lock, flags);
	return ret;
}

/* ---- what the guest says ---- */

bool vm_ram_inflate(struct vm_ram *ram, u64 ipa, bool *full)
{
	unsigned long flags;
	u64 block, bit, *word;
	bool fresh;

	*full = false;
	if (!ram_find_block(ram, ipa, &block))
		return false;
	flags = spin_lock_irqsave(&ram->came.lock);
	word = word_of(ram, block, ipa, &bit);
	fresh = !(*word & bit);
	*word |= bit;
	ram->ballooned += fresh;
	*full = fresh && is_full(ram, block);
	spin_unlock_irqrestore(&ram->came.lock, flags);
	return true;
}

int vm_ram_deflate(struct vm_ram *ram, u64 ipa)
{
	unsigned long flags;
	int ret = 0;
	u64 block;

	if (!ram_find_block(ram, ipa, &block))
		return -EFAULT;
	flags = ram_lock_settled(ram, block);
	if (ram->blocks[block].pa == GIVEN && !take_back(ram, block))
		ret = -ENOMEM;
	else
		(void)clear_page(ram, block, ipa);
	spin_unlock_irqrestore(&ram->came.lock, flags);
	return ret;
}

void vm_ram_forget(struct vm_ram *ram)
{
	for (u64 block = 0; block < ram->nblocks; block++) {
		unsigned long flags = ram_lock_settled(ram, block);

		if (ram->blocks[block].pa == GIVEN) {
			ram->blocks[block].pa = ABSENT;
			ram->given--;
		}
		for (u32 i = 0; i < ARRAY_SIZE(*ram->pages); i++) {
			ram->ballooned -= word_weight(ram->pages[block][i]);
			ram->pages[block][i] = 0;
		}
		spin_unlock_irqrestore(&ram->came.lock, flags);
	}
}

/* ---- a block leaves ---- */

/* vm_ram_ptr() and the guest's walks find nothing there from now on; its TLBs may. */
bool vm_ram_leave(struct vm_ram *ram, u64 ipa, struct ram_leaving *l)
{
	unsigned long flags;
	bool leaves;

	l->ipa = ALIGN_DOWN(ipa, BLOCK_SIZE);
	if (!ram_find_block(ram, ipa, &l->block))
		return false;
	flags = ram_lock_settled(ram, l->block);
	leaves = is_full(ram, l->block);
	l->pa = ram->blocks[l->block];
	if (leaves && l->pa.pa == ABSENT) {
		ram->blocks[l->block].pa = GIVEN;
		ram->given++;
		shrink(ram);
	}
	leaves &= l->pa.pa > GIVEN;
	if (leaves) {
		__atomic_store_n(&ram->blocks[l->block].pa, COMING, __ATOMIC_RELEASE);
		ram->present--;
	}
	spin_unlock_irqrestore(&ram->came.lock, flags);
	if (leaves)
		stage2_unmap(ram->s2, IPA(l->ipa), BLOCK_SIZE);
	return leaves;
}

void vm_ram_left(struct vm_ram *ram, const struct ram_leaving *l, u32 count)
{
	unsigned long flags;

	stage2_flush_running(ram->s2);
	for (u32 i = 0; i < count; i++)
		ram_part_with(ram, l[i].pa, 1);
	flags = spin_lock_irqsave(&ram->came.lock);
	for (u32 i = 0; i < count; i++)
		ram->blocks[l[i].block].pa = GIVEN;
	ram->held -= count;
	ram->given += count;
	shrink(ram);
	wait_wake_all_locked(&ram->came);
	spin_unlock_irqrestore(&ram->came.lock, flags);
	for (u32 i = 0; i < count; i++)
		oracle_block(ram, l[i].ipa);
	sched_preempt_point();
}

/* ---- reset ---- */

void ram_balloon_reset(struct vm_ram *ram)
{
	struct page_stats mem;
	u64 more;

	if (!ram->pages)
		return;
	vm_ram_forget(ram);
	page_stats(&mem);
	more = MIN(ram->nblocks - ram->allowed, mem.blocks_free);
	if (more && block_reserve(more))
		ram->allowed += more;
}
