/* SPDX-License-Identifier: Apache-2.0 */
/* Several CPUs: placement, remote wakes, migration, work posted to a running thread, calls. */
#include "test_kernel.h"

#include <kernel/irq.h>

#define CPUS 4

static struct thread t[8];
static struct sem sem;
static bool spin;
static u32 ran_on[8];

static int setup(void **state)
{
	*state = NULL;
	trace_reset();
	sem_init(&sem, 0, 100);
	spin = true;
	memset(ran_on, 0xff, sizeof(ran_on));
	thread_set_priority(thread_current(), MAIN_PRIO);
	assert_int_equal(host_cpu, 0);
	return 0;
}

static int teardown(void **state)
{
	u32 homed = 0;

	*state = NULL;
	host_run_others();
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		homed += percpus[cpu].homed;
		assert_null(percpus[cpu].wake_queue);
		assert_null(percpus[cpu].leaving);
		assert_null(percpus[cpu].reap);
		assert_int_equal(percpus[cpu].rq.ready, 0);
	}
	assert_int_equal(homed, 1); /* main */
	assert_int_equal(host_cpu, 0);
	return unit_end(state);
}

static void join(u32 count)
{
	for (u32 i = 0; i < count; i++)
		thread_join(&t[i]);
}

static u32 index_of_current(void)
{
	return (u32)(thread_current() - t);
}

static void record(void *arg)
{
	(void)arg;
	ran_on[index_of_current()] = host_cpu;
}

static void spin_on(void *arg)
{
	(void)arg;
	while (spin) {
		arch_relax();
		arch_irq_enable(); /* interrupts are taken here */
		ran_on[index_of_current()] = host_cpu;
	}
}

static void take_and_record(void *arg)
{
	(void)arg;
	if (sem_take(&sem, DEADLINE_NEVER) == 0)
		ran_on[index_of_current()] = host_cpu;
	mark((char)('0' + index_of_current()));
}

/* ---- placement ---- */

static void threads_spread(void **state)
{
	(void)state;
	for (u32 i = 0; i < 6; i++)
		start(&t[i], "spins", spin_on, NULL, 20, i < 3 ? 0 : BIT(1) | BIT(2));
	assert_int_equal(percpus[0].homed + percpus[1].homed + percpus[2].homed + percpus[3].homed,
			 7);
	assert_int_equal(percpus[0].homed, 1); /* main counts */
	assert_int_equal(percpus[3].homed, 1);
	assert_int_equal(percpus[1].homed + percpus[2].homed, 5);
	spin = false;
	join(6);
}

static void affinity_is_kept(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		start(&t[i], "records", record, NULL, 20, BIT(3 - i));
	join(4);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(ran_on[i], 3 - i);
	assert_int_equal(thread_create(&t[0], "nowhere", record, NULL, 20, BIT(6)), -EINVAL);
	assert_int_equal(thread_set_affinity(thread_current(), BIT(6)), -EINVAL);
}

/* ---- wakes ---- */

static void a_remote_wake_interrupts_the_home(void **state)
{
	u32 before = host_sgis_sent(IPI_RESCHEDULE, 2);

	(void)state;
	start(&t[0], "takes", take_and_record, NULL, 20, BIT(2));
	host_run_others();
	assert_int_equal(t[0].state, THREAD_BLOCKED);
	sem_give(&sem);
	assert_ptr_equal(percpus[2].wake_queue, &t[0]);
	assert_int_equal(host_sgis_sent(IPI_RESCHEDULE, 2), before + 2); /* start, wake */
	host_run_others();
	assert_int_equal(ran_on[0], 2);
	join(1);
}

static void wakes_in_a_batch_keep_their_order(void **state)
{
	u32 before;

	(void)state;
	for (u32 i = 0; i < 4; i++) { /* they wait in this order */
		start(&t[i], "takes", take_and_record, NULL, 20, BIT(1));
		host_run_others();
	}
	before = host_sgis_sent(IPI_RESCHEDULE, 1);
	for (u32 i = 0; i < 4; i++)
		sem_give(&sem);
	assert_int_equal(host_sgis_sent(IPI_RESCHEDULE, 1), before + 1); /* one for all */
	host_run_others();
	join(4);
	assert_string_equal(trace, "0123");
}

static int timed_result;
static u64 timed_deadline;

static void take_with_deadline(void *arg)
{
	(void)arg;
	timed_result = sem_take(&sem, timed_deadline);
	ran_on[index_of_current()] = host_cpu;
}

