/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle's schedule, as CPUs run it: windows become slots of the kernel's frames. */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/place.h>

#define FILE_MAX KIB(16)
#define NO_VM    0 /* the window number of time outside all windows */

/*
 * Allocated if the bundle has a schedule. A CPU keeps to one of its two frames while the other one
 * is filled in.
 */
static struct tables {
	struct schedule schedules[2];
	struct sched_frame frames[MAX_CPUS][2];
	u8 frame_in_use[MAX_CPUS];
} * tables;

/* The one of the two that holds. The other one is for a plan. NULL: no CPU has windows. */
static struct schedule *the_schedule;
static u64 epoch;

const struct schedule *schedule_now(void)
{
	return the_schedule;
}

const struct schedule_cpu *schedule_of_cpu(const struct schedule *s, u32 cpu)
{
	static const struct schedule_cpu none;

	return s ? &s->cpus[cpu] : &none;
}

u8 schedule_window_of(const struct schedule *s, const char *vm, u32 cpu)
{
	const struct schedule_cpu *c = schedule_of_cpu(s, cpu);

	for (u32 i = 0; i < c->count; i++)
		if (str_eq(c->windows[i].vm, vm))
			return c->windows[i].number;
	return NO_VM;
}

/*
 * The number of the VM's windows, or the least that no others have: it stays the same as long as
 * the VM has any. NO_VM: all are taken.
 */
static u8 number_of(const struct schedule *s, const char *vm)
{
	bool used[WINDOW_ALWAYS] = { [NO_VM] = true };
	u8 number = 0;

	for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++) {
		for (u32 i = 0; i < s->cpus[cpu].count; i++) {
			const struct schedule_window *w = &s->cpus[cpu].windows[i];

			if (w->number && str_eq(w->vm, vm))
				return w->number;
			used[w->number] = true;
		}
	}
	while (number < WINDOW_ALWAYS && used[number])
		number++;
	return number < WINDOW_ALWAYS ? number : NO_VM;
}

u64 schedule_cpus(const struct schedule *s)
{
	u64 mask = 0;

	for (u32 cpu = 0; s && cpu < MAX_CPUS; cpu++)
		mask |= s->cpus[cpu].count ? BIT(cpu) : 0;
	return mask;
}

u64 schedule_cpus_of(const struct schedule *s, const char *vm)
{
	u64 mask = 0;

	for (u32 cpu = 0; s && cpu < MAX_CPUS; cpu++)
		mask |= schedule_window_of(s, vm, cpu) ? BIT(cpu) : 0;
	return mask;
}

u64 schedule_cpus_with_gaps(const struct schedule *s)
{
	u64 mask = 0;

	for (u32 cpu = 0; s && cpu < MAX_CPUS; cpu++) {
		const struct schedule_cpu *c = &s->cpus[cpu];
		u64 claimed = 0;

		for (u32 i = 0; i < c->count; i++)
			claimed += c->windows[i].length_us;
		mask |= c->count && claimed < c->frame_us ? BIT(cpu) : 0;
	}
	return mask;
}

static void add_slot(struct sched_frame *f, u64 end_us, u8 window)
{
	f->slots[f->count].end = us_to_ticks(end_us);
	f->slots[f->count].window = window;
	f->count++;
}

/* Let a CPU use its windows. All frames began at the same moment. */
static void set_frame(u32 cpu)
{
	const struct schedule_cpu *c = &the_schedule->cpus[cpu];
	const u8 next = !tables->frame_in_use[cpu];
	struct sched_frame *f = &tables->frames[cpu][next];
	u64 at = 0;

	tables->frame_in_use[cpu] = next;
	*f = (struct sched_frame){ .epoch = epoch, .length = us_to_ticks(c->frame_us) };
	for (u32 i = 0; i < c->count; i++) {
		const struct schedule_window *w = &c->windows[i];

		if (w->offset_us > at)
			add_slot(f, w->offset_us, NO_VM);
		at = w->offset_us + w->length_us;
		add_slot(f, at, w->number);
	}
	if (at < c->frame_us)
		add_slot(f, c->frame_us, NO_VM);
	sched_set_frame(cpu, c->count ? f : NULL);
}

/* Why the bundle's schedule was refused. Empty: it is valid, or there is none. */
static struct desc_error refused;

static bool make_tables(void)
{
	tables = pages_alloc((u32)((sizeof(*tables) + PAGE_SIZE - 1) / PAGE_SIZE));
	the_schedule = tables ? &tables->schedules[0] : NULL;
	return tables;
}

/* False: there are more VMs than numbers. */
static bool number_all(struct schedule *s)
{
	for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++) {
		for (u32 i = 0; i < s->cpus[cpu].count; i++) {
			struct schedule_window *w = &s->cpus[cpu].windows[i];

			w->number = number_of(s, w->vm);
			if (w->number == NO_VM)
				return false;
		}
	}
	return true;
}

static bool read_schedule(void)
{
	static u8 file[FILE_MAX] __aligned(8) __uncleared;
	struct cpio_entry e;
	int ret = bundle_find(&the_bundle, SCHEDULE_FILE, &e);

	if (ret == -ENOENT)
		return false;
	if (ret)
		(void)desc_refuse(&refused, SCHEDULE_FILE, NULL, NULL, "%s", bundle_error(ret));
	else if (!make_tables())
		(void)desc_refuse(&refused, SCHEDULE_FILE, NULL, NULL, "no memory for it");
	else if (e.size > sizeof(file))
		(void)desc_refuse(&refused, SCHEDULE_FILE, NULL, NULL, "more than 16 KiB");
	else if (!schedule_parse(memcpy(file, e.data, e.size), e.size, SCHEDULE_FILE, the_schedule,
				 &refused)) {
		if (number_all(the_schedule))
			return true;
		(void)desc_refuse(&refused, SCHEDULE_FILE, NULL, NULL,
				  "has windows of more than %u VMs", WINDOW_ALWAYS - 1);
	}
	the_schedule = NULL;
	return false;
}

