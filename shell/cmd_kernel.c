/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that show the kernel itself: for the hypervisor's `host`, and for the RTOS. */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <lib/string.h>
#include "shell.h"
#include "table.h"

u64 thread_ticks(const struct thread *t)
{
	const struct percpu *pc = &percpus[READ_ONCE(t->cpu)];
	u64 ticks = READ_ONCE(t->run_ticks), since = READ_ONCE(t->switched_in_at);
	u64 now = arch_counter();

	/* Another CPU may be switching: this figure is only for display. */
	if (READ_ONCE(pc->current) == t && READ_ONCE(pc->idle_since) && t != pc->idle)
		return ticks; /* the thread waits in place: sched_idle_here() */
	return READ_ONCE(t->state) == THREAD_RUNNING && now > since ? ticks + (now - since) : ticks;
}

/* ---- cpus ---- */

static void read_midr(void *arg)
{
	*(u32 *)arg = arch_cpu_midr();
}

/* Busy time in per mille since the last call (at first: since power-on). */
static u64 busy_permille(u32 cpu)
{
	static u64 last_when[MAX_CPUS], last_idle[MAX_CPUS];
	u64 now = arch_counter(), idle = sched_idle_ticks(cpu);
	u64 passed = now - last_when[cpu], idled = idle - last_idle[cpu];

	last_when[cpu] = now;
	last_idle[cpu] = idle;
	return passed == 0 || idled >= passed ? 0 : (passed - idled) * 1000 / passed;
}

static const struct column cpu_columns[] = {
	{ "cpu", "CPU", "", 3 },
	{ "hwid", "HWID", "  ", -6 },
	{ "state", "STATE", " ", -6 },
	{ "busy_percent", "BUSY", " ", 7 },
	{ "irqs", "IRQS", " ", 8 },
	{ "ipis", "IPIS", " ", 10 },
	{ "switches", "SWITCHES", " ", 10 },
	{ "model", "MODEL", "  ", 0 },
};
static const struct table cpus = { "cpus", TABLE_COLUMNS(cpu_columns) };

static void put_busy(u32 cpu)
{
	const u64 busy = busy_permille(cpu);
	char words[16], value[16];

	(void)snprintf(value, sizeof(value), "%lu.%lu", busy / 10, busy % 10);
	(void)snprintf(words, sizeof(words), "%s%%", value);
	table_cell(words, value);
}

void cmd_cpus(const struct args *a __unused)
{
	u32 cpu;

	table_begin(&cpus);
	for_each_cpu(cpu) {
		const struct percpu *p = &percpus[cpu];
		const bool online = cpus_online_mask() & BIT(cpu);
		u32 midr = 0;

		table_number(cpu);
		table_text("0x%lx", p->hwid);
		table_string(online ? "online" : "offline");
		if (online) {
			ipi_call(cpu, read_midr, &midr);
			put_busy(cpu);
			table_number(irq_total(cpu));
			table_number(ipi_total(cpu));
			table_number(p->switches);
			table_string(arch_cpu_name(midr));
		}
		table_row_end();
	}
	table_end();
}

/* ---- irq ---- */

static const struct column irq_columns[] = {
	{ "intid", "INTID", "", 5 },
	{ "name", "NAME", "  ", -20 },
	{ "counts", "COUNT ON EACH CPU", " ", 0 },
};
static const struct table irqs = { "irqs", TABLE_COLUMNS(irq_columns) };

static const struct column masked_columns[] = {
	{ "cpu", "CPU", "", 3 },     { "ticks", "TICKS", " ", 8 }, { "us", "US", " ", 10 },
	{ "from", "FROM", "  ", 0 }, { "to", "TO", "  ", 0 },
};
static const struct table masked_sections = { "masked", TABLE_COLUMNS(masked_columns) };

static void put_place(u64 place)
{
	if (place >= MASKED_CLASSES)
		table_text("0x%lx", place);
	else if (place)
		table_text("guest, class 0x%02lx", place);
	else
		table_text("guest, interrupt");
}

static void print_masked(u32 cpu)
{
	struct masked_section worst[MASKED_WORST];

	masked_get(cpu, worst);
	for (u32 n = 0; n < MASKED_WORST && worst[n].ticks; n++) {
		table_number(cpu);
		table_number(worst[n].ticks);
		table_decimal(ticks_to_us(worst[n].ticks * 1000), 3);
		put_place(worst[n].from);
		put_place(worst[n].to);
		table_row_end();
	}
}

/* True if an option was handled and no table is to be printed. */
static bool measure_option(const struct args *a)
{
	const char *on = option_value(a, "-m");

	if (on && !str_eq(on, "on") && !str_eq(on, "off")) {
		shell_printf("%s: -m %s: expected on or off\n", a->path, on);
		return true;
	}
	if (on)
		masked_exits(MASKED_ASKED, str_eq(on, "on"));
	if (option_value(a, "-r"))
		masked_reset();
	return on || option_value(a, "-r");
}