static void remote_wake_races_with_its_timeout(void **state)
{
	(void)state;
	timed_deadline = host_counter + MS;
	start(&t[0], "takes", take_with_deadline, NULL, 20, BIT(1));
	host_run_others();
	/* CPU 1 has its timer and our interrupt pending at once. */
	host_counter = timed_deadline;
	sem_give(&sem);
	host_run_others();
	join(1);
	assert_int_equal(timed_result, 0);
	assert_int_equal(sem.count, 0);
	/* The other way round: the timeout was first. */
	timed_deadline = host_counter + MS;
	start(&t[0], "takes", take_with_deadline, NULL, 20, BIT(1));
	host_run_others();
	host_counter = timed_deadline;
	host_run_others();
	sem_give(&sem);
	join(1);
	assert_int_equal(timed_result, -ETIMEDOUT);
	assert_int_equal(sem.count, 1);
}

/* ---- migration ---- */

static u32 migrated_on[8], migrations;

static void note_migration(struct thread *thread)
{
	migrated_on[thread - t] = host_cpu;
	migrations++;
}

static const struct thread_hooks hooks = { .migrate = note_migration };

static void start_hooked(u32 n, void (*fn)(void *), u8 prio, u64 affinity)
{
	assert_int_equal(thread_create(&t[n], "hooked", fn, NULL, prio, affinity), 0);
	t[n].hooks = &hooks;
	migrations = 0;
	thread_start(&t[n]);
	host_run_others();
}

static void a_running_thread_moves(void **state)
{
	(void)state;
	start_hooked(0, spin_on, 20, BIT(1));
	assert_int_equal(ran_on[0], 1);
	host_fp_owner[1] = &t[0];
	assert_int_equal(thread_set_affinity(&t[0], BIT(2) | BIT(3)), 0);
	host_run_others();
	assert_int_equal(migrations, 1);
	assert_int_equal(migrated_on[0], 1); /* by its old home */
	assert_null(host_fp_owner[1]);
	assert_true(ran_on[0] == 2 || ran_on[0] == 3);
	assert_int_equal(t[0].cpu, ran_on[0]);
	assert_ptr_equal(percpus[1].current, percpus[1].idle);
	spin = false;
	join(1);
	assert_int_equal(migrations, 2); /* it left for ever */
	assert_int_equal(migrated_on[0], t[0].cpu);
}

static void a_queued_thread_moves(void **state)
{
	(void)state;
	start_hooked(0, spin_on, 20, BIT(1));
	start_hooked(1, record, 30, BIT(1)); /* behind it */
	assert_int_equal(t[1].state, THREAD_READY);
	assert_int_equal(thread_set_affinity(&t[1], BIT(3)), 0);
	host_run_others();
	assert_int_equal(ran_on[1], 3);
	spin = false;
	join(2);
}

static void a_blocked_thread_moves_when_it_wakes(void **state)
{
	(void)state;
	start_hooked(0, take_and_record, 20, BIT(1));
	assert_int_equal(thread_set_affinity(&t[0], BIT(2)), 0);
	host_run_others();
	assert_int_equal(t[0].cpu, 1);
	assert_int_equal(migrations, 0);
	sem_give(&sem);
	host_run_others();
	assert_int_equal(migrated_on[0], 2); /* at last, when it exited */
	assert_int_equal(migrations, 2);
	assert_int_equal(ran_on[0], 2);
	join(1);
}

/* In the middle of the move, CPU 0 asks something of the thread: the old home gets the request. */
static void ask_while_it_moves(struct thread *thread)
{
	u32 home = host_cpu;
	bool open = host_irqs_open[0];

	if (migrations++ || home == 0)
		return;
	host_irqs_open[0] = false;
	host_set_cpu(0);
	thread_set_priority(thread, 25);
	host_set_cpu(home);
	host_irqs_open[0] = open;
}

static const struct thread_hooks asked_hooks = { .migrate = ask_while_it_moves };

static void move_to_2(void *arg)
{
	(void)arg;
	if (thread_set_affinity(thread_current(), BIT(2)) == 0)
		ran_on[index_of_current()] = host_cpu;
}

static void requests_follow_a_thread_that_moves(void **state)
{
	(void)state;
	migrations = 0;
	assert_int_equal(thread_create(&t[0], "moves", move_to_2, NULL, 20, BIT(1)), 0);
	t[0].hooks = &asked_hooks;
	thread_start(&t[0]);
	join(1);
	assert_int_equal(ran_on[0], 2);
	assert_int_equal(t[0].prio, 25);
	assert_int_equal(t[0].requests, 0);
}

static void the_caller_moves_itself(void **state)
{
	(void)state;
	for (u32 cpu = 1; cpu < CPUS; cpu++) {
		assert_int_equal(thread_set_affinity(thread_current(), BIT(cpu)), 0);
		assert_int_equal(host_cpu, cpu);
		assert_ptr_equal(this_cpu()->current, thread_current());
	}
	assert_int_equal(thread_set_affinity(thread_current(), BIT(0)), 0);
	assert_int_equal(host_cpu, 0);
	assert_int_equal(thread_set_affinity(thread_current(), 0), 0);
}

