/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a trace: taken, read, given back. */
#include <kernel/page.h>
#include <lib/errno.h>
#include <vmm/core.h>
#include "trace_internal.h"

#define RING_PAGES ((u32)(TRACE_RING_BYTES / PAGE_SIZE))

const char *const trace_group_names[TRACE_GROUP_COUNT] = {
	"exit",   "irq",     "inject",  "sched", "budget",
	"virtio", "channel", "console", "state", "masked",
};

/* What late limits need. */
#define LATE_GROUPS ((u32)(TRACE_EXITS | TRACE_IRQS | TRACE_SWITCHES | TRACE_BUDGETS | TRACE_MASKS))
/*
 * Guests' interrupts are recorded only where exits are measured: others pay nothing. An exit is a
 * section with interrupts masked, too.
 */
#define MEASURED_GROUPS ((u32)(TRACE_EXITS | TRACE_IRQS | TRACE_INJECTIONS | TRACE_MASKS))

/* Sections that explain something. Shorter ones would be records without end. */
#define MASKED_TRACED_US 4

/* The rings have two users: the operator's trace, and late limits. */
static struct {
	bool kept;      /* there is a trace, recording or stopped */
	bool recording; /* atomic: the dump's thread looks at it */
	u32 groups;
	s32 only;
	u64 begin[MAX_CPUS], end[MAX_CPUS]; /* of the trace; end: once it has stopped */
	bool late;                          /* late limits are set */
} state = { .only = -1 };

static void free_rings(void)
{
	u32 cpu;

	for_each_cpu(cpu) {
		struct trace_ring *r = &percpus[cpu].trace;

		if (r->records)
			pages_free(r->records, RING_PAGES);
		*r = (struct trace_ring){ .records = NULL };
	}
}

static void release_rings(void)
{
	if (!state.kept && !state.late)
		free_rings();
}

static int take_rings(void)
{
	u32 cpu;

	for_each_cpu(cpu) {
		struct trace_ring *r = &percpus[cpu].trace;

		if (!r->records)
			r->records = pages_alloc(RING_PAGES);
		if (!r->records) {
			release_rings();
			return -ENOMEM;
		}
	}
	return 0;
}

/* Record what its users want. A late limit needs all VMs. */
static void apply(void)
{
	const u32 groups = (state.recording ? state.groups : 0) | (state.late ? LATE_GROUPS : 0);
	const bool one = state.recording && state.only >= 0 && !state.late;

	if (groups & MEASURED_GROUPS)
		masked_exits(MASKED_TRACED, true);
	masked_trace(groups & TRACE_MASKS ? MASKED_TRACED_US : 0);
	trace_guests_want(state.recording ? state.groups : 0, state.only);
	trace_set_groups(groups, one ? trace_tag_of((u32)state.only, 0) : 0,
			 one ? TRACE_TAG_VM_MASK : 0);
	if (!(groups & MEASURED_GROUPS))
		masked_exits(MASKED_TRACED, false);
}

static u64 head_of(u32 cpu)
{
	return __atomic_load_n(&percpus[cpu].trace.head, __ATOMIC_ACQUIRE);
}

bool trace_is_recording(void)
{
	return __atomic_load_n(&state.recording, __ATOMIC_ACQUIRE);
}

u64 trace_ring_begin(u32 cpu)
{
	return state.begin[cpu];
}

u64 trace_ring_end(u32 cpu)
{
	return trace_is_recording() ? head_of(cpu) : state.end[cpu];
}

int trace_late(bool on)
{
	int err = on ? take_rings() : 0;

	if (err)
		return err;
	state.late = on;
	apply();
	release_rings();
	return 0;
}

int trace_start(u32 groups, const struct vm *only)
{
	u32 cpu;
	int err;

	if (state.recording || trace_dump_port() >= 0)
		return -EBUSY;
	err = take_rings();
	if (err)
		return err;
	for_each_cpu(cpu)
		state.begin[cpu] = head_of(cpu);
	state.kept = true;
	state.groups = groups;
	state.only = only ? (s32)only->id : -1;
	__atomic_store_n(&state.recording, true, __ATOMIC_RELEASE);
	apply();
	return 0;
}

int trace_stop(void)
{
	u32 cpu;

	if (state.recording) {
		for_each_cpu(cpu)
			state.end[cpu] = head_of(cpu);
		__atomic_store_n(&state.recording, false, __ATOMIC_RELEASE);
		apply();
		return 0;
	}
	if (trace_dump_port() >= 0)
		return -EBUSY;
	if (!state.kept)
		return -ENOENT;
	state.kept = false;
	release_rings();
	return 0;
}

struct trace_look trace_look(void)
{
	struct trace_look look = {
		.rings = state.kept,
		.recording = state.recording,
		.groups = state.groups,
		.only = state.only,
	};
	u32 cpu;

	for_each_cpu(cpu)
		look.written += trace_ring_end(cpu) - trace_ring_begin(cpu);
	trace_dump_look(&look);
	return look;
}

/*
 * The slot behind the newest record may be being written. So of the records before `head` one less
 * than the ring has is whole.
 */
static u64 first_whole(u64 head)
{
	return head < TRACE_RING_RECORDS ? 0 : head - TRACE_RING_RECORDS + 1;
}

u32 trace_ring_read(const struct trace_ring *r, u64 *pos, struct trace_record *out, u32 max)
{
	const u64 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	const u64 from = MAX(*pos, first_whole(head));
	u32 n = (u32)MIN(head - MIN(from, head), max), gone;

	for (u32 i = 0; i < n; i++) {
		const struct trace_record *rec = &r->records[(from + i) % TRACE_RING_RECORDS];

		out[i].when = __atomic_load_n(&rec->when, __ATOMIC_RELAXED);
		out[i].what = __atomic_load_n(&rec->what, __ATOMIC_RELAXED);
	}
	/*
	 * Pairs with trace_event(): if a record that was copied is a later one's, `head` is at
	 * least that one's number now.
	 */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*pos = MAX(from, first_whole(__atomic_load_n(&r->head, __ATOMIC_RELAXED)));
	gone = (u32)MIN(*pos - from, n);
	n -= gone;
	for (u32 i = 0; gone && i < n; i++)
		out[i] = out[i + gone];
	return n;
}
