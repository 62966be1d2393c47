/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that guests write themselves, to rings in their own memory (uapi/trace.h). They are copied
 * from there as they are, while a dump is sent: the guest pays for nothing but its stores. It may
 * write anything at any time, so every number is checked after it is copied, and each step is a
 * section of its own, of bounded length. What a record says is for its reader to judge.
 */
#include <arch/cpu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <uapi/smccc.h>
#include <vmm/core.h>
#include "trace_internal.h"

#define GUEST_GROUPS (TRACE_IRQS | TRACE_SWITCHES)

/* A VM's state. */
struct guest_log {
	const struct vm *vm;
	u64 at;                  /* the IPA of its struct guest_trace; 0: there is none */
	struct guest_trace told; /* a copy, checked */
	u32 turn;                /* the ring that is read next */
	struct {
		u64 begin, pos; /* numbers of records: the trace's first one, the next to be sent */
	} rings[GUEST_TRACE_MAX_RINGS];
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_TRACE);
static struct guest_log *logs[MAX_VMS]; /* under the lock: where `at` is not 0 */
static u32 wanted;                      /* under the lock */
static s32 wanted_of = -1;

/* ---- a guest's memory, under the lock ---- */

/* Copy from guest memory. False: it is not RAM, or has not come. */
static bool fetch(const struct guest_log *l, u64 ipa, void *to, u64 len)
{
	u8 *out = to;

	while (len) {
		const u64 n = MIN(len, BLOCK_SIZE - ipa % BLOCK_SIZE);
		const void *from = vm_ram_ptr(&l->vm->ram, ipa);

		if (!from)
			return false;
		memcpy(out, from, n);
		out += n;
		ipa += n;
		len -= n;
	}
	return true;
}

static bool head_of(const struct guest_log *l, u32 ring, struct guest_trace_ring *r, u64 *head)
{
	return fetch(l, l->at + sizeof(l->told) + ring * sizeof(*r), r, sizeof(*r)) &&
	       r->head % 8 == 0 && r->records % 8 == 0 && fetch(l, r->head, head, sizeof(*head));
}

static void want(struct guest_log *l)
{
	const bool on = wanted_of < 0 || (u32)wanted_of == l->vm->id;
	u32 *word = vm_ram_ptr(&l->vm->ram, l->told.wanted);

	if (word)
		__atomic_store_n(word, on ? wanted & GUEST_GROUPS : 0, __ATOMIC_RELAXED);
}

/* What comes to a ring from now on belongs to the trace. False: there is no such ring. */
static bool begin(u32 vm, u32 ring)
{
	unsigned long flags = spin_lock_irqsave(&lock);
	struct guest_log *l = logs[vm];
	const bool more = l && ring < l->told.rings;
	struct guest_trace_ring r;
	u64 head;

	if (more) {
		if (!head_of(l, ring, &r, &head))
			head = 0;
		l->rings[ring].begin = l->rings[ring].pos = head;
	}
	spin_unlock_irqrestore(&lock, flags);
	return more;
}

void trace_guests_want(u32 groups, s32 only)
{
	const bool starts = groups && !READ_ONCE(wanted);
	unsigned long flags;

	for (u32 vm = 0; vm < MAX_VMS && starts; vm++)
		for (u32 ring = 0; begin(vm, ring);)
			ring++;
	flags = spin_lock_irqsave(&lock);
	wanted = groups;
	wanted_of = only;
	spin_unlock_irqrestore(&lock, flags);
	for (u32 vm = 0; vm < MAX_VMS; vm++) {
		flags = spin_lock_irqsave(&lock);
		if (logs[vm])
			want(logs[vm]);
		spin_unlock_irqrestore(&lock, flags);
	}
}

void trace_guests_rewind(void)
{
	for (u32 vm = 0; vm < MAX_VMS; vm++) {
		unsigned long flags = spin_lock_irqsave(&lock);

		for (u32 n = 0; logs[vm] && n < GUEST_TRACE_MAX_RINGS; n++)
			logs[vm]->rings[n].pos = logs[vm]->rings[n].begin;
		spin_unlock_irqrestore(&lock, flags);
	}
}

/* ---- records and names ---- */

/* The ring has these records: as of a ring of ours (trace_ring_read()), its last slot is open. */
static u64 first_whole(const struct guest_log *l, u64 head)
{
	return head < l->told.records ? 0 : head - l->told.records + 1;
}

