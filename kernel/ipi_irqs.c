/* SPDX-License-Identifier: Apache-2.0 */
/* What a CPU does when another one interrupts it. */
#include "internal.h"

#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <kernel/log.h>

/*
 * The interrupt itself makes the exit path look at current's work. Only the requests are left to
 * serve.
 */
static void reschedule(u32 intid __unused, void *arg __unused)
{
	ipi_reschedule(this_cpu());
}

static void call(u32 intid __unused, void *arg __unused)
{
	ipi_serve_calls(this_cpu());
}

static void halt(u32 intid __unused, void *arg __unused)
{
	arch_halt();
}

void ipi_init(void)
{
	static const struct {
		const char *name;
		irq_handler_t fn;
	} ipis[IPI_COUNT] = {
		[IPI_RESCHEDULE] = { "ipi reschedule", reschedule },
		[IPI_CALL] = { "ipi call", call },
		[IPI_HALT] = { "ipi halt", halt },
	};

	for (u32 ipi = 0; ipi < IPI_COUNT; ipi++) {
		if (irq_request(ipi, ipis[ipi].name, ipis[ipi].fn, NULL, IRQ_EDGE))
			panic("cannot register %s", ipis[ipi].name);
	}
}
