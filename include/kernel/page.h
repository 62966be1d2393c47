/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page allocator: 4 KiB pages, 2 MiB blocks, and aligned runs of blocks. The lowest address is
 * taken first, so that neighbours make large mappings. All calls: thread context or boot. Calls are
 * short (bounded by bitmap scans).
 */
#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include <lib/types.h>

#define PAGE_SIZE  KIB(4)
#define BLOCK_SIZE MIB(2)

struct phys_range {
	paddr_t base;
	u64 size;
};

/* Take over the free RAM (kernel/ram.h). The metadata lives in that RAM. Boot. -ENOMEM. */
int __must_check page_init(void);

/* Allocate one zeroed 4 KiB page (NULL: none is free), and give it back. */
void *page_alloc(void);
void page_free(void *page);

/*
 * Allocate `count` consecutive 2 MiB blocks, aligned to `align` blocks (a power of two, at most
 * 512). Contents undefined. False: there is no such run. block_free() returns them, or any subset
 * of an allocation.
 */
bool __must_check block_alloc(u32 count, u32 align, paddr_t *pa);
void block_free(paddr_t pa, u32 count);

struct page_stats {
	u64 total;       /* bytes managed */
	u64 free;        /* bytes */
	u64 blocks_free; /* whole 2 MiB blocks free */
	u64 pages_used;  /* 4 KiB pages handed out singly */
};
void page_stats(struct page_stats *s);

/* Small objects. kzalloc() returns zeroed memory for at most a page (rounded up), or NULL. */
void *kzalloc(size_t size);
void kfree(void *p, size_t size);
/* Zeroed memory of `count` contiguous whole pages, for objects larger than a page. */
void *pages_alloc(u32 count);
void pages_free(void *p, u32 count);

#endif
