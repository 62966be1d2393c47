/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page allocator. Each RAM range is a zone of 2 MiB blocks. Blocks are numbered from a 1 GiB
 * boundary, so block numbers align as addresses do.
 *
 * A block is in one of three states:
 * free   used 0, split 0; its page map is all clear
 * whole  used 1, split 0; handed out, alone or in a run; its page map is all clear
 * split  used 1, split 1; bit p of its page map is set if page p is handed out, reserved or not
 *        RAM. `partial` is set if some bit is clear. When all bits are clear, the block is free
 *        again.
 */
#include <arch/mmu.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/ram.h>
#include <kernel/spinlock.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>

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
	u64 *used, *split, *partial;
	struct page_map *maps; /* maps of the blocks from `first` on */
};

static struct zone *zones;
static u32 zone_count;
static struct spinlock page_lock = SPINLOCK_INIT(LOCK_PAGE);

/* Under page_lock. */
static u64 total_pages, free_pages, free_blocks, single_pages;

static struct page_map *map_of(const struct zone *z, size_t block)
{
	return &z->maps[block - z->first];
}

static u64 block_pa(const struct zone *z, size_t block)
{
	return z->base + block * BLOCK_SIZE;
}

static size_t block_of(const struct zone *z, u64 pa)
{
	return (pa - z->base) / BLOCK_SIZE;
}

static size_t page_of(u64 pa)
{
	return pa % BLOCK_SIZE / PAGE_SIZE;
}

/* The zone whose RAM holds pa. NULL if there is none. */
static struct zone *zone_of(u64 pa)
{
	for (u32 i = 0; i < zone_count; i++) {
		if (pa >= zones[i].ram_start && pa < zones[i].ram_end)
			return &zones[i];
	}
	return NULL;
}

/* ---- blocks and pages, under page_lock ---- */

static void split_block(struct zone *z, size_t block)
{
	bitmap_set(z->used, block);
	bitmap_set(z->split, block);
	bitmap_set(z->partial, block);
	map_of(z, block)->nfree = BLOCK_PAGES;
	free_blocks--;
}

static void take_pages(struct zone *z, size_t block, size_t page, size_t count)
{
	struct page_map *map = map_of(z, block);

	for (size_t i = page; i < page + count; i++)
		bitmap_set(map->used, i);
	map->nfree -= count;
	if (!map->nfree)
		bitmap_clear(z->partial, block);
	free_pages -= count;
}

static void give_pages(struct zone *z, size_t block, size_t page, size_t count)
{
	struct page_map *map = map_of(z, block);

	kassert(bitmap_test(z->split, block));
	for (size_t i = page; i < page + count; i++) {
		kassert(bitmap_test(map->used, i)); /* else the block is freed twice */
		bitmap_clear(map->used, i);
	}
	map->nfree += count;
	free_pages += count;
	bitmap_set(z->partial, block);
	if (map->nfree == BLOCK_PAGES) {
		bitmap_clear(z->used, block);
		bitmap_clear(z->split, block);
		bitmap_clear(z->partial, block);
		free_blocks++;
	}
}

/* Set the bits of a run word by word: for a large VM, bit by bit would mask interrupts too long. */
static void take_run(struct zone *z, size_t first, size_t count)
{
	bitmap_set_run(z->used, first, count);
	free_blocks -= count;
	free_pages -= count * BLOCK_PAGES;
}

static void give_block(struct zone *z, size_t block)
{
	kassert(bitmap_test(z->used, block) && !bitmap_test(z->split, block));
	bitmap_clear(z->used, block);
	free_blocks++;
	free_pages += BLOCK_PAGES;
}

/* ---- runs of pages inside a block ---- */

