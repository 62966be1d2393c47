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
 * MemAttr[3:0]. HCR_EL2.FWB = 0 (D8.6.5): of the types of both stages the weaker one counts, so
 * memory that is non-cacheable here is non-cacheable for every guest, whatever its own tables say.
 * FWB = 1 (D8.6.6): normal memory is what stage 2 says.
 */
#define S2_WRITE_BACK        S2_MEMATTR(0xf)
#define S2_WRITE_BACK_FORCED S2_MEMATTR(0x6)
#define S2_UNCACHED          S2_MEMATTR(0x5) /* in both */
#define S2_NGNRE             S2_MEMATTR(0x1) /* in both */

/*
 * HCR_EL2.FWB is set on all CPUs. The boot CPU says so, before another one starts and before the
 * first guest.
 */
extern bool guests_are_cached;

/* The lower and upper attributes of a block or page. forced: with HCR_EL2.FWB. */
static inline u64 stage2_attr_bits(enum stage2_attr attr, bool forced)
{
	const u64 write_back = (forced ? S2_WRITE_BACK_FORCED : S2_WRITE_BACK) | S2_SH_INNER;
	const u64 bits[] = {
		[STAGE2_RAM] = write_back | S2_AP_WRITE,
		[STAGE2_ROM] = write_back,
		[STAGE2_DEVICE] = S2_NGNRE | S2_AP_WRITE | S2_XN,
		[STAGE2_DATA] = write_back | S2_AP_WRITE | S2_XN,
		[STAGE2_DATA_READ] = write_back | S2_XN,
		[STAGE2_UNCACHED] = S2_UNCACHED | S2_AP_WRITE | S2_XN,
		[STAGE2_UNCACHED_READ] = S2_UNCACHED | S2_XN,
	};

	return bits[attr] | S2_AP_READ | S2_AF;
}

#endif
