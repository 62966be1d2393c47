/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a GICv2 that gicv2.c and gicv2_lower.c both use (IHI 0048, 4.1.2, 4.1.3). */
#ifndef GICV2_REGS_H
#define GICV2_REGS_H

#include <lib/types.h>
#include "gic_dist.h"

#define GICD_ITARGETSR 0x800
#define GICD_SGIR      0xf00

#define GICC_CTLR    0x0000
#define GICC_PMR     0x0004
#define GICC_BPR     0x0008
#define GICC_IAR     0x000c
#define GICC_EOIR    0x0010
#define GICC_IIDR    0x00fc
#define GICC_DIR     0x1000
#define GICC_ENABLE  BIT(0)
#define GICC_EOIMODE BIT(9) /* priority drop and deactivation are separate */

/* Entries of the node's reg. */
enum { FRAME_DIST, FRAME_CPU, FRAME_HYP, FRAME_VCPU };

/* The CPU interface. */
extern volatile u8 *gicv2_cpu;

/*
 * Map one of the node's frames. Unless pa is NULL, its address goes to *pa. NULL: there is no such
 * frame, or no memory.
 */
volatile u8 *gicv2_map(u32 frame, paddr_t *pa);

#endif
