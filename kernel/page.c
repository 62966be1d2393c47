/* SPDX-License-Identifier: Apache-2.0 */
/* Page allocator: pages and blocks, given, taken and cleaned. Its invariants are in page_pool.h. */
#include "page_pool.h"

#include <arch/mmu.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>

struct page_pool page_pool = { .lock = SPINLOCK_INIT(LOCK_PAGE) };

/* Called when there is something to clean. */
static void (*wake_cleaner)(void);

/* The zone whose RAM holds pa. NULL if there is none. */
static struct zone *zone_of(u64 pa)
{
	for_each_zone(z)
		if (pa >= z->ram_start && pa < z->ram_end)
			return z;
	return NULL;
}

/* ---- blocks and pages, under the lock ---- */

/* The contents of these blocks, which were free so far, change from now on. */
static void now_dirty(struct zone *z, size_t first, size_t count)
{
	for (size_t b = first; b < first + count; b++)
		page_pool.clean_blocks -= bitmap_test(z->clean, b);
	bitmap_clear_run(z->clean, first, count);
}

static void not_cleaned(const struct zone *z, size_t first, size_t count)
{
	if (page_pool.cleaning.zone == z && page_pool.cleaning.block - first < count)
		page_pool.cleaning.zone = NULL;
}

static u64 unreserved_blocks(void)
{
	return page_pool.free_blocks - page_pool.reserved_blocks;
}

static void split_block(struct zone *z, size_t block)
{
	now_dirty(z, block, 1);
	not_cleaned(z, block, 1);
	bitmap_set(z->used, block);
	bitmap_set(z->split, block);
	bitmap_set(z->partial, block);
	*map_of(z, block) = (struct page_map){ .nfree = BLOCK_PAGES };
	page_pool.free_blocks--;
}

static void take_pages(struct zone *z, size_t block, size_t page, size_t count)
{
	struct page_map *map = map_of(z, block);

	for (size_t i = page; i < page + count; i++)
		bitmap_set(map->used, i);
	map->nfree -= count;
	if (!map->nfree)
		bitmap_clear(z->partial, block);
	page_pool.free_pages -= count;
}

void page_pool_given(struct zone *z, size_t block, size_t count)
{
	struct page_map *map = map_of(z, block);

	map->nfree += count;
	page_pool.free_pages += count;
	bitmap_set(z->partial, block);
	if (map->nfree == BLOCK_PAGES) {
		bitmap_clear(z->used, block);
		bitmap_clear(z->split, block);
		bitmap_clear(z->partial, block);
		page_pool.free_blocks++;
	}
}

static void give_pages(struct zone *z, size_t block, size_t page, size_t count)
{
	struct page_map *map = map_of(z, block);

	kassert(bitmap_test(z->split, block));
	for (size_t i = page; i < page + count; i++) {
		kassert(bitmap_test(map->used, i)); /* else the block is freed twice */
		bitmap_clear(map->used, i);
	}
	page_pool_given(z, block, count);
}

/* Set the bits of a run word by word: for a large VM, bit by bit would mask interrupts too long. */
static void take_run(struct zone *z, size_t first, size_t count)
{
	not_cleaned(z, first, count);
	bitmap_set_run(z->used, first, count);
	page_pool.free_blocks -= count;
	page_pool.free_pages -= count * BLOCK_PAGES;
}

static void give_run(struct zone *z, size_t first, size_t count)
{
	for (size_t b = first; b < first + count; b++)
		kassert(bitmap_test(z->used, b) && !bitmap_test(z->split, b));
	bitmap_clear_run(z->used, first, count);
	page_pool.free_blocks += count;
	page_pool.free_pages += count * BLOCK_PAGES;
}

/* ---- runs of pages inside a block ---- */

/* A run of `count` free pages in a block that is already split. */
static u64 find_in_split(u32 count)
{
	for_each_zone(z) {
		size_t b = bitmap_next_set(z->partial, z->nblocks, 0);

		for (; b < z->nblocks; b = bitmap_next_set(z->partial, z->nblocks, b + 1)) {
			size_t page =
				bitmap_find_clear_run(map_of(z, b)->used, BLOCK_PAGES, 0, count, 1);

			if (page < BLOCK_PAGES) {
				take_pages(z, b, page, count);
				return block_pa(z, b) + page * PAGE_SIZE;
			}
		}
	}
	return 0;
}

