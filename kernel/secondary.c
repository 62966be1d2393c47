/* SPDX-License-Identifier: Apache-2.0 */
/* How the kernel starts on a CPU that is not the first. */
#include "internal.h"

#include <kernel/irq.h>

__noreturn void kernel_secondary_main(u32 cpu)
{
	/*
	 * Go online first. A CPU that registers a PPI from now on sends an IPI to this one, which
	 * waits until interrupts are unmasked. PPIs registered before are in the table that
	 * irq_init_cpu() reads. Threads sent here wait in the wake queue for the first schedule().
	 */
	percpu_set_online(cpu);
	irq_init_cpu();
	sched_start_secondary();
}
