/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm why`: what late timer interrupts waited for, part by part. */
#include <arch/guest.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/trace.h>
#include "shell.h"
#include "table.h"

struct named {
	u32 tag;
	char name[sizeof(((struct thread *)0)->name)];
};

static void find_name(const struct thread *t, void *arg)
{
	struct named *n = arg;

	if (t->tag == n->tag)
		(void)str_copy(n->name, t->name, sizeof(n->name));
}

static void add_irq(const struct late_part *p)
{
	struct irq_info info;
	const bool known = irq_next_info(p->id, &info) && info.intid == p->id;

	table_add(p->count == 1 ? "interrupt %u" : "%u interrupts %u",
		  p->count == 1 ? p->id : p->count, p->id);
	if (known)
		table_add(" (%s)", info.name);
}

static void add_thread(u32 tag)
{
	struct named n = { .tag = tag };

	thread_for_each(find_name, &n);
	table_add("'%s' ran", n.name[0] ? n.name : "a thread that has ended");
}

/* All of the image has the same upper half. */
static u64 code_address(u32 low)
{
	return ((u64)add_thread & ~(u64)UINT32_MAX) | low;
}

static void add_cause(const struct late_part *p)
{
	static const char *const words[] = {
		[LATE_UNKNOWN] = "not known, its events are overwritten",
		[LATE_BUDGET] = "budget used up",
		[LATE_WINDOW] = "outside its windows",
		[LATE_IDLE] = "the CPU waited for the machine's interrupt",
		[LATE_GUEST] = "the guest ran, the machine's interrupt was not there",
		[LATE_OTHER] = "others",
	};
	static const char *const exits[EXIT_KINDS] = {
		"irq", "wfx", "hvc", "smc", "sysreg", "mmio", "fp", "fault",
	};

	if (p->cause == LATE_IRQ)
		add_irq(p);
	else if (p->cause == LATE_THREAD)
		add_thread(p->id);
	else if (p->cause == LATE_MASKED)
		table_add("interrupts masked until 0x%lx", code_address(p->id));
	else if (p->cause == LATE_EXIT)
		table_add("an exit, %s", exits[p->id % EXIT_KINDS]);
	else
		table_add("%s", words[p->cause]);
}

static void add_us(u64 ticks)
{
	const u64 ns = ticks_to_us(ticks * 1000);

	table_add("%lu.%03lu us", ns / 1000, ns % 1000);
}

/* Unix time in ms of a counter value. The clock is read once, so that all agree. 0: no clock. */
static u64 wall_ms(u64 ticks)
{
	static u64 ticks_then, wall_then;

	if (!wall_then && host_wall_clock) {
		ticks_then = arch_counter();
		wall_then = host_wall_clock() * 1000;
	}
	if (!wall_then)
		return 0;
	return ticks > ticks_then ? wall_then + ticks_to_us(ticks - ticks_then) / 1000
				  : wall_then - ticks_to_us(ticks_then - ticks) / 1000;
}

static const struct column late_columns[] = {
	{ "vm", "", "", 0 },         { "vcpu", "", " vcpu ", 0 }, { "due", "", ": timer due ", 0 },
	{ "late", "", " came ", 0 }, { "ticks", NULL, NULL, 0 },  { "why", "", " late: ", 0 },
};
static const struct table lates = { "late", TABLE_COLUMNS(late_columns), .bare = true };

static void print_due(u64 due)
{
	const u64 ms = wall_ms(due), up = ticks_to_us(due) / 1000;

	if (ms)
		table_text("%02lu:%02lu:%02lu.%03lu", ms / 3600000 % 24, ms / 60000 % 60,
			   ms / 1000 % 60, ms % 1000);
	else
		table_text("at %lu.%03lu s of the counter", up / 1000, up % 1000);
}

static void print_report(const struct vm *vm, const struct late_report *r)
{
	table_string(vm->name);
	table_number(r->vcpu);
	print_due(r->due);
	table_open();
	add_us(r->late);
	table_close();
	table_number(r->late);
	table_open();
	for (u32 i = 0; i < r->count; i++) {
		table_add("%s", i ? ", " : "");
		add_us(r->parts[i].ticks);
		table_add(" ");
		add_cause(&r->parts[i]);
	}
	table_close();
	table_row_end();
}

static void print_vm(const struct vm *vm)
{
	static struct late_report reports[LATE_REPORTS];
	u64 total, skipped;
	const u32 n = late_reports(vm, reports, &total, &skipped);

	if (!late_limit(vm)) {
		shell_printf("'%s' has no late limit; `zvm set %s late-limit=50us` sets one\n",
			     vm->name, vm->name);
		return;
	}
	shell_printf("'%s': %lu timer interrupts came more than %u us late", vm->name, total,
		     late_limit(vm));
	if (skipped)
		shell_printf("; %lu of them too fast to be looked at", skipped);
	shell_printf("\n");
	for (u32 i = 0; i < n; i++)
		print_report(vm, &reports[i]);
}

void cmd_zvm_why(const struct args *a)
{
	const bool one = option_value(a, "-n") || a->operand;
	const struct vm *vm;

	shell_vmm_lock();
	table_begin(&lates);
	if (one && (vm = vm_argument(a)))
		print_vm(vm);
	for_each_vm(vm)
		if (!one && late_limit(vm))
			print_vm(vm);
	table_end();
	shell_vmm_unlock();
}
