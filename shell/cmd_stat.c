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
#include <vmm/place.h>
#include "shell.h"

static u64 to_ns(u64 ticks)
{
	return ticks_to_us(ticks * 1000);
}

/* Print the first two columns: the table, and the number of a vCPU or `all`. */
static void print_who(const char *table, const struct vm *vm, u32 index)
{
	shell_printf("%-8s ", table);
	if (index == vm->nvcpus)
		shell_printf(" all");
	else
		shell_printf("%4u", index);
}

/* ---- exits ---- */

static void print_kinds(const u64 *values, bool total)
{
	u64 sum = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		shell_printf(" %9lu", values[kind]);
		sum += values[kind];
	}
	if (total)
		shell_printf(" %9lu", sum);
	shell_printf("\n");
}

static void print_exits(const struct vm *vm)
{
	u64 all[EXIT_KINDS] = { 0 };
	const struct vcpu *v;

	shell_printf("TABLE    VCPU       IRQ       WFX       HVC       SMC    SYSREG      MMIO"
		     "        FP     FAULT     TOTAL\n");
	_Static_assert(EXIT_FAULT + 1 == EXIT_KINDS, "a column for each kind");
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

static void print_late(const char *table, const struct vm *vm, u32 index, const struct histogram *h,
		       u64 (*unit)(u64 ticks))
{
	static const u32 ppm[] = { 500000, 990000, 999000, 1000000 };

	print_who(table, vm, index);
	shell_printf(" %9lu", histogram_count(h));
	for (u32 i = 0; i < ARRAY_SIZE(ppm); i++)
		shell_printf(" %9lu", unit(histogram_quantile(h, ppm[i])));
	shell_printf("\n");
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
	shell_printf("TABLE    VCPU     COUNT       P50       P99     P99.9       MAX\n");
	for_each_vcpu(v, vm) {
		print_late("late", vm, v->index, &v->timer.late, in_ticks);
		histogram_merge(&all, &v->timer.late);
	}
	print_late("late", vm, vm->nvcpus, &all, in_ticks);
	print_late("late-ns", vm, vm->nvcpus, &all, to_ns);
	if (clock_runs_away())
		shell_printf("note: on QEMU these include its computer's own delays; "
			     "`make run EXACT=1` leaves those out\n");
}

static void print_budget(const struct vm *vm)
{
	struct vm_budget_stats s;

	vm_budget_stats(vm, &s);
	shell_printf("TABLE    VCPU THROTTLED    MISSED\n");
	print_who("budget", vm, vm->nvcpus);
	shell_printf(" %9lu %9lu\n", s.throttled, s.missed);
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
		print_exits(vm);
		print_times(vm);
		print_latency(vm);
		print_budget(vm);
	}
	shell_vmm_unlock();
}
