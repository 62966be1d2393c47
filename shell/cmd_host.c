/* SPDX-License-Identifier: Apache-2.0 */
/* `host`: the machine, and what runs on it. */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/masked.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <vmm/vm.h>
#include "shell.h"

u64 thread_ticks(const struct thread *t)
{
	u64 ticks = t->run_ticks, since = t->switched_in_at, now = arch_counter();

	/* Another CPU may be switching: a figure for people, not an account. */
	return t->state == THREAD_RUNNING && now > since ? ticks + (now - since) : ticks;
}

static void host_version(const struct args *a __unused)
{
	shell_printf("ZVM %s, real-time hypervisor for AArch64, built with %s\n", ZVM_VERSION,
		     __VERSION__);
}

/* ---- info ---- */

/* Year, month, day of a day counted from 1970-01-01 (Gregorian; eras of 400 years from March 0000). */
static void civil_date(u64 days, u64 *year, u64 *month, u64 *day)
{
	u64 z = days + 719468, era = z / 146097, doe = z % 146097;
	u64 yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	u64 doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static void print_time(void)
{
	u64 up = arch_counter() / arch_counter_hz(), now, y, m, d;

	shell_printf("time      %lu s since power-on, counter %lu Hz", up, arch_counter_hz());
	if (host_wall_clock) {
		now = host_wall_clock();
		civil_date(now / 86400, &y, &m, &d);
		shell_printf(", %04lu-%02lu-%02lu %02lu:%02lu:%02lu UTC", y, m, d, now / 3600 % 24,
			     now / 60 % 60, now % 60);
	}
	shell_printf("\n");
}

static void host_info(const struct args *a)
{
	u32 ports = 0, vms = 0;
	struct page_stats mem;

	for (s32 port = 0; port < CONSOLE_MAX_PORTS; port++)
		ports += console_port_name(port) != NULL;
	for (u32 id = 0; id < MAX_VMS; id++)
		vms += vm_by_id(id) != NULL;
	page_stats(&mem);
	host_version(a);
	shell_printf("machine   %s\n", host_fdt_model());
	shell_printf("cpu       %u cpus, %s\n", word_weight(cpus_online_mask()),
		     arch_cpu_name(arch_cpu_midr()));
	shell_printf("memory    %lu MiB, %lu MiB free\n", mem.total / MIB(1), mem.free / MIB(1));
	shell_printf("guests    %u vms of at most %u, %u types, %u-bit addresses\n", vms, MAX_VMS,
		     vm_type_count, stage2_ipa_bits());
	shell_printf("irqs      %u, %u list registers\n", arch_irq_count(), arch_vgic_lr_count());
	shell_printf("console   %s here, %u ports for vms\n", uart_name(), ports);
	print_time();
}

/* ---- cpus ---- */

static void read_midr(void *arg)
{
	*(u32 *)arg = arch_cpu_midr();
}

/* Busy time in permille since this was asked last (at first: since power-on). */
static u64 busy_permille(u32 cpu)
{
	static u64 last_when[MAX_CPUS], last_idle[MAX_CPUS];
	u64 now = arch_counter(), idle = sched_idle_ticks(cpu);
	u64 passed = now - last_when[cpu], idled = idle - last_idle[cpu];

	last_when[cpu] = now;
	last_idle[cpu] = idle;
	return passed == 0 || idled >= passed ? 0 : (passed - idled) * 1000 / passed;
}

static void host_cpus(const struct args *a __unused)
{
	shell_printf("CPU  HWID   STATE    BUSY  %8s %10s %10s  MODEL\n", "IRQS", "IPIS",
		     "SWITCHES");
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
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

/* ---- mem, irq, threads, log ---- */

static void host_mem(const struct args *a __unused)
{
	struct page_stats s;

	page_stats(&s);
	shell_printf("total: %lu KiB\n", s.total / KIB(1));
	shell_printf("used: %lu KiB\n", (s.total - s.free) / KIB(1));
	shell_printf("free: %lu KiB\n", s.free / KIB(1));
	shell_printf("blocks of 2 MiB free: %lu\n", s.blocks_free);
	shell_printf("single pages used: %lu\n", s.pages_used);
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

/* True if what was asked for is done, and the tables are not. */
static bool measure_option(const struct args *a)
{
	const char *on = option_value(a, "-m");

	if (on && !str_eq(on, "on") && !str_eq(on, "off")) {
		shell_printf("%s: -m %s: on or off\n", a->path, on);
		return true;
	}
	if (on)
		masked_exits(str_eq(on, "on"));
	if (option_value(a, "-r"))
		masked_reset();
	return on || option_value(a, "-r");
}

static void host_irq(const struct args *a)
{
	struct irq_info i;

	if (measure_option(a))
		return;
	shell_printf("INTID  %-20s COUNT ON EACH CPU\n", "NAME");
	for (u32 from = 0; irq_next_info(from, &i); from = i.intid + 1) {
		shell_printf("%5u  %-20s", i.intid, i.name);
		for (u32 cpu = 0; cpu < cpu_count; cpu++)
			shell_printf(" %8lu", i.count[cpu]);
		shell_printf("\n");
	}
	shell_printf("\nThe longest with interrupts masked, %s guests' exits:\n",
		     percpus[0].masked.exits ? "with" : "without");
	shell_printf("CPU    TICKS         US  FROM, TO\n");
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		print_masked(cpu);
}

static const struct option irq_options[] = {
	{ "-m", "on|off", ARG_TEXT, "measure how long exits of guests keep them masked, too" },
	{ "-r", NULL, ARG_NONE, "forget the longest so far" },
};

struct thread_row {
	char name[24];
	u8 state, prio;
	u32 cpu;
	u64 affinity, ticks, switches;
};

/* Copied while the list is locked, printed afterwards. */
static struct {
	u32 count; /* also of those that found no row */
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
}

static void host_threads(const struct args *a __unused)
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
	shell_printf("%-24s STATE    PRIO CPU  AFFINITY     CPU MS   SWITCHES\n", "NAME");
	for (u32 i = 0; i < shown; i++) {
		const struct thread_row *t = &thread_table.rows[i];

		shell_printf("%-24s %-8s %4u %3u  0x%-6lx %10lu %10lu\n", t->name, states[t->state],
			     t->prio, t->cpu, t->affinity & cpus_online_mask(),
			     ticks_to_us(t->ticks) / 1000, t->switches);
	}
	if (shown < thread_table.count)
		shell_printf("and %u more\n", thread_table.count - shown);
}

static void host_log(const struct args *a __unused)
{
	log_dump(&shell_sink);
}

static void host_reboot(const struct args *a __unused)
{
	shell_printf("the machine restarts\n");
	uart_drain();
	arch_reboot();
	shell_printf("host: the firmware does not restart the machine\n");
}

static const struct command host_commands[] = {
	{ "info", NULL, "the machine in short", .run = host_info },
	{ "cpus", NULL, "its CPUs, and what they do", .run = host_cpus },
	{ "mem", NULL, "memory, total and free", .run = host_mem },
	{ "irq", NULL, "interrupts that somebody handles, and how long they were masked",
	  .options = irq_options, .noptions = ARRAY_SIZE(irq_options), .run = host_irq },
	{ "threads", NULL, "all threads, vCPUs too", .run = host_threads },
	{ "log", NULL, "the kernel's log", .run = host_log },
	{ "version", NULL, "which ZVM this is", .run = host_version },
	{ "reboot", NULL, "restart the machine, VMs and all", .run = host_reboot },
};

const struct command host_command = {
	.name = "host",
	.summary = "the machine itself",
	.sub = host_commands,
	.nsub = ARRAY_SIZE(host_commands),
};
