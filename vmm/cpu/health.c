/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

/* ---- a vCPU checks itself ---- */

/* Printing a line takes longer than interrupts may be masked. */
static void crash(struct vcpu *v, const struct guest_look *l)
{
	char why[sizeof(v->vm->crash)];
	int len;

	sched_open();
	len = snprintf(why, sizeof(why),
		       "vcpu %u %s: %s, ESR_EL1 %lx, FAR_EL1 %lx, ELR_EL1 %lx, PC %lx, LR %lx",
		       v->index,
		       l->lost == GUEST_FAULTS ? "faults at its own vector for ever"
					       : "spins at its vector",
		       l->what, l->last.esr, l->last.far, l->last.elr, l->pc, l->link);

	if (l->given.esr)
		snprintf(why + len, sizeof(why) - (size_t)len,
			 "; given before: ESR %lx, FAR %lx, ELR %lx", l->given.esr, l->given.far,
			 l->given.elr);
	vcpu_note_crash(v, true);
	vm_request(v->vm, VM_REQ_CRASH, why);
	arch_irq_disable();
}

/* The PCs are those of the last exits: all vCPUs were interrupted for the last look. */
static void hang(struct vcpu *self)
{
	struct vm *vm = self->vm;
	char why[sizeof(vm->crash)];
	const struct vcpu *v;
	size_t len;

	sched_open();
	len = (size_t)snprintf(why, sizeof(why),
			       "hangs: interrupts masked for %u ms of CPU time, PC",
			       vm->desc.hang_timeout_ms);
	for_each_vcpu(v, vm)
		if (v->power != VCPU_OFF && len < sizeof(why))
			len += (size_t)snprintf(why + len, sizeof(why) - len, " %lx",
						arch_vcpu_pc(v));
	vcpu_note_crash(self, false);
	vm_request(vm, VM_REQ_CRASH, why);
	arch_irq_disable();
}

static void look_for_crash(struct vcpu *v, const struct guest_look *l)
{
	struct vcpu_health *h = &v->health;

	if (l->lost == GUEST_GETS_ON) {
		h->same = 0;
		return;
	}
	if (l->last.esr != h->esr || l->last.elr != h->elr)
		h->same = 0;
	h->esr = l->last.esr;
	h->elr = l->last.elr;
	if (++h->same == HEALTH_LOOKS)
		crash(v, l);
}

/* Only the vCPU's own CPU time counts: a vCPU that other threads keep off its CPU does not hang. */
static void look_for_hang(struct vcpu *v, const struct guest_look *l, u64 ran)
{
	struct vcpu_health *h = &v->health;

	if (l->masked && !h->masked)
		h->masked_since = ran;
	h->masked = l->masked;
	__atomic_store_n(&h->hung,
			 h->masked &&
				 ran - h->masked_since >= ms_to_ticks(v->vm->desc.hang_timeout_ms),
			 __ATOMIC_RELAXED);
}

void health_look(struct vcpu *v)
{
	struct vcpu_health *h = &v->health;
	u64 ran = thread_cpu_ticks(&v->thread, arch_counter());
	struct guest_look l;

	if (__atomic_exchange_n(&h->says_hang, false, __ATOMIC_RELAXED)) {
		hang(v);
		return;
	}
	if (__atomic_exchange_n(&h->rested, false, __ATOMIC_RELAXED)) {
		h->same = 0;
		h->masked = false;
	}
	if (ran - h->looked_at < us_to_ticks(HEALTH_RUN_US))
		return;
	h->looked_at = ran;
	arch_guest_look(v, &l);
	look_for_crash(v, &l);
	look_for_hang(v, &l, ran);
}

void health_reset(struct vcpu *v)
{
	memset(&v->health, 0, sizeof(v->health));
}

/* ---- asking for looks: on CPU 0, in the timeout ---- */

static u64 all_exits(const struct vcpu *v)
{
	u64 exits = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		exits += v->exits[kind];
	return exits;
}

/*
 * True if two interrupts of a timer came since the last request: the first of them has been ended.
 * The count takes 500 instructions, so it is made only for vCPUs that a look could delay.
 */
static bool ends_interrupts(struct vcpu *v)
{
	struct vcpu_health *h = &v->health;
	u64 before = h->timer_irqs;

	if (v->prio >= PRIO_REALTIME && !v->vm->desc.dedicated)
		return false;
	h->timer_irqs = histogram_count(&v->timer.late);
	return h->timer_irqs >= before + 2;
}

