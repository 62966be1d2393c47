/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own latencies. Each test is a measuring thread and up to two partners. All are more
 * urgent than the shell and less urgent than the control loop. The control loop adds to the maxima
 * where it runs on the same CPU.
 */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/sync.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "rtos.h"

#define HIGHER  1 /* this much more urgent than the measuring thread */
#define MIDDLE  1
#define HIGHEST 2

#define PARTNERS 2

struct latency_test {
	const char *name, *what;
	void (*measure)(void);
	struct {
		void (*fn)(void *arg);
		u8 above; /* PRIO_LATENCY */
		u8 cpu;
	} partners[PARTNERS];
};

/* One test at a time. */
static struct {
	const struct latency_test *test;
	struct series times;
	u32 partners;
	u64 rounds;
	struct sem go, middle, done;
	struct msgq requests, replies;
	struct mutex mutex;
	u64 since;      /* when the measured interval began */
	bool held;      /* the least urgent of three holds the mutex */
	bool over;      /* the test has ended: partners return */
	u32 inversions; /* the middle one ran while the most urgent waited for the least urgent */
} t;

/* These cannot fail: they have no deadline. */
static void take(struct sem *s)
{
	kassert(sem_take(s, DEADLINE_NEVER) == 0);
}

static void put(struct msgq *q, const void *message)
{
	kassert(msgq_put(q, message, DEADLINE_NEVER) == 0);
}

static void get(struct msgq *q, void *message)
{
	kassert(msgq_get(q, message, DEADLINE_NEVER) == 0);
}

static void record(void)
{
	series_add(&t.times, arch_counter() - t.since);
}

/* ---- context switch: threads of equal priority yield to each other; half of a round trip ---- */

static void yielder(void *arg __unused)
{
	while (!t.over)
		thread_yield();
}

static void measure_switch(void)
{
	for (u64 i = 0; i < t.rounds; i++) {
		t.since = arch_counter();
		thread_yield();
		series_add(&t.times, (arch_counter() - t.since) / 2);
	}
}

/* ---- semaphore: a round trip ---- */

static void sem_partner(void *arg __unused)
{
	for (take(&t.go); !t.over; take(&t.go))
		sem_give(&t.done);
}

static void measure_sem(void)
{
	for (u64 i = 0; i < t.rounds; i++) {
		t.since = arch_counter();
		sem_give(&t.go);
		take(&t.done);
		record();
	}
}

/* ---- message queue: a round trip ---- */

#define MESSAGE_SIZE 16
static u8 request_buf[4 * MESSAGE_SIZE], reply_buf[4 * MESSAGE_SIZE];

static void msgq_partner(void *arg __unused)
{
	u8 message[MESSAGE_SIZE];

	for (get(&t.requests, message); !t.over; get(&t.requests, message))
		put(&t.replies, message);
}

static void measure_msgq(void)
{
	u8 message[MESSAGE_SIZE] = { 0 };

	for (u64 i = 0; i < t.rounds; i++) {
		t.since = arch_counter();
		put(&t.requests, message);
		get(&t.replies, message);
		record();
	}
}

/*
 * ---- mutex: the most urgent of three wants the mutex of the least urgent, while the middle one is
 * ready ----
 */

static void mutex_high(void *arg __unused)
{
	for (take(&t.go); !t.over; take(&t.go)) {
		sem_give(&t.middle);
		t.since = arch_counter();
		mutex_lock(&t.mutex);
		record();
		mutex_unlock(&t.mutex);
	}
}

static void mutex_middle(void *arg __unused)
{
	for (take(&t.middle); !t.over; take(&t.middle))
		t.inversions += t.held;
}

static void measure_mutex(void)
{
	for (u64 i = 0; i < t.rounds; i++) {
		mutex_lock(&t.mutex);
		t.held = true;
		sem_give(&t.go); /* both others run first; the middle one must not */
		t.held = false;
		mutex_unlock(&t.mutex);
	}
}

/* ---- timer: from a deadline to the thread that slept until then ---- */

static void measure_timer(void)
{
	u64 step = us_to_ticks(200);

	for (u64 i = 0; i < t.rounds; i++) {
		t.since = arch_counter() + step;
		thread_sleep_until(t.since);
		record();
	}
}

/* ---- IPI: from giving a semaphore to the thread that runs on another CPU ---- */

static void ipi_partner(void *arg __unused)
{
	for (take(&t.go); !t.over; take(&t.go)) {
		record();
		sem_give(&t.done);
	}
}

