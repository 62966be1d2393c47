/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of trace/. */
#ifndef VMM_TRACE_INTERNAL_H
#define VMM_TRACE_INTERNAL_H

#include <vmm/trace.h>

/* False: nothing is added to the trace any more. Any context. */
bool trace_is_recording(void);
/* The trace's part of a CPU's ring: the numbers of its first record and behind its last one. */
u64 trace_ring_begin(u32 cpu);
u64 trace_ring_end(u32 cpu);
/* The port of the dump, or -1. Any context. */
s32 trace_dump_port(void);
/* Fill in what it knows. */
void trace_dump_look(struct trace_look *look);

/*
 * The times of a record, as the ones next to `now`: it has the low 56 bits of the counter. begin:
 * of an event with a duration.
 */
u64 late_end(const struct trace_record *r, u64 now);
u64 late_begin(const struct trace_record *r, u64 now);

/*
 * Let CPUs record what late limits need, from now on or no more. -ENOMEM: there is no memory for
 * rings. Lifecycle lock held.
 */
int trace_late(bool on);

#endif
