/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events for `zvm trace` (docs/trace.md): each CPU writes records of 16 bytes to a ring of its own,
 * without a lock. A ring's only writer is its CPU with interrupts masked; readers copy what they
 * find and detect what was overwritten meanwhile (vmm/trace.h). While nothing is recorded, a place
 * that could write an event costs a load and a branch that is not taken.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include <arch/cpu.h>
#include <lib/types.h>

/* What can be recorded: bits of trace_groups. */
#define TRACE_EXITS      BIT(0)
#define TRACE_IRQS       BIT(1)
#define TRACE_INJECTIONS BIT(2)
#define TRACE_SWITCHES   BIT(3)
#define TRACE_BUDGETS    BIT(4)
#define TRACE_VIRTIO     BIT(5)
#define TRACE_CHANNELS   BIT(6)
#define TRACE_CONSOLES   BIT(7)
#define TRACE_STATES     BIT(8)
#define TRACE_MASKS      BIT(9)
#define TRACE_ONE_VM     BIT(31) /* beside them: of one VM only, see trace_set_groups() */

/* The kind of a record, in its byte 7. Those with bit 7 set are about the machine, not one VM. */
enum trace_kind {
	TRACE_EXIT = 0x10, /* + enum exit_kind */
	TRACE_INJECT = 0x20,
	TRACE_HELD = 0x28,
	TRACE_RELEASED,
	TRACE_NOTIFY = 0x30,
	TRACE_DEVICE_IRQ,
	TRACE_DOORBELL = 0x38,
	TRACE_CHANNEL_IRQ,
	TRACE_TEXT = 0x40, /* six bytes of a line, ... */
	TRACE_TEXT_END,    /* ... and its last ones */
	TRACE_STATE = 0x48,
	TRACE_IRQ = 0x80,
	TRACE_SWITCH,
	TRACE_WINDOW,
	TRACE_MASKED,
};

/* Why a thread that is ready is held (`a` of TRACE_HELD). */
enum trace_held { TRACE_HELD_BUDGET = 1, TRACE_HELD_WINDOW };
#define TRACE_OF_MACHINE  BIT(7)
#define TRACE_EXIT_MASKED 0x80000000U /* in `b` of an exit: the guest continues with PSTATE.I set */
#define TRACE_NO_IRQ      UINT32_MAX  /* `b` of an injection: no interrupt of the machine */

/*
 * when: 63:56 the kind, 55:0 the counter, of which every machine has at least 56 bits (Arm ARM
 * D11.1.1). what: 63:48 the thread's tag, 47:32 `a`, 31:0 `b`, by the kind (docs/trace.md).
 */
struct trace_record {
	u64 when;
	u64 what;
};
_Static_assert(sizeof(struct trace_record) == 16, "docs/trace.md");

#define TRACE_RING_RECORDS 65536 /* 1 MiB for each CPU */

/* A CPU's ring. Record number n is at n % TRACE_RING_RECORDS. */
struct trace_ring {
	u64 head;                     /* the number of the next record (atomic) */
	struct trace_record *records; /* NULL: there is no ring */
};

/*
 * A thread's tag (struct thread): 0, none; a vCPU's, by the ids of VM and vCPU; or the number of a
 * thread of ours, from 1.
 */
#define TRACE_TAG_VCPU          0x8000
#define trace_tag_of(vm, index) ((u16)(TRACE_TAG_VCPU | (vm) << 5 | (index)))
#define TRACE_TAG_VM_MASK       0xffe0 /* the same in all vCPUs of a VM */

extern u32 trace_groups; /* what is recorded now (atomic) */

/* True if one of these groups is recorded: then call trace_event(). */
static inline bool trace_wants(u32 groups)
{
	return unlikely(READ_ONCE(trace_groups) & groups);
}

/*
 * Write a record at time `now`, a reading of the counter, unless it is about a VM and that one is
 * not recorded. Only after trace_wants(), in the same section with interrupts masked.
 */
void trace_event(u32 kind, u64 now, u32 tag, u32 a, u32 b);
/*
 * The same, inline, for the way out of every exit: into this CPU's ring, while events of all VMs
 * are recorded.
 */
static __inlined void trace_put(struct trace_ring *r, u32 kind, u64 now, u32 tag, u16 a, u32 b)
{
	struct trace_record *to;
	u64 n;

	arch_one_address(r);
	n = r->head;
	to = &r->records[n % TRACE_RING_RECORDS];
	arch_one_address(to); /* one store of both words */
	/* The last record's `head` before the first store of this one: see trace_ring_read(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	to->when = (u64)kind << 56 | (now & BITS(55, 0));
	to->what = ((u64)b | (u64)tag << 48) | (u64)a << 32;
	__atomic_store_n(&r->head, n + 1, __ATOMIC_RELEASE);
}
/* trace_event(), inline, for a path that has read trace_groups: its event's group is among them. */
static __inlined void trace_event_of(u32 groups, struct trace_ring *r, u32 kind, u64 now, u32 tag,
				     u16 a, u32 b)
{
	if (unlikely(groups & TRACE_ONE_VM))
		trace_event(kind, now, tag, a, b);
	else
		trace_put(r, kind, now, tag, a, b);
}

/*
 * The event of an interrupt of the machine, which is of no one VM: handled from `began` to `now`,
 * on a thread with this tag.
 */
static __inlined void trace_put_irq(struct trace_ring *r, u32 intid, u64 began, u64 now, u32 tag)
{
	const u64 ticks = now - began;

	trace_put(r, TRACE_IRQ, now, tag, (u16)intid, ticks >> 32 ? UINT32_MAX : (u32)ticks);
}
/* The same until now, on the running thread. */
void trace_irq(u32 intid, u64 began);

/* The same for a section with interrupts masked that ended at `to`, a code address. */
void trace_masked(u64 ticks, u64 end, u64 to);

/* The ticks from `began` to `now`, as a record has them: at most `limit`, which means "or more". */
static inline u32 trace_ticks(u64 began, u64 now, u32 limit)
{
	return now - began < limit ? (u32)(now - began) : limit;
}

/*
 * Record these groups from now on, of all VMs or (value, mask: of their vCPUs' tags) of one. Every
 * CPU has a ring. trace_set_groups(0): nothing is written any more when it returns. Thread context.
 */
void trace_set_groups(u32 groups, u32 value, u32 mask);

#endif
