/* SPDX-License-Identifier: Apache-2.0 */
/* Converts between a GICv2's GICH_LR<n> and the list register format of arch/guest.h. Pure. */
#ifndef ASM_GICV2_LR_H
#define ASM_GICV2_LR_H

#include <lib/types.h>

/*
 * GICH_LR (IHI 0048, 5.3.10): HW 31, Grp1 30, State 29:28, Priority 27:23 (the upper five bits of
 * eight), PhysicalID 19:10, VirtualID 9:0. ICH_LR has the same fields at 61, 60, 63:62, 55:48,
 * 41:32 and 31:0. Without HW, PhysicalID is an SGI's source CPU (12:10) and the maintenance request
 * on EOI (19): bits 34:32 and 41 there.
 */
static inline u32 gicv2_lr_pack(u64 lr)
{
	return (u32)(FIELD(lr, 61, 61) << 31 | FIELD(lr, 60, 60) << 30 | FIELD(lr, 63, 62) << 28 |
		     FIELD(lr, 55, 51) << 23 | FIELD(lr, 41, 32) << 10 | FIELD(lr, 9, 0));
}

static inline u64 gicv2_lr_unpack(u32 gich)
{
	u64 lr = gich;

	return FIELD(lr, 31, 31) << 61 | FIELD(lr, 30, 30) << 60 | FIELD(lr, 29, 28) << 62 |
	       FIELD(lr, 27, 23) << 51 | FIELD(lr, 19, 10) << 32 | FIELD(lr, 9, 0);
}

#endif
