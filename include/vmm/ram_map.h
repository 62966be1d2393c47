/* SPDX-License-Identifier: Apache-2.0 */
/* Where a VM's RAM is in its address space: banks, upwards and apart. Pure. */
#ifndef VMM_RAM_MAP_H
#define VMM_RAM_MAP_H

#include <lib/types.h>

#define GUEST_RAM_BASE 0x40000000ULL /* of a description that says nothing else */
#define GUEST_RAM_MAX  GIB(255)      /* of a VM */
#define RAM_BANKS_MAX  8

struct ram_bank {
	u64 base, size; /* multiples of 2 MiB */
};

struct ram_map {
	u32 count;
	struct ram_bank banks[RAM_BANKS_MAX];
};

/* One bank of `size` bytes at GUEST_RAM_BASE. */
struct ram_map ram_map_default(u64 size);

/* Bytes in all banks. */
u64 ram_map_size(const struct ram_map *m);

/* True if all of [ipa, ipa + len) is RAM; it may go on from one bank to the next. False for nothing (len 0) outside RAM. */
bool __must_check ram_map_holds(const struct ram_map *m, u64 ipa, u64 len);

/* The bank that ipa lies in; NULL: it is no RAM. */
const struct ram_bank *ram_map_bank(const struct ram_map *m, u64 ipa);

/*
 * What is wrong with a map that someone wrote, in `why`: a bank that is empty, not of whole blocks, before or in the one before it, or where the guest
 * machine has something else. 0, -EINVAL.
 */
int __must_check ram_map_check(const struct ram_map *m, char *why, size_t size);

/* Room for what ram_map_text() writes. */
#define RAM_MAP_TEXT 80
/* "512 MiB at 0x40000000", or of several banks the first two: for messages. Answers buf. */
const char *ram_map_text(const struct ram_map *m, char *buf, size_t size);

#endif
