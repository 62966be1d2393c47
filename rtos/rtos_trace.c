/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches and interrupts of the RTOS in `zvm trace`: the kernel's own rings, which the hypervisor
 * reads in our memory. It writes trace_groups, so nothing is recorded while it records nothing.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <uapi/smccc.h>
#include <uapi/trace.h>
#include "rtos.h"

#define RING_PAGES ((u32)(TRACE_RING_RECORDS * sizeof(struct trace_record) / PAGE_SIZE))
#define THREADS    64

static struct {
	struct guest_trace head;
	struct guest_trace_ring rings[MAX_CPUS];
} told;
static struct guest_trace_thread names[THREADS] __aligned(8);
_Static_assert(offsetof(typeof(told), rings) == sizeof(struct guest_trace), "uapi/trace.h");
_Static_assert(TRACE_RING_RECORDS <= GUEST_TRACE_MAX_RECORDS, "uapi/trace.h");

static void add_name(const struct thread *t, void *arg)
{
	u32 *count = arg;

	if (*count == THREADS)
		return;
	names[*count].tag = t->tag;
	memcpy(names[*count].name, t->name, sizeof(names->name));
	++*count;
}

static int take_rings(void)
{
	u32 cpu;

	for_each_cpu(cpu) {
		struct trace_ring *r = &percpus[cpu].trace;

		r->records = pages_alloc(RING_PAGES);
		if (!r->records)
			return -ENOMEM;
		told.rings[cpu].head = virt_to_phys(&r->head).pa;
		told.rings[cpu].records = virt_to_phys(r->records).pa;
	}
	return 0;
}

int rtos_trace_start(void)
{
	u32 count = 0;
	int err;

	if (cpu_count > GUEST_TRACE_MAX_RINGS || (u32)arch_firmware(ZVM_UID, 0) != ZVM_UID_0)
		return -ENODEV; /* on a machine, or below another hypervisor */
	err = take_rings();
	if (err)
		return err;
	thread_for_each(add_name, &count);
	told.head = (struct guest_trace){
		.version = GUEST_TRACE_VERSION,
		.rings = cpu_count,
		.records = TRACE_RING_RECORDS,
		.threads = count,
		.wanted = virt_to_phys(&trace_groups).pa,
		.names = virt_to_phys(names).pa,
	};
	return arch_firmware(ZVM_TRACE, virt_to_phys(&told).pa) == SMCCC_SUCCESS ? 0 : -ENODEV;
}
