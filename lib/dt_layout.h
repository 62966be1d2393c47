/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a flattened devicetree: Devicetree Specification v0.4, chapter 5. Numbers are
 * big-endian and are read at any alignment.
 */
#ifndef DT_LAYOUT_H
#define DT_LAYOUT_H

#include <lib/types.h>

/* The header, 5.2. */
#define DT_HEADER_BYTES      40
#define DT_H_MAGIC           0
#define DT_H_TOTALSIZE       4
#define DT_H_OFF_STRUCT      8
#define DT_H_OFF_STRINGS     12
#define DT_H_OFF_RESERVED    16
#define DT_H_VERSION         20
#define DT_H_LAST_COMPATIBLE 24
#define DT_H_SIZE_STRINGS    32
#define DT_H_SIZE_STRUCT     36

#define DT_MAGIC   0xd00dfeed
#define DT_VERSION 17 /* the first version that gives the structure block's size */

#define DT_TAG_BYTES         4U
#define DT_PROP_BYTES        12U /* tag, length, name */
#define DT_RESERVATION_BYTES 16U

typedef u32 __attribute__((may_alias, aligned(1))) dt_word_t;
typedef u64 __attribute__((may_alias, aligned(1))) dt_dword_t;

static inline u32 dt_word(const void *p)
{
	return __builtin_bswap32(*(const dt_word_t *)p);
}

static inline u64 dt_dword(const void *p)
{
	return __builtin_bswap64(*(const dt_dword_t *)p);
}

static inline u32 dt_field(const void *blob, u32 at)
{
	return dt_word((const u8 *)blob + at);
}

#endif
