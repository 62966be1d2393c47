/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory before there is a page allocator, for tables whose size depends on the machine. It is
 * never given back. Boot, one CPU.
 */
#ifndef KERNEL_EARLY_H
#define KERNEL_EARLY_H

#include <lib/types.h>

/* Use [start, start + size) from here on. Its contents are unknown. */
void early_init(void *start, u64 size);
/*
 * `size` bytes at a multiple of `align` (a power of two), with unknown contents. NULL: there is not
 * enough left.
 */
void *early_alloc(u64 size, u64 align);

#endif
