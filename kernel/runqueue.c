/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

void rq_init(struct run_queue *rq)
{
	rq->ready = 0;
	for (u32 p = 0; p < PRIORITIES; p++)
		list_init(&rq->queue[p]);
}
