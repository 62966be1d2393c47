/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of traces. */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <kernel/trace.h>

u32 trace_groups;
static struct {
	u32 value, mask; /* of tags; mask 0: all VMs */
} only;

void trace_event(u32 kind, u64 now, u32 tag, u32 a, u32 b)
{
	struct trace_ring *r = &this_cpu()->trace;
	const u64 n = r->head;
	struct trace_record *to = &r->records[n % TRACE_RING_RECORDS];

	if (((tag ^ only.value) & only.mask) && !(kind & TRACE_OF_MACHINE))
		return;
	/* The last record's `head` before the first store of this one: see trace_ring_read(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&to->when, (u64)kind << 56 | (now & BITS(55, 0)), __ATOMIC_RELAXED);
	__atomic_store_n(&to->what, (u64)tag << 48 | (u64)(a & 0xffff) << 32 | b, __ATOMIC_RELAXED);
	__atomic_store_n(&r->head, n + 1, __ATOMIC_RELEASE);
}

void trace_irq(u32 intid, u64 began)
{
	const u64 now = arch_counter();

	trace_event(TRACE_IRQ, now, this_cpu()->current->tag, intid,
		    trace_ticks(began, now, UINT32_MAX));
}

static void nothing(void *arg __unused)
{
}

void trace_set_groups(u32 groups, u32 value, u32 mask)
{
	__atomic_store_n(&trace_groups, 0, __ATOMIC_RELEASE);
	/* Writers mask interrupts: none that saw the old groups is left behind this. */
	ipi_call_all(nothing, NULL);
	only.value = value;
	only.mask = mask;
	__atomic_store_n(&trace_groups, groups, __ATOMIC_RELEASE);
}
