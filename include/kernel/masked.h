/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long interrupts are masked, and where. Each CPU measures its own sections, from the mask to the unmask, over any switch of threads in between, and
 * keeps the longest. A section that begins with the exit of a lower exception level is measured from there on only while arch_measure_exits() is on;
 * else from where the exit path calls the scheduler, so that an exit that needs nothing of the kernel costs nothing more. Waiting for an interrupt is
 * no section.
 */
#ifndef KERNEL_MASKED_H
#define KERNEL_MASKED_H

#include <lib/types.h>

#define MASKED_WORST 4

/* Code addresses of the image; or in `from`, below MASKED_CLASSES, the class of the exception that a lower level took. */
struct masked_section {
	u64 ticks;
	u64 from, to;
};
#define MASKED_CLASSES 64

/* Of a CPU, which alone writes it, masked. */
struct masked {
	u64 since, from; /* first: assembly uses the offsets of these three */
	u64 limit;       /* longer sections are worth a look */
	struct masked_section worst[MASKED_WORST]; /* one for each place; the longest first */
	bool exits;                                /* those of lower levels are measured */
};

/* A section of so many ticks, over the limit, ended at `to`. For arch. */
void masked_record(u64 ticks, u64 to);

/*
 * A section ends, or begins, without the mask being touched, where a wait or a switch does it. `at` is a code address.
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

/* A copy of a CPU's worst sections; unused ones have 0 ticks. Forget them, on all CPUs. Thread context. */
void masked_get(u32 cpu, struct masked_section worst[MASKED_WORST]);
void masked_reset(void);
/* Measure lower levels' exits too, or not, on all CPUs. Thread context. */
void masked_exits(bool on);

#endif
