/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `zvm stat`: rows that a script can read too. A row begins with its table's name and the vCPU
 * (docs/real-time.md).
 */
#include <arch/timer.h>
#include <drivers/host.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <vmm/life.h>
#include <vmm/net.h>
#include <vmm/place.h>
#include "shell.h"
#include "table.h"

static u64 to_ns(u64 ticks)
{
	return ticks_to_us(ticks * 1000);
}

/* Print the first two columns: the table, and the number of a vCPU or `all`. */
static void print_who(const char *table, const struct vm *vm, u32 index)
{
	table_string(table);
	if (index == vm->nvcpus)
		table_string("all");
	else
		table_number(index);
}

/* ---- exits ---- */

static const struct column exit_columns[] = {
	{ "table", "TABLE", "", -8 },   { "vcpu", "VCPU", " ", 4 },   { "irq", "IRQ", " ", 9 },
	{ "wfx", "WFX", " ", 9 },       { "hvc", "HVC", " ", 9 },     { "smc", "SMC", " ", 9 },
	{ "sysreg", "SYSREG", " ", 9 }, { "mmio", "MMIO", " ", 9 },   { "fp", "FP", " ", 9 },
	{ "fault", "FAULT", " ", 9 },   { "total", "TOTAL", " ", 9 },
};
_Static_assert(ARRAY_SIZE(exit_columns) == EXIT_KINDS + 3, "a column for each kind");
static const struct table exits_table = { "exits", TABLE_COLUMNS(exit_columns) };

static void print_kinds(const u64 *values, bool total)
{
	u64 sum = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		table_number(values[kind]);
		sum += values[kind];
	}
	if (total)
		table_number(sum);
	table_row_end();
}

static void print_exits(const struct vm *vm)
{
	u64 all[EXIT_KINDS] = { 0 };
	const struct vcpu *v;

	for_each_vcpu(v, vm) {
		u64 exits[EXIT_KINDS];

		for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
			exits[kind] = v->exits[kind] - v->exits_before[kind];
			all[kind] += exits[kind];
		}
		print_who("exits", vm, v->index);
		print_kinds(exits, true);
	}
	print_who("exits", vm, vm->nvcpus);
	print_kinds(all, true);
}

static void print_times(const struct vm *vm)
{
	struct exit_time sum[EXIT_KINDS] = { { 0 } };
	u64 us[EXIT_KINDS], count = 0;
	const struct vcpu *v;

	for_each_vcpu(v, vm) {
		for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
			sum[kind].count += v->exit_times[kind].count;
			sum[kind].ticks += v->exit_times[kind].ticks;
			count += v->exit_times[kind].count;
		}
	}
	if (!count && !percpus[0].masked.exits) {
		shell_printf("exit times are not measured; `host irq -m on` turns that on\n");
		return;
	}
	for_each_vcpu(v, vm) {
		for (u32 kind = 0; kind < EXIT_KINDS; kind++)
			us[kind] = ticks_to_us(v->exit_times[kind].ticks);
		print_who("time-us", vm, v->index);
		print_kinds(us, true);
	}
	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		us[kind] = ticks_to_us(sum[kind].ticks);
	print_who("time-us", vm, vm->nvcpus);
	print_kinds(us, true);
	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		us[kind] = sum[kind].count ? to_ns(sum[kind].ticks) / sum[kind].count : 0;
	print_who("mean-ns", vm, vm->nvcpus);
	print_kinds(us, false);
}

/* ---- lateness ---- */

static const struct column late_columns[] = {
	{ "table", "TABLE", "", -8 }, { "vcpu", "VCPU", " ", 4 }, { "count", "COUNT", " ", 9 },
	{ "p50", "P50", " ", 9 },     { "p99", "P99", " ", 9 },   { "p99_9", "P99.9", " ", 9 },
	{ "max", "MAX", " ", 9 },
};
static const struct table late_table = { "late", TABLE_COLUMNS(late_columns) };

