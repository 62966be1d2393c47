/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of trace/. */
#ifndef VMM_TRACE_INTERNAL_H
#define VMM_TRACE_INTERNAL_H

#include <uapi/trace.h>
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

/* ---- trace_guest.c. They read what a guest may write at any time. ---- */

/*
 * Guests are to record these groups, as far as they can, from now on; those of one VM only, or
 * (-1) of all. Events of before are not in the trace. 0: none. Lifecycle lock held.
 */
void trace_guests_want(u32 groups, s32 only);
/* The next trace_guest_read() begins where the trace does. */
void trace_guests_rewind(void);

#define GUEST_RECORDS_MAX 32

/* Records of a guest's ring, as they go into a dump behind their head. */
struct guest_records {
	u32 vm, ring;
	u64 first;  /* the number of the first record */
	u64 offset; /* the machine's counter minus the guest's */
	struct trace_record records[GUEST_RECORDS_MAX];
};
/*
 * Copy the next records of a VM, of one of its rings. Returns how many, 0: there are no more yet.
 * *lost grows by those that were overwritten before. Thread context.
 */
u32 trace_guest_read(u32 vm, struct guest_records *to, u64 *lost);
/* Copy names of threads from number `from` on, at most `max`. Returns how many. Thread context. */
u32 trace_guest_names(u32 vm, u32 from, struct guest_trace_thread *to, u32 max);

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