/*
 * True if the vCPU has got on since the last request, as far as its state shows: it waits; or it
 * left code with interrupts unmasked; or it takes interrupts. So a real-time guest is not delayed
 * by a look at the moment when its timer fires.
 */
static bool has_got_on(struct vcpu *v, bool exited)
{
	return v->waits || (exited && (arch_vcpu_was_open(v) || ends_interrupts(v)));
}

static void ask(struct vcpu *v, bool always)
{
	struct vcpu_health *h = &v->health;
	u64 exits = all_exits(v);
	bool exited = exits != h->exits;

	h->exits = exits;
	if (has_got_on(v, exited)) {
		__atomic_store_n(&h->rested, true, __ATOMIC_RELAXED);
		__atomic_store_n(&h->hung, false, __ATOMIC_RELAXED);
		return;
	}
	thread_set_work(&v->thread, VCPU_WORK_LOOK);
	if (always || !exited)
		thread_interrupt(&v->thread);
}

/*
 * Whether a vCPU hangs, by the look that was last requested. A look that was not taken yet proves
 * nothing. A vCPU that is off does not count.
 */
static void count_hung(struct vm *vm, const struct vcpu *v)
{
	if (v->power == VCPU_OFF)
		return;
	if (!vm->looks.hung)
		vm->looks.speaker = v->index;
	if (__atomic_load_n(&v->health.hung, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&v->thread.work, __ATOMIC_RELAXED))
		vm->looks.hung++;
	else
		vm->looks.hang = false;
}

/* One of the VM's vCPUs reports the hang: that takes longer than interrupts may be masked here. */
static void have_hang_said(struct vm *vm)
{
	struct vcpu *v = vm->vcpus[vm->looks.speaker];

	__atomic_store_n(&v->health.says_hang, true, __ATOMIC_RELAXED);
	ask(v, true);
}

/*
 * One piece: VCPU_PIECE vCPUs. All vCPUs of a VM are asked within HEALTH_LOOK_MS. The VM hangs if
 * all vCPUs that are on were found to hang, one piece after the other.
 */
static void ask_piece(struct vm *vm)
{
	const bool hangs = vm->desc.hang_timeout_ms;
	const u32 first = vm->looks.next, end = MIN(first + VCPU_PIECE, vm->nvcpus);

	if (first == 0) {
		vm->looks.hang = hangs;
		vm->looks.hung = 0;
	}
	for (u32 i = first; hangs && i < end; i++)
		count_hung(vm, vm->vcpus[i]);
	vm->looks.next = end < vm->nvcpus ? end : 0;
	if (!vm->looks.next && vm->looks.hang && vm->looks.hung) {
		have_hang_said(vm);
		return;
	}
	for (u32 i = first; i < end; i++)
		if (vm->vcpus[i]->power == VCPU_ON && !vm->vcpus[i]->parked)
			ask(vm->vcpus[i], hangs);
}

static void ask_next(struct timeout *t)
{
	struct vm *vm = container_of(t, struct vm, looks.timeout);
	const u32 pieces = (vm->nvcpus + VCPU_PIECE - 1) / VCPU_PIECE;

	if (vm->state == VM_STOPPED || vm->state == VM_CRASHED || vm->state == VM_CREATED)
		return; /* until health_begin() */
	timeout_set(t, deadline_ms(HEALTH_LOOK_MS / pieces));
	if (vm->state == VM_RUNNING && vm->run_allowed)
		ask_piece(vm);
	else
		vm->looks.next = 0;
}

void health_init(struct vm *vm)
{
	timeout_init(&vm->looks.timeout, ask_next);
}

void health_end(struct vm *vm)
{
	timeout_cancel(&vm->looks.timeout);
}

static void begin_here(void *arg)
{
	struct vm *vm = arg;

	timeout_set(&vm->looks.timeout, deadline_ms(HEALTH_LOOK_MS));
}

/*
 * CPU 0 serves the shell and the machine's devices. So the CPUs of real-time VMs are not
 * interrupted for looks at other VMs.
 */
void health_begin(struct vm *vm)
{
	ipi_call(0, begin_here, vm);
}