static void print_late(const char *table, const struct vm *vm, u32 index, const struct histogram *h,
		       u64 (*unit)(u64 ticks))
{
	static const u32 ppm[] = { 500000, 990000, 999000, 1000000 };

	print_who(table, vm, index);
	table_number(histogram_count(h));
	for (u32 i = 0; i < ARRAY_SIZE(ppm); i++)
		table_number(unit(histogram_quantile(h, ppm[i])));
	table_row_end();
}

/* How many came how late, at least; the JSON alone has it. */
static const struct column count_columns[] = {
	{ "from_ns", NULL, NULL, 0 },
	{ "count", NULL, NULL, 0 },
};
static const struct table counts_table = { "late_counts", TABLE_COLUMNS(count_columns) };

static void print_counts(const struct histogram *h)
{
	if (!json_is_on())
		return;
	table_begin(&counts_table);
	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!h->buckets[i])
			continue;
		table_number(to_ns(histogram_least(i)));
		table_number(h->buckets[i]);
		table_row_end();
	}
	table_end();
}

static u64 in_ticks(u64 ticks)
{
	return ticks;
}

/*
 * True on QEMU's `virt`, unless an option says that its clock stands still while it waits for a CPU
 * (as with tools/run --exact).
 */
static bool clock_runs_away(void)
{
	return host_fdt_is(host_fdt_next(-1), "linux,dummy-virt") &&
	       !host_fdt_option("clock.exact=");
}

static void print_latency(const struct vm *vm)
{
	static struct histogram all;
	const struct vcpu *v;

	memset(&all, 0, sizeof(all));
	table_begin(&late_table);
	for_each_vcpu(v, vm) {
		print_late("late", vm, v->index, &v->timer.late, in_ticks);
		histogram_merge(&all, &v->timer.late);
	}
	print_late("late", vm, vm->nvcpus, &all, in_ticks);
	print_late("late-ns", vm, vm->nvcpus, &all, to_ns);
	table_end();
	print_counts(&all);
	if (clock_runs_away())
		shell_printf("note: on QEMU these include its computer's own delays; "
			     "`make run EXACT=1` leaves those out\n");
}

/* ---- budget, ports of networks ---- */

static const struct column budget_columns[] = {
	{ "table", "TABLE", "", -8 },
	{ "vcpu", "VCPU", " ", 4 },
	{ "throttled", "THROTTLED", " ", 9 },
	{ "missed", "MISSED", " ", 9 },
};
static const struct table budget_table = { "budget", TABLE_COLUMNS(budget_columns) };

static void print_budget(const struct vm *vm)
{
	struct vm_budget_stats s;

	vm_budget_stats(vm, &s);
	table_begin(&budget_table);
	print_who("budget", vm, vm->nvcpus);
	table_number(s.throttled);
	table_number(s.missed);
	table_row_end();
	table_end();
}

/* clang-format off */
static const struct column port_columns[] = {
	{ "table", "TABLE", "", -8 },
	{ "port", "PORT", " ", -8 },
	{ "network", "NETWORK", " ", -12 },
	PORT_COUNT_COLUMNS
};
/* clang-format on */
static const struct table ports_table = { "ports", TABLE_COLUMNS(port_columns) };

static void print_port(const struct net_port *p)
{
	table_string("port");
	table_string(p->name);
	table_string(net_name(p->net));
	end_port_row(p);
}

/* In the text nothing, if it has none. */
static void print_ports(const struct vm *vm)
{
	const struct net_port *p;
	bool any = json_is_on();

	if (any)
		table_begin(&ports_table);
	for (const struct net *net = NULL; (net = net_next(net));) {
		for (p = NULL; (p = net_port_next(net, p));) {
			if (p->owner != vm->name)
				continue;
			if (!any)
				table_begin(&ports_table);
			any = true;
			print_port(p);
		}
	}
	table_end(); /* of the text there is nothing to end */
}

void cmd_zvm_stat(const struct args *a)
{
	struct vm *vm;

	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm && option_value(a, "-r")) {
		vm_stats_reset(vm);
		shell_printf("vm %u '%s' counts from 0\n", vm->id, vm->name);
	} else if (vm) {
		table_begin(&exits_table);
		print_exits(vm);
		print_times(vm);
		table_end();
		print_latency(vm);
		print_budget(vm);
		print_ports(vm);
	}
	shell_vmm_unlock();
}
