/* SPDX-License-Identifier: Apache-2.0 */
#include <kernel/log.h>
#include <kernel/sched_check.h>
#include "internal.h"

static void check_thread(const struct percpu *pc, const struct thread *t, u32 prio)
{
	if (t == pc->current)
		panic("oracle: cpu %u runs '%s', which is in its run queue", pc->id, t->name);
	if (t->rq_prio != prio || t->cpu != pc->id || t->state != THREAD_READY)
		panic("oracle: '%s' in queue %u of cpu %u: queue %u, home cpu %u, state %u",
		      t->name, prio, pc->id, t->rq_prio, t->cpu, t->state);
}

void sched_check(void)
{
	struct percpu *pc = this_cpu();
	struct thread *t;

	for (u32 p = 0; p < PRIORITIES; p++) {
		if (rq_has(&pc->rq, p) == list_empty(&pc->rq.queue[p]))
			panic("oracle: cpu %u, queue %u: the bitmap says that it is %s", pc->id, p,
			      rq_has(&pc->rq, p) ? "not empty" : "empty");
		list_for_each_entry(t, &pc->rq.queue[p], run_node)
			check_thread(pc, t, p);
	}
}
