/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map is fixed (crt0.S): 0..1 GiB devices, 1..2 GiB RAM. In addition, windows of 2 MiB can map
 * any physical address with other attributes: one for EL1, three for EL0.
 */
#ifndef KIT_MMU_H
#define KIT_MMU_H

#include "kit/types.h"

enum mmu_attr {
	MMU_DEVICE,   /* Device-nGnRE */
	MMU_NORMAL,   /* write-back, cacheable, executable */
	MMU_NONCACHE, /* Normal non-cacheable, executable */
};

/* Shows the 2 MiB around pa; returns where pa itself is now. The one before is gone. */
uintptr_t mmu_alias(uint64_t pa, enum mmu_attr attr);

/* The same of normal memory, as guarded pages: a branch there must land on a BTI. */
uintptr_t mmu_alias_guarded(uint64_t pa);

/*
 * The same for EL0, in its window 0, 1 or 2, below 4 GiB. EL1 may not execute there. Window 0
 * belongs to el0_run().
 */
uintptr_t mmu_user_alias(unsigned int window, uint64_t pa, enum mmu_attr attr);

#endif
