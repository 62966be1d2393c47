/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of GUID partition tables (UEFI 2.10, 5.3). The disk's contents are anything: all numbers
 * are checked. Pure.
 */
#ifndef LIB_GPT_H
#define LIB_GPT_H

#include <lib/types.h>

#define GPT_LABEL       (36 * 3 + 1) /* 36 UTF-16 units, as UTF-8 with its end */
#define GPT_ENTRIES_MAX KIB(64)      /* bytes of a table: 512 partitions */

/* A header that was checked. Numbers of blocks, as the disk counts them. */
struct gpt {
	u64 first, last; /* usable blocks */
	u64 entries;     /* where the table begins */
	u32 count, entry_size;
	u32 crc; /* of the table */
};

struct gpt_part {
	u64 first, last;
	char label[GPT_LABEL];
};

/*
 * Check the header in a block of `size` bytes that was read from block `lba` of a disk with
 * `blocks` blocks. NULL, or a few words on what is wrong.
 */
const char *__must_check gpt_header(struct gpt *g, const void *block, u32 size, u64 lba,
				    u64 blocks);
static inline u32 gpt_table_size(const struct gpt *g)
{
	return g->count * g->entry_size;
}
/* True if the table of gpt_table_size() bytes is the one that the header was written for. */
bool gpt_table_ok(const struct gpt *g, const void *table);
/*
 * Partition `number`, from 1 on. False: there is none, or it lies outside of the usable blocks.
 */
bool gpt_part(const struct gpt *g, const void *table, u32 number, struct gpt_part *p);

#endif