static u64 take_from_new_block(u32 count)
{
	if (!unreserved_blocks())
		return 0;
	for_each_zone(z) {
		size_t b = bitmap_next_clear(z->used, z->nblocks, 0);

		if (b < z->nblocks) {
			split_block(z, b);
			take_pages(z, b, 0, count);
			return block_pa(z, b);
		}
	}
	return 0;
}

/* ---- runs of blocks ---- */

/* Take `count` consecutive blocks. Of the last block only `tail` pages are taken (0: all). */
static u64 take_blocks(u32 count, u32 align, u32 tail)
{
	for_each_zone(z) {
		size_t b = bitmap_find_clear_run(z->used, z->nblocks, 0, count, align);
		size_t whole = tail ? count - 1 : count;

		if (b >= z->nblocks)
			continue;
		take_run(z, b, whole);
		if (tail) {
			split_block(z, b + whole);
			take_pages(z, b + whole, 0, tail);
		}
		return block_pa(z, b);
	}
	return 0;
}

static u64 take_clean_block(void)
{
	for_each_zone(z) {
		size_t b = bitmap_next_set(z->clean, z->nblocks, 0);

		/* Those in use are about to become dirty: few, and not for long. */
		while (b < z->nblocks && bitmap_test(z->used, b))
			b = bitmap_next_set(z->clean, z->nblocks, b + 1);
		if (b < z->nblocks) {
			take_run(z, b, 1);
			return block_pa(z, b);
		}
	}
	return 0;
}

/* A clean block, else any. */
static u64 take_block(void)
{
	u64 pa = page_pool.clean_blocks ? take_clean_block() : 0;

	return pa ? pa : take_blocks(1, 1, 0);
}

bool block_reserve(u64 count)
{
	unsigned long flags = spin_lock_irqsave(&page_pool.lock);
	bool fits = count <= unreserved_blocks();

	if (fits)
		page_pool.reserved_blocks += count;
	spin_unlock_irqrestore(&page_pool.lock, flags);
	return fits;
}

void block_unreserve(u64 count)
{
	unsigned long flags = spin_lock_irqsave(&page_pool.lock);

	kassert(count <= page_pool.reserved_blocks);
	page_pool.reserved_blocks -= count;
	spin_unlock_irqrestore(&page_pool.lock, flags);
}

bool block_alloc(u32 count, u32 align, paddr_t *pa)
{
	unsigned long flags;

	if (!count || !align || align > MAX_BLOCK_ALIGN || (align & (align - 1)))
		return false;
	flags = spin_lock_irqsave(&page_pool.lock);
	kassert(count <= page_pool.reserved_blocks);
	pa->pa = count == 1 && align == 1 ? take_block() : take_blocks(count, align, 0);
	if (pa->pa)
		page_pool.reserved_blocks -= count;
	spin_unlock_irqrestore(&page_pool.lock, flags);
	return pa->pa;
}

bool block_use(paddr_t pa)
{
	struct zone *z = zone_of(pa.pa);
	size_t block = block_of(z, pa.pa);
	unsigned long flags = spin_lock_irqsave(&page_pool.lock);
	bool clean = bitmap_test(z->clean, block);

	kassert(bitmap_test(z->used, block));
	now_dirty(z, block, 1);
	page_pool.given_clean += clean;
	page_pool.given_dirty += !clean;
	spin_unlock_irqrestore(&page_pool.lock, flags);
	if (clean && wake_cleaner)
		wake_cleaner();
	return clean;
}

/* Blocks given back under one hold of the lock, so that it is never held long. */
#define GIVE_BLOCKS 64

void block_free(paddr_t pa, u32 count)
{
	for (u32 n; count; pa.pa += n * BLOCK_SIZE, count -= n) {
		struct zone *z = zone_of(pa.pa); /* of two that touch, a run may span both */
		unsigned long flags = spin_lock_irqsave(&page_pool.lock);

		kassert(z && IS_ALIGNED(pa.pa, BLOCK_SIZE));
		n = MIN(count, (u32)MIN(z->nblocks - block_of(z, pa.pa), GIVE_BLOCKS));
		give_run(z, block_of(z, pa.pa), n);
		page_pool.reserved_blocks += n;
		spin_unlock_irqrestore(&page_pool.lock, flags);
	}
	if (wake_cleaner)
		wake_cleaner();
}

/* ---- cleaning free blocks ---- */

