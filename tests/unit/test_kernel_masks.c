/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of the kernel leaves interrupts as it found them, masked or not; also one that
 * blocked, or let other threads run.
 */
#include "test_kernel.h"

#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/random.h>

static struct thread other;
static struct sem sem;
static struct mutex mutex;
static struct msgq queue;
static struct wait_queue wq;
static struct timeout timeout;
static u32 message, messages[2];

static void nothing(struct timeout *t)
{
	(void)t;
}

static void run_and_mark(void *arg)
{
	(void)arg;
	mark('o');
}

/* ---- calls; none of them blocks ---- */

static void give(void)
{
	sem_give(&sem);
}

static void try_take(void)
{
	(void)!sem_take(&sem, 0);
}

static void lock_and_unlock(void)
{
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
}

static void put_and_get(void)
{
	while (msgq_put(&queue, &message, 0) == 0)
		;
	while (msgq_get(&queue, &message, 0) == 0)
		;
}

static void set_and_cancel(void)
{
	timeout_set(&timeout, host_counter + MS);
	timeout_set(&timeout, host_counter + 2 * MS);
	(void)timeout_cancel(&timeout);
	timeout_set(&timeout, DEADLINE_NEVER);
}

static void set_priority(void)
{
	thread_set_priority(thread_current(), MAIN_PRIO + 1);
	thread_set_priority(thread_current(), MAIN_PRIO);
}

static void set_affinity(void)
{
	assert_int_equal(thread_set_affinity(thread_current(), BIT(0)), 0);
}

static void set_params(void)
{
	thread_set_params(thread_current(), &sched_plain);
}

static void set_frame(void)
{
	sched_set_frame(0, NULL);
}

static void wake_all(void)
{
	wait_wake_all(&wq);
}

static void already_over(void)
{
	thread_sleep_until(1);
}

static void start_less_urgent(void)
{
	start(&other, "other", run_and_mark, NULL, MAIN_PRIO + 1, BIT(0));
}

static void post_work(void)
{
	thread_post_work(&other, 0);
	thread_unpark(&other);
}

static void pages(void)
{
	struct page_stats stats;

	page_free(page_alloc());
	pages_free(pages_alloc(2), 2);
	kfree(kzalloc(40), 40);
	page_stats(&stats);
}

static void call_here(void)
{
	ipi_call(0, run_and_mark, NULL);
}

static void no_interrupt(u32 intid, void *arg)
{
	(void)intid;
	(void)arg;
}

static void request(void)
{
	static u32 intid = 50;

	assert_int_equal(irq_request(intid++, "test", no_interrupt, NULL, 0), 0);
}

static void log_line(void)
{
	log_debug("a line");
}

static void visit(const struct thread *t, void *arg)
{
	(void)t;
	(void)arg;
}

static void for_each(void)
{
	thread_for_each(visit, NULL);
}

static void (*const calls[])(void) = {
	give,         try_take,       lock_and_unlock,
	put_and_get,  set_and_cancel, set_params,
	set_priority, set_affinity,   set_frame,
	wake_all,     already_over,   post_work,
	pages,        call_here,      request,
	log_line,     for_each,       sched_preempt_point,
};

static void run(void (*call)(void))
{
	arch_irq_enable();
	call();
	assert_false(arch_irqs_masked());
	arch_irq_disable();
	call();
	assert_true(arch_irqs_masked());
	arch_irq_enable();
}

static void masks_are_kept(void **state)
{
	(void)state;
	start_less_urgent();
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++)
		run(calls[i]);
	thread_join(&other);
}

/* ---- calls that let others run ---- */

static void yield(void)
{
	thread_yield();
}

static void sleep_1ms(void)
{
	thread_sleep_ms(1);
}

static void wait_for_give(void)
{
	assert_int_equal(sem_take(&sem, host_counter + MS), -ETIMEDOUT);
}

static void wait_for_message(void)
{
	assert_int_equal(msgq_get(&queue, &message, host_counter + MS), -ETIMEDOUT);
}

static void masks_are_kept_by_who_blocks(void **state)
{
	static void (*const blocking[])(void) = { yield, sleep_1ms, wait_for_give,
						  wait_for_message };

	(void)state;
	while (sem_take(&sem, 0) == 0)
		;
	for (u32 i = 0; i < ARRAY_SIZE(blocking); i++)
		run(blocking[i]);
}

/* A thread begins with interrupts unmasked, whichever thread switches to it. */
static void note_mask(void *arg)
{
	*(bool *)arg = arch_irqs_masked();
}

static void a_thread_begins_unmasked(void **state)
{
	bool masked = true;

	(void)state;
	start(&other, "other", note_mask, &masked, MAIN_PRIO - 1, BIT(0));
	assert_false(masked);
	assert_false(arch_irqs_masked());
	thread_join(&other);
}

static int boot(void **state)
{
	*state = NULL;
	unit_boot(1);
	random_init("seed", 4);
	sem_init(&sem, 0, 100);
	mutex_init(&mutex, LOCK_LIFECYCLE);
	msgq_init(&queue, messages, sizeof(messages[0]), ARRAY_SIZE(messages));
	wait_queue_init(&wq, LOCK_WAIT);
	timeout_init(&timeout, nothing);
	thread_set_priority(thread_current(), MAIN_PRIO);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_are_kept),
		cmocka_unit_test(masks_are_kept_by_who_blocks),
		cmocka_unit_test(a_thread_begins_unmasked),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
