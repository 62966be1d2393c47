/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of cpio archives, newc and crc formats ("070701", "070702"), in memory; trusts nothing in them. Pure. */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include <lib/types.h>

struct cpio_entry {
	const char *name; /* terminated, inside the archive; a leading "./" is skipped */
	const void *data;
	u64 size;
	u32 mode;
};

/* Cursor over an archive. */
struct cpio {
	const u8 *base;
	u64 size;
	u64 offset;
};

void cpio_open(struct cpio *c, const void *base, u64 size);

/* Next entry: 1 and *e filled; 0 at the trailer or the end; -EINVAL where the archive is broken. */
int __must_check cpio_next(struct cpio *c, struct cpio_entry *e);

/* The regular file called name: 0, -ENOENT, -EINVAL. */
int __must_check cpio_find(const void *base, u64 size, const char *name, struct cpio_entry *e);

#endif
