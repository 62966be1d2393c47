/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <limits.h> for the target, from the compiler's own numbers. The compiler's header needs a C
 * library's.
 */
#ifndef LIBC_LIMITS_H
#define LIBC_LIMITS_H

#define CHAR_BIT  __CHAR_BIT__
#define INT_MAX   __INT_MAX__
#define INT_MIN   (-INT_MAX - 1)
#define UINT_MAX  (2U * INT_MAX + 1U)
#define LONG_MAX  __LONG_MAX__
#define LONG_MIN  (-LONG_MAX - 1L)
#define ULONG_MAX (2UL * LONG_MAX + 1UL)

#endif
