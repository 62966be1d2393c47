/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces: the rings that CPUs write events to (kernel/trace.h), and a stream of them to a port.
 * docs/trace.md has the format.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <kernel/percpu.h>
#include <kernel/trace.h>
#include <vmm/desc.h>
#include <vmm/dev.h>
#include <vmm/port.h>

struct vcpu;
struct vm;

#define TRACE_RING_BYTES (TRACE_RING_RECORDS * sizeof(struct trace_record))

/* The groups by the names that the operator uses; the bit of each is its index. */
#define TRACE_GROUP_COUNT 10
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

/* ---- events of a guest, in rings in its memory (uapi/trace.h) ---- */

/* A VM's part: it is reset before the VM's memory goes away. */
extern const struct vdev_class trace_guest_class;
/*
 * The guest's rings are those of the struct guest_trace at `ipa` from now on; 0: it has none. The
 * answer of the call, as of DEN0028. On the vCPU's thread.
 */
s64 trace_guest_call(struct vcpu *v, u64 ipa);

/* ---- why a timer's interrupt came late ---- */

enum late_cause {
	LATE_UNKNOWN, /* the events of that time were overwritten before they were read */
	LATE_BUDGET,  /* the vCPU was held: its budget was used up, */
	LATE_WINDOW,  /* or outside its windows */
	LATE_THREAD,  /* another thread ran; id: its tag */
	LATE_IRQ,     /* interrupts of the machine; id: the INTID */
	LATE_EXIT,    /* the vCPU was in ZVM; id: enum exit_kind */
	LATE_IDLE,    /* the CPU waited: the machine was late */
	LATE_MASKED,  /* another thread had interrupts masked; id: until which code address */
	LATE_GUEST,   /* the guest ran, and the CPU had not taken the interrupt yet */
	LATE_OTHER,   /* parts that found no place */
};

/* A part of the lateness. */
struct late_part {
	u8 cause; /* enum late_cause */
	u32 id;
	u32 count; /* how many stretches of time, of interrupts: how many interrupts */
	u64 ticks;
};

#define LATE_PARTS 10

/* What is to be found out: the time from `due` to `now`, on one CPU. */
struct late_question {
	u64 due, now;
	u32 self, idle; /* tags of the vCPU's thread and of the CPU's idle thread */
	u64 known_from; /* the records before this time were overwritten */
	u8 held_before; /* LATE_BUDGET or LATE_WINDOW, if it is released before it is held */
	const struct trace_record *records; /* those that end behind `due`, in the ring's order */
	u32 count;
};

/*
 * Divide the time: every tick of it belongs to one part. Returns the number of parts, at most
 * LATE_PARTS, the longest first. Pure; its time grows with the square of the records.
 */
u32 late_walk(const struct late_question *q, struct late_part parts[LATE_PARTS]);

#define LATE_REPORTS   16
#define LATE_LIMIT_MAX DESC_LATE_MAX /* us */

struct late_report {
	u64 due, late; /* ticks */
	u32 vcpu;
	u32 count;
	struct late_part parts[LATE_PARTS];
};

/*
 * From now on timer interrupts of vm that come more than `us` late are explained; 0: no more. It
 * takes rings, as trace_start() does, and a few pages. -ENOMEM. Lifecycle lock held.
 */
int __must_check late_limit_set(struct vm *vm, u32 us);
/* Start the thread that looks causes up. 0 or -ENOMEM. Boot. */
int __must_check late_init(void);
/* The limit in us, 0: none. Lifecycle lock held. */
u32 late_limit(const struct vm *vm);
/* vm is going to be deleted. */
void late_forget(struct vm *vm);
/*
 * Copy its last reports, the newest first. Returns how many. *total: late interrupts since the
 * limit was set; *skipped: those of them that came too fast to be looked at. Lifecycle lock held.
 */
u32 late_reports(const struct vm *vm, struct late_report out[LATE_REPORTS], u64 *total,
		 u64 *skipped);

#endif
