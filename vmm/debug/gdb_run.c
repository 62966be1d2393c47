/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping a VM for gdb, and letting it run. A VM that gdb has stopped is paused: its virtual time
 * stands still, and its vCPUs are parked. One that hits a breakpoint parks by itself (v->held); the
 * server then pauses the VM.
 */
#include <kernel/irq.h>
#include <lib/string.h>
#include <vmm/life.h>
#include "gdb_internal.h"

#define PSTATE_F  BIT(6)
#define PSTATE_I  BIT(7)
#define PSTATE_IF (PSTATE_I | PSTATE_F)
#define PSTATE_SS BIT(21)
#define PSTATE_RW BIT(4) /* AArch32 */

#define MASKED BIT(31) /* in gdb.masks */

#define VECTOR_SIZE  0x80
#define VECTORS_SIZE 0x800

/* ---- on the CPU of a vCPU ---- */

struct change {
	struct vcpu *v;
	struct debugged *take; /* its debug exceptions come here from now on; NULL: ... */
	const struct guest_debug *points; /* ... these are its points; NULL: it is given back */
	bool step;
};

static void change_here(void *arg)
{
	const struct change *c = arg;

	if (c->take)
		vdebug_take(c->v, c->take);
	else if (c->points)
		vdebug_set(c->v, c->points, c->step);
	else
		vdebug_give_back(c->v);
}

static __noinline void change(struct change c)
{
	ipi_call(c.v->thread.cpu, change_here, &c);
}

/* ---- attach ---- */

/* The VM is held. */
static void take_vm(struct gdb *g)
{
	struct vcpu *v;

	for_each_vcpu(v, g->vm) {
		g->vcpus[v->index].stopped = gdb_news;
		g->vcpus[v->index].breaks = g->break_at;
		change((struct change){ .v = v, .take = &g->vcpus[v->index] });
	}
	memset(g->masks, 0, sizeof(g->masks));
	g->vm->debugged = true;
	g->vm->restart_at = 0;
	g->attached = true;
	g->thread = 0;
}

void gdb_attach(struct gdb *g)
{
	if (!g->attached)
		g->ours = g->vm->state == VM_RUNNING || g->vm->state == VM_LOADING;
	g->runs = g->asks = true;
}

/* ---- a step, with interrupts masked as far as the instruction does not notice ---- */

/* MSR and MRS of DAIF, and the ERETs. */
static bool sees_masks(u32 insn)
{
	return (insn & 0xfffff0df) == 0xd50340df || (insn & 0xffdfffe0) == 0xd51b4220 ||
	       (insn & 0xffffe000) == 0xd69f0000;
}

static void begin_step(struct gdb *g, struct vcpu *v)
{
	u64 *pstate = &g->regs.core[GUEST_PSTATE];
	u32 insn = 0;

	gdb_read_registers(g, v);
	(void)gdb_copy(g, g->regs.core[GUEST_PC], &insn, sizeof(insn), false);
	*pstate |= PSTATE_SS;
	if (!(*pstate & PSTATE_RW) && !sees_masks(insn)) {
		g->masks[v->index] = (u32)(MASKED | (*pstate & PSTATE_IF));
		*pstate |= PSTATE_IF;
	}
	gdb_write_registers(g, v);
}

/* True if the guest has taken an exception since, and nothing else. */
static bool at_vector(const struct guest_regs *r)
{
	const u64 offset = r->core[GUEST_PC] - r->sys[GUEST_VBAR];

	return offset < VECTORS_SIZE && offset % VECTOR_SIZE == 0;
}

/* Give the masks back, in the PSTATE that an exception saved if there was one. */
static void end_step(struct gdb *g, struct vcpu *v)
{
	struct guest_regs *r = &g->regs;
	u64 *pstate;

	gdb_read_registers(g, v);
	pstate = at_vector(r) ? &r->sys[GUEST_SPSR] : &r->core[GUEST_PSTATE];
	*pstate = (*pstate & ~PSTATE_IF) | (g->masks[v->index] & PSTATE_IF);
	r->core[GUEST_PSTATE] &= ~PSTATE_SS;
	g->masks[v->index] = 0;
	gdb_write_registers(g, v);
}

/* ---- run ---- */

static void prepare(struct gdb *g, struct vcpu *v, enum gdb_action action)
{
	change((struct change){ .v = v, .points = &g->points, .step = action == GDB_STEPS });
	if (action == GDB_STEPS && v->power == VCPU_ON)
		begin_step(g, v);
	g->vcpus[v->index].stop = STOP_NONE;
	v->held = action == GDB_STAYS;
}

