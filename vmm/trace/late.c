/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Late limits: a timer interrupt that comes later leaves a note on its CPU, a few stores with
 * interrupts masked. A thread reads the notes some time later and looks the causes up in the CPU's
 * ring, preemptible, in pieces. What the ring no longer has is reported as not known.
 */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>
#include "trace_internal.h"

/* As the dump's: ring records are gone after a while, and real-time VMs go first. */
#define LATE_PRIORITY 18
#define LATE_LOOK_MS  20

#define NOTES 4 /* of a CPU, a power of two */

struct late_note {
	u64 due, now;
	u64 created_at; /* of the VM, which is then found by its id */
	u16 tag;
};

/* Written by the CPU, with interrupts masked; read by the thread. */
static struct late_queue {
	u32 head, tail; /* atomic */
	struct late_note notes[NOTES];
} queues[MAX_CPUS];

/* Of a VM with a limit. */
struct late_log {
	u64 created_at;
	u32 us;
	u64 total, skipped;                       /* atomic: every CPU counts here */
	u64 seen;                                 /* those that have a report, or had one */
	struct late_report reports[LATE_REPORTS]; /* number n is at n % LATE_REPORTS */
};
#define LOG_PAGES ((u32)(ALIGN_UP(sizeof(struct late_log), PAGE_SIZE) / PAGE_SIZE))

static struct late_log *logs[MAX_VMS]; /* under log_lock; written with the lifecycle lock too */
static struct spinlock log_lock = SPINLOCK_INIT(LOCK_TRACE);
static u32 limits;   /* how many VMs have one (atomic) */
static bool looking; /* the thread reads rings (atomic) */
static struct thread seeker;
static struct sem begun;

/* ---- on the CPU that is late ---- */

static void note_late(struct vcpu *v, u64 late)
{
	struct late_queue *q = &queues[this_cpu()->id];
	struct late_log *log = logs[v->vm->id];
	const u64 now = arch_counter();
	const u32 head = q->head;

	__atomic_fetch_add(&log->total, 1, __ATOMIC_RELAXED);
	if (head - __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE) == NOTES) {
		__atomic_fetch_add(&log->skipped, 1, __ATOMIC_RELAXED);
		return;
	}
	q->notes[head % NOTES] =
		(struct late_note){ now - late, now, v->vm->created_at, v->thread.tag };
	__atomic_store_n(&q->head, head + 1, __ATOMIC_RELEASE);
}

/* ---- looking causes up ---- */

#define WALK_RECORDS 128
#define WALK_PIECE   64
#define WALK_BACK    16384 /* records that are looked at: a guest chooses how late it is */

/* What the thread works on. */
static struct {
	struct trace_record piece[WALK_PIECE];
	struct trace_record records[WALK_RECORDS]; /* from the end on, in the ring's order */
	u32 count;
	bool released; /* the first that tells whether the vCPU is held is TRACE_RELEASED */
} found;

static u32 kind_of(const struct trace_record *r)
{
	return (u32)(r->when >> 56);
}

/* A record that tells something about the vCPU of this tag, or about what runs instead. */
static bool is_about(const struct trace_record *r, u32 tag)
{
	const u32 kind = kind_of(r);

	if (kind == TRACE_IRQ || kind == TRACE_SWITCH || kind == TRACE_MASKED)
		return true;
	return r->what >> 48 == tag && ((kind >= TRACE_EXIT && kind < TRACE_EXIT + EXIT_KINDS) ||
					kind == TRACE_HELD || kind == TRACE_RELEASED);
}

static void keep(struct late_question *q, const struct trace_record *r)
{
	if (!is_about(r, q->self) || late_begin(r, q->now) >= q->now)
		return;
	if (found.count == WALK_RECORDS) {
		q->known_from = MAX(q->known_from, late_end(r, q->now));
		return;
	}
	found.records[WALK_RECORDS - ++found.count] = *r;
	if (kind_of(r) == TRACE_RELEASED || kind_of(r) == TRACE_HELD)
		found.released = kind_of(r) == TRACE_RELEASED;
}

/* Take a record, the one before the last one taken. False: no earlier one is needed. */
static bool take(struct late_question *q, const struct trace_record *r)
{
	if (late_end(r, q->now) > q->due) {
		keep(q, r);
		return true;
	}
	if (found.released && kind_of(r) == TRACE_HELD && r->what >> 48 == q->self)
		q->held_before = (r->what >> 32 & 0xffff) == TRACE_HELD_WINDOW ? LATE_WINDOW
									       : LATE_BUDGET;
	return found.released && !q->held_before;
}

/*
 * Walk back through the CPU's ring, from its end, and keep what ends behind `due`. *q says from
 * when on the records are known, and why the vCPU was held before the first of them.
 */
static void gather(const struct trace_ring *ring, struct late_question *q)
{
	const u64 head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	u64 at = head, oldest = q->now;

	found.count = 0;
	found.released = false;
	for (;;) {
		const u64 from = at - MIN(at, WALK_PIECE);
		u64 pos = from;
		u32 n = trace_ring_read(ring, &pos, found.piece, (u32)(at - from));

		n = MIN(n, (u32)(at - MIN(pos, at)));
		while (n-- > 0) {
			oldest = MIN(oldest, late_end(&found.piece[n], q->now));
			if (!take(q, &found.piece[n]))
				return;
		}
		if (pos != from || !pos || head - pos >= WALK_BACK)
			break; /* earlier ones are overwritten, or too many, or there are none */
		at = pos;
	}
	if (oldest > q->due)
		q->known_from = MAX(q->known_from, oldest);
	if (found.released && !q->held_before)
		q->held_before = LATE_BUDGET;
}

