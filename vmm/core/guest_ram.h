/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's RAM: what its files share. */
#ifndef GUEST_RAM_H
#define GUEST_RAM_H

#include <vmm/core.h>

/* Values of vm_ram.blocks that are no address. */
#define ABSENT 0ULL /* it has not come */
#define COMING VM_BLOCK_COMING
#define GIVEN  VM_BLOCK_GIVEN

/* ---- guest_ram.c ---- */

/* The number of the block that contains ipa. False: ipa is not RAM. */
bool __must_check ram_find_block(const struct vm_ram *ram, u64 ipa, u64 *block);

/*
 * Give adjacent blocks back to the machine; those that must be kept (vm_ram_keep()) are replaced by
 * others, as far as there are some. No lock held.
 */
void ram_part_with(struct vm_ram *ram, paddr_t pa, u32 count);

/* ---- guest_ram_balloon.c ---- */

/* Take came.lock as soon as the block is not on its way. Its flags. Thread context. */
unsigned long ram_lock_settled(struct vm_ram *ram, u64 block);
/*
 * True if the VM may have the block, which is ABSENT or GIVEN: memory is reserved for it, or now
 * is. Then it is no longer GIVEN, and the page at ipa is the guest's again. came.lock held.
 */
bool __must_check ram_may_hold(struct vm_ram *ram, u64 block, u64 ipa);
/*
 * Nothing is given back any more, and all memory is reserved again, as far as the machine has it.
 * No vCPU runs, and no block is present.
 */
void ram_balloon_reset(struct vm_ram *ram);
void ram_balloon_free(struct vm_ram *ram);

#endif
