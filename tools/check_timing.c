/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what a bundle promises its real-time VMs (vmm/timing.h). */
#include "checkdesc.h"

#include <lib/string.h>
#include <stdio.h>
#include <vmm/timing.h>

static struct timing_vm vms[MAX_TYPES];

static const char *us(char *buf, size_t size, u64 ns)
{
	(void)snprintf(buf, size, "%lu.%lu us", ns / 1000, ns / 100 % 10);
	return buf;
}

u64 windows_of(const struct schedule *s, const struct vm_desc *d)
{
	u64 cpus = 0;

	for (u32 cpu = 0; s && cpu < SCHEDULE_CPUS; cpu++)
		for (u32 i = 0; i < s->cpus[cpu].count; i++)
			cpus |= str_eq(s->cpus[cpu].windows[i].vm, d->label) ? BIT(cpu) : 0;
	return cpus;
}

/* Where VMs of a type may be: their windows, else their affinity, else all CPUs. */
static u64 cpus_of(const struct machine *m, const struct schedule *s, const struct vm_desc *d)
{
	const u64 may = m->cpus & (d->affinity ? d->affinity : ~0UL);
	const u64 windows = windows_of(s, d);

	if (windows & may)
		return windows & may;
	return d->dedicated && (may & ~BIT(0)) ? may & ~BIT(0) : may;
}

static void list(struct timing_set *set, const struct machine *m)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		const struct vm_desc *d = &vm_types[i]->desc;
		const u64 cpus = vm_types[i]->valid ? cpus_of(m, set->schedule, d) : 0;

		if (cpus)
			vms[set->count++] = (struct timing_vm){ .name = d->label,
								.desc = d,
								.cpus = cpus,
								.real_time = desc_is_real_time(d) };
	}
	set->vms = vms;
}

static void print_terms(const struct timing_result *r)
{
	static const char *const waits[] = {
		[TIMING_OWN_CPU] = "no other VM is on a dedicated CPU",
		[TIMING_WINDOWS] = "the longest time between its windows",
		[TIMING_BUDGET] = "its budget may be used up: 2 x (period - budget)",
		[TIMING_PRIORITY] = "what VMs of its priority or a better one may take",
	};
	char time[40];

	if (r->supply == TIMING_OWN_CPU)
		printf("    %s to its vector: %u instructions, as measured by tools/bench\n",
		       us(time, sizeof(time), r->wake), TIMING_DEDICATED);
	else
		printf("    %s to its vector: 2 M + 2 F + G + 3 x %u, and %u M: that many other "
		       "timeouts may be due with it\n",
		       us(time, sizeof(time), r->wake), TIMING_EXIT, r->timeouts);
	printf("    %s until it has the CPU: %s\n", us(time, sizeof(time), r->wait),
	       waits[r->supply]);
}

static int print_vm(const struct timing_set *set, u32 index)
{
	const struct timing_vm *vm = &set->vms[index];
	const struct vm_desc *d = vm->desc;
	char why[300], line[400], time[40];
	struct timing_result r;

	if (timing_of(set, index, &r, why, sizeof(why))) {
		(void)snprintf(line, sizeof(line), "timing: %s", why);
		if (d->task_count)
			return complain(line);
		printf("%s\n", line);
		return 0;
	}
	printf("timing: '%s': late by at most %s (on cpu%u)\n", vm->name,
	       us(time, sizeof(time), r.late), r.cpu);
	print_terms(&r);
	for (u32 i = 0; i < d->task_count; i++)
		printf("    task%u: every %u us, %u us long: ends after %s, deadline %u us\n",
		       d->tasks[i].number, d->tasks[i].period_us, d->tasks[i].wcet_us,
		       us(time, sizeof(time), r.response[i]), d->tasks[i].deadline_us);
	return 0;
}

int check_timing(const struct machine *m, const struct schedule *s, u64 instruction_ps)
{
	struct timing_set set = timing_at(instruction_ps);
	int wrong = 0;

	set.schedule = s;
	list(&set, m);
	printf("timing: M = %u, F = %u, G = %u instructions of %lu.%03lu ns (docs/real-time.md; "
	       "tools/interference measures M)\n",
	       TIMING_SECTION, TIMING_FORWARD, TIMING_GUEST, instruction_ps / 1000,
	       instruction_ps % 1000);
	for (u32 i = 0; i < set.count; i++)
		if (vms[i].real_time)
			wrong |= print_vm(&set, i);
	return wrong;
}