static void explain(u32 cpu, const struct late_note *note)
{
	struct late_question q = {
		.due = note->due,
		.now = note->now,
		.self = note->tag,
		.idle = percpus[cpu].idle->tag,
	};
	struct late_report r = { .due = note->due,
				 .late = note->now - note->due,
				 .vcpu = note->tag & 0x1f };
	const u32 vm = (note->tag & (u32)~TRACE_TAG_VCPU) >> 5;
	unsigned long flags;
	struct late_log *log;

	gather(&percpus[cpu].trace, &q);
	q.records = &found.records[WALK_RECORDS - found.count];
	q.count = found.count;
	r.count = late_walk(&q, r.parts);
	flags = spin_lock_irqsave(&log_lock);
	log = logs[vm];
	if (log && log->created_at == note->created_at)
		log->reports[log->seen++ % LATE_REPORTS] = r;
	spin_unlock_irqrestore(&log_lock, flags);
}

/* The oldest note of a CPU. False: there is none. */
static bool take_note(u32 cpu, struct late_note *note)
{
	struct late_queue *q = &queues[cpu];

	if (q->tail == __atomic_load_n(&q->head, __ATOMIC_ACQUIRE))
		return false;
	*note = q->notes[q->tail % NOTES];
	__atomic_store_n(&q->tail, q->tail + 1, __ATOMIC_RELEASE);
	return true;
}

static u32 next_cpu(u32 cpu)
{
	return cpu + 1 < cpu_count ? cpu + 1 : 0;
}

/*
 * One note at a time, the CPUs in turn: a guest may cause as many as it likes. Rings are there
 * while there is a limit; late_forget() waits for `looking` before it gives them back.
 */
static void look(u32 *cpu)
{
	struct late_note note;
	u32 left = cpu_count;

	while (left && !take_note(*cpu, &note)) {
		*cpu = next_cpu(*cpu);
		left--;
	}
	__atomic_store_n(&looking, true, __ATOMIC_SEQ_CST);
	if (left && __atomic_load_n(&limits, __ATOMIC_SEQ_CST))
		explain(*cpu, &note);
	__atomic_store_n(&looking, false, __ATOMIC_SEQ_CST);
	*cpu = next_cpu(*cpu);
}

static void seeker_main(void *arg __unused)
{
	u32 cpu = 0;

	for (;;) {
		if (!__atomic_load_n(&limits, __ATOMIC_SEQ_CST) &&
		    sem_take(&begun, DEADLINE_NEVER) != 0)
			continue;
		thread_sleep_ms(LATE_LOOK_MS);
		look(&cpu);
	}
}

int late_init(void)
{
	int err = thread_create(&seeker, "late", seeker_main, NULL, LATE_PRIORITY, BIT(0));

	if (err)
		return err;
	vtimer_set_late(note_late);
	sem_init(&begun, 0, 1);
	thread_start(&seeker);
	return 0;
}

/* ---- for the operator, under the lifecycle lock ---- */

static void nothing(void *arg __unused)
{
}

/* The thread never waits while it reads a ring. */
static void wait_for_seeker(void)
{
	while (__atomic_load_n(&looking, __ATOMIC_SEQ_CST))
		thread_sleep_ms(1);
}

static void set_limits(const struct vm *vm, u32 us)
{
	const u64 ticks = us_to_ticks(us);
	struct vcpu *v;

	for_each_vcpu(v, vm)
		vtimer_set_limit(v, (u32)MIN(ticks, INT32_MAX));
}

static void set_log(u32 vm, struct late_log *log)
{
	unsigned long flags = spin_lock_irqsave(&log_lock);

	logs[vm] = log;
	spin_unlock_irqrestore(&log_lock, flags);
}

static int begin(const struct vm *vm)
{
	struct late_log *log = pages_alloc(LOG_PAGES);
	int err = log ? trace_late(true) : -ENOMEM;

	if (err) {
		if (log)
			pages_free(log, LOG_PAGES);
		return err;
	}
	log->created_at = vm->created_at;
	set_log(vm->id, log);
	if (__atomic_fetch_add(&limits, 1, __ATOMIC_SEQ_CST) == 0)
		sem_give(&begun);
	return 0;
}

int late_limit_set(struct vm *vm, u32 us)
{
	int err = us && !logs[vm->id] ? begin(vm) : 0;

	if (err || !logs[vm->id])
		return err;
	logs[vm->id]->us = us;
	set_limits(vm, us);
	if (!us)
		late_forget(vm);
	return 0;
}

void late_forget(struct vm *vm)
{
	struct late_log *log = logs[vm->id];

	if (!log)
		return;
	set_limits(vm, 0);
	ipi_call_all(nothing, NULL); /* no CPU is still writing a note of it, even if it moved */
	set_log(vm->id, NULL);
	pages_free(log, LOG_PAGES);
	if (__atomic_sub_fetch(&limits, 1, __ATOMIC_SEQ_CST))
		return;
	wait_for_seeker();
	(void)trace_late(false);
}

u32 late_limit(const struct vm *vm)
{
	return logs[vm->id] ? logs[vm->id]->us : 0;
}

u32 late_reports(const struct vm *vm, struct late_report out[LATE_REPORTS], u64 *total,
		 u64 *skipped)
{
	const struct late_log *log = logs[vm->id];
	unsigned long flags;
	u32 n = 0;

	*total = *skipped = 0;
	if (!log)
		return 0;
	flags = spin_lock_irqsave(&log_lock);
	for (; n < LATE_REPORTS && n < log->seen; n++)
		out[n] = log->reports[(log->seen - 1 - n) % LATE_REPORTS];
	*total = __atomic_load_n(&log->total, __ATOMIC_RELAXED);
	*skipped = __atomic_load_n(&log->skipped, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&log_lock, flags);
	return n;
}