static void hop(void *arg)
{
	u32 seed = (u32)(uintptr_t)arg;

	for (u32 i = 0; i < 50; i++) {
		seed = seed * 1103515245 + 12345;
		if (thread_set_affinity(thread_current(), BIT(seed >> 16 & 3)))
			mark('!');
		if (host_cpu != (seed >> 16 & 3))
			mark('?');
		if (seed >> 20 & 1)
			thread_sleep_until(host_counter + (seed >> 21 & 7));
	}
}

static void many_hop_about_while_others_push_them(void **state)
{
	(void)state;
	for (u32 i = 0; i < 8; i++)
		start(&t[i], "hops", hop, (void *)(uintptr_t)(i + 1), (u8)(20 + i % 3), 0);
	for (u32 i = 0; i < 100; i++) {
		thread_set_priority(&t[i % 8], (u8)(20 + i % 40));
		thread_sleep_until(host_counter + i % 3);
	}
	join(8);
	assert_string_equal(trace, "");
}

/* ---- work ---- */

static u32 worked;

static void work(struct thread *thread)
{
	worked |= __atomic_exchange_n(&thread->work, 0, __ATOMIC_ACQUIRE);
}

static const struct thread_hooks work_hooks = { .work = work };

/*
 * A thread that is below most of the time: it sees its work only where an interrupt brings it to
 * the exit path.
 */
static void lower_level(void *arg)
{
	(void)arg;
	while (spin) {
		u64 irqs = irq_total(this_cpu()->id);

		arch_relax();
		arch_irq_enable();
		arch_irq_disable();
		if (irq_total(this_cpu()->id) != irqs)
			sched_exit_work();
	}
	arch_irq_enable();
}

static void posted_work_interrupts_the_thread(void **state)
{
	u32 before;

	(void)state;
	worked = 0;
	assert_int_equal(thread_create(&t[0], "below", lower_level, NULL, 20, BIT(1)), 0);
	t[0].hooks = &work_hooks;
	thread_start(&t[0]);
	host_run_others();
	before = host_sgis_sent(IPI_RESCHEDULE, 1);
	thread_post_work(&t[0], 5);
	assert_int_equal(host_sgis_sent(IPI_RESCHEDULE, 1), before + 1);
	host_run_others();
	assert_int_equal(worked, 5);
	assert_int_equal(t[0].work, 0);
	spin = false;
	join(1);
}

static void work_for_a_blocked_thread_waits(void **state)
{
	u32 before;

	(void)state;
	start(&t[0], "takes", take_and_record, NULL, 20, BIT(1));
	host_run_others();
	before = host_sgis_sent(IPI_RESCHEDULE, 1);
	thread_post_work(&t[0], 1);
	assert_int_equal(host_sgis_sent(IPI_RESCHEDULE, 1), before);
	assert_int_equal(t[0].work, 1);
	sem_give(&sem);
	join(1);
}

/* ---- calls ---- */

static void note_cpu(void *arg)
{
	u32 *cpu = arg;

	*cpu = arch_irqs_masked() ? host_cpu : UINT32_MAX;
}

static void call_all(void *arg)
{
	u32 *sum = arg;

	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		u32 ran = UINT32_MAX;

		ipi_call(cpu, note_cpu, &ran);
		*sum += ran == cpu;
	}
}

static void calls_run_there_and_are_waited_for(void **state)
{
	u32 sums[CPUS] = { 0 };

	(void)state;
	for (u32 i = 0; i < CPUS; i++) /* all at once, to each other */
		start(&t[i], "calls", call_all, &sums[i], 20, BIT(i));
	join(CPUS);
	for (u32 i = 0; i < CPUS; i++)
		assert_int_equal(sums[i], CPUS);
}

static int boot_all(void **state)
{
	*state = NULL;
	unit_boot(CPUS);
	return 0;
}

#define smp_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		smp_test(threads_spread),
		smp_test(affinity_is_kept),
		smp_test(a_remote_wake_interrupts_the_home),
		smp_test(wakes_in_a_batch_keep_their_order),
		smp_test(remote_wake_races_with_its_timeout),
		smp_test(a_running_thread_moves),
		smp_test(a_queued_thread_moves),
		smp_test(a_blocked_thread_moves_when_it_wakes),
		smp_test(requests_follow_a_thread_that_moves),
		smp_test(the_caller_moves_itself),
		smp_test(many_hop_about_while_others_push_them),
		smp_test(posted_work_interrupts_the_thread),
		smp_test(work_for_a_blocked_thread_waits),
		smp_test(calls_run_there_and_are_waited_for),
	};

	return cmocka_run_group_tests(tests, boot_all, NULL);
}
