/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts between CPUs. */
#include "internal.h"

#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <lib/errno.h>

/* On the caller's stack, until done. */
struct ipi_request {
	struct ipi_request *next;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

/* Bounded by the number of threads: each has at most one call under way. */
static void serve_calls(struct percpu *pc)
{
	struct ipi_request *r = __atomic_exchange_n(&pc->calls, NULL, __ATOMIC_ACQUIRE);

	while (r) {
		struct ipi_request *next = r->next;

		r->fn(r->arg);
		/* *r may be gone at once. */
		__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
		r = next;
	}
}

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
	serve_calls(this_cpu());
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

u64 ipi_total(u32 cpu)
{
	u64 total = 0;

	for (u32 ipi = 0; ipi < IPI_COUNT; ipi++)
		total += __atomic_load_n(&percpus[cpu].private_irqs[ipi], __ATOMIC_RELAXED);
	return total;
}

void ipi_send(enum ipi ipi, u32 cpu)
{
	arch_sgi_send(ipi, cpu);
}

static void push_call(u32 cpu, struct ipi_request *r)
{
	struct ipi_request **calls = &percpus[cpu].calls;

	r->next = __atomic_load_n(calls, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(calls, &r->next, r, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	ipi_send(IPI_CALL, cpu);
}

void ipi_call(u32 cpu, void (*fn)(void *arg), void *arg)
{
	struct ipi_request r = { .fn = fn, .arg = arg };
	unsigned long flags = arch_irq_save();
	bool here = this_cpu()->id == cpu;

	if (here)
		fn(arg);
	arch_irq_restore(flags);
	if (here)
		return;
	lock_check_no_spinlock("waits for another CPU");
	push_call(cpu, &r);
	while (!__atomic_load_n(&r.done, __ATOMIC_ACQUIRE)) {
		/*
		 * A caller with interrupts masked serves its own calls. So two CPUs that call each
		 * other both make progress.
		 */
		if (arch_irqs_masked())
			serve_calls(this_cpu());
		arch_relax();
	}
}
