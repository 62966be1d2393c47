/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts between CPUs: sending them, and calls on other CPUs. */
#include "internal.h"

#include <arch/irqchip.h>
#include <kernel/irq.h>

/* On the caller's stack, until done. */
struct ipi_request {
	struct ipi_request *next;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

void ipi_serve_calls(struct percpu *pc)
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

/* A CPU that comes online later does by itself what it missed: see irq_init_cpu(). */
void ipi_call_all(void (*fn)(void *arg), void *arg)
{
	u64 online = cpus_online_mask();
	u32 cpu;

	if (!online)
		fn(arg); /* the boot CPU, before the scheduler stands */
	for_each_set_bit(cpu, online)
		ipi_call(cpu, fn, arg);
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
			ipi_serve_calls(this_cpu());
		arch_relax();
	}
}
