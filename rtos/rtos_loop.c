/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#define HALF_WAVE 500 /* steps */

void loop_start(struct loop *l, u64 now, u64 period)
{
	l->period = period;
	l->next = now + period;
	l->missed = 0;
	l->late = (struct series){ .count = 0 };
}

void loop_released(struct loop *l, u64 now)
{
	u64 late = now - l->next, gone = late / l->period;

	series_add(&l->late, late);
	l->missed += gone;
	l->next += (gone + 1) * l->period;
}

static s32 clamp(s32 value, s32 limit)
{
	return MIN(MAX(value, -limit), limit);
}

void plant_step(struct plant *p)
{
	s32 error, action;

	if (p->steps++ % (2 * HALF_WAVE) < HALF_WAVE)
		p->wanted = PLANT_ONE;
	else
		p->wanted = 0;
	error = p->wanted - p->output;
	p->integral = clamp(p->integral + error / 32, 4 * PLANT_ONE);
	action = clamp(error * 2 + p->integral, 4 * PLANT_ONE);
	p->output += (action - p->output) / 16;
}
