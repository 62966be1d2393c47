/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of a periodic control loop: when it is due, how late it was, and the plant that it
 * controls. Pure.
 */
#ifndef RTOS_LOOP_H
#define RTOS_LOOP_H

#include <lib/histogram.h>

/* Fixed point: 65536 is 1. */
#define PLANT_ONE 65536

/* A first-order plant with a PI controller, and the square wave that it follows. */
struct plant {
	s32 wanted, output;
	s32 integral;
	u32 steps; /* steps so far in this half of the wave */
};

/* All times are in counter ticks. */
struct loop {
	u64 period;
	u64 next;           /* the next release */
	u64 missed;         /* releases that were skipped because an earlier one was late */
	struct series late; /* from release to running */
	struct plant plant;
};

/* Set the first release to one period from now. The plant keeps its state. */
void loop_start(struct loop *l, u64 now, u64 period);
/*
 * Record that the loop runs for the release l->next, at `now`. Afterwards l->next is the first
 * release after now. The releases in between count as missed and are not made up for.
 */
void loop_released(struct loop *l, u64 now);

/* Measure, compute, act. */
void plant_step(struct plant *p);

#endif
