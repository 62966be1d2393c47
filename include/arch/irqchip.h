/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch contract, physical interrupt controller. INTIDs as in the GIC architecture: 0-15 SGI,
 * 16-31 PPI, 32-1019 SPI.
 */
#ifndef ARCH_IRQCHIP_H
#define ARCH_IRQCHIP_H

#include <lib/types.h>

#define IRQ_SPURIOUS 1023

/* Number of INTIDs that the controller implements. */
u32 arch_irq_count(void);

/*
 * Unmask or mask an interrupt. PPIs: on this CPU only. SPIs: unmask first routes them to CPU `cpu`.
 * Any context.
 */
void arch_irq_unmask(u32 intid, u32 cpu);
void arch_irq_mask(u32 intid);
/* Set edge or level (PPI and SPI), before it is unmasked. */
void arch_irq_set_edge(u32 intid, bool edge);

/* Let this PPI come first among this CPU's pending interrupts. Any context. */
void arch_irq_set_urgent(u32 intid);

/* Send SGI `sgi` to one CPU. Any context. */
void arch_sgi_send(u32 sgi, u32 cpu);

/*
 * Set or clear the physical active state of a PPI of this CPU (GICR_ISACTIVER0/ICACTIVER0). Needed
 * at a switch of the vCPU whose virtual interrupt carries the PPI (list register HW bit).
 * Interrupts masked.
 */
void arch_irq_set_active(u32 intid, bool active);

#endif
