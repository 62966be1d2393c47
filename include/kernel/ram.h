/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's RAM, and which of it is taken before there is a page allocator. Every address from
 * outside (the devicetree, descriptions) is checked here. Tables are in early memory, sized by the
 * machine. Boot, one CPU. The queries afterwards only read.
 */
#ifndef KERNEL_RAM_H
#define KERNEL_RAM_H

#include <kernel/page.h>
#include <lib/types.h>

/* Uses of a part of the RAM. */
enum ram_use {
	RAM_IMAGE,     /* the hypervisor */
	RAM_TREE,      /* the machine's devicetree */
	RAM_BUNDLE,    /* the initrd */
	RAM_RESERVED,  /* by the devicetree: only for its owner, but may be mapped */
	RAM_NO_MAP,    /* by the devicetree: must not be mapped */
	RAM_PRELOADED, /* images that a loader left; several types may use the same one */
	RAM_USES
};

/* Forget everything. */
void ram_reset(void);
/* Add RAM. Ranges may overlap and come in any order. False: early memory is too small. */
bool __must_check ram_add(struct phys_range r);
/*
 * End the list of RAM. From now on whole pages below `limit` count. False: early memory is too
 * small.
 */
bool __must_check ram_settle(u64 limit);
/*
 * Take a range, all or part of which may not be RAM. It is rounded outwards to pages. After
 * ram_settle(). False: early memory is too small.
 */
bool __must_check ram_take(struct phys_range r, enum ram_use use);

/*
 * Check that the whole range is RAM that a loader could have used, and that it is free except for
 * the uses in `but` (one bit for each enum ram_use). NULL, or a few words on the problem.
 */
const char *ram_problem(struct phys_range r, u32 but);
/* True if the range lies in one that was taken for this use. */
bool ram_holds(struct phys_range r, enum ram_use use);
/* Bytes of free RAM from pa on, at most max. */
u64 ram_free_from(u64 pa, u64 max);

/* Ranges in ascending order. They do not touch. */
struct ram_range {
	u64 start, end;
	struct ram_range *next;
};
/*
 * ram_all(): all RAM, in whole pages. ram_mapped(): the part that may be mapped, without the image.
 * ram_free(): the part of that which is free.
 */
const struct ram_range *ram_all(void);
const struct ram_range *ram_mapped(void);
const struct ram_range *ram_free(void);

#endif
