/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of cpio archives in memory, "newc" and "crc" (cpio(5): 070701, 070702), one behind the other with zeros between them or not, as Linux' initramfs is
 * read (Documentation/driver-api/early-userspace/buffer-format.rst): of two entries with one name the later counts, hard links share the data of the one
 * that has it, symbolic links are followed inside the archive. Trusts nothing in it. Pure.
 */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include <lib/types.h>

#define CPIO_PATH_MAX 512 /* of a path while links in it are followed, with its end */

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
	u64 offset; /* of the entry that comes next, or where it is broken */
	u64 at;     /* of the last entry, and of the archive that it is in */
	u64 archive;
};

void cpio_open(struct cpio *c, const void *base, u64 size);

/*
 * Next entry: 1 and *e filled; 0 at the end of the last archive; -EINVAL where what follows, at c->offset, is no archive, or a broken one. A hard link
 * without data of its own has size 0 here.
 */
int __must_check cpio_next(struct cpio *c, struct cpio_entry *e);

/* True if the two are one path: "." and repeated slashes are left out of account. */
bool cpio_same_path(const char *a, const char *b);

/*
 * Follow the symbolic links in `path`, which may end at a file, a folder or nothing, and write the path that it stands for to real (CPIO_PATH_MAX bytes): 0;
 * -ERANGE: that is too long, or more than 16 links lead there.
 */
int __must_check cpio_real_path(const void *base, u64 size, const char *path, char *real);

/*
 * The regular file at path: 0; -ENOENT: there is none before the archives' end or where they are broken; -ERANGE as above; -EIO: its checksum
 * ("crc" archives) is another.
 */
int __must_check cpio_find(const void *base, u64 size, const char *path, struct cpio_entry *e);

#endif