static void flush_code(struct gdb *g)
{
	if (g->code_changed)
		stage2_flush(&g->vm->s2);
	g->code_changed = false;
}

bool gdb_run(struct gdb *g, const u8 actions[VM_MAX_VCPUS])
{
	struct vm_error err;
	struct vcpu *v;
	int r;

	if (!vm_hold(g->vm))
		return false;
	for_each_vcpu(v, g->vm)
		prepare(g, v, actions[v->index]);
	flush_code(g);
	vm_let_go(g->vm);
	r = vm_run(g->vm, &err); /* or resume it */
	g->runs = !r;
	g->ours = true;
	return !r;
}

/* ---- stop ---- */

static struct vcpu *stopped_vcpu(const struct gdb *g)
{
	struct vcpu *v;

	for_each_vcpu(v, g->vm)
		if (__atomic_load_n(&g->vcpus[v->index].stop, __ATOMIC_ACQUIRE) != STOP_NONE)
			return v;
	return NULL;
}

/* GDB's numbers of signals. */
#define SIGNAL_INT  2
#define SIGNAL_TRAP 5
#define SIGNAL_ABRT 6
#define SIGNAL_TERM 15
#define SIGNAL_STOP 17

static u32 signal_of(const struct gdb *g)
{
	if (g->vm->state == VM_CRASHED)
		return SIGNAL_ABRT;
	if (g->vm->state == VM_STOPPED)
		return SIGNAL_TERM;
	if (g->asks || g->vcpus[g->thread].stop != STOP_NONE)
		return SIGNAL_TRAP;
	return g->interrupt ? SIGNAL_INT : SIGNAL_STOP;
}

static void say_signal(struct gdb *g)
{
	const struct debugged *d = &g->vcpus[g->thread];

	answer_text(&g->answer, "T%02xthread:%x;", signal_of(g), g->thread + 1);
	if (d->stop == STOP_WATCH)
		answer_text(&g->answer, "watch:%lx;", gdb_watched(g, d->stop_at));
}

/* Each vCPU that was in a step has its masks back. */
static void end_steps(struct gdb *g)
{
	struct vcpu *v;

	for_each_vcpu(v, g->vm)
		if (g->masks[v->index] & MASKED)
			end_step(g, v);
}

/* The VM stands still and is held. */
static void end_run(struct gdb *g)
{
	const struct vcpu *v;

	end_steps(g);
	if (g->asks)
		gdb_remove_all(g); /* an earlier gdb may have gone without a word */
	v = stopped_vcpu(g);
	if (v)
		g->thread = v->index;
	else if (g->vm->vcpus[g->thread]->power == VCPU_OFF)
		g->thread = 0;
	say_signal(g);
	g->runs = g->asks = g->interrupt = false;
}

/* True if it stands still: it did, or it is paused now. */
static bool stand_still(struct gdb *g)
{
	struct vm_error err;

	switch (g->vm->state) {
	case VM_RUNNING:
		return (g->asks || g->interrupt || stopped_vcpu(g)) && !vm_pause(g->vm, &err);
	case VM_LOADING:
		return false;
	default:
		return g->asks || !g->vm->restart_at;
	}
}

/* The VM is held. */
static void give_vm_back(struct gdb *g)
{
	struct vcpu *v;

	end_steps(g);
	gdb_remove_all(g);
	for_each_vcpu(v, g->vm) {
		change((struct change){ .v = v });
		v->held = false;
	}
	flush_code(g);
	g->vm->debugged = false;
	g->attached = false;
}

bool gdb_look(struct gdb *g)
{
	if (!g->runs || !stand_still(g) || !vm_hold(g->vm))
		return false;
	g->answer.len = 0;
	if (!g->attached)
		take_vm(g);
	end_run(g);
	vm_let_go(g->vm);
	return true;
}

bool gdb_detach(struct gdb *g)
{
	struct vm_error err;

	g->runs = g->asks = g->interrupt = false;
	if (!g->attached)
		return true;
	if (g->vm->state == VM_RUNNING && vm_pause(g->vm, &err))
		return false;
	if (!vm_hold(g->vm))
		return false;
	give_vm_back(g);
	vm_let_go(g->vm);
	return g->vm->state != VM_PAUSED || !g->ours || !vm_resume(g->vm, &err);
}
