/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the build machine, for tests that stand in for the kernel. */
#include <unit.h>

#include <kernel/page.h>
#include <stdlib.h>

void *pages_alloc(u32 count)
{
	return calloc(count, PAGE_SIZE);
}

void pages_free(void *p, u32 count)
{
	(void)count;
	free(p);
}
