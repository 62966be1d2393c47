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

u64 thread_ticks(const struct thread *t)
{
	const struct percpu *pc = &percpus[t->cpu];
	u64 ticks = t->run_ticks, since = t->switched_in_at, now = arch_counter();

	/* Another CPU may be switching: this figure is only for display. */
	if (pc->current == t && pc->idle_since && t != pc->idle)
		return ticks; /* the thread waits in place: sched_idle_here() */
	return t->state == THREAD_RUNNING && now > since ? ticks + (now - since) : ticks;
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

void cmd_cpus(const struct args *a __unused)
{
	u32 cpu;

	shell_printf("CPU  HWID   STATE    BUSY  %8s %10s %10s  MODEL\n", "IRQS", "IPIS",
		     "SWITCHES");
	for_each_cpu(cpu) {
		const struct percpu *p = &percpus[cpu];
		u32 midr = 0;
		u64 busy;

		if (!(cpus_online_mask() & BIT(cpu))) {
			shell_printf("%3u  0x%-4lx offline\n", cpu, p->hwid);
			continue;
		}
		ipi_call(cpu, read_midr, &midr);
		busy = busy_permille(cpu);
		shell_printf("%3u  0x%-4lx online %4lu.%lu%% %8lu %10lu %10lu  %s\n", cpu, p->hwid,
			     busy / 10, busy % 10, irq_total(cpu), ipi_total(cpu), p->switches,
			     arch_cpu_name(midr));
	}
}

static void print_place(u64 place)
{
	if (place >= MASKED_CLASSES)
		shell_printf("  0x%lx", place);
	else if (place)
		shell_printf("  guest, class 0x%02lx", place);
	else
		shell_printf("  guest, interrupt");
}

static void print_masked(u32 cpu)
{
	struct masked_section worst[MASKED_WORST];

	masked_get(cpu, worst);
	for (u32 n = 0; n < MASKED_WORST && worst[n].ticks; n++) {
		u64 ns = ticks_to_us(worst[n].ticks * 1000);

		shell_printf("%3u %8lu %6lu.%03lu", cpu, worst[n].ticks, ns / 1000, ns % 1000);
		print_place(worst[n].from);
		print_place(worst[n].to);
		shell_printf("\n");
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
		masked_exits(str_eq(on, "on"));
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
	shell_printf("INTID  %-20s COUNT ON EACH CPU\n", "NAME");
	for (u32 from = 0; irq_next_info(from, &i); from = i.intid + 1) {
		shell_printf("%5u  %-20s", i.intid, i.name);
		for_each_cpu(cpu)
			shell_printf(" %8lu", i.count[cpu]);
		shell_printf("\n");
	}
	shell_printf("\nThe longest with interrupts masked%s:\n", exits_measured(a));
	shell_printf("CPU    TICKS         US  FROM, TO\n");
	for_each_cpu(cpu)
		print_masked(cpu);
}

const struct option irq_options[IRQ_OPTIONS] = {
	{ "-r", NULL, ARG_NONE, "forget the longest times so far" },
	{ "-m", "on|off", ARG_TEXT, "also measure how long guests' exits keep interrupts masked" },
};

void cmd_locks(const struct args *a)
{
	struct lock_counts counts;

	if (!lock_counts(0, &counts))
		shell_printf(
			"%s: this build does not count locks: `meson configure build -Dchecks=true` does\n",
			a->path);
	else
		shell_printf("%-22s %12s %10s\n", "SPINLOCK", "TAKEN", "WAITS");
	for (u32 rank = 0; lock_counts(rank, &counts); rank++)
		if (counts.taken)
			shell_printf("%-22s %12lu %10lu\n", counts.name, counts.taken,
				     counts.waits);
}

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
	row->state = t->state;
	row->prio = t->prio;
	row->cpu = t->cpu;
	row->affinity = t->affinity;
	row->ticks = thread_ticks(t);
	row->switches = t->switches;
	row->waited = t->guard_longest;
}

void cmd_threads(const struct args *a __unused)
{
	static const char *const states[] = {
		[THREAD_NEW] = "new",         [THREAD_READY] = "ready",
		[THREAD_RUNNING] = "running", [THREAD_BLOCKED] = "blocked",
		[THREAD_DEAD] = "dead",
	};
	u32 shown;

	thread_table.count = 0;
	thread_for_each(add_thread, NULL);
	shown = MIN(thread_table.count, (u32)ARRAY_SIZE(thread_table.rows));
	shell_printf("%-24s STATE    PRIO CPU  AFFINITY     CPU MS   SWITCHES  WAITED US\n",
		     "NAME");
	for (u32 i = 0; i < shown; i++) {
		const struct thread_row *t = &thread_table.rows[i];
		char waited[24] = "-";

		if (t->waited)
			snprintf(waited, sizeof(waited), "%lu", ticks_to_us(t->waited));
		shell_printf("%-24s %-8s %4u %3u  0x%-6lx %10lu %10lu %10s\n", t->name,
			     states[t->state], t->prio, t->cpu, t->affinity & cpus_online_mask(),
			     ticks_to_us(t->ticks) / 1000, t->switches, waited);
	}
	if (shown < thread_table.count)
		shell_printf("and %u more\n", thread_table.count - shown);
}

void cmd_log(const struct args *a __unused)
{
	log_dump(&shell_text.sink);
}

void cmd_reboot(const struct args *a)
{
	shell_printf("the machine restarts\n");
	uart_drain();
	arch_reboot();
	shell_printf("%s: the firmware does not restart the machine\n", a->path);
}
