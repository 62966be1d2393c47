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
		const void *from = vm_ram_ptr(ram, ipa, &step);

		if (!from)
			return -EFAULT;
		step = MIN(step, len);
		memcpy(to, from, step);
	}
	return 0;
}

#endif
