/* SPDX-License-Identifier: Apache-2.0 */
/* The CRC-32 of ISO 3309, as in Ethernet and in GUID partition tables. Pure. */
#ifndef LIB_CRC32_H
#define LIB_CRC32_H

#include <lib/types.h>

/* Begin with ~0, go on with the result for each part, and invert the last one. */
u32 crc32_more(u32 crc, const void *data, u32 size);

#endif
