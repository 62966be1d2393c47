/* SPDX-License-Identifier: Apache-2.0 */
/* For builds with -Dchecks=true and unit tests. */
#ifndef KERNEL_SCHED_CHECK_H
#define KERNEL_SCHED_CHECK_H

/*
 * Panic if this CPU's run queue is not in order: the bitmap says which queues have threads; each
 * thread in one is ready, at home here and in the queue of its rq_prio; the running thread is in
 * none. Interrupts masked.
 */
void sched_check(void);

#endif
