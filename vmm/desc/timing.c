/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds of a configuration. A vCPU's time comes from a supply: its own CPU; its windows; its
 * budget, by the periodic resource model (I. Shin, I. Lee: Periodic resource model for
 * compositional real-time guarantees, RTSS 2003); or what more urgent VMs leave. Tasks are analysed
 * by response times (N. Audsley et al.: Applying new scheduling theory to static priority
 * pre-emptive scheduling, 1993), with more urgent VMs as tasks above them.
 */
#include <vmm/timing.h>

#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>

#define US      1000UL
#define HORIZON (10000000UL * US) /* a later bound is none: no period or frame is longer */

/* How a vCPU gets its time on one CPU. */
struct source {
	const struct timing_set *set;
	const struct timing_vm *vm;
	u32 cpu;
	enum timing_supply kind;
};

/* ---- other VMs on the CPU ---- */

/* How many vCPUs of a VM can be on one of its CPUs: they are spread over all of these. */
static u64 vcpus_on(const struct timing_vm *vm)
{
	const u32 cpus = MAX(word_weight(vm->cpus), 1U);

	return (vm->desc->cpus + cpus - 1) / cpus;
}

static bool has_windows(const struct source *s, const struct timing_vm *vm)
{
	const struct schedule_cpu *c = s->set->schedule ? &s->set->schedule->cpus[s->cpu] : NULL;

	for (u32 i = 0; c && i < c->count; i++)
		if (str_eq(c->windows[i].vm, vm->name))
			return true;
	return false;
}

/* vCPUs that go before this one on its CPU, or as often, and are not kept apart by windows. */
static u64 before(const struct source *s, const struct timing_vm *vm)
{
	if (vm == s->vm)
		return vcpus_on(vm) - 1;
	if (!vm->real_time || !(vm->cpus >> s->cpu & 1) || vm->desc->dedicated ||
	    has_windows(s, vm) || vm->desc->priority > s->vm->desc->priority)
		return 0;
	return vcpus_on(vm);
}

/* Budgets that others take of the CPU in a time t. */
static u64 taken(const struct source *s, u64 t)
{
	u64 sum = 0;

	if (s->kind == TIMING_OWN_CPU || s->kind == TIMING_WINDOWS)
		return 0;
	for (u32 i = 0; i < s->set->count; i++) {
		const struct vm_desc *d = s->set->vms[i].desc;
		const u64 n = before(s, &s->set->vms[i]);

		if (n)
			sum += n * d->budget_us * US *
			       ((t + d->period_us * US - 1) / (d->period_us * US));
	}
	return sum;
}

/* A VM that may keep the CPU for as long as it likes, or NULL. */
static const struct timing_vm *unlimited(const struct source *s)
{
	if (s->kind == TIMING_OWN_CPU)
		return NULL;
	/* Windows are for all vCPUs of the VM, and exclude budgets. */
	if (s->kind == TIMING_WINDOWS)
		return vcpus_on(s->vm) > 1 ? s->vm : NULL;
	for (u32 i = 0; i < s->set->count; i++)
		if (before(s, &s->set->vms[i]) && !s->set->vms[i].desc->budget_us)
			return &s->set->vms[i];
	return NULL;
}

/* Timeouts that may be due at the same time, each a section: docs/real-time.md, "The bound", 3. */
static u32 timeouts(const struct source *s)
{
	u64 n = 1; /* the guard's */

	for (u32 i = 0; i < s->set->count; i++) {
		const struct timing_vm *vm = &s->set->vms[i];

		if (vm->real_time && (vm->cpus >> s->cpu & 1))
			n += (vcpus_on(vm) - (vm == s->vm)) + /* timers */
			     (vm->desc->budget_us ? vcpus_on(vm) : 0);
	}
	n += s->set->schedule && s->set->schedule->cpus[s->cpu].count ? 1 : 0;
	return (u32)n + (s->cpu ? 0 : s->set->count); /* health.c looks at each VM from CPU 0 */
}

/* ---- supplies: the least time in which a vCPU gets x, x > 0, whatever it had before ---- */

