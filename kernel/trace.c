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

static bool is_other_vm(u32 kind, u32 tag)
{
	return ((tag ^ only.value) & only.mask) && !(kind & TRACE_OF_MACHINE);
}

void trace_event(u32 kind, u64 now, u32 tag, u32 a, u32 b)
{
	if (unlikely(READ_ONCE(trace_groups) & TRACE_ONE_VM) && is_other_vm(kind, tag))
		return;
	trace_put(&this_cpu()->trace, kind, now, tag, (u16)a, b);
}

void trace_irq(u32 intid, u64 began)
{
	const u64 now = arch_counter();
	struct percpu *cpu = this_cpu();

	trace_put_irq(&cpu->trace, intid, began, now, cpu->current->tag);
}

void trace_masked(u64 ticks, u64 end, u64 to)
{
	const u32 n = trace_ticks(0, ticks, UINT32_MAX);

	trace_event(TRACE_MASKED, end, n >> 16, n & 0xffff, (u32)to);
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
	if (mask && groups)
		groups |= TRACE_ONE_VM;
	__atomic_store_n(&trace_groups, groups, __ATOMIC_RELEASE);
}
