/* SPDX-License-Identifier: Apache-2.0 */
/* Archives to make bundles of. */
#ifndef ARCHIVE_FIXTURE_H
#define ARCHIVE_FIXTURE_H

#include <unit.h>

#define RAW_KERNEL_SIZE 8

extern u8 archive[KIB(256)];
extern u32 archive_size;
extern u8 blob[8192];
extern const u8 raw_kernel[RAW_KERNEL_SIZE];

/* A regular file more in the archive; a symbolic link; a file with a checksum. */
void archive_add(const char *name, const void *data, u64 size);
void archive_add_link(const char *name, const char *target);
void archive_add_summed(const char *name, const void *data, u64 size, u32 sum);
/* The trailer: another archive may follow. */
void archive_end(void);
/* A description in `blob`, 64 MiB of memory; kernel NULL: none. */
void make_desc(const char *label, const char *kernel);
void archive_add_desc(const char *name, const char *label, const char *kernel);
/* The archive ends; it is the bundle. */
void archive_use(void);

#endif
