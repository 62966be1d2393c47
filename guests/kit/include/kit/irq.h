/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_IRQ_H
#define KIT_IRQ_H

#include "kit/types.h"

#define IRQ_HANDLERS 256 /* INTIDs with a place in the table */

/* Runs with interrupts masked, between acknowledge and end of interrupt. */
typedef void (*irq_handler_t)(unsigned int intid, void *arg);

/* One table for all CPUs; NULL takes the handler away. */
void irq_set_handler(unsigned int intid, irq_handler_t handler, void *arg);

/* Interrupts taken without a handler (they get disabled), and acknowledges that gave 1020..1023. */
unsigned int irq_unexpected(void);
unsigned int irq_spurious(void);

/* Called by exc.c; FIQs are group 0 of a GICv3. */
void irq_dispatch(void);
void fiq_dispatch(void);

#endif