/* Copy the records `from` to `from` + n, in two parts where the ring ends. */
static bool copy(const struct guest_log *l, u64 at, u64 from, u32 n, struct trace_record *to)
{
	const u32 slot = (u32)from & (l->told.records - 1);
	const u32 part = MIN(n, l->told.records - slot);

	return fetch(l, at + slot * sizeof(*to), to, part * sizeof(*to)) &&
	       fetch(l, at, to + part, (n - part) * sizeof(*to));
}

static u32 read_ring(struct guest_log *l, u32 ring, struct guest_records *to, u64 *lost)
{
	u64 *pos = &l->rings[ring].pos, head, from, later;
	struct guest_trace_ring r;
	u32 n;

	if (!head_of(l, ring, &r, &head))
		return 0;
	from = MAX(MIN(*pos, head), first_whole(l, head)); /* it may have begun from 0 again */
	n = (u32)MIN(head - from, GUEST_RECORDS_MAX);
	if (!copy(l, r.records, from, n, to->records) || !head_of(l, ring, &r, &later))
		return 0;
	if (first_whole(l, later) > from)
		n = 0; /* overwritten meanwhile */
	*lost += from - MIN(*pos, from);
	*pos = from + n;
	to->ring = ring;
	to->first = from;
	to->offset = l->vm->cntvoff;
	return n;
}

u32 trace_guest_read(u32 vm, struct guest_records *to, u64 *lost)
{
	u32 n = 0;

	to->vm = vm;
	for (u32 tries = 0; tries < GUEST_TRACE_MAX_RINGS && !n; tries++) {
		unsigned long flags = spin_lock_irqsave(&lock);
		struct guest_log *l = logs[vm];

		if (l) {
			l->turn = (l->turn + 1) % l->told.rings;
			n = read_ring(l, l->turn, to, lost);
		}
		spin_unlock_irqrestore(&lock, flags);
		if (!l)
			break;
	}
	return n;
}

u32 trace_guest_names(u32 vm, u32 from, struct guest_trace_thread *to, u32 max)
{
	unsigned long flags = spin_lock_irqsave(&lock);
	const struct guest_log *l = logs[vm];
	u32 n = l && from < l->told.threads ? MIN(l->told.threads - from, max) : 0;

	if (n && !fetch(l, l->told.names + from * sizeof(*to), to, n * sizeof(*to)))
		n = 0;
	spin_unlock_irqrestore(&lock, flags);
	return n;
}

/* ---- the call ---- */

static struct guest_log *log_of(const struct vm *vm)
{
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class == &trace_guest_class)
			return vm->devices[i].state;
	return NULL;
}

static bool is_right(const struct guest_trace *t)
{
	return t->version == GUEST_TRACE_VERSION && t->rings && t->rings <= GUEST_TRACE_MAX_RINGS &&
	       t->records >= GUEST_TRACE_MIN_RECORDS && t->records <= GUEST_TRACE_MAX_RECORDS &&
	       (t->records & (t->records - 1)) == 0 && t->threads <= GUEST_TRACE_MAX_THREADS &&
	       t->wanted % 8 == 0 && t->names % 8 == 0;
}

static s64 take(struct guest_log *l, u64 ipa)
{
	struct guest_trace t;

	logs[l->vm->id] = NULL;
	l->at = ipa;
	if (!ipa)
		return SMCCC_SUCCESS;
	if (ipa % 8 || !fetch(l, ipa, &t, sizeof(t)) || !is_right(&t))
		return SMCCC_INVALID;
	l->told = t;
	l->turn = 0;
	memset(l->rings, 0, sizeof(l->rings));
	want(l);
	logs[l->vm->id] = l;
	return SMCCC_SUCCESS;
}

s64 trace_guest_call(struct vcpu *v, u64 ipa)
{
	struct guest_log *l = log_of(v->vm);
	unsigned long flags;
	s64 r;

	if (!l || v->vm->ram.pages) /* what a balloon takes away is not waited for here */
		return SMCCC_NOT_SUPPORTED;
	flags = spin_lock_irqsave(&lock);
	r = take(l, ipa);
	spin_unlock_irqrestore(&lock, flags);
	return r;
}

static int create(struct vdev *d)
{
	struct guest_log *l = d->state;

	l->vm = d->vm;
	return 0;
}

static void reset(struct vdev *d)
{
	unsigned long flags = spin_lock_irqsave(&lock);

	logs[d->vm->id] = NULL;
	spin_unlock_irqrestore(&lock, flags);
}

const struct vdev_class trace_guest_class = {
	.name = "trace",
	.size = sizeof(struct guest_log),
	.create = create,
	.reset = reset,
};