static void measure_ipi(void)
{
	u64 pause = us_to_ticks(50);

	for (u64 i = 0; i < t.rounds; i++) {
		thread_sleep_until(arch_counter() + pause); /* the partner waits, its CPU is idle */
		t.since = arch_counter();
		sem_give(&t.go);
		take(&t.done);
	}
}

/* ---- all of them ---- */

static const struct latency_test tests[] = {
	{ "switch", "one context switch, between equals", measure_switch, { { yielder, 0, 0 } } },
	{ "sem", "semaphore, there and back", measure_sem, { { sem_partner, HIGHER, 0 } } },
	{ "msgq",
	  "message of 16 bytes, there and back",
	  measure_msgq,
	  { { msgq_partner, HIGHER, 0 } } },
	{ "mutex",
	  "mutex of a less urgent owner, which inherits the priority",
	  measure_mutex,
	  { { mutex_high, HIGHEST, 0 }, { mutex_middle, MIDDLE, 0 } } },
	{ "timer", "deadline to thread", measure_timer, { { NULL, 0, 0 } } },
	{ "ipi", "wake of a thread on another CPU", measure_ipi, { { ipi_partner, HIGHER, 1 } } },
};

const char *latency_test_name(u32 n)
{
	return n < ARRAY_SIZE(tests) ? tests[n].name : NULL;
}

const struct option latency_options[LATENCY_OPTIONS] = {
	{ "-n", "ROUNDS", ARG_TEXT, "rounds of each test; default 1000" },
};

static struct thread threads[1 + PARTNERS]; /* the first one measures */

static void measurer(void *arg __unused)
{
	/*
	 * This thread starts the partners: with a partner that only yields, less urgent threads
	 * would never get to start anything.
	 */
	for (u32 i = 0; i < t.partners; i++)
		thread_start(&threads[1 + i]);
	t.test->measure();
	t.over = true;
	/* Wake a waiting partner: it sees that the test has ended. */
	sem_give(&t.go);
	sem_give(&t.middle);
	put(&t.requests, (u8[MESSAGE_SIZE]){ 0 });
}

static void reset(const struct latency_test *test, u64 rounds)
{
	memset(&t, 0, sizeof(t));
	t.test = test;
	t.rounds = rounds;
	sem_init(&t.go, 0, 1);
	sem_init(&t.middle, 0, 1);
	sem_init(&t.done, 0, 1);
	msgq_init(&t.requests, request_buf, MESSAGE_SIZE, 4);
	msgq_init(&t.replies, reply_buf, MESSAGE_SIZE, 4);
	mutex_init(&t.mutex, LOCK_RTOS);
}

static int run(const struct latency_test *test, u64 rounds)
{
	int err;

	reset(test, rounds);
	err = thread_create(&threads[0], "latency", measurer, NULL, PRIO_LATENCY, BIT(0));
	if (err)
		return err;
	for (u32 i = 0; !err && i < PARTNERS && test->partners[i].fn; i++) {
		err = thread_create(&threads[1 + i], "partner", test->partners[i].fn, NULL,
				    (u8)(PRIO_LATENCY - test->partners[i].above),
				    BIT(test->partners[i].cpu));
		t.partners += !err;
	}
	if (!err)
		thread_start(&threads[0]);
	for (u32 i = 0; i <= t.partners; i++)
		thread_join(&threads[i]);
	return err;
}

static void run_and_report(const struct latency_test *test, u64 rounds)
{
	int err;

	if (!(cpus_online_mask() & BIT(test->partners[0].cpu))) {
		shell_printf("%-8s needs a second CPU\n", test->name);
		return;
	}
	err = run(test, rounds);
	if (err) {
		shell_printf("latency: %s: %s\n", test->name, strerror(err));
		return;
	}
	report_row(test->name, &t.times);
	if (t.inversions)
		shell_printf("latency: %s: %u priority inversions\n", test->name, t.inversions);
}

void cmd_latency(const struct args *a)
{
	u64 rounds = 1000;
	bool found = !a->operand;

	if (!option_number(a, "-n", "the number of rounds", 1, 1000000, &rounds))
		return;
	for (u32 i = 0; !found && i < ARRAY_SIZE(tests); i++)
		found = str_eq(a->operand, tests[i].name);
	if (!found) {
		shell_printf("latency: no test '%s'; there are:\n", a->operand);
		for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
			shell_printf("  %-8s %s\n", tests[i].name, tests[i].what);
		return;
	}
	report_heading("TEST");
	for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
		if (!a->operand || str_eq(a->operand, tests[i].name))
			run_and_report(&tests[i], rounds);
}