/* Windows of the VM, or, if it has none, the gaps between those of others: begin and end. */
static u32 segments(const struct source *s, u64 (*segment)[2])
{
	const struct schedule_cpu *c = &s->set->schedule->cpus[s->cpu];
	const bool own = has_windows(s, s->vm);
	u64 at = 0;
	u32 n = 0;

	for (u32 i = 0; i <= c->count; i++) {
		const struct schedule_window *w = i < c->count ? &c->windows[i] : NULL;
		const u64 begin = w ? w->offset_us : c->frame_us;

		if (!own && begin > at) {
			segment[n][0] = at * US;
			segment[n++][1] = begin * US;
		}
		if (!w)
			break;
		at = w->offset_us + w->length_us;
		if (own && str_eq(w->vm, s->vm->name)) {
			segment[n][0] = begin * US;
			segment[n++][1] = at * US;
		}
	}
	return n;
}

static u64 windows_time(const struct source *s, u64 x)
{
	u64 segment[SCHEDULE_WINDOWS + 1][2], sum = 0, worst = 0;
	const u64 frame = s->set->schedule->cpus[s->cpu].frame_us * US;
	const u32 n = segments(s, segment);

	for (u32 i = 0; i < n; i++)
		sum += segment[i][1] - segment[i][0];
	if (!sum)
		return HORIZON;
	/* It is worst to begin when a segment has just ended. */
	for (u32 i = 0; i < n; i++) {
		u64 left = (x - 1) % sum + 1, base = (x - 1) / sum * frame;
		u64 at = segment[i][1], end = at;

		for (u32 k = 1; left; k++) {
			const u32 next = (i + k) % n;
			const u64 turn = (i + k) / n * frame;
			const u64 length = segment[next][1] - segment[next][0];
			const u64 used = MIN(left, length);

			end = turn + segment[next][0] + used;
			left -= used;
		}
		worst = MAX(worst, base + end - at);
	}
	return worst;
}

/* Shin and Lee, equation 2, turned round: B in each period, at its beginning, then at its end. */
static u64 budget_time(const struct vm_desc *d, u64 x)
{
	const u64 budget = d->budget_us * US, period = d->period_us * US;

	return 2 * (period - budget) + (x - 1) / budget * (period - budget) + x;
}

static u64 supply_time(const struct source *s, u64 x)
{
	const bool scheduled = s->set->schedule && s->set->schedule->cpus[s->cpu].count;

	if (s->kind == TIMING_OWN_CPU)
		return x;
	if (s->kind == TIMING_BUDGET)
		return budget_time(s->vm->desc, x);
	return scheduled ? windows_time(s, x) : x;
}

/* ---- demand ---- */

/* What the tasks up to number `last` ask for in t, if each begins up to `jitter` late. */
static u64 asked(const struct vm_desc *d, u32 last, u64 t, u64 jitter)
{
	u64 sum = 0;

	for (u32 i = 0; i <= last; i++) {
		const u64 period = d->tasks[i].period_us * US;
		const u64 times = i == last ? 1 : (t + jitter + period - 1) / period;

		sum += times * d->tasks[i].wcet_us * US;
	}
	return sum;
}

/*
 * The least t in which x, or what the tasks up to `last` ask for, has been done beside the budgets
 * of others. `limit` or more: later than that. The terms only grow, so the search meets it from
 * below.
 */
static u64 time_for(const struct source *s, u64 x, const struct vm_desc *tasks, u32 last,
		    u64 jitter, u64 limit)
{
	/* A budget is what others leave already: is_guaranteed(). */
	const bool beside = s->kind != TIMING_BUDGET;
	u64 t = x, next;

	for (;; t = next) {
		const u64 work = tasks ? asked(tasks, last, MAX(t, 1UL), jitter) : x;

		next = supply_time(s, work + (beside ? taken(s, MAX(t, 1UL)) : 0));
		if (next <= t || next >= limit)
			return MAX(next, t);
	}
}

/* ---- the results ---- */

static enum timing_supply kind_of(const struct source *s)
{
	if (s->vm->desc->dedicated)
		return TIMING_OWN_CPU;
	if (has_windows(s, s->vm))
		return TIMING_WINDOWS;
	return s->vm->desc->budget_us ? TIMING_BUDGET : TIMING_PRIORITY;
}