/* Choose a block to clean. False: enough are clean, or all that are free. */
static bool choose_dirty(void)
{
	if (page_pool.clean_blocks >= CLEAN_BLOCKS)
		return false;
	for_each_zone(z) {
		size_t b = bitmap_next_clear_both(z->used, z->clean, z->nblocks, 0);

		if (b < z->nblocks) {
			page_pool.cleaning.zone = z;
			page_pool.cleaning.block = b;
			page_pool.cleaning.pages = 0;
			return true;
		}
	}
	return false;
}

/*
 * The block stays free meanwhile, and may be taken at any time: what was done is then in vain. So
 * it is written to under the lock only.
 */
bool page_clean_step(bool *done)
{
	unsigned long flags = spin_lock_irqsave(&page_pool.lock);
	bool any = page_pool.cleaning.zone || choose_dirty();

	*done = false;
	if (any) {
		u64 pa = block_pa(page_pool.cleaning.zone, page_pool.cleaning.block) +
			 page_pool.cleaning.pages * PAGE_SIZE;

		arch_zero_to_memory(phys_to_virt(PADDR(pa)), PAGE_SIZE);
		*done = ++page_pool.cleaning.pages == BLOCK_PAGES;
	}
	if (*done) {
		bitmap_set(page_pool.cleaning.zone->clean, page_pool.cleaning.block);
		page_pool.cleaning.zone = NULL;
		page_pool.clean_blocks++;
		page_pool.cleaned++;
	}
	spin_unlock_irqrestore(&page_pool.lock, flags);
	return any;
}

void page_set_cleaner(void (*wake)(void))
{
	wake_cleaner = wake;
}

/* ---- pages ---- */

/* Take blocks that are not reserved. */
static u64 take_whole_blocks(u32 count, u32 tail)
{
	u64 pa = count <= unreserved_blocks() ? take_blocks(count, 1, tail) : 0;

	if (pa)
		now_dirty(zone_of(pa), block_of(zone_of(pa), pa), count);
	return pa;
}

void *pages_alloc(u32 count)
{
	u32 tail = count % BLOCK_PAGES;
	unsigned long flags;
	void *va;
	u64 pa;

	if (!count)
		return NULL;
	flags = spin_lock_irqsave(&page_pool.lock);
	if (count < BLOCK_PAGES) {
		pa = find_in_split(count);
		if (!pa)
			pa = take_from_new_block(count);
	} else {
		pa = take_whole_blocks((count + BLOCK_PAGES - 1) / BLOCK_PAGES, tail);
	}
	if (pa)
		page_pool.single_pages += tail;
	spin_unlock_irqrestore(&page_pool.lock, flags);
	if (!pa)
		return NULL;
	va = phys_to_virt(PADDR(pa));
	arch_zero_pages(va, count * PAGE_SIZE); /* outside the lock: it takes long */
	return va;
}

void pages_free(void *p, u32 count)
{
	u32 blocks = count / BLOCK_PAGES, tail = count % BLOCK_PAGES;
	u64 pa = virt_to_phys(p).pa, tail_pa = pa + blocks * BLOCK_SIZE;
	struct zone *z = zone_of(pa);
	unsigned long flags;

	kassert(z && IS_ALIGNED(pa, PAGE_SIZE));
	if (blocks) {
		block_free(PADDR(pa), blocks);
		block_unreserve(blocks);
	}
	if (!tail)
		return;
	flags = spin_lock_irqsave(&page_pool.lock);
	give_pages(z, block_of(z, tail_pa), page_of(tail_pa), tail);
	page_pool.single_pages -= tail;
	spin_unlock_irqrestore(&page_pool.lock, flags);
}

void *page_alloc(void)
{
	return pages_alloc(1);
}

void page_free(void *page)
{
	pages_free(page, 1);
}

void page_stats(struct page_stats *s)
{
	unsigned long flags = spin_lock_irqsave(&page_pool.lock);

	s->total = page_pool.total_pages * PAGE_SIZE;
	s->free = (page_pool.free_pages - page_pool.reserved_blocks * BLOCK_PAGES) * PAGE_SIZE;
	s->blocks_free = unreserved_blocks();
	s->blocks_reserved = page_pool.reserved_blocks;
	s->blocks_clean = page_pool.clean_blocks;
	s->blocks_to_clean = MIN(page_pool.free_blocks, CLEAN_BLOCKS) -
			     MIN(page_pool.free_blocks, MIN(page_pool.clean_blocks, CLEAN_BLOCKS));
	s->cleaned = page_pool.cleaned;
	s->given_clean = page_pool.given_clean;
	s->given_dirty = page_pool.given_dirty;
	s->pages_used = page_pool.single_pages;
	spin_unlock_irqrestore(&page_pool.lock, flags);
}
