/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphore and message queue. */
#include "internal.h"

#include <lib/errno.h>
#include <lib/string.h>

void sem_init(struct sem *s, u32 count, u32 limit)
{
	wait_queue_init(&s->wq, LOCK_WAIT);
	s->count = count;
	s->limit = limit;
}

int sem_take(struct sem *s, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&s->wq.lock);
	int result = 0;

	if (s->count)
		s->count--;
	else if (!deadline)
		result = -EAGAIN;
	else /* a wake means: the giver's count is ours, no other thread can take it */
		return wait_block_locked(&s->wq, flags, deadline);
	spin_unlock_irqrestore(&s->wq.lock, flags);
	return result;
}

void sem_give(struct sem *s)
{
	unsigned long flags = spin_lock_irqsave(&s->wq.lock);

	if (!wait_wake_one_locked(&s->wq) && s->count < s->limit)
		s->count++;
	spin_unlock_irqrestore(&s->wq.lock, flags);
	sched_preempt_point();
}

/*
 * Message queue. readers.lock guards buffer, head and used. writers.lock nests inside it and guards
 * only the list of writers. A woken thread checks again.
 */

void msgq_init(struct msgq *q, void *buf, u32 msg_size, u32 capacity)
{
	wait_queue_init(&q->readers, LOCK_WAIT);
	wait_queue_init(&q->writers, LOCK_MSGQ_WRITERS);
	q->buf = buf;
	q->msg_size = msg_size;
	q->capacity = capacity;
	q->head = 0;
	q->used = 0;
}

static u8 *msgq_slot(const struct msgq *q, u32 n)
{
	return q->buf + (size_t)((q->head + n) % q->capacity) * q->msg_size;
}

static bool msgq_put_locked(struct msgq *q, const void *msg)
{
	if (q->used == q->capacity)
		return false;
	memcpy(msgq_slot(q, q->used++), msg, q->msg_size);
	(void)wait_wake_one_locked(&q->readers);
	return true;
}

static bool msgq_get_locked(struct msgq *q, void *msg)
{
	if (!q->used)
		return false;
	memcpy(msg, msgq_slot(q, 0), q->msg_size);
	q->head = (q->head + 1) % q->capacity;
	q->used--;
	spin_lock(&q->writers.lock);
	(void)wait_wake_one_locked(&q->writers);
	spin_unlock(&q->writers.lock);
	return true;
}

/* Block until there may be room. readers.lock is held by flags and is released here. */
static int msgq_wait_room(struct msgq *q, unsigned long flags, u64 deadline)
{
	/* Join the list of writers before any reader can take a message: so no wake is lost. */
	spin_lock(&q->writers.lock);
	spin_unlock(&q->readers.lock);
	return wait_block_locked(&q->writers, flags, deadline);
}

int msgq_put(struct msgq *q, const void *msg, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&q->readers.lock);

	while (!msgq_put_locked(q, msg)) {
		int result = -EAGAIN;

		if (!deadline) {
			spin_unlock_irqrestore(&q->readers.lock, flags);
			return result;
		}
		result = msgq_wait_room(q, flags, deadline);
		if (result)
			return result;
		flags = spin_lock_irqsave(&q->readers.lock);
	}
	spin_unlock_irqrestore(&q->readers.lock, flags);
	sched_preempt_point();
	return 0;
}

int msgq_get(struct msgq *q, void *msg, u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&q->readers.lock);

	while (!msgq_get_locked(q, msg)) {
		int result = -EAGAIN;

		if (!deadline) {
			spin_unlock_irqrestore(&q->readers.lock, flags);
			return result;
		}
		result = wait_block_locked(&q->readers, flags, deadline);
		if (result)
			return result;
		flags = spin_lock_irqsave(&q->readers.lock);
	}
	spin_unlock_irqrestore(&q->readers.lock, flags);
	sched_preempt_point();
	return 0;
}
