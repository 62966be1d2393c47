/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/crc32.h>

u32 crc32_more(u32 crc, const void *data, u32 size)
{
	const u8 *p = data;

	while (size--) {
		crc ^= *p++;
		for (u32 i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}
