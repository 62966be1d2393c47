/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm set`: a VM's scheduling, its restarts, limits and memory, while it lives. */
#include <kernel/percpu.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/desc.h>
#include <vmm/dev.h>
#include <vmm/place.h>
#include <vmm/trace.h>
#include "shell.h"

static const char *const restarts[] = { "never", "on-failure", "always", NULL };
static const char *const policies[] = { "round-robin", "fifo", NULL };
static const char *const switches[] = { "off", "on", NULL };

/*
 * If the setting is given: put the number of its word in the list into *value. False if the list
 * lacks the word; a line says so.
 */
static bool word_setting(const struct args *a, const char *name, const char *const *words,
			 u32 *value)
{
	const char *text = option_value(a, name);

	if (!text)
		return true;
	for (u32 i = 0; words[i]; i++) {
		if (str_eq(words[i], text)) {
			*value = i;
			return true;
		}
	}
	shell_error("%s: %s%s: expected ", a->path, name, text);
	for (u32 i = 0; words[i]; i++)
		shell_printf("%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
	shell_printf("\n");
	return false;
}

static bool affinity_setting(const struct args *a, u64 *mask)
{
	const char *text = option_value(a, "affinity=");
	u64 online = cpus_online_mask(), value = 0;

	if (!text)
		return true;
	if (str_eq(text, "any")) {
		*mask = 0;
		return true;
	}
	if (parse_u64(text, &value) != 0 || value == 0 || (value & ~online)) {
		shell_error(
			"%s: affinity=%s: expected `any` or a mask within this machine's CPUs, 0x%lx\n",
			a->path, text, online);
		return false;
	}
	*mask = value;
	return true;
}

/* A budget of 0 means no budget, and then there is no period. */
static bool budget_settings(const struct args *a, struct vm_desc *want)
{
	if (!option_number(a, "budget=", "the CPU time per period in us (0: no limit)", 0,
			   DESC_PERIOD_MAX, &want->budget_us) ||
	    !option_number(a, "period=", "the period in us", DESC_PERIOD_MIN, DESC_PERIOD_MAX,
			   &want->period_us))
		return false;
	if (!want->budget_us && option_value(a, "budget="))
		want->period_us = 0;
	return true;
}

/* Parse a number and the character that must follow it. *text is moved behind both. */
static bool take_number(const char **text, char behind, u64 max, u64 *number)
{
	const char *p = *text;

	*number = 0;
	while (*p >= '0' && *p <= '9' && *number <= max)
		*number = *number * 10 + (u64)(*p++ - '0');
	if (p == *text || *number > max || *p != behind)
		return false;
	*text = behind ? p + 1 : p;
	return true;
}

/* "1:0+2000,1:5000+500", or "none". */
static bool parse_windows(const char *text, struct schedule_windows *w)
{
	bool more = !str_eq(text, "none");

	for (w->count = 0; more; w->count++) {
		u64 cpu, offset, length;

		more = strchr(text, ',') != NULL;
		if (w->count == SCHEDULE_WINDOWS || !take_number(&text, ':', MAX_CPUS - 1, &cpu) ||
		    !take_number(&text, '+', FRAME_US_MAX, &offset) ||
		    !take_number(&text, more ? ',' : '\0', FRAME_US_MAX, &length) ||
		    length < WINDOW_US_MIN)
			return false;
		w->at[w->count].cpu = (u32)cpu;
		w->at[w->count].offset_us = offset;
		w->at[w->count].length_us = length;
	}
	return true;
}

static bool windows_setting(const struct args *a, struct schedule_windows *w)
{
	const char *text = option_value(a, "windows=");

	if (!text || parse_windows(text, w))
		return true;
	shell_error(
		"%s: windows=%s: expected `none` or up to %u of CPU:OFFSET+LENGTH in us, separated "
		"by commas, each at least %u us long\n",
		a->path, text, SCHEDULE_WINDOWS, WINDOW_US_MIN);
	return false;
}

/* A rate limit of a device: "disk0:kib:1024+4096/1000", "disk0:requests:none". */
struct rate_setting {
	struct vdev *dev; /* NULL: not given */
	struct rate_limit *limit;
	struct rate_limit wanted;
};

/* The limits that a kind of device has. */
static const struct {
	const char *name;
	enum desc_virtio_kind kind;
	size_t field;
} limits[] = {
	{ "kib:", VIRTIO_BLK, offsetof(struct desc_virtio, kib) },
	{ "requests:", VIRTIO_BLK, offsetof(struct desc_virtio, requests) },
	{ "in-kib:", VIRTIO_NET, offsetof(struct desc_virtio, in_kib) },
	{ "in-frames:", VIRTIO_NET, offsetof(struct desc_virtio, in_frames) },
	{ "out-kib:", VIRTIO_NET, offsetof(struct desc_virtio, out_kib) },
	{ "out-frames:", VIRTIO_NET, offsetof(struct desc_virtio, out_frames) },
};

static struct rate_limit *limit_of(struct desc_virtio *v, const char **text)
{
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++) {
		if (v->kind != limits[i].kind || !str_starts(*text, limits[i].name))
			continue;
		*text += strlen(limits[i].name);
		return (struct rate_limit *)((char *)v + limits[i].field);
	}
	return NULL;
}

/* The limit that the words before the number name. */
static bool find_limit(struct vm *vm, const char **text, struct rate_setting *s)
{
	for (u32 i = 0; i < vm->ndevices; i++) {
		struct vdev *d = &vm->devices[i];
		struct desc_virtio *v;
		size_t len;

		if (!d->virtio || !d->class->limits_changed)
			continue;
		v = &vm->desc.virtio[d->virtio - vm->desc.virtio];
		len = strlen(v->name);
		if (!str_starts(*text, v->name) || (*text)[len] != ':')
			continue;
		*text += len + 1;
		s->dev = d;
		s->limit = limit_of(v, text);
		return s->limit;
	}
	return false;
}

static bool parse_rate(struct vm *vm, const char *text, struct rate_setting *s)
{
	u64 size, burst = 0, ms;
	bool more;

	if (!find_limit(vm, &text, s))
		return false;
	s->wanted = (struct rate_limit){ .size = 0 };
	if (str_eq(text, "none"))
		return true;
	more = strchr(text, '+') != NULL;
	if (!take_number(&text, more ? '+' : '/', RATE_SIZE_MAX, &size) || !size ||
	    (more && !take_number(&text, '/', RATE_SIZE_MAX, &burst)) ||
	    !take_number(&text, '\0', RATE_MS_MAX, &ms) || !ms)
		return false;
	s->wanted = (struct rate_limit){ (u32)size, (u32)burst, (u32)ms };
	return true;
}

static bool rate_setting(const struct args *a, struct vm *vm, struct rate_setting *s)
{
	const char *text = option_value(a, "rate=");

	*s = (struct rate_setting){ .dev = NULL };
	if (!text || parse_rate(vm, text, s))
		return true;
	shell_error(
		"%s: rate=%s: expected DEVICE:LIMIT:SIZE/MS, also SIZE+BURST/MS or none; limits of a "
		"disk are kib and requests, of a network in-kib, in-frames, out-kib, out-frames\n",
		a->path, text);
	return false;
}

/* How much memory the VM is left with. */
struct memory_setting {
	struct vdev *dev; /* NULL: not given */
	u64 bytes;
};

#define MEMORY_MIN 16 /* MiB; less is no use for a guest that has a driver */

static bool memory_setting(const struct args *a, struct vm *vm, struct memory_setting *s)
{
	const u64 all = vm->ram.size / MIB(1);
	u64 mib = 0;

	*s = (struct memory_setting){ .dev = NULL };
	if (!option_value(a, "mem="))
		return true;
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->set_memory)
			s->dev = &vm->devices[i];
	if (!s->dev) {
		shell_error("%s: mem=: '%s' has no zvm,virtio-balloon in its description\n",
			    a->path, vm->name);
		return false;
	}
	if (!option_number(a, "mem=", "the memory in MiB", MIN(MEMORY_MIN, all), all, &mib))
		return false;
	s->bytes = ALIGN_UP(mib * MIB(1), BLOCK_SIZE);
	return true;
}

/* A late limit in us: "50us", "50"; "0": none. */
static bool late_setting(const struct args *a, u64 *us)
{
	const char *text = option_value(a, "late-limit="), *p = text;

	if (!text || take_number(&p, '\0', LATE_LIMIT_MAX, us))
		return true;
	p = text;
	if (take_number(&p, 'u', LATE_LIMIT_MAX, us) && str_eq(p, "s"))
		return true;
	shell_error("%s: late-limit=%s: expected 1us to %uus, or 0: no limit\n", a->path, text,
		    LATE_LIMIT_MAX);
	return false;
}

/* Before the rest is set: it may take memory. False: there is none, and a line says so. */
static bool set_late(const struct args *a, struct vm *vm, u64 us)
{
	if (!option_value(a, "late-limit=") || late_limit_set(vm, (u32)us) == 0)
		return true;
	shell_error("%s: late-limit=: no memory: events take %lu KiB for each of %u CPUs\n",
		    a->path, TRACE_RING_BYTES / KIB(1), cpu_count);
	return false;
}

/* Carry the settings out, that which other VMs may prevent first. */
static int apply(struct vm *vm, const struct vm_desc *want, const struct schedule_windows *windows,
		 const struct memory_setting *memory, struct vm_error *err)
{
	const u64 before = vm->ram.target * BLOCK_SIZE;
	struct vm_error ignored;
	int r = 0;

	if (memory->dev)
		r = memory->dev->class->set_memory(memory->dev, memory->bytes, err);
	if (r)
		return r;
	r = vm_set(vm, want, windows, err);
	if (r && memory->dev)
		(void)memory->dev->class->set_memory(memory->dev, before, &ignored);
	return r;
}

static bool settings(const struct args *a, struct vm_desc *want)
{
	u64 priority = want->priority, weight = want->weight;
	u32 restart = want->restart, fifo = want->fifo, dedicated = want->dedicated;

	if (!option_number(a, "prio=", "the priority", PRIO_HIGHEST, PRIO_LOWEST, &priority) ||
	    !option_number(a, "weight=", "the weight", 1, WEIGHT_MAX, &weight) ||
	    !affinity_setting(a, &want->affinity) || !budget_settings(a, want) ||
	    !word_setting(a, "restart=", restarts, &restart) ||
	    !word_setting(a, "policy=", policies, &fifo) ||
	    !word_setting(a, "dedicated=", switches, &dedicated))
		return false;
	want->priority = (u32)priority;
	want->weight = (u32)weight;
	want->restart = (enum restart_policy)restart;
	want->fifo = fifo;
	want->dedicated = dedicated;
	return true;
}

/*
 * A guest gives a VM nothing that its description does not give it. What it does not name in this
 * request stays as it is.
 */
static bool within_rights(const struct args *a, const struct vm *vm, const struct vm_desc *want)
{
	const struct vm_desc *most = &vm->type->desc;
	const char *wrong = NULL;

	if (!shell_io()->rights)
		return true;
	if (option_value(a, "prio=") && want->priority < most->priority)
		wrong = "prio=";
	if (option_value(a, "weight=") && want->weight > most->weight)
		wrong = "weight=";
	if (option_value(a, "affinity=") && most->affinity &&
	    (!want->affinity || (want->affinity & ~most->affinity)))
		wrong = "affinity=";
	if (option_value(a, "budget=") &&
	    (!want->budget_us || !most->budget_us ||
	     want->budget_us * most->period_us > most->budget_us * want->period_us))
		wrong = "budget=";
	if (option_value(a, "late-limit=")) /* it takes memory and time of the whole machine */
		wrong = "late-limit=";
	if (wrong)
		shell_error("%s: %s%s is more than the description of '%s' gives it\n", a->path,
			    wrong, option_value(a, wrong), vm->desc.label);
	return !wrong;
}

static bool anything_to_set(const struct args *a)
{
	for (u32 i = 0; i < a->command->noptions; i++)
		if (a->option[i] && !str_eq(a->command->options[i].name, "-n"))
			return true;
	shell_error("%s: nothing to set; for example: prio=10 budget=300 period=1000\n", a->path);
	return false;
}

void cmd_zvm_set(const struct args *a)
{
	static struct vm_desc want; /* too large for the stack */
	static struct schedule_windows windows;
	struct memory_setting memory;
	struct rate_setting rate;
	struct vm_error err;
	struct vm *vm;
	u64 late = 0, late_before = 0;

	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm) {
		want = vm->desc;
		late_before = late_limit(vm);
	}
	if (vm && anything_to_set(a) && settings(a, &want) && within_rights(a, vm, &want) &&
	    windows_setting(a, &windows) && rate_setting(a, vm, &rate) &&
	    memory_setting(a, vm, &memory) && late_setting(a, &late) && set_late(a, vm, late)) {
		if (apply(vm, &want, option_value(a, "windows=") ? &windows : NULL, &memory,
			  &err)) {
			shell_error("zvm: %s\n", err.text);
			(void)set_late(a, vm, late_before);
		} else {
			if (rate.dev) {
				*rate.limit = rate.wanted;
				rate.dev->class->limits_changed(rate.dev);
			}
			shell_printf("vm %u '%s' set\n", vm->id, vm->name);
		}
	}
	shell_vmm_unlock();
}
