/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on untrusted numbers: false where the result would wrap. */
#ifndef LIB_CHECKED_H
#define LIB_CHECKED_H

#include <lib/types.h>

static inline bool __must_check checked_add(u64 a, u64 b, u64 *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static inline bool __must_check checked_mul(u64 a, u64 b, u64 *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/*
 * True if [start, start + len) lies in [base, base + size). Neither range may wrap. An empty range
 * may lie anywhere within the bounds, the end included.
 */
static inline bool __must_check range_within(u64 start, u64 len, u64 base, u64 size)
{
	return start >= base && start - base <= size && len <= size - (start - base);
}

static inline bool ranges_overlap(u64 a, u64 alen, u64 b, u64 blen)
{
	return alen && blen && a < b + blen && b < a + alen;
}

#endif
