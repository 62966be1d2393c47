/* SPDX-License-Identifier: Apache-2.0 */
/* What a test finds in a guest's RAM. */
#ifndef UNIT_RAM_H
#define UNIT_RAM_H

#include <lib/errno.h>
#include <string.h>
#include <unit.h>
#include <vmm/core.h>

static inline int unit_ram_read(const struct vm_ram *ram, u64 ipa, void *dst, u64 len)
{
	u64 step;

	for (u8 *to = dst; len; ipa += step, to += step, len -= step) {
		const void *from = vm_ram_ptr(ram, ipa);

		if (!ram_map_holds(&ram->map, ipa, 1))
			return -EFAULT;
		step = MIN(BLOCK_SIZE - ipa % BLOCK_SIZE, len);
		if (from)
			memcpy(to, from, step);
		else
			memset(to, 0, step);
	}
	return 0;
}

#endif
