/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces: the rings that CPUs write events to (kernel/trace.h), and a stream of them to a port.
 * docs/trace.md has the format.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <kernel/percpu.h>
#include <kernel/trace.h>
#include <vmm/port.h>

struct vm;

#define TRACE_RING_BYTES (TRACE_RING_RECORDS * sizeof(struct trace_record))

/* The groups by the names that the operator uses; the bit of each is its index. */
#define TRACE_GROUP_COUNT 9
extern const char *const trace_group_names[TRACE_GROUP_COUNT];

/* What the operator sees. */
struct trace_look {
	bool rings;     /* there are some */
	bool recording; /* else they hold what was recorded */
	u32 groups;
	s32 only;       /* the id of the VM that it is about; -1: all */
	u64 written;    /* events so far */
	u64 sent, lost; /* by the dump: events, and those that were overwritten before */
	s32 port;       /* where the dump goes; -1: there is none */
};

/* Start the thread that sends dumps. 0 or -ENOMEM. Boot. */
int __must_check trace_init(void);
/*
 * Record these groups from now on, of one VM or (NULL) of all. Rings are taken, or emptied if there
 * are some. -ENOMEM; -EBUSY: a trace is recorded, or sent. Lifecycle lock held.
 */
int __must_check trace_start(u32 groups, const struct vm *only);
/*
 * End it. The rings stay for a dump. If nothing was recorded, they are given back. -ENOENT: there
 * are none; -EBUSY: they are being sent. Lifecycle lock held.
 */
int __must_check trace_stop(void);
/*
 * Send what the rings hold, and what comes until trace_stop(), to port `want`, or to the lowest
 * free one if want is -1. It goes on by itself: the port is free when all is sent. `wall`: seconds
 * since 1970, now; 0: unknown. Returns the port; -EPERM: there are no rings; -EEXIST: they are
 * being sent; and the errors of port_stream_open(). Lifecycle lock held.
 */
int __must_check trace_dump(s32 want, u64 wall);
/* End a dump before its end. False: there is none. Lifecycle lock held. */
bool trace_dump_end(void);
struct trace_look trace_look(void);

/*
 * Copy up to `max` records of a CPU's ring from number *pos on, while it may be written. Returns
 * how many; *pos is the number of the first one. It grows if records before that were overwritten,
 * at most TRACE_RING_RECORDS - 1 are there. Any context.
 */
u32 trace_ring_read(const struct trace_ring *r, u64 *pos, struct trace_record *out, u32 max);

#endif
