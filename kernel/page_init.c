/* SPDX-License-Identifier: Apache-2.0 */
/* Page allocator: its metadata, and the RAM that it gets at boot. */
#include "page_pool.h"

#include <arch/mmu.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/ram.h>
#include <lib/errno.h>
#include <lib/string.h>

/* ---- handing RAM over ---- */

/* Give `count` whole blocks that were reserved. */
static void give_reserved_blocks(struct zone *z, size_t block, size_t count)
{
	bitmap_clear_run(z->used, block, count);
	bitmap_clear_run(z->split, block, count);
	page_pool.free_blocks += count;
	page_pool.free_pages += count * BLOCK_PAGES;
}

/* Give pages of a block that was reserved. */
static void give_reserved_pages(struct zone *z, size_t block, size_t page, size_t count)
{
	struct page_map *map = map_of(z, block);

	kassert(bitmap_test(z->split, block));
	if (!bitmap_test(z->partial, block)) /* these are the first of the block */
		*map = (struct page_map){ .used = { [0 ... ARRAY_SIZE(map->used) - 1] = ~0ULL } };
	bitmap_clear_run(map->used, page, count);
	page_pool_given(z, block, count);
}

/* Blocks given under one hold of the lock, so that it is never held long. */
#define SPAN_BLOCKS 1024

/* Give the whole pages [start, end) of z, reserved so far, to the allocator. */
static void give_span(struct zone *z, u64 start, u64 end)
{
	while (start < end) {
		size_t blocks = IS_ALIGNED(start, BLOCK_SIZE)
					? MIN((end - start) / BLOCK_SIZE, SPAN_BLOCKS)
					: 0;
		u64 stop = blocks ? start + blocks * BLOCK_SIZE
				  : MIN(end, ALIGN_DOWN(start, BLOCK_SIZE) + BLOCK_SIZE);
		unsigned long flags = spin_lock_irqsave(&page_pool.lock);

		if (blocks)
			give_reserved_blocks(z, block_of(z, start), blocks);
		else
			give_reserved_pages(z, block_of(z, start), page_of(start),
					    (stop - start) / PAGE_SIZE);
		page_pool.total_pages += (stop - start) / PAGE_SIZE;
		spin_unlock_irqrestore(&page_pool.lock, flags);
		start = stop;
	}
}

/* ---- metadata ---- */

static void zone_shape(struct zone *z, const struct ram_range *ram)
{
	z->ram_start = ram->start;
	z->ram_end = ram->end;
	z->base = ALIGN_DOWN(z->ram_start, MAX_BLOCK_ALIGN * BLOCK_SIZE);
	z->first = block_of(z, z->ram_start);
	z->nblocks = (z->ram_end - z->base + BLOCK_SIZE - 1) / BLOCK_SIZE;
}

static u64 zone_metadata_size(const struct zone *z)
{
	return 4 * BITMAP_WORDS(z->nblocks) * sizeof(u64) +
	       (z->nblocks - z->first) * sizeof(struct page_map);
}

/* Lay out z's metadata at `at`, with every block reserved. Returns its end. */
static u8 *zone_metadata_init(struct zone *z, u8 *at)
{
	size_t words = BITMAP_WORDS(z->nblocks);

	z->used = (u64 *)(void *)at;
	z->split = z->used + words;
	z->partial = z->split + words;
	z->clean = z->partial + words;
	z->maps = (struct page_map *)(void *)(z->clean + words);
	memset(z->used, 0xff, 2 * words * sizeof(u64));
	memset(z->partial, 0, 2 * words * sizeof(u64));
	return at + zone_metadata_size(z);
}

/* The lowest place for the metadata in free RAM. */
static bool place_metadata(u64 size, paddr_t *pa)
{
	const struct ram_range *r = ram_free();

	while (r && r->end - r->start < size)
		r = r->next;
	if (!r)
		return false;
	*pa = PADDR(r->start);
	return true;
}

/* Give the free RAM of the zones, except the metadata at `from`. */
static void give_free(u64 from, u64 size)
{
	struct zone *z = page_pool.zones;

	for (const struct ram_range *r = ram_free(); r; r = r->next) {
		u64 start = r->start == from ? ALIGN_UP(from + size, PAGE_SIZE) : r->start;

		while (z->ram_end <= r->start)
			z++;
		give_span(z, start, r->end);
	}
}

int page_init(void)
{
	u64 size = 0;
	paddr_t pa;
	u8 *at;

	page_pool = (struct page_pool){ .lock = SPINLOCK_INIT(LOCK_PAGE) };
	for (const struct ram_range *r = ram_all(); r; r = r->next)
		page_pool.zone_count++;
	page_pool.zones = early_alloc(page_pool.zone_count * sizeof(*page_pool.zones), sizeof(u64));
	if (!page_pool.zones)
		return -ENOMEM;
	page_pool.zone_count = 0;
	for (const struct ram_range *r = ram_all(); r; r = r->next) {
		zone_shape(&page_pool.zones[page_pool.zone_count], r);
		size += zone_metadata_size(&page_pool.zones[page_pool.zone_count++]);
	}
	if (!page_pool.zone_count || !place_metadata(size, &pa))
		return -ENOMEM;
	at = phys_to_virt(pa);
	for (u32 i = 0; i < page_pool.zone_count; i++)
		at = zone_metadata_init(&page_pool.zones[i], at);
	give_free(pa.pa, size);
	return 0;
}
