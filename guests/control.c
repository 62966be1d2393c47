/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: a real-time guest whose only work is to be on time. It has one timer at 10 kHz and one
 * at 1 kHz, half a short period apart. A histogram counts how late each is, from the tick at which
 * it is due to the first instruction of the vector. A number typed at its console measures that
 * many interrupts of the fast timer and prints the result. `s` stops both for good and prints their
 * figures since the start.
 */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/stamp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define FAST_HZ    10000u
#define SLOW_HZ    1000u
#define BUCKETS    16384u /* a tick each; the last one holds all that are later */
#define POLL_EVERY 100u   /* fast interrupts between looks at the console */

struct task {
	const char *name;
	uint64_t period;
	uint64_t due; /* in CNTVCT */
	uint64_t max;
	uint64_t missed; /* periods that had gone by before their interrupt was taken */
	uint32_t count;
	uint32_t late[BUCKETS];
};

static struct task fast = { .name = "10 kHz" };
static struct task slow = { .name = "1 kHz" };
static uint64_t phys_ahead;           /* CNTPCT - CNTVCT */
static volatile uint32_t fast_wanted; /* to be measured; 0: none */
static volatile uint32_t interrupts;
static uint64_t
	latest; /* of all of them, measured or not: also what the guest itself kept waiting */

static void measure(struct task *task, uint64_t stamp)
{
	uint64_t late = stamp - task->due;

	if (stamp < task->due) /* the timer was stopped meanwhile, and its interrupt under way */
		return;
	if (late > latest)
		latest = late;
	task->due += task->period;
	for (; task->due <= stamp; task->due += task->period)
		task->missed += fast_wanted != 0;
	if (!fast_wanted)
		return;
	if (late > task->max)
		task->max = late;
	task->late[late < BUCKETS ? late : BUCKETS - 1]++;
	task->count++;
}

/* Called by stamp.S with the counter as the vector's first instruction read it. */
void stamp_irq(uint64_t intid, uint64_t stamp)
{
	if (intid == CNTV_INTID) {
		measure(&fast, stamp);
		write_sysreg(cntv_cval_el0, fast.due);
		if (fast_wanted && fast.count == fast_wanted)
			fast_wanted = 0;
	} else if (intid == CNTP_INTID) {
		measure(&slow, stamp);
		write_sysreg(cntp_cval_el0, slow.due + phys_ahead);
	}
	isb();
	interrupts++;
}

static void start(void)
{
	uint64_t first = now() + us_to_ticks(1000);

	phys_ahead = timer_counter(TIMER_PHYS) - timer_counter(TIMER_VIRT);
	/* Exact: two reads are some ticks apart, and the slow timer would be early by that. */
	for (unsigned int n = 0; n < 16; n++) {
		uint64_t virt = read_sysreg(cntvct_el0), phys = read_sysreg(cntpct_el0);

		if (phys - virt < phys_ahead)
			phys_ahead = phys - virt;
	}
	fast.period = ticks_per_second() / FAST_HZ;
	slow.period = ticks_per_second() / SLOW_HZ;
	fast.due = first;
	slow.due = first + fast.period / 2;
	timer_set_cval(TIMER_VIRT, fast.due);
	timer_set_cval(TIMER_PHYS, slow.due + phys_ahead);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	timer_set_ctl(TIMER_PHYS, TIMER_ENABLE);
}

static uint64_t quantile(const struct task *task, uint32_t permille)
{
	uint64_t seen = 0;

	for (uint32_t n = 0; n < BUCKETS; n++) {
		seen += task->late[n];
		if (seen * 1000 >= (uint64_t)task->count * permille)
			return n;
	}
	return task->max;
}

static void report(const struct task *task)
{
	print("control: %s: %u interrupts, %lu missed, ticks late: p50 %lu, p99 %lu, p99.9 %lu, max %lu\n",
	      task->name, task->count, task->missed, quantile(task, 500), quantile(task, 990),
	      quantile(task, 999), task->max);
}

static void clear(struct task *task)
{
	task->max = 0;
	task->missed = 0;
	task->count = 0;
	for (uint32_t n = 0; n < BUCKETS; n++)
		task->late[n] = 0;
}

static void run(uint32_t wanted)
{
	static unsigned int runs;

	clear(&fast);
	clear(&slow);
	fast_wanted = wanted;
	while (fast_wanted)
		wfi();
	report(&fast);
	report(&slow);
	print("control: run %u done\n", ++runs);
}

static void stop(void)
{
	irq_mask();
	timer_set_ctl(TIMER_VIRT, 0);
	timer_set_ctl(TIMER_PHYS, 0);
	irq_unmask(); /* one that had come already is taken */
	print("control: stopped after %u interrupts, ticks late: max %lu\n", interrupts, latest);
	for (;;)
		wfi();
}

void guest_main(void)
{
	uint32_t polled = 0;
	uint32_t number = 0;
	int c;

	irq_mask();
	stamp_vectors_on();
	gic_enable(CNTV_INTID);
	gic_enable(CNTP_INTID);
	start();
	print("control: ready\n");
	irq_unmask();
	for (;;) {
		wfi();
		if (interrupts - polled < POLL_EVERY)
			continue;
		polled = interrupts;
		c = uart_try_getc();
		if (c >= '0' && c <= '9') {
			number = 10 * number + (uint32_t)(c - '0');
		} else if (number && c >= 0) {
			run(number);
			number = 0;
		} else if (c == 's') {
			stop();
		}
	}
}