static const char *exits_measured(const struct args *a)
{
	if (a->command->noptions < IRQ_OPTIONS)
		return "";
	return percpus[0].masked.exits ? ", with guests' exits" : ", without guests' exits";
}

void cmd_irq(const struct args *a)
{
	struct irq_info i;
	u32 cpu;

	if (measure_option(a))
		return;
	table_begin(&irqs);
	for (u32 from = 0; irq_next_info(from, &i); from = i.intid + 1) {
		table_number(i.intid);
		table_string(i.name);
		table_list(i.count, cpu_count, 8);
		table_row_end();
	}
	table_end();
	if (!json_is_on())
		shell_printf("\nThe longest with interrupts masked%s:\n", exits_measured(a));
	table_begin(&masked_sections);
	for_each_cpu(cpu)
		print_masked(cpu);
	table_end();
}

const struct option irq_options[IRQ_OPTIONS] = {
	{ "-r", NULL, ARG_NONE, "forget the longest times so far" },
	JSON_OPTION,
	{ "-m", "on|off", ARG_TEXT, "also measure how long guests' exits keep interrupts masked" },
};

const struct option json_options[JSON_OPTIONS] = { JSON_OPTION };

static const struct column lock_columns[] = {
	{ "lock", "SPINLOCK", "", -22 },
	{ "taken", "TAKEN", " ", 12 },
	{ "waits", "WAITS", " ", 10 },
};
static const struct table lock_table = { "locks", TABLE_COLUMNS(lock_columns) };

void cmd_locks(const struct args *a)
{
	struct lock_counts counts;

	if (!lock_counts(0, &counts)) {
		shell_printf(
			"%s: this build does not count locks: `meson configure build -Dchecks=true` does\n",
			a->path);
		return;
	}
	table_begin(&lock_table);
	for (u32 rank = 0; lock_counts(rank, &counts); rank++) {
		if (!counts.taken)
			continue;
		table_string(counts.name);
		table_number(counts.taken);
		table_number(counts.waits);
		table_row_end();
	}
	table_end();
}

/* ---- threads ---- */

static const struct column thread_columns[] = {
	{ "name", "NAME", "", -24 },          { "state", "STATE", " ", -8 },
	{ "priority", "PRIO", " ", 4 },       { "cpu", "CPU", " ", 3 },
	{ "affinity", "AFFINITY", "  ", -8 }, { "cpu_ms", "CPU MS", " ", 10 },
	{ "switches", "SWITCHES", " ", 10 },  { "waited_us", "WAITED US", " ", 10 },
};
static const struct table thread_list = { "threads", TABLE_COLUMNS(thread_columns) };

struct thread_row {
	char name[sizeof(((struct thread *)0)->name)];
	u8 state, prio;
	u32 cpu;
	u64 affinity, ticks, switches, waited;
};

/* Copied while the list is locked, printed afterwards. */
static struct {
	u32 count; /* including threads that found no row */
	struct thread_row rows[160];
} thread_table;

static void add_thread(const struct thread *t, void *arg __unused)
{
	struct thread_row *row = &thread_table.rows[thread_table.count];

	if (thread_table.count++ >= ARRAY_SIZE(thread_table.rows))
		return;
	str_copy(row->name, t->name, sizeof(row->name));
	row->state = READ_ONCE(t->state);
	row->prio = READ_ONCE(t->prio);
	row->cpu = READ_ONCE(t->cpu);
	row->affinity = READ_ONCE(t->affinity);
	row->ticks = thread_ticks(t);
	row->switches = READ_ONCE(t->switches);
	row->waited = READ_ONCE(t->guard_longest);
}

static void print_thread(const struct thread_row *t)
{
	static const char *const states[] = {
		[THREAD_NEW] = "new",         [THREAD_READY] = "ready",
		[THREAD_RUNNING] = "running", [THREAD_BLOCKED] = "blocked",
		[THREAD_DEAD] = "dead",
	};

	table_string(t->name);
	table_string(states[t->state]);
	table_number(t->prio);
	table_number(t->cpu);
	table_text("0x%lx", t->affinity & cpus_online_mask());
	table_number(ticks_to_us(t->ticks) / 1000);
	table_number(t->switches);
	if (t->waited)
		table_number(ticks_to_us(t->waited));
	else
		table_none("-");
	table_row_end();
}

void cmd_threads(const struct args *a __unused)
{
	u32 shown;

	thread_table.count = 0;
	thread_for_each(add_thread, NULL);
	shown = MIN(thread_table.count, (u32)ARRAY_SIZE(thread_table.rows));
	table_begin(&thread_list);
	for (u32 i = 0; i < shown; i++)
		print_thread(&thread_table.rows[i]);
	table_end();
	if (shown < thread_table.count)
		shell_printf("and %u more\n", thread_table.count - shown);
}

void cmd_log(const struct args *a __unused)
{
	log_dump(&shell_io()->text.sink);
}

void cmd_reboot(const struct args *a)
{
	shell_printf("the machine restarts\n");
	uart_drain();
	arch_reboot();
	shell_printf("%s: the firmware does not restart the machine\n", a->path);
}