/* True if the budget is there in each period, beside more urgent budgets. */
static bool is_guaranteed(const struct source *s, char *why, size_t size)
{
	const struct vm_desc *d = s->vm->desc;
	struct source plain = *s;
	u64 t;

	if (s->kind != TIMING_BUDGET)
		return true;
	plain.kind = TIMING_PRIORITY;
	t = time_for(&plain, d->budget_us * US, NULL, 0, 0, d->period_us * US + 1);
	if (t <= d->period_us * US)
		return true;
	text_print(why, size,
		   "'%s': its %lu us are not there in each period of %lu us, beside the budgets of "
		   "more urgent VMs on cpu%u",
		   s->vm->name, d->budget_us, d->period_us, s->cpu);
	return false;
}

static int on_cpu(const struct source *s, struct timing_result *r, char *why, size_t size)
{
	const struct timing_vm *other = unlimited(s);
	const bool own = s->kind == TIMING_OWN_CPU;

	*r = (struct timing_result){ .supply = s->kind, .cpu = s->cpu };
	if (other && s->kind == TIMING_WINDOWS) {
		text_print(why, size, "'%s': no bound on cpu%u: %lu of its vCPUs share its windows",
			   s->vm->name, s->cpu, vcpus_on(s->vm));
		return -ENOSPC;
	}
	if (other) {
		text_print(
			why, size,
			"'%s': no bound on cpu%u: '%s' has priority %u, and no budget-us limits it",
			s->vm->name, s->cpu, other->name, other->desc->priority);
		return -ENOSPC;
	}
	if (!is_guaranteed(s, why, size))
		return -ENOSPC;
	r->timeouts = own ? 0 : timeouts(s);
	r->wake = own ? s->set->dedicated : (2 + r->timeouts) * s->set->section + s->set->others;
	r->wait = time_for(s, 1, NULL, 0, 0, HORIZON) - 1;
	if (r->wait + 1 >= HORIZON) {
		text_print(why, size, "'%s': no bound: nothing is left of cpu%u", s->vm->name,
			   s->cpu);
		return -ENOSPC;
	}
	r->late = r->wake + r->wait;
	return 0;
}

static int task_on_cpu(const struct source *s, u32 i, struct timing_result *r, char *why,
		       size_t size)
{
	const struct vm_desc *d = s->vm->desc;
	const struct desc_task *task = &d->tasks[i];
	const u64 deadline = task->deadline_us * US;

	r->response[i] = r->wake + time_for(s, 0, d, i, r->wake, deadline);
	if (r->response[i] <= deadline)
		return 0;
	text_print(
		why, size,
		"'%s': task%u ends later than %u us on cpu%u: %lu.%lu us to its vector, then its "
		"%u us and all that goes before",
		s->vm->name, task->number, task->deadline_us, s->cpu, r->wake / US,
		r->wake / 100 % 10, task->wcet_us);
	return -ENOSPC;
}

int timing_of(const struct timing_set *set, u32 index, struct timing_result *r, char *why,
	      size_t size)
{
	struct source s = { .set = set, .vm = &set->vms[index] };
	struct timing_result one;
	int ret;

	*r = (struct timing_result){ .late = 0 };
	for (s.cpu = 0; s.cpu < SCHEDULE_CPUS; s.cpu++) {
		if (!(s.vm->cpus >> s.cpu & 1))
			continue;
		s.kind = kind_of(&s);
		ret = on_cpu(&s, &one, why, size);
		for (u32 i = 0; !ret && i < s.vm->desc->task_count; i++)
			ret = task_on_cpu(&s, i, &one, why, size);
		if (ret)
			return ret;
		for (u32 i = 0; i < s.vm->desc->task_count; i++)
			one.response[i] = MAX(one.response[i], r->response[i]);
		if (one.late < r->late)
			memcpy(r->response, one.response, sizeof(r->response));
		else
			*r = one;
	}
	return 0;
}

struct timing_set timing_at(u64 instruction_ps)
{
	const u64 others = 2 * TIMING_FORWARD + TIMING_GUEST + 3 * TIMING_EXIT;

	return (struct timing_set){
		.section = TIMING_SECTION * instruction_ps / 1000,
		.others = others * instruction_ps / 1000,
		.dedicated = TIMING_DEDICATED * instruction_ps / 1000,
	};
}
