/* SPDX-License-Identifier: Apache-2.0 */
#include <kernel/early.h>
#include <lib/checked.h>

static u64 next, end;

void early_init(void *start, u64 size)
{
	next = (u64)start;
	end = next + size;
}

void *early_alloc(u64 size, u64 align)
{
	u64 at = ALIGN_UP(next, align);

	if (!range_within(at, size, next, end - next))
		return NULL;
	next = at + size;
	return (void *)at;
}