/* A run of `count` free pages in a block that is already split. */
static u64 find_in_split(u32 count)
{
	for (struct zone *z = zones; z < zones + zone_count; z++) {
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
	for (struct zone *z = zones; z < zones + zone_count; z++) {
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
	for (struct zone *z = zones; z < zones + zone_count; z++) {
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

bool block_alloc(u32 count, u32 align, paddr_t *pa)
{
	unsigned long flags;

	if (!count || !align || align > MAX_BLOCK_ALIGN || (align & (align - 1)))
		return false;
	flags = spin_lock(&page_lock);
	pa->pa = take_blocks(count, align, 0);
	spin_unlock(&page_lock, flags);
	return pa->pa;
}

void block_free(paddr_t pa, u32 count)
{
	struct zone *z = zone_of(pa.pa);
	unsigned long flags;

	kassert(z && IS_ALIGNED(pa.pa, BLOCK_SIZE));
	flags = spin_lock(&page_lock);
	for (u32 i = 0; i < count; i++) {
		kassert(block_of(z, pa.pa) + i < z->nblocks);
		give_block(z, block_of(z, pa.pa) + i);
	}
	spin_unlock(&page_lock, flags);
}

/* ---- pages ---- */

void *pages_alloc(u32 count)
{
	u32 tail = count % BLOCK_PAGES;
	unsigned long flags;
	void *va;
	u64 pa;

	if (!count)
		return NULL;
	flags = spin_lock(&page_lock);
	if (count < BLOCK_PAGES) {
		pa = find_in_split(count);
		if (!pa)
			pa = take_from_new_block(count);
	} else {
		pa = take_blocks((count + BLOCK_PAGES - 1) / BLOCK_PAGES, 1, tail);
	}
	if (pa)
		single_pages += tail;
	spin_unlock(&page_lock, flags);
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
	if (blocks)
		block_free(PADDR(pa), blocks);
	if (!tail)
		return;
	flags = spin_lock(&page_lock);
	give_pages(z, block_of(z, tail_pa), page_of(tail_pa), tail);
	single_pages -= tail;
	spin_unlock(&page_lock, flags);
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
	unsigned long flags = spin_lock(&page_lock);

	s->total = total_pages * PAGE_SIZE;
	s->free = free_pages * PAGE_SIZE;
	s->blocks_free = free_blocks;
	s->pages_used = single_pages;
	spin_unlock(&page_lock, flags);
}

/* ---- handing RAM over ---- */

/* Give `count` whole blocks that were reserved. */
static void give_reserved_blocks(struct zone *z, size_t block, size_t count)
{
	for (size_t b = block; b < block + count; b++) {
		kassert(bitmap_test(z->split, b) && !map_of(z, b)->nfree);
		bitmap_clear(z->used, b);
		bitmap_clear(z->split, b);
	}
	memset(map_of(z, block), 0, count * sizeof(struct page_map));
	free_blocks += count;
	free_pages += count * BLOCK_PAGES;
}

/* Blocks given under one hold of the lock, so that it is never held long. */
#define SPAN_BLOCKS 16

/* Give the whole pages [start, end) of z, reserved so far, to the allocator. */
static void give_span(struct zone *z, u64 start, u64 end)
{
	while (start < end) {
		size_t blocks = IS_ALIGNED(start, BLOCK_SIZE)
					? MIN((end - start) / BLOCK_SIZE, SPAN_BLOCKS)
					: 0;
		u64 stop = blocks ? start + blocks * BLOCK_SIZE
				  : MIN(end, ALIGN_DOWN(start, BLOCK_SIZE) + BLOCK_SIZE);
		unsigned long flags = spin_lock(&page_lock);

		if (blocks)
			give_reserved_blocks(z, block_of(z, start), blocks);
		else
			give_pages(z, block_of(z, start), page_of(start),
				   (stop - start) / PAGE_SIZE);
		total_pages += (stop - start) / PAGE_SIZE;
		spin_unlock(&page_lock, flags);
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
	return 3 * BITMAP_WORDS(z->nblocks) * sizeof(u64) +
	       (z->nblocks - z->first) * sizeof(struct page_map);
}

/* Lay out z's metadata at `at`, with every page reserved. Returns its end. */
static u8 *zone_metadata_init(struct zone *z, u8 *at)
{
	size_t words = BITMAP_WORDS(z->nblocks);

	memset(at, 0xff, zone_metadata_size(z));
	z->used = (u64 *)(void *)at;
	z->split = z->used + words;
	z->partial = z->split + words;
	z->maps = (struct page_map *)(void *)(z->partial + words);
	memset(z->partial, 0, words * sizeof(u64));
	for (size_t b = z->first; b < z->nblocks; b++)
		map_of(z, b)->nfree = 0;
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
	struct zone *z = zones;

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

	zone_count = 0;
	total_pages = free_pages = free_blocks = single_pages = 0;
	for (const struct ram_range *r = ram_all(); r; r = r->next)
		zone_count++;
	zones = early_alloc(zone_count * sizeof(*zones), sizeof(u64));
	if (!zones)
		return -ENOMEM;
	zone_count = 0;
	for (const struct ram_range *r = ram_all(); r; r = r->next) {
		zone_shape(&zones[zone_count], r);
		size += zone_metadata_size(&zones[zone_count++]);
	}
	if (!zone_count || !place_metadata(size, &pa))
		return -ENOMEM;
	at = phys_to_virt(pa);
	for (u32 i = 0; i < zone_count; i++)
		at = zone_metadata_init(&zones[i], at);
	give_free(pa.pa, size);
	return 0;
}
