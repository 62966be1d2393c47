/* SPDX-License-Identifier: Apache-2.0 */
/* A periodic control loop's arithmetic: when it is due, how late it was, and what it controls. Pure. */
#ifndef RTOS_LOOP_H
#define RTOS_LOOP_H

#include <lib/histogram.h>

/* Fixed point: 65536 is 1. */
#define PLANT_ONE 65536

/* A first-order plant with a PI controller, and the square wave that it is to follow. */
struct plant {
	s32 wanted, output;
	s32 integral;
	u32 steps; /* of the wave's half so far */
};

/* All in counter ticks. */
struct loop {
	u64 period;
	u64 next;           /* the release that comes */
	u64 missed;         /* releases that were let go because an earlier one was late */
	struct series late; /* from release to running */
	struct plant plant;
};

/* The first release is a period from now. The plant stays as it is. */
void loop_start(struct loop *l, u64 now, u64 period);
/*
 * It runs for the release l->next, at `now`. Afterwards l->next is the first release after now: those in
 * between are missed, not made up for.
 */
void loop_released(struct loop *l, u64 now);

/* Measure, compute, act. */
void plant_step(struct plant *p);

#endif
