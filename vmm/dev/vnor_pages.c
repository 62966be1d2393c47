/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of a flash bank: a table of two levels with the pages that were programmed. All others
 * are erased, and one page of ones stands for them. So a guest takes at most the size of the bank,
 * and 132 KiB for tables.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include "vflash.h"
#include "vnor.h"

#define SPARED MIB(16) /* of the machine's memory: no flash takes it */

static u8 *page_at(const struct vnor *n, u64 offset)
{
	const struct vnor_leaf *leaf = n->leaves[offset / MIB(2)];

	return leaf ? leaf->pages[offset % MIB(2) / PAGE_SIZE] : NULL;
}

/* The page that holds `offset` is, for a guest that reads directly, this one. */
static void put_in_window(struct vnor *n, u64 offset, const void *page)
{
	if (offset < MIB(2))
		stage2_window_set(n->window, (u32)(offset / PAGE_SIZE), virt_to_phys(page),
				  STAGE2_DATA_READ);
}

int vnor_pages_open(struct vnor *n)
{
	n->window = page_alloc();
	if (!n->window)
		return -ENOMEM;
	for (u64 at = 0; at < MIB(2); at += PAGE_SIZE)
		put_in_window(n, at, vflash_erased);
	return stage2_prepare(&n->vm->s2, IPA(GUEST_FLASH1_BASE), MIB(2));
}

static void free_chain(void *page)
{
	while (page) {
		void *next = *(void **)page;

		page_free(page);
		page = next;
	}
}

static void free_leaf(struct vnor_leaf *leaf)
{
	for (u32 i = 0; i < VNOR_LEAF_PAGES; i++)
		if (leaf->pages[i])
			page_free(leaf->pages[i]);
	page_free(leaf);
}

void vnor_pages_close(struct vnor *n)
{
	for (u32 i = 0; i < VNOR_LEAVES; i++)
		if (n->leaves[i])
			free_leaf(n->leaves[i]);
	if (n->spare_leaf)
		page_free(n->spare_leaf);
	if (n->spare_page)
		page_free(n->spare_page);
	if (n->window)
		page_free(n->window);
	free_chain(n->freed);
}

u64 vnor_pages_memory(const struct vnor *n)
{
	u64 pages = n->pages + !!n->window + !!n->spare_leaf + !!n->spare_page;

	for (u32 i = 0; i < VNOR_LEAVES; i++)
		pages += n->leaves[i] != NULL;
	return pages * PAGE_SIZE;
}

/* ---- memory ---- */

static void *get_page(void)
{
	struct page_stats mem;

	page_stats(&mem);
	return mem.free > SPARED ? page_alloc() : NULL;
}

/* The page, or NULL if there is one already: two vCPUs may do this at once. */
static void *keep(struct vnor *n, void **spare, void *page)
{
	unsigned long irq = spin_lock_irqsave(&n->lock);
	void *left = *spare ? page : NULL;

	if (!*spare)
		*spare = page;
	spin_unlock_irqrestore(&n->lock, irq);
	return left;
}

void vnor_refill(struct vnor *n)
{
	void *leaf, *page;

	if (READ_ONCE(n->spare_leaf) && READ_ONCE(n->spare_page))
		return;
	sched_open();
	leaf = keep(n, (void **)&n->spare_leaf, get_page());
	page = get_page();
	if (page) {
		memset(page, 0xff, PAGE_SIZE);
		arch_clean_for_guest(page, PAGE_SIZE);
	}
	page = keep(n, (void **)&n->spare_page, page);
	if (leaf)
		page_free(leaf);
	if (page)
		page_free(page);
	arch_irq_disable();
}

void vnor_give_back(struct vnor *n)
{
	unsigned long irq = spin_lock_irqsave(&n->lock);
	void *page = n->freed;

	n->freed = NULL;
	spin_unlock_irqrestore(&n->lock, irq);
	if (!page)
		return;
	sched_open();
	free_chain(page);
	arch_irq_disable();
}

int vnor_fill(struct vnor *n, u64 offset, const u8 *data)
{
	struct vnor_leaf **leaf = &n->leaves[offset / MIB(2)];
	u8 *page;

	if (!*leaf)
		*leaf = page_alloc();
	page = *leaf ? page_alloc() : NULL;
	if (!page)
		return -ENOMEM;
	memcpy(page, data, PAGE_SIZE);
	arch_clean_for_guest(page, PAGE_SIZE);
	(*leaf)->pages[offset % MIB(2) / PAGE_SIZE] = page;
	put_in_window(n, offset, page);
	n->pages++;
	return 0;
}

void vnor_copy(const struct vnor *n, u64 offset, u8 *to)
{
	const u8 *page = page_at(n, offset);

	memcpy(to, page ? page : vflash_erased, PAGE_SIZE);
}

/* ---- the window ---- */

void vnor_show(struct vnor *n)
{
	if (!n->shown)
		stage2_window_show(&n->vm->s2, IPA(GUEST_FLASH1_BASE), n->window, 1);
	n->shown = true;
}

void vnor_hide(struct vnor *n)
{
	if (n->shown)
		stage2_window_show(&n->vm->s2, IPA(GUEST_FLASH1_BASE), NULL, 1);
	n->shown = false;
}

/* ---- bytes ---- */

u8 vnor_byte(const struct vnor *n, u64 offset)
{
	const u8 *page = page_at(n, offset);

	return page ? page[offset % PAGE_SIZE] : 0xff;
}

/* The page that holds `offset`, with memory of its own. NULL: there is none. */
static u8 *own_page(struct vnor *n, u64 offset)
{
	struct vnor_leaf **leaf = &n->leaves[offset / MIB(2)];
	u8 **page;

	if (!*leaf) {
		*leaf = n->spare_leaf;
		n->spare_leaf = NULL;
	}
	if (!*leaf)
		return NULL;
	page = &(*leaf)->pages[offset % MIB(2) / PAGE_SIZE];
	if (!*page && n->spare_page) {
		*page = n->spare_page;
		n->spare_page = NULL;
		put_in_window(n, offset, *page);
		n->pages++;
	}
	return *page;
}

/* Guests may read it past the caches. */
static void to_memory(const u8 *at, u32 size)
{
	arch_clean_for_guest(at, size);
}

bool vnor_program(struct vnor *n, u64 offset, u64 data, u32 size)
{
	u8 *page = own_page(n, offset), *to;

	if (!page)
		return false;
	to = page + offset % PAGE_SIZE;
	for (u32 i = 0; i < size; i++)
		to[i] &= (u8)(data >> 8 * i);
	to_memory(to, size);
	return true;
}

bool vnor_program_buffer(struct vnor *n)
{
	const u64 *from = (const u64 *)(void *)n->buffer;
	u8 *page = own_page(n, n->at);
	u64 *to;

	if (!page)
		return false;
	to = (u64 *)(void *)(page + n->at % PAGE_SIZE);
	for (u32 i = 0; i < VNOR_BUFFER / sizeof(*to); i++)
		to[i] &= from[i];
	to_memory((u8 *)to, VNOR_BUFFER);
	return true;
}

void vnor_erase(struct vnor *n, u64 offset)
{
	struct vnor_leaf *leaf = n->leaves[offset / MIB(2)];

	for (u64 at = offset; leaf && at < offset + VNOR_PIECE; at += PAGE_SIZE) {
		u8 **page = &leaf->pages[at % MIB(2) / PAGE_SIZE];

		if (!*page)
			continue;
		put_in_window(n, at, vflash_erased);
		*(void **)(void *)*page = n->freed;
		n->freed = *page;
		*page = NULL;
		n->pages--;
	}
}
