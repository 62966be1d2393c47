/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's RAM and what of it is taken before there is a page allocator. All that is known of addresses that come in from outside (the devicetree's, descriptions') is asked
 * here. Tables are as large as the machine wants them, in early memory. Boot, one CPU; what is asked afterwards only reads.
 */
#ifndef KERNEL_RAM_H
#define KERNEL_RAM_H

#include <kernel/page.h>
#include <lib/types.h>

/* What lies in a part of the RAM. */
enum ram_use {
	RAM_IMAGE,     /* the hypervisor */
	RAM_TREE,      /* the machine's devicetree */
	RAM_BUNDLE,    /* the initrd */
	RAM_RESERVED,  /* by the devicetree: only its owner's, but mapped */
	RAM_NO_MAP,    /* by the devicetree: must not be mapped */
	RAM_PRELOADED, /* images that a loader left; several types may name them */
	RAM_USES
};

/* Forget everything. */
void ram_reset(void);
/* There is RAM; ranges may overlap and come in any order. False: no early memory to note it in. */
bool __must_check ram_add(struct phys_range r);
/* That was all of it: whole pages below `limit` count from now on. False: no early memory. */
bool __must_check ram_settle(u64 limit);
/* Part of it (of which some or all may be no RAM) is taken. Rounded outwards to pages. After ram_settle(). False: no early memory. */
bool __must_check ram_take(struct phys_range r, enum ram_use use);

/*
 * Whether the range is RAM that a loader could have used, all of it, and holds nothing but what `but` allows (a bit each of enum ram_use). NULL, or a few
 * words on what stands against it.
 */
const char *ram_problem(struct phys_range r, u32 but);
/* The range lies in one that was taken for this use. */
bool ram_holds(struct phys_range r, enum ram_use use);
/* Bytes of RAM from pa on that nothing has taken, at most max. */
u64 ram_free_from(u64 pa, u64 max);

/* Ranges in ascending order, apart from each other. */
struct ram_range {
	u64 start, end;
	struct ram_range *next;
};
/* All RAM, in whole pages; of it, what may be mapped, without the image; of that, what nothing has taken. */
const struct ram_range *ram_all(void);
const struct ram_range *ram_mapped(void);
const struct ram_range *ram_free(void);

#endif
