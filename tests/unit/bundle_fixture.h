/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with the addresses of the start command in it, and archives to make bundles of. */
#ifndef BUNDLE_FIXTURE_H
#define BUNDLE_FIXTURE_H

#include <unit.h>

#include <vmm/load.h>

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE GIB(3)
#define ZEPHYR   0xc8000000ULL
#define LINUX    0xe0000000ULL
#define INITRD   0xe4000000ULL
#define DTB      0xf2a00000ULL

#define RAW_KERNEL_SIZE 8

extern u8 *ram;
extern const struct phys_range all_ram;
extern u8 archive[KIB(256)];
extern u32 archive_size;
extern u8 blob[2048];
extern const u8 raw_kernel[RAW_KERNEL_SIZE];

/* Nothing in memory, no type. */
int bundle_setup(void **state);
/* The machine's RAM is these ranges, all of it (bundle_setup()) or some. */
void machine_ram(const struct phys_range *ranges, u32 count);
/* Bytes of it that have been taken: whole pages. */
u64 taken(void);
/* Where the physical address is. */
u8 *mem(u64 pa);

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
