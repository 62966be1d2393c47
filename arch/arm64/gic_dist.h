/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distributor's registers that a GICv3 (IHI 0069, 12.9) and a GICv2 (IHI 0048, 4.1.2) have at
 * the same places.
 */
#ifndef GIC_DIST_H
#define GIC_DIST_H

#include <lib/types.h>

#define GICD_CTLR       0x0000
#define GICD_TYPER      0x0004
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_ICACTIVER  0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00

#define GIC_PRIORITY_HOST   0xa0a0a0a0u
#define GIC_PRIORITY_URGENT 0x80 /* a lower value is more urgent */

/* The distributor, since gic_dist_init(). */
extern volatile u8 *gicd;

/*
 * Take the distributor that was mapped at `dist`: disabled, with all shared interrupts off and of
 * our priority. Boot.
 */
void gic_dist_init(volatile u8 *dist);

/*
 * A frame of private interrupts, at the redistributor's offsets or the GICv2 distributor's: all off
 * and of our priority. On its CPU.
 */
void gic_private_init(volatile u8 *frame);

static inline u32 rd32(const volatile u8 *base, u32 offset)
{
	return *(const volatile u32 *)(base + offset);
}

static inline void wr32(volatile u8 *base, u32 offset, u32 value)
{
	*(volatile u32 *)(base + offset) = value;
}

#endif
