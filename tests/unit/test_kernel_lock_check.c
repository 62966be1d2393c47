/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes with locks are detected where they are made, and the message names locks and holders. */
#include "test_kernel.h"
#include "unit_panic.h"

#include <arch/guest.h>
#include <kernel/irq.h>
#include <stdio.h>
#include <vmm/core.h>

static struct spinlock outer, inner, page;
static struct mutex first, second;
static struct thread t[2];

static int setup(void **state)
{
	*state = NULL;
	spin_lock_init(&outer, LOCK_DEVICE);
	spin_lock_init(&inner, LOCK_VGIC);
	spin_lock_init(&page, LOCK_PAGE);
	mutex_init(&first, LOCK_LIFECYCLE);
	mutex_init(&second, LOCK_RTOS);
	unit_panic_message[0] = '\0';
	trace_reset();
	return 0;
}

/* fn(NULL) panics, and says so, with `a` and then `b` in its message. */
static void refused(void (*fn)(void *arg), const char *a, const char *b)
{
	const char *found;

	assert_true(host_halts(fn, NULL));
	found = strstr(unit_panic_message, a);
	assert_non_null(found);
	assert_non_null(strstr(found, b));
	lock_check_forget();
	arch_irq_enable();
}

static const char *address(const void *lock)
{
	static char text[20];

	snprintf(text, sizeof(text), "%lx", (unsigned long)lock);
	return text;
}

/* ---- what is right ---- */

static void in_order(void **state)
{
	unsigned long flags;

	(void)state;
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_lock(&first); /* once more */
	flags = spin_lock_irqsave(&outer);
	spin_lock(&inner);
	spin_lock(&page);
	spin_unlock(&inner); /* in any order */
	spin_unlock(&page);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock_irqrestore(&outer, flags);
	mutex_unlock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	lock_check_no_lock("is done");
	assert_string_equal(unit_panic_message, "");
}

static void every_rank_has_a_name(void **state)
{
	(void)state;
	for (u32 rank = 0; rank < LOCK_RANKS; rank++)
		assert_non_null(lock_rank_name(rank));
	assert_null(lock_rank_name(LOCK_RANKS));
}

/* ---- spinlocks ---- */

static void take(struct spinlock *l)
{
	arch_irq_disable();
	spin_lock(l);
}

static void take_twice(void *arg __unused)
{
	take(&outer);
	spin_lock(&outer);
}

static void take_in_wrong_order(void *arg __unused)
{
	take(&inner);
	spin_lock(&outer);
}

/* An inner one in between was released: what counts is all that is held. */
static void take_below_an_outer_one(void *arg __unused)
{
	take(&inner);
	spin_lock(&page);
	spin_unlock(&inner);
	spin_lock(&inner);
}

static void take_same_rank(void *arg __unused)
{
	struct spinlock other = SPINLOCK_INIT(LOCK_DEVICE);

	take(&outer);
	spin_lock(&other);
}

static void take_unranked(void *arg __unused)
{
	struct spinlock forgotten = { .locked = 0 };

	take(&forgotten);
}

static void take_unmasked(void *arg __unused)
{
	spin_lock(&outer);
}

static void order_of_spinlocks(void **state)
{
	(void)state;
	refused(take_twice, "lock 'device'", "taken by the holder of 'device'");
	setup(state);
	refused(take_in_wrong_order, "lock 'device'", "taken inside of 'vgic'");
	assert_non_null(strstr(unit_panic_message, address(&outer)));
	assert_non_null(strstr(unit_panic_message, address(&inner)));
	assert_non_null(strstr(unit_panic_message, "CPU 0, thread 'main'"));
	setup(state);
	refused(take_below_an_outer_one, "lock 'vgic'", "taken inside of 'page'");
	setup(state);
	refused(take_same_rank, "lock 'device'", "taken inside of 'device'");
	refused(take_unranked, "lock 'unranked'", "not initialised");
	setup(state);
	refused(take_unmasked, "lock 'device'", "interrupts unmasked");
}

static void release_free(void *arg __unused)
{
	spin_unlock(&outer);
}

static void release_twice(void *arg __unused)
{
	unsigned long flags = spin_lock_irqsave(&outer);

	spin_unlock_irqrestore(&outer, flags);
	spin_unlock_irqrestore(&outer, flags);
}

static void release_unmasked(void *arg __unused)
{
	unsigned long flags = spin_lock_irqsave(&outer);

	spin_lock(&inner);
	spin_unlock_irqrestore(&inner, flags); /* of the outer one */
}

static void hold_on_cpu_1(void *arg)
{
	(void)arg;
	take(&outer);
	while (trace[0] != 'x')
		arch_relax();
	spin_unlock(&outer);
	arch_irq_enable();
}

static void release_of_spinlocks(void **state)
{
	(void)state;
	refused(release_free, "lock 'device'", "is free");
	refused(release_twice, "lock 'device'", "is free");
	setup(state);
	refused(release_unmasked, "CPU 0 unmasks interrupts with lock 'device'", "held");
	setup(state);
	start(&t[0], "holder", hold_on_cpu_1, NULL, 40, BIT(1));
	host_run_others();
	refused(release_free, "released, but is 'device'", "CPU 1, thread 'holder'");
	mark('x');
	thread_join(&t[0]);
}

/* ---- spinlocks that are left ---- */

static void block(void *arg __unused)
{
	take(&outer);
	thread_yield();
}

