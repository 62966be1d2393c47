/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's own events for `zvm trace`: rings in its memory, which it names by the call ZVM_TRACE.
 * Part of the guest ABI (docs/guest-abi.md); records are those of docs/trace.md.
 */
#ifndef UAPI_TRACE_H
#define UAPI_TRACE_H

#include <lib/types.h>

#define GUEST_TRACE_VERSION     1
#define GUEST_TRACE_MAX_RINGS   32
#define GUEST_TRACE_MIN_RECORDS 64
#define GUEST_TRACE_MAX_RECORDS 65536
#define GUEST_TRACE_MAX_THREADS 256

/* All addresses are guest-physical, and multiples of 8. */
struct guest_trace {
	u32 version;
	u32 rings;   /* one for each vCPU, behind this struct */
	u32 records; /* of each ring, a power of two */
	u32 threads;
	u64 wanted; /* of a word of 32 bits, which ZVM writes: what the guest is to record */
	u64 names;  /* of struct guest_trace_thread, one for each thread */
};
_Static_assert(sizeof(struct guest_trace) == 32, "docs/guest-abi.md");

struct guest_trace_ring {
	u64 head; /* of a word of 64 bits: the number of the next record */
	u64 records;
};

struct guest_trace_thread {
	u16 tag;
	u16 zero;
	char name[32]; /* zeroes at its end */
};
_Static_assert(sizeof(struct guest_trace_thread) == 36, "docs/trace.md");

#endif
