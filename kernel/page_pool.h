/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page allocator's state, for its files: page.c, and page_init.c, which makes it at boot.
 *
 * Each RAM range is a zone of 2 MiB blocks. Blocks are numbered from a 1 GiB boundary, so block
 * numbers align as addresses do. A block is in one of three states:
 * free   used 0, split 0
 * whole  used 1, split 0; handed out, alone or in a run
 * split  used 1, split 1; bit p of its page map is set if page p is handed out, reserved or not
 *        RAM. `partial` is set if some bit is clear. When all bits are clear, the block is free
 *        again.
 * The page map is written when a block is split. That of another block means nothing.
 *
 * A free or whole block may be clean: nothing was written there since it was zeroed, up to memory
 * (arch_zero_to_memory()). So a reader without caches sees the zeroes too.
 *
 * Reserved blocks are a number of free ones, no particular ones, which are left over for their
 * users.
 */
#ifndef KERNEL_PAGE_POOL_H
#define KERNEL_PAGE_POOL_H

#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <lib/bitmap.h>

#define BLOCK_PAGES     512
#define MAX_BLOCK_ALIGN 512 /* in blocks: 1 GiB */

struct page_map {
	u64 used[BITMAP_WORDS(BLOCK_PAGES)];
	u64 nfree;
};

struct zone {
	u64 base;               /* of block 0 */
	u64 ram_start, ram_end; /* whole pages */
	size_t first, nblocks;  /* blocks first..nblocks-1 hold RAM */
	u64 *used, *split, *partial, *clean;
	struct page_map *maps; /* maps of the blocks from `first` on */
};

extern struct page_pool {
	struct spinlock lock; /* guards everything but the zones' places */
	struct zone *zones;
	u32 zone_count;
	u64 total_pages, free_pages, free_blocks, single_pages;
	u64 reserved_blocks, clean_blocks;
	u64 cleaned, given_clean, given_dirty; /* blocks so far */
	/* the free block that is being cleaned, and how many of its pages are; zone NULL: none */
	struct {
		struct zone *zone;
		size_t block, pages;
	} cleaning;
} page_pool;

#define for_each_zone(z) \
	for (struct zone *z = page_pool.zones; z < page_pool.zones + page_pool.zone_count; z++)

static inline struct page_map *map_of(const struct zone *z, size_t block)
{
	return &z->maps[block - z->first];
}

static inline u64 block_pa(const struct zone *z, size_t block)
{
	return z->base + block * BLOCK_SIZE;
}

static inline size_t block_of(const struct zone *z, u64 pa)
{
	return (pa - z->base) / BLOCK_SIZE;
}

static inline size_t page_of(u64 pa)
{
	return pa % BLOCK_SIZE / PAGE_SIZE;
}

/* Pages of a split block, whose bits were cleared, are free. The lock is held. */
void page_pool_given(struct zone *z, size_t block, size_t count);

#endif
