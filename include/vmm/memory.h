/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's RAM: 2 MiB blocks, not necessarily contiguous, mapped in stage 2 where its RAM map has its banks. */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <arch/guest.h>
#include <kernel/page.h>
#include <lib/types.h>
#include <vmm/ram_map.h>

struct vm_ram {
	struct ram_map map;
	u64 size; /* bytes, multiple of 2 MiB */
	u64 nblocks;
	paddr_t *blocks; /* one per 2 MiB of guest RAM, in IPA order */
	bool call_off;   /* what takes long ends with -EINTR (atomic) */
};

/*
 * Allocate (as 1 GiB runs, else larger runs, else single blocks) and map all banks of a map; vm_ram_clear() has to come
 * before a guest does. All or nothing: -ENOMEM, -EINVAL. Thread context.
 */
int __must_check vm_ram_init(struct vm_ram *ram, struct stage2 *s2, const struct ram_map *map);
/* Zero and return all of it. The stage-2 tables are gone or no vCPU runs. */
void vm_ram_free(struct vm_ram *ram);
/* Zero all of it. 0 or -EINTR. Thread context, preemptible, long. */
int __must_check vm_ram_clear(struct vm_ram *ram);

/*
 * Host address of guest RAM at ipa and how many bytes are contiguous from there (up to the end of
 * the block run); NULL if it is no RAM. Any context.
 */
void *vm_ram_ptr(const struct vm_ram *ram, u64 ipa, u64 *contiguous);

/*
 * Copy in and out; -EFAULT if any of it is not RAM (nothing is copied then), copy-in also -EINTR. Copy-in
 * makes data visible to a guest with caches off. Thread context, preemptible.
 */
int __must_check vm_ram_write(const struct vm_ram *ram, u64 ipa, const void *src, u64 len);
int __must_check vm_ram_read(const struct vm_ram *ram, u64 ipa, void *dst, u64 len);

#endif
