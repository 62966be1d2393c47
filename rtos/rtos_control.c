/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A periodic control loop, the typical job of an RTOS, and the command `jitter`, which shows how
 * punctual it is.
 */
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/percpu.h>
#include <kernel/sync.h>
#include <lib/printf.h>
#include <lib/string.h>
#include "loop.h"
#include "rtos.h"

#define DEFAULT_US 1000
#define CTRL_C     3

static struct thread thread;
static struct mutex lock; /* guards the loop; held briefly, and its holder inherits our priority */
static struct loop loop;
static struct sem restarted;

/* How late the loop was in its last periods, in ticks; the number of periods is the index. */
#define RECENT 24
static u64 recent[RECENT], released;

static void control(void *arg __unused)
{
	u64 next = loop.next;

	for (;;) {
		int changed = sem_take(&restarted, next);
		u64 now = arch_counter();

		mutex_lock(&lock);
		if (changed != 0 && now >= loop.next) {
			recent[released++ % RECENT] = now - loop.next;
			loop_released(&loop, now);
			plant_step(&loop.plant);
		}
		next = loop.next;
		mutex_unlock(&lock);
	}
}

int control_start(void)
{
	u32 last = 63 - (u32)__builtin_clzll(cpus_online_mask());
	int err;

	mutex_init(&lock, LOCK_RTOS);
	sem_init(&restarted, 0, 1);
	err = thread_create(&thread, "control", control, NULL, PRIO_CONTROL, BIT(last));
	if (err)
		return err;
	loop_start(&loop, arch_counter(), us_to_ticks(DEFAULT_US));
	thread_start(&thread);
	return 0;
}

/* ---- for others ---- */

size_t control_json(char *buf, size_t size)
{
	static struct loop l; /* too large for the stack */
	static u64 last[RECENT];
	const struct histogram *h = &l.late.h;
	u64 end, at;
	size_t n;

	mutex_lock(&lock);
	l = loop;
	end = released;
	memcpy(last, recent, sizeof(last));
	mutex_unlock(&lock);
	n = (size_t)snprintf(buf, size,
			     "{\"period_us\":%lu,\"periods\":%lu,\"count\":%lu,\"missed\":%lu,"
			     "\"p50_ns\":%lu,\"p99_ns\":%lu,\"max_ns\":%lu,\"last_ns\":[",
			     ticks_to_us(l.period), end, l.late.count, l.missed,
			     report_ns(histogram_quantile(h, 500000)),
			     report_ns(histogram_quantile(h, 990000)), report_ns(h->max));
	for (at = end > RECENT ? end - RECENT : 0; at < end && n < size; at++)
		n += (size_t)snprintf(buf + n, size - n, "%lu%s", report_ns(last[at % RECENT]),
				      at + 1 < end ? "," : "");
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n, "]}");
	return n < size ? n : 0;
}

/* ---- the command ---- */

const struct option jitter_options[JITTER_OPTIONS] = {
	{ "-n", "PERIODS", ARG_TEXT, "count so many periods from now on, then show them" },
	{ "-p", "US", ARG_TEXT, "the loop's period in microseconds from now on" },
	{ "-r", NULL, ARG_NONE, "forget the counts so far" },
};

static void snapshot(struct loop *l)
{
	mutex_lock(&lock);
	*l = loop;
	mutex_unlock(&lock);
}

static void restart(u64 period)
{
	mutex_lock(&lock);
	loop_start(&loop, arch_counter(), period);
	mutex_unlock(&lock);
	sem_give(&restarted); /* the loop may sleep beyond the first release */
}

static void wait_for(u64 periods)
{
	struct loop l;

	do {
		snapshot(&l);
	} while (l.late.count < periods && uart_getc(deadline_ms(10)) != CTRL_C);
}

static void show(void)
{
	static struct loop l; /* too large for the stack */

	snapshot(&l);
	shell_printf("period %lu us on cpu %u, %lu periods missed; plant at %d %% of its way\n",
		     ticks_to_us(l.period), thread.cpu, l.missed,
		     (l.plant.output * 100 + PLANT_ONE / 2) / PLANT_ONE);
	if (l.late.count == 0)
		return;
	report_heading("JITTER");
	report_row("control", &l.late);
	report_buckets(&l.late.h);
}

void cmd_jitter(const struct args *a)
{
	u64 periods = 0, us = 0;

	if (!option_number(a, "-n", "the number of periods", 1, 100000000, &periods) ||
	    !option_number(a, "-p", "the period in us", 50, 1000000, &us))
		return;
	if (us || periods || option_value(a, "-r"))
		restart(us ? us_to_ticks(us) : loop.period);
	wait_for(periods);
	if (periods || !(us || option_value(a, "-r")))
		show();
}
