/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `zvm top`: which threads use the CPUs, again and again. It only reads counters that CPUs keep
 * anyway, and holds no lock between two threads.
 */
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/cpu.h>
#include <vmm/life.h>
#include "shell.h"
#include "table.h"

#define FIRST_MS  250
#define PERIOD_MS 1000
#define THREADS   160
/*
 * Rows that fit on a terminal of 24 lines together with one line for each CPU; and the least number
 * of threads shown.
 */
#define LINES 18
#define LEAST 4

#define HOME     "\x1b[H"
#define END_LINE "\x1b[K\r\n"
#define END_PAGE "\x1b[J"

struct row {
	const struct thread *thread; /* identifies it, with its name; it may be gone */
	char name[sizeof(((struct thread *)0)->name)];
	u32 cpu;
	u8 prio;
	bool is_vcpu;
	u64 ticks;
	u64 exits[EXIT_KINDS];
	u64 permille; /* per mille of a CPU */
	const struct row *before;
};

struct sample {
	u64 when;
	struct {
		u64 idle, irqs;
	} cpus[MAX_CPUS];
	u32 count; /* including threads that found no row */
	struct row rows[THREADS];
};

/* ---- looking ---- */

/* The lock of the thread list is held: t and its vCPU exist. */
static void add_thread(const struct thread *t, void *arg)
{
	struct sample *s = arg;
	struct row *row;

	if (READ_ONCE(t->state) == THREAD_DEAD || t == percpus[READ_ONCE(t->cpu)].idle ||
	    s->count++ >= THREADS)
		return;
	row = &s->rows[s->count - 1];
	row->thread = t;
	str_copy(row->name, t->name, sizeof(row->name));
	row->cpu = READ_ONCE(t->cpu);
	row->prio = READ_ONCE(t->prio);
	row->ticks = thread_ticks(t);
	row->permille = 0;
	row->is_vcpu = t->hooks == &vcpu_hooks;
	memset(row->exits, 0, sizeof(row->exits));
	if (row->is_vcpu)
		memcpy(row->exits, ((const struct vcpu *)(const void *)t)->exits,
		       sizeof(row->exits));
}

static u32 rows_of(const struct sample *s)
{
	return MIN(s->count, (u32)THREADS);
}

/*
 * The thread's row in an earlier sample. A new thread gets a row with all counters 0. NULL: the
 * thread found no row in that sample. *at: where to look first; the row behind the one that was
 * found, because threads keep their order.
 */
static const struct row *find_row(const struct sample *s, const struct row *row, u32 *at)
{
	static const struct row nothing;
	const u32 count = rows_of(s);

	for (u32 n = 0; n < count; n++) {
		const struct row *r = &s->rows[*at < count ? *at : 0];

		*at = (u32)(r - s->rows) + 1;
		if (r->thread == row->thread && str_eq(r->name, row->name))
			return r;
	}
	return s->count > THREADS ? NULL : &nothing;
}

/*
 * The growth of a counter. 0 if it shrank: thread_ticks() may be off by one turn, and another
 * thread may have got the name and the place.
 */
static u64 difference(u64 now, u64 before)
{
	return now > before ? now - before : 0;
}

static void take_sample(struct sample *s, const struct sample *before)
{
	u32 cpu, at = 0;

	s->when = arch_counter();
	for_each_cpu(cpu) {
		s->cpus[cpu].idle = sched_idle_ticks(cpu);
		s->cpus[cpu].irqs = irq_total(cpu);
	}
	s->count = 0;
	thread_for_each(add_thread, s);
	for (u32 i = 0; i < rows_of(s); i++) {
		struct row *row = &s->rows[i];
		u64 passed = MAX(s->when - before->when, 1);

		row->before = find_row(before, row, &at);
		if (row->before)
			row->permille = difference(row->ticks, row->before->ticks) * 1000 / passed;
		row->permille = MIN(row->permille, 1000);
	}
}

/* The numbers of the first `count` rows, sorted by share. */
static void sort(const struct sample *s, u8 *order, u32 count)
{
	_Static_assert(THREADS <= UINT8_MAX, "a row's number is a byte");
	for (u32 i = 0; i < rows_of(s); i++) {
		u32 at = MIN(i, count);

		for (; at > 0 && s->rows[order[at - 1]].permille < s->rows[i].permille; at--)
			if (at < count)
				order[at] = order[at - 1];
		if (at < count)
			order[at] = (u8)i;
	}
}

/* ---- showing ---- */

static bool leaving;

/* Check for keys after each line: a page takes 170 ms on a line at 115200 baud. */
static void look_at_keys(void)
{
	int key;

	while (!leaving && (key = uart_poll()) >= 0)
		leaving = key == 'q' || key == KEY_INTERRUPT;
}

static void end_line(void)
{
	shell_write(END_LINE, strlen(END_LINE));
	look_at_keys();
}

/* The rate per second of a counter, in the text in at most five characters. */
static void put_rate(u64 now, u64 before, u64 passed)
{
	u64 rate = difference(now, before) * arch_counter_hz() / passed;
	char words[24], value[24];

	(void)snprintf(value, sizeof(value), "%lu", rate);
	(void)snprintf(words, sizeof(words), "%luk", MIN(rate / 1000, 9999UL));
	table_cell(rate < 100000 ? value : words, value);
}

