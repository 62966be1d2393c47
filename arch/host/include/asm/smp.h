/* SPDX-License-Identifier: Apache-2.0 */
/* Inside arch/host. */
#ifndef ASM_SMP_H
#define ASM_SMP_H

#include <asm/fiber.h>
#include <asm/host.h>

/* A CPU while another one executes. */
struct host_processor {
	struct host_fiber fiber;
	bool suspended; /* fiber is valid: the CPU waits for its turn */
	bool idle;      /* in arch_idle() */
	void *stack_top;
};

extern struct host_processor host_processors[HOST_CPUS];

/* Parts of host_reset(). */
void host_smp_reset(void);
void host_irqchip_reset(void);
void host_memory_reset(void);
void host_vgic_reset(void);

#endif