bool schedule_next_note(u32 *at, char *text, size_t size)
{
	const struct schedule_window *w;

	if (refused.text[0])
		text_print(text, size, "%s; no CPU has windows", refused.text);
	if (refused.text[0])
		return (*at)++ == 0;
	if (!the_schedule)
		return false;
	do {
		w = schedule_next_stray(the_schedule, at);
	} while (w && vm_find(w->vm)); /* a VM was given that name */
	if (w)
		schedule_stray_text(w, text, size);
	return w;
}

void schedule_init(void)
{
	char text[sizeof(refused.text)];
	bool there = read_schedule();
	u32 at = 0;

	epoch = arch_counter();
	vmm_lock();
	while (schedule_next_note(&at, text, sizeof(text)))
		klog(there ? LOG_WARN : LOG_ERR, "%s", text);
	vmm_unlock();
	if (!there)
		return;
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (!the_schedule->cpus[cpu].count)
			continue;
		if (cpus_online_mask() & BIT(cpu))
			set_frame(cpu);
		else
			log_err(SCHEDULE_FILE ": CPU %u is not online: its windows never open",
				cpu);
	}
}

/* ---- changes at run time ---- */

static struct schedule *the_other(void)
{
	return the_schedule == &tables->schedules[0] ? &tables->schedules[1]
						     : &tables->schedules[0];
}

static void remove_windows(struct schedule_cpu *c, const char *vm)
{
	u32 kept = 0;

	for (u32 i = 0; i < c->count; i++)
		if (!str_eq(c->windows[i].vm, vm))
			c->windows[kept++] = c->windows[i];
	c->count = kept;
}

/* "2000+1000, 8000+2000": the time outside all windows of a CPU. */
static void list_free(const struct schedule_cpu *c, char *buf, size_t size)
{
	u64 at = 0;
	size_t n = 0;

	(void)snprintf(buf, size, "nothing");
	for (u32 i = 0; i <= c->count && n < size; i++) {
		u64 until = i < c->count ? c->windows[i].offset_us : c->frame_us;

		if (until > at)
			n += (size_t)snprintf(buf + n, size - n, "%s%lu+%lu", n ? ", " : "", at,
					      until - at);
		at = i < c->count ? until + c->windows[i].length_us : until;
	}
	if (n >= size)
		text_cut(buf, size);
}

static u64 cpus_with_frames(void)
{
	u64 mask = 0;

	for (u32 cpu = 0; the_schedule && cpu < MAX_CPUS; cpu++)
		mask |= the_schedule->cpus[cpu].frame_us ? BIT(cpu) : 0;
	return mask & cpus_online_mask();
}

static int refuse_cpu(const char *vm, u32 cpu, struct vm_error *err)
{
	return vm_fail(err, -EINVAL,
		       "'%s': cpu%u has no frame; the bundle's schedule has frames for CPUs 0x%lx",
		       vm, cpu, cpus_with_frames());
}

static int add_windows(struct schedule *s, const char *vm, u8 number,
		       const struct schedule_windows *want, struct vm_error *err)
{
	for (u32 i = 0; i < want->count; i++) {
		struct schedule_window w = { .node = "window",
					     .offset_us = want->at[i].offset_us,
					     .length_us = want->at[i].length_us,
					     .number = number };
		u32 cpu = want->at[i].cpu;
		char why[200], left[120];
		const char *prop;

		if (cpu >= MAX_CPUS || !(cpus_with_frames() & BIT(cpu)))
			return refuse_cpu(vm, cpu, err);
		(void)str_copy(w.vm, vm, sizeof(w.vm));
		list_free(&s->cpus[cpu], left, sizeof(left));
		if (schedule_add_window(&s->cpus[cpu], &w, &prop, why, sizeof(why)))
			return vm_fail(err, -EINVAL, "'%s': %s; free on cpu%u: %s us", vm, why, cpu,
				       left);
	}
	return 0;
}

int schedule_plan(const char *vm, const struct schedule_windows *want, struct schedule **plan,
		  struct vm_error *err)
{
	struct schedule *s;
	u8 number;

	*plan = NULL;
	if (!the_schedule)
		return want->count ? refuse_cpu(vm, want->at[0].cpu, err) : 0;
	s = the_other();
	number = number_of(the_schedule, vm);
	if (number == NO_VM && want->count)
		return vm_fail(err, -EBUSY, "'%s': %u other VMs have windows already", vm,
			       WINDOW_ALWAYS - 1);
	*s = *the_schedule;
	for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++)
		remove_windows(&s->cpus[cpu], vm);
	*plan = s;
	return add_windows(s, vm, number, want, err);
}

void schedule_adopt(struct schedule *plan)
{
	the_schedule = plan;
}

static bool same_windows(const struct schedule_cpu *a, const struct schedule_cpu *b)
{
	bool same = a->count == b->count;

	for (u32 i = 0; same && i < a->count; i++)
		same = a->windows[i].number == b->windows[i].number &&
		       a->windows[i].offset_us == b->windows[i].offset_us &&
		       a->windows[i].length_us == b->windows[i].length_us;
	return same;
}

void schedule_run(const struct schedule *before)
{
	u32 cpu;

	/* One that is not online would never answer; its windows never open. */
	for_each_online_cpu(cpu)
		if (!same_windows(&before->cpus[cpu], &the_schedule->cpus[cpu]))
			set_frame(cpu);
}
