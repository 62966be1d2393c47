/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules: an accepted one keeps the promises of vmm/desc.h, also after the operator's changes,
 * and so do the frames that CPUs get. The CPUs' current schedule is part of this file, so every
 * input begins without one.
 */
#include "grammar.h"

#include <string.h>
#include <vmm/life.h>
#include <vmm/place.h>

#include "../../vmm/place/windows.c"

/* ---- what is around it ---- */

static struct vm_type types[] = {
	{ .desc.label = "linux" },
	{ .desc.label = "rtos" },
	{ .desc.label = "a-label-of-23-character" },
	{ .desc.label = "" },
};
struct vm_type *vm_types[MAX_TYPES] = { &types[0], &types[1], &types[2], &types[3] };
u32 vm_type_count = 4;
struct bundle the_bundle;
u32 host_cpu;
u64 host_counter;

static void *file;
static size_t file_size;
static int file_error;
static u32 locks;

int bundle_find(const struct bundle *b, const char *path, struct cpio_entry *e)
{
	(void)b;
	(void)path;
	*e = (struct cpio_entry){ .data = file, .size = file_size };
	return file_error;
}

const char *bundle_error(int err)
{
	return err ? "is lost" : "";
}

u64 cpus_online_mask(void)
{
	return 0x7;
}

u64 us_to_ticks(u64 us)
{
	return us * 62;
}

void vmm_lock(void)
{
	locks++;
}

void vmm_unlock(void)
{
	locks--;
}

struct vm *vm_find(const char *name)
{
	static struct vm *here = (void *)&locks;

	fuzz_assert(locks == 1);
	return str_eq(name, "loop") ? here : NULL;
}

int vm_fail(struct vm_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* A CPU's current frame: slots end one behind the other, the last one with the frame. */
void sched_set_frame(u32 cpu, const struct sched_frame *f)
{
	u64 end = 0;

	fuzz_assert(cpus_online_mask() & BIT(cpu));
	if (!f)
		return;
	fuzz_assert(f->count >= 1 && f->count <= FRAME_SLOTS);
	for (u32 i = 0; i < f->count; i++) {
		fuzz_assert(f->slots[i].end > end);
		end = f->slots[i].end;
	}
	fuzz_assert(end == f->length);
}

/* ---- the checks ---- */

static void check_cpu(const struct schedule_cpu *c)
{
	u64 at = 0;

	fuzz_assert(c->count <= SCHEDULE_WINDOWS);
	fuzz_assert(!c->count || (c->frame_us >= FRAME_US_MIN && c->frame_us <= FRAME_US_MAX));
	for (u32 i = 0; i < c->count; i++) {
		const struct schedule_window *w = &c->windows[i];

		fuzz_assert(w->offset_us >= at && w->length_us >= WINDOW_US_MIN);
		at = w->offset_us + w->length_us;
		fuzz_assert(at <= c->frame_us && w->vm[0]);
		fuzz_assert(memchr(w->vm, '\0', sizeof(w->vm)));
		fuzz_assert(memchr(w->node, '\0', sizeof(w->node)));
	}
}

/* Windows are valid, and numbers tell VMs apart. */
static void check_all(const struct schedule *s)
{
	char text[256];
	u32 at = 0, notes = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		const struct schedule_cpu *c = schedule_of_cpu(s, cpu);

		check_cpu(c);
		for (u32 i = 0; i < c->count; i++) {
			fuzz_assert(c->windows[i].number != NO_VM);
			fuzz_assert(schedule_window_of(s, c->windows[i].vm, cpu) ==
				    c->windows[i].number);
			fuzz_assert(schedule_cpus_of(s, c->windows[i].vm) & BIT(cpu));
		}
	}
	fuzz_assert(!(schedule_cpus_with_gaps(s) & ~schedule_cpus(s)));
	vmm_lock();
	while (schedule_next_note(&at, text, sizeof(text))) {
		fuzz_assert(++notes <= SCHEDULE_CPUS * SCHEDULE_WINDOWS);
		fuzz_assert(memchr(text, '\0', sizeof(text)) && text[0]);
	}
	vmm_unlock();
}

static void change(struct fuzz_input *in)
{
	static const char *const vms[] = { "linux", "rtos", "loop", "other" };
	struct schedule_windows want = { .count = fuzz_below(in, SCHEDULE_WINDOWS + 1) };
	const struct schedule *before = schedule_now();
	struct schedule *plan;
	struct vm_error err;

	if (!fuzz_once_in(in, 4))
		want.count = MIN(want.count, 2U);
	for (u32 i = 0; i < want.count; i++) {
		want.at[i].cpu = fuzz_below(in, MAX_CPUS + 1);
		want.at[i].offset_us = fuzz_once_in(in, 8) ? FRAME_US_MAX : 100 * fuzz_byte(in);
		want.at[i].length_us = WINDOW_US_MIN + 10 * fuzz_byte(in);
	}
	if (schedule_plan(fuzz_word(in, vms), &want, &plan, &err)) {
		fuzz_assert(memchr(err.text, '\0', sizeof(err.text)) && err.text[0]);
		return;
	}
	check_all(plan);
	if (plan && !(fuzz_byte(in) & 1)) {
		schedule_adopt(plan);
		schedule_run(before);
	}
	check_all(schedule_now());
}

void *pages_alloc(u32 count)
{
	return calloc(count, PAGE_SIZE);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	struct desc_error err = { "" };
	struct schedule s;

	free(tables);
	tables = NULL;
	the_schedule = NULL;
	memset(&refused, 0, sizeof(refused));
	file_error = fuzz_once_in(&in, 32) ? (fuzz_byte(&in) & 1 ? -ENOENT : -EIO) : 0;
	if (fuzz_once_in(&in, 16))
		file = fuzz_copy(&in, in.left, &file_size);
	else
		file = grow_schedule(&in, &file_size);
	if (!file)
		return 0;
	if (schedule_parse(file, file_size, "fuzz", &s, &err) == 0) {
		fuzz_assert(schedule_is_one(file, file_size));
		for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++)
			check_cpu(&s.cpus[cpu]);
	} else {
		fuzz_assert(err.text[0]);
		fuzz_check_line(err.text, sizeof(err.text));
	}
	schedule_init();
	check_all(schedule_now());
	for (u32 n = 0; in.left && n < 8; n++)
		change(&in);
	free(file);
	return 0;
}
