/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle's schedule, kept by the CPUs: windows become slots of the kernel's frames. */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <lib/cpio.h>
#include <lib/string.h>
#include <vmm/bundle.h>
#include <vmm/schedule.h>

#define FILE_MAX KIB(16)
#define NO_VM    0 /* the window number of the time that no window claims */

static struct schedule the_schedule;
static struct sched_frame frames[MAX_CPUS];

const struct schedule_cpu *schedule_of_cpu(u32 cpu)
{
	return &the_schedule.cpus[cpu];
}

/* All windows of a VM on a CPU have the number of the first one, from 1. */
u8 schedule_window_of(const char *vm, u32 cpu)
{
	const struct schedule_cpu *c = &the_schedule.cpus[cpu];

	for (u32 i = 0; i < c->count; i++)
		if (str_eq(c->windows[i].vm, vm))
			return (u8)(i + 1);
	return NO_VM;
}

u64 schedule_cpus(void)
{
	u64 mask = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		mask |= the_schedule.cpus[cpu].count ? BIT(cpu) : 0;
	return mask;
}

u64 schedule_cpus_of(const char *vm)
{
	u64 mask = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		mask |= schedule_window_of(vm, cpu) ? BIT(cpu) : 0;
	return mask;
}

u64 schedule_cpus_with_gaps(void)
{
	u64 mask = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		for (u32 n = 0; n < frames[cpu].count; n++)
			mask |= frames[cpu].slots[n].window == NO_VM ? BIT(cpu) : 0;
	return mask;
}

static void add_slot(struct sched_frame *f, u64 end_us, u8 window)
{
	f->slots[f->count].end = us_to_ticks(end_us);
	f->slots[f->count].window = window;
	f->count++;
}

static void make_frame(u32 cpu, u64 epoch)
{
	const struct schedule_cpu *c = &the_schedule.cpus[cpu];
	struct sched_frame *f = &frames[cpu];
	u64 at = 0;

	f->epoch = epoch;
	f->length = us_to_ticks(c->frame_us);
	for (u32 i = 0; i < c->count; i++) {
		const struct schedule_window *w = &c->windows[i];

		if (w->offset_us > at)
			add_slot(f, w->offset_us, NO_VM);
		at = w->offset_us + w->length_us;
		add_slot(f, at, schedule_window_of(w->vm, cpu));
	}
	if (at < c->frame_us)
		add_slot(f, c->frame_us, NO_VM);
}

static bool read_schedule(void)
{
	static u8 file[FILE_MAX] __aligned(8);
	struct desc_error err;
	struct cpio_entry e;

	if (!the_bundle.base || cpio_find(the_bundle.base, the_bundle.size, SCHEDULE_FILE, &e))
		return false;
	if (e.size > sizeof(file)) {
		log_err(SCHEDULE_FILE ": more than 16 KiB");
		return false;
	}
	memcpy(file, e.data, e.size);
	if (schedule_parse(file, e.size, SCHEDULE_FILE, &the_schedule, &err) == 0)
		return true;
	log_err("%s; no CPU has windows", err.text);
	memset(&the_schedule, 0, sizeof(the_schedule));
	return false;
}

void schedule_init(void)
{
	u64 epoch = arch_counter();

	if (!read_schedule())
		return;
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (!the_schedule.cpus[cpu].count)
			continue;
		if (!(cpus_online_mask() & BIT(cpu))) {
			log_err(SCHEDULE_FILE ": CPU %u is not online: its windows never open",
				cpu);
			continue;
		}
		make_frame(cpu, epoch);
		sched_set_frame(cpu, &frames[cpu]);
	}
}
