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
 * 2 MiB blocks are reserved before they are allocated, so that an allocation of single blocks never
 * fails. Reserve `count` of them (false: so many are not free); give a reservation back of which
 * nothing is allocated.
 */
bool __must_check block_reserve(u64 count);
void block_unreserve(u64 count);
/*
 * Allocate `count` consecutive blocks out of the caller's reservation, aligned to `align` blocks (a
 * power of two, at most 512). False: there is no such run; not for a single block, which is a clean
 * one if there is any. block_free() returns them, or any subset of an allocation, to the
 * reservation.
 */
bool __must_check block_alloc(u32 count, u32 align, paddr_t *pa);
void block_free(paddr_t pa, u32 count);
/*
 * The block, which is allocated, is going to be used. True: it is clean, that is all zeroes, in
 * memory as well as in caches. False: it holds old data, and the caller clears it
 * first (arch_zero_to_memory()). Once for each block of an allocation.
 */
bool __must_check block_use(paddr_t pa);

/* ---- the cleaner: a thread of the lowest priority that clears free blocks ---- */

/*
 * Free blocks that it keeps clean: 256 MiB. Memory that no VM ever needs is not written to: on an
 * emulated machine that would cost its host the memory.
 */
#define CLEAN_BLOCKS 128

/* Start it. 0 or -ENOMEM. Thread context, boot. */
int __must_check page_cleaner_start(void);
/* Let it run on these CPUs only, from now on. None: it waits. Thread context. */
void page_cleaner_cpus(u64 mask);

/*
 * Clear a page of a free block, with interrupts masked for so long. *done: the block is clean now.
 * False: there is nothing to do until `wake` is called. Any context.
 */
bool __must_check page_clean_step(bool *done);
void page_set_cleaner(void (*wake)(void));

struct page_stats {
	u64 total;           /* bytes managed */
	u64 free;            /* bytes; without what is reserved */
	u64 blocks_free;     /* whole 2 MiB blocks free and not reserved */
	u64 blocks_reserved; /* and not allocated */
	u64 blocks_clean;    /* free or reserved, and clean */
	u64 blocks_to_clean; /* that the cleaner will clean, as soon as it may */
	u64 pages_used;      /* 4 KiB pages handed out singly */
	/* blocks so far: cleaned by the cleaner; used clean; cleared by their users */
	u64 cleaned, given_clean, given_dirty;
};
void page_stats(struct page_stats *s);

/* Small objects. kzalloc() returns zeroed memory for at most a page (rounded up), or NULL. */
void *kzalloc(size_t size);
void kfree(void *p, size_t size);
/* Zeroed memory of `count` contiguous whole pages, for objects larger than a page. */
void *pages_alloc(u32 count);
void pages_free(void *p, u32 count);

#endif