static void call_another_cpu(void *arg __unused)
{
	take(&outer);
	ipi_call(1, release_free, NULL);
}

static void leave_in_interrupt(u32 intid, void *arg)
{
	(void)intid;
	(void)arg;
	take(&outer);
}

static void interrupt(void *arg __unused)
{
	host_irq_raise(40, 0);
}

static void leave_in_timeout(struct timeout *timeout)
{
	(void)timeout;
	take(&outer);
}

static void expire(void *arg __unused)
{
	struct timeout timeout;

	timeout_init(&timeout, leave_in_timeout);
	timeout_set(&timeout, host_counter + 1);
	host_advance(1);
}

static void await_timeout(void *arg __unused)
{
	struct timeout timeout;

	timeout_init(&timeout, leave_in_timeout);
	take(&outer);
	(void)timeout_cancel(&timeout);
}

static void left_spinlocks(void **state)
{
	(void)state;
	refused(block, "CPU 0 leaves its thread with lock 'device'", "held, since");
	setup(state);
	refused(call_another_cpu, "waits for another CPU", "'device'");
	setup(state);
	assert_int_equal(irq_request(40, "left", leave_in_interrupt, NULL, IRQ_EDGE), 0);
	refused(interrupt, "ends an interrupt", "'device'");
	setup(state);
	refused(expire, "ends a timeout", "'device'");
	percpus[0].irq_depth = 0;
	percpus[0].timeouts.running = NULL;
	setup(state);
	refused(await_timeout, "waits for a timeout's end", "'device'");
}

/* ---- mutexes ---- */

static void lock_in_wrong_order(void *arg __unused)
{
	mutex_lock(&second);
	mutex_lock(&first);
}

static void lock_under_spinlock(void *arg __unused)
{
	take(&outer);
	mutex_lock(&first);
}

static void lock_unranked(void *arg __unused)
{
	static struct mutex forgotten;

	mutex_lock(&forgotten);
}

static void unlock(void *arg __unused)
{
	mutex_unlock(&first);
}

static void hold_first(void *arg __unused)
{
	mutex_lock(&first);
	while (trace[0] != 'x')
		thread_sleep_ms(1);
	mutex_unlock(&first);
}

static void lock_kept_off(void *arg __unused)
{
	thread_current()->no_mutex = true;
	mutex_lock(&first);
}

static void mutexes(void **state)
{
	(void)state;
	refused(lock_in_wrong_order, "lock 'lifecycle'", "taken inside of 'rtos'");
	setup(state);
	refused(lock_under_spinlock, "takes a mutex with lock 'device'", "held");
	setup(state);
	refused(lock_unranked, "lock 'unranked'", "not initialised");
	refused(unlock, "lock 'lifecycle'", "is free");
	refused(lock_kept_off, "lock 'lifecycle'", "may be kept off its CPU");
	thread_current()->no_mutex = false;
	start(&t[0], "owner", hold_first, NULL, 20, BIT(0));
	refused(unlock, "released, but is 'lifecycle'", "thread 'owner'");
	mark('x');
	thread_join(&t[0]);
}

/* Handed over, it is the new owner's. */
static void lock_and_mark(void *arg __unused)
{
	mutex_lock(&first);
	mark('l');
	mutex_unlock(&first);
}

static void handed_over(void **state)
{
	(void)state;
	mutex_lock(&first);
	start(&t[0], "next", lock_and_mark, NULL, 20, BIT(0));
	mutex_unlock(&first);
	assert_string_equal(trace, "l");
	thread_join(&t[0]);
	mutex_lock(&first);
	mutex_unlock(&first);
}

static struct vcpu vcpu;

static void exit_with_mutex(void *arg __unused)
{
	mutex_lock(&first);
	thread_exit();
}

static void enter_guest_with_mutex(void *arg __unused)
{
	mutex_lock(&first);
	arch_guest_enter(&vcpu);
}

static void work_with_mutex(struct thread *self __unused)
{
	mutex_lock(&first);
}

static void exit_path_with_mutex(void *arg __unused)
{
	static const struct thread_hooks hooks = { .work = work_with_mutex };
	struct thread *self = thread_current();

	self->hooks = &hooks;
	self->work = 1;
	arch_irq_disable();
	sched_exit_work();
}

static void guest(struct vcpu *v)
{
	(void)v;
}

static void left_mutexes(void **state)
{
	(void)state;
	host_guest = guest;
	refused(exit_with_mutex, "thread 'main' exits with lock 'lifecycle'", "held");
	setup(state);
	refused(enter_guest_with_mutex, "enters its guest with lock 'lifecycle'", "held");
	setup(state);
	refused(exit_path_with_mutex, "returns to its lower level with lock 'lifecycle'", "held");
	thread_current()->hooks = NULL;
	thread_current()->work = 0;
}

static int boot(void **state)
{
	*state = NULL;
	unit_boot(2);
	thread_set_priority(thread_current(), MAIN_PRIO);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_order, setup),
		cmocka_unit_test_setup(every_rank_has_a_name, setup),
		cmocka_unit_test_setup(order_of_spinlocks, setup),
		cmocka_unit_test_setup(release_of_spinlocks, setup),
		cmocka_unit_test_setup(left_spinlocks, setup),
		cmocka_unit_test_setup(mutexes, setup),
		cmocka_unit_test_setup(handed_over, setup),
		cmocka_unit_test_setup(left_mutexes, setup),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
