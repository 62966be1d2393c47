/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long interrupts are masked, and where.
 *
 * Each CPU measures its own sections, from the mask to the unmask, across any switch of threads in
 * between, and keeps the longest. A section that begins with an exit from a lower exception level
 * is measured from the exit only while arch_measure_exits() is on. Otherwise it is measured from
 * where the exit path calls the scheduler, so an exit that needs nothing of the kernel costs
 * nothing more. Waiting for an interrupt is not a section.
 */
#ifndef KERNEL_MASKED_H
#define KERNEL_MASKED_H

#include <lib/types.h>

#define MASKED_WORST 4

/*
 * Code addresses in the image. A `from` below MASKED_CLASSES is the class of the exception that a
 * lower level took.
 */
struct masked_section {
	u64 ticks;
	u64 from, to;
};
#define MASKED_CLASSES 64

/* One for each CPU. Only that CPU writes it, with interrupts masked. */
struct masked {
	u64 since, from; /* these three come first: assembly uses their offsets */
	u64 limit;       /* only longer sections are recorded */
	struct masked_section worst[MASKED_WORST]; /* one for each place, the longest first */
	bool exits;                                /* exits of lower levels are measured */
};

/* Record a section of this many ticks, over the limit, that ended at `to`. For arch. */
void masked_record(u64 ticks, u64 to);

/*
 * End or begin a section without touching the mask, where a wait or a switch does that. `at` is a
 * code address.
 */
static inline void masked_stop(struct masked *m, u64 now, u64 at)
{
	if (now - m->since > m->limit)
		masked_record(now - m->since, at);
}

static inline void masked_restart(struct masked *m, u64 now, u64 at)
{
	m->since = now;
	m->from = at;
}

/*
 * Copy a CPU's longest sections; unused rows have 0 ticks. masked_reset() forgets them on all CPUs.
 * Thread context.
 */
void masked_get(u32 cpu, struct masked_section worst[MASKED_WORST]);
void masked_reset(void);
/* Why lower levels' exits are measured. */
enum masked_reason {
	MASKED_ASKED,  /* the operator */
	MASKED_TRACED, /* a trace of exits (kernel/trace.h) */
};
/*
 * Turn the measurement of lower levels' exits on or off for one reason, on all CPUs. It is on while
 * there is a reason. Thread context.
 */
void masked_exits(enum masked_reason why, bool on);
/*
 * Write sections of more than `us` to the trace too (TRACE_MASKS), on all CPUs; 0: no more. Thread
 * context.
 */
void masked_trace(u32 us);

#endif
