/* SPDX-License-Identifier: Apache-2.0 */
/* The end: an invariant of the hypervisor is broken. */
#include "internal.h"

#include <arch/cpu.h>
#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/text.h>

#define MESSAGE_SIZE 200

static bool panicking;

static void stop_others(const struct percpu *self)
{
	u32 cpu;

	for_each_online_cpu(cpu)
		if (cpu != self->id)
			arch_sgi_send(IPI_HALT, cpu);
}

static void report(const struct percpu *self, const char *message)
{
	const struct thread *t = self ? self->current : NULL;

	log_err("panic: %s", message);
	if (self)
		log_err("CPU %u, thread '%s'%s", self->id, t ? t->name : "none",
			self->irq_depth ? ", in an interrupt" : "");
	arch_backtrace(0);
}

/* For the next start: it clears the log's own ring. */
static void keep(void)
{
	struct panic_record *r = arch_panic_page();

	panic_record_seal(r, log_tail(r->text, sizeof(r->text)));
	log_err("halted; where RAM survives a reset, the next start shows this again");
}

void panic(const char *fmt, ...)
{
	char message[MESSAGE_SIZE];
	const struct percpu *self;
	va_list ap;

	arch_irq_disable();
	/* Another CPU panicked first, or this one panics again while it reports. */
	if (__atomic_exchange_n(&panicking, true, __ATOMIC_ACQ_REL))
		arch_halt();
	self = this_cpu();
	if (self)
		stop_others(self);
	/* The other CPUs may stop inside klog: no locks from here on. */
	log_panic_mode();
	va_start(ap, fmt);
	text_vprint(message, sizeof(message), fmt, ap);
	va_end(ap);
	report(self, message);
	keep();
	arch_halt();
}
