/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_TYPES_H
#define KIT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kit/layout.h"

#define BIT(n)            (UINT64_C(1) << (n))
#define BIT32(n)          (UINT32_C(1) << (n))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Bits hi..lo of value, shifted down. */
static inline uint64_t field(uint64_t value, unsigned int hi, unsigned int lo)
{
	return (value >> lo) & (~UINT64_C(0) >> (63 - (hi - lo)));
}

#endif
