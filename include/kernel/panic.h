/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a panic leaves behind: the end of the log, in a page of RAM that neither the image nor a
 * loader writes to. Where RAM survives a reset, the next start finds it.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <kernel/page.h>

#define PANIC_TEXT_BYTES (PAGE_SIZE - 24)

struct panic_record {
	u64 magic;
	u32 bytes;   /* of text, no terminator */
	u32 check;   /* CRC-32 of them */
	u64 inverse; /* ~magic */
	char text[PANIC_TEXT_BYTES];
};
_Static_assert(sizeof(struct panic_record) == PAGE_SIZE, "one page");

/* Complete the record whose text is filled in, and write it to memory, past the caches. */
void panic_record_seal(struct panic_record *r, u32 bytes);
/*
 * Log what the panic before this start left in the record, and forget it; nothing if the record is
 * not valid: memory may hold anything after a reset. Boot.
 */
void panic_record_tell(struct panic_record *r);

#endif
