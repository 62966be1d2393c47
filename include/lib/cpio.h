/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of cpio archives in memory, formats "newc" and "crc" (cpio(5): 070701, 070702). Pure.
 *
 * Several archives may follow each other, with or without zeros between them, as in Linux'
 * initramfs (Documentation/driver-api/early-userspace/buffer-format.rst). If two entries have the
 * same name, the later one counts. Hard links share the data of the one that has it. Symbolic links
 * are followed inside the archive. Nothing in an archive is trusted.
 */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include <lib/types.h>

#define CPIO_PATH_MAX 512 /* longest path while its links are followed, with the terminator */

#define CPIO_TYPE    0170000
#define CPIO_REGULAR 0100000
#define CPIO_LINK    0120000

struct cpio_entry {
	const char *name; /* terminated, inside the archive; leading "./" and "/" are skipped */
	const void *data;
	u64 size;
	u32 mode;
};

/* Cursor over archives. */
struct cpio {
	const u8 *base;
	u64 size;
	u64 offset; /* of the next entry, or of the place where the archive is broken */
	u64 at;     /* offsets of the last entry and of its archive */
	u64 archive;
};

void cpio_open(struct cpio *c, const void *base, u64 size);

/*
 * The next entry. 1: *e is filled. 0: the last archive has ended. -EINVAL: the bytes at c->offset
 * are not an archive, or a broken one. A hard link without data of its own has size 0 here.
 */
int __must_check cpio_next(struct cpio *c, struct cpio_entry *e);

/* True if the two are one path. "." and repeated slashes do not count. */
bool cpio_same_path(const char *a, const char *b);

/*
 * Follow the symbolic links in `path`, which may end at a file, at a folder or at nothing. The
 * resulting path goes to `real` (CPIO_PATH_MAX bytes). 0. -ERANGE: the result is too long, or more
 * than 16 links lead there.
 */
int __must_check cpio_real_path(const void *base, u64 size, const char *path, char *real);

/*
 * The regular file at `path`. 0. -ENOENT: there is none before the archives end, or before they are
 * broken. -ERANGE: as for cpio_real_path(). -EIO: its checksum ("crc" archives) does not match.
 */
int __must_check cpio_find(const void *base, u64 size, const char *path, struct cpio_entry *e);

#endif
