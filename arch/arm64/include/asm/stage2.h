/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of stage 2 (Arm ARM D8.3). Pure. */
#ifndef ASM_STAGE2_H
#define ASM_STAGE2_H

#include <arch/guest.h>
#include <lib/types.h>

#define S2_VALID      BIT(0)
#define S2_TABLE      BIT(1) /* at level 3: page */
#define S2_MEMATTR(a) ((u64)(a) << 2)
#define S2_AP_READ    BIT(6)
#define S2_AP_WRITE   BIT(7)
#define S2_SH_INNER   (3ULL << 8)
#define S2_AF         BIT(10)
#define S2_XN         BIT(54)
#define S2_ADDR       BITS(47, 12)

/*
 * MemAttr[3:0] without FEAT_S2FWB. Of the types of both stages the weaker one counts, so memory
 * that is non-cacheable here is non-cacheable for every guest, whatever its own tables say.
 */
#define S2_WRITE_BACK S2_MEMATTR(0xf)
#define S2_UNCACHED   S2_MEMATTR(0x5)
#define S2_NGNRE      S2_MEMATTR(0x1)

/* The lower and upper attributes of a block or page. */
static inline u64 stage2_attr_bits(enum stage2_attr attr)
{
	static const u64 bits[] = {
		[STAGE2_RAM] = S2_WRITE_BACK | S2_SH_INNER | S2_AP_WRITE,
		[STAGE2_ROM] = S2_WRITE_BACK | S2_SH_INNER,
		[STAGE2_DEVICE] = S2_NGNRE | S2_AP_WRITE | S2_XN,
		[STAGE2_DATA] = S2_WRITE_BACK | S2_SH_INNER | S2_AP_WRITE | S2_XN,
		[STAGE2_DATA_READ] = S2_WRITE_BACK | S2_SH_INNER | S2_XN,
		[STAGE2_UNCACHED] = S2_UNCACHED | S2_AP_WRITE | S2_XN,
		[STAGE2_UNCACHED_READ] = S2_UNCACHED | S2_XN,
	};

	return bits[attr] | S2_AP_READ | S2_AF;
}

#endif