static void print_cpu(const struct sample *s, const struct sample *before, u32 cpu, u64 passed)
{
	u64 idle, busy;

	if (!(cpus_online_mask() & BIT(cpu)))
		return;
	idle = MIN(s->cpus[cpu].idle - before->cpus[cpu].idle, passed);
	busy = (passed - idle) * 1000 / passed;
	table_number(cpu);
	table_decimal(busy, 1);
	put_rate(s->cpus[cpu].irqs, before->cpus[cpu].irqs, passed);
	table_row_end();
}

static void print_row(const struct row *row, u64 passed)
{
	char name[17];

	text_print(name, sizeof(name), "%s", row->name);
	table_string(json_is_on() ? row->name : name);
	table_number(row->cpu);
	table_number(row->prio);
	table_decimal(row->permille, 1);
	for (u32 kind = 0; row->is_vcpu && kind < EXIT_KINDS; kind++)
		put_rate(row->exits[kind], (row->before ? row->before : row)->exits[kind], passed);
	table_row_end();
}

static const struct column cpu_columns[] = {
	{ "cpu", "CPU", "", 3 },
	{ "busy_percent", "BUSY%", "  ", 5 },
	{ "irqs_per_s", "IRQS", " ", 5 },
};
static const struct table cpus = { "cpus", TABLE_COLUMNS(cpu_columns), .end_line = end_line };

static const struct column thread_columns[] = {
	{ "name", "NAME", "", -16 },       { "cpu", "CPU", " ", 3 },
	{ "priority", "PRIO", " ", 4 },    { "cpu_percent", "CPU%", " ", 5 },
	{ "irq_per_s", "IRQ", " ", 5 },    { "wfx_per_s", "WFX", " ", 5 },
	{ "hvc_per_s", "HVC", " ", 5 },    { "smc_per_s", "SMC", " ", 5 },
	{ "sysreg_per_s", "SYS", " ", 5 }, { "mmio_per_s", "MMIO", " ", 5 },
	{ "fp_per_s", "FP", " ", 5 },      { "fault_per_s", "FAULT", " ", 5 },
};
static const struct table threads = { "threads", TABLE_COLUMNS(thread_columns),
				      .end_line = end_line };

static void print_cpus(const struct sample *s, const struct sample *before, u64 passed)
{
	table_begin(&cpus);
	for (u32 cpu = 0; cpu < cpu_count && !leaving; cpu++)
		print_cpu(s, before, cpu, passed);
	table_end();
}

/* The first `shown` of them by their share. */
static void print_threads(const struct sample *s, u32 shown, u64 passed)
{
	static u8 order[THREADS];

	sort(s, order, shown);
	table_begin(&threads);
	for (u32 i = 0; i < shown && !leaving; i++)
		print_row(&s->rows[order[i]], passed);
	table_end();
}

static void show(const struct sample *s, const struct sample *before)
{
	u64 passed = MAX(s->when - before->when, 1);
	u32 room = MAX(LINES, cpu_count + LEAST) - cpu_count, shown = MIN(rows_of(s), room);

	shell_write(HOME, strlen(HOME));
	shell_printf("%u threads; interrupts and exits are per second; q leaves", s->count);
	end_line();
	print_cpus(s, before, passed);
	end_line();
	print_threads(s, shown, passed);
	if (shown < s->count) {
		shell_printf("and %u more", s->count - shown);
		end_line();
	}
	shell_write(END_PAGE, strlen(END_PAGE));
}

/* False: the operator leaves. */
static bool wait_for_next(u64 deadline)
{
	look_at_keys();
	while (!leaving && arch_counter() < deadline) {
		shell_wait(deadline);
		look_at_keys();
	}
	return !leaving;
}

/* As JSON: the first second, of all threads. */
static void show_once(struct sample *first, struct sample *second)
{
	const u64 end = deadline_ms(PERIOD_MS);
	u64 passed;

	do
		shell_wait(end);
	while (arch_counter() < end && !shell_interrupted());
	take_sample(second, first);
	passed = MAX(second->when - first->when, 1);
	print_cpus(second, first, passed);
	print_threads(second, rows_of(second), passed);
}

#define SAMPLE_PAGES ((u32)(ALIGN_UP(2 * sizeof(struct sample), PAGE_SIZE) / PAGE_SIZE))

static void watch(struct sample samples[2])
{
	u64 period = FIRST_MS;
	u32 n = 0;

	leaving = false;
	samples[!n].when = samples[!n].count = 0; /* before the first one there was nothing */
	take_sample(&samples[n], &samples[!n]);
	if (json_is_on()) {
		show_once(&samples[n], &samples[!n]);
		return;
	}
	shell_take_keys();
	while (wait_for_next(deadline_ms(period))) {
		n = !n;
		take_sample(&samples[n], &samples[!n]);
		show(&samples[n], &samples[!n]);
		period = PERIOD_MS;
	}
}

void cmd_zvm_top(const struct args *a)
{
	struct sample *samples = pages_alloc(SAMPLE_PAGES);

	if (!samples) {
		shell_error("%s: no memory\n", a->path);
		return;
	}
	watch(samples);
	pages_free(samples, SAMPLE_PAGES);
}
