/* SPDX-License-Identifier: Apache-2.0 */
/* Memory before there is a page allocator: for tables whose size only the machine knows. It is never given back. Boot, one CPU. */
#ifndef KERNEL_EARLY_H
#define KERNEL_EARLY_H

#include <lib/types.h>

/* Use [start, start + size), of which nothing is known, from here on. */
void early_init(void *start, u64 size);
/* `size` bytes, whatever is in them, at a multiple of `align` (a power of two); NULL: there is no more. */
void *early_alloc(u64 size, u64 align);

#endif
