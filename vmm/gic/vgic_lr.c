/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List registers (IHI 0069, 6.3 and 12.4): composed from an interrupt's bank, folded back into it,
 * and when that happens.
 */
#include "vgic_internal.h"

#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <vmm/cpu.h>

u32 vgic_lrs;

void vgic_limit_lrs(u32 limit)
{
	u32 count = arch_vgic_lr_count();

	if (limit && limit < count)
		count = limit;
	vgic_lrs = (u32)BITS(count - 1, 0);
}

/*
 * The states of a list register:
 *
 *   FREE -> LINE, LATCHED          vgic_fill_lr(), vgic_fill_pending(): LATCHED if the interrupt's
 *                                  latch went into it
 *   FREE -> LATCHED                vgic_prepare(): as if it had fired and the guest had ended it
 *   LINE, LATCHED -> either        vgic_rewrite_spi(): its SPI is pending again, or its line fell
 *   LATCHED -> FIRED               fire_kept(), vgic_fire_again(): its interrupt fires while its
 *                                  vCPU is away
 *   FIRED -> LATCHED               load_fired_unlock(): the vCPU is back, the register is written
 *   any -> FREE                    vgic_fold_lr()
 *
 * The table has the others: another vCPU's access (column) changes the interrupt. Two states do not
 * occur there: with FREE the interrupt is in memory, and FIRED registers are folded before.
 */
#define S(state) VGIC_LR_##state
/* clang-format off */
static const u8 next_state[VGIC_LR_STATES][VGIC_LR_EDITS] = {
	/*                    CLEAR_PENDING   SET_ACTIVE      CLEAR_ACTIVE */
	[S(FREE)]        = { S(FREE),        S(FREE),        S(FREE) },
	[S(LINE)]        = { S(LINE),        S(LINE_ON),     S(LINE_OFF) },
	[S(LATCHED)]     = { S(LINE),        S(LATCHED_ON),  S(LATCHED_OFF) },
	[S(FIRED)]       = { S(FIRED),       S(FIRED),       S(FIRED) },
	[S(LINE_OFF)]    = { S(LINE_OFF),    S(LINE_ON),     S(LINE_OFF) },
	[S(LATCHED_OFF)] = { S(LINE_OFF),    S(LATCHED_ON),  S(LATCHED_OFF) },
	[S(LINE_ON)]     = { S(LINE_ON),     S(LINE_ON),     S(LINE_OFF) },
	[S(LATCHED_ON)]  = { S(LINE_ON),     S(LATCHED_ON),  S(LATCHED_OFF) },
};
/* clang-format on */
#undef S

/* True if the SPI of list register n was set pending again; it is not any more. */
static bool take_again_bit(struct vgic_cpu *c, u32 n)
{
	if (likely(!(__atomic_load_n(&c->lr_again, __ATOMIC_RELAXED) >> n & 1)))
		return false;
	(void)__atomic_fetch_and(&c->lr_again, ~(1U << n), __ATOMIC_ACQUIRE);
	return true;
}

void vgic_lr_edit(struct vgic_cpu *c, u32 n, enum vgic_lr_edit edit)
{
	if (edit == VGIC_LR_CLEAR_PENDING)
		(void)take_again_bit(c, n);
	c->lr_state[n] = next_state[c->lr_state[n]][edit];
}

static bool is_latched(u8 state)
{
	return state == VGIC_LR_LATCHED || state == VGIC_LR_FIRED || state == VGIC_LR_LATCHED_OFF ||
	       state == VGIC_LR_LATCHED_ON;
}

static bool is_off(u8 state)
{
	return state == VGIC_LR_LINE_OFF || state == VGIC_LR_LATCHED_OFF;
}

static bool is_on(u8 state)
{
	return state == VGIC_LR_LINE_ON || state == VGIC_LR_LATCHED_ON;
}

/*
 * The content of list register n: from hardware, or, if it is kept, as its vCPU finds it when it
 * comes back.
 */
static u64 lr_value(const struct vgic_cpu *c, u32 n)
{
	if (likely(c->loaded))
		return arch_vgic_lr_read(n);
	return c->lr_state[n] == VGIC_LR_FIRED ? c->written[n] : 0;
}

struct virq vgic_fold_lr(struct vcpu *v, u32 n)
{
	struct vgic_cpu *c = &v->vgic;
	/*
	 * Number and priority are those that were written: a kept register that the guest has ended
	 * may hold another vCPU's value by now.
	 */
	u64 value = lr_value(c, n), written = c->written[n];
	struct virq q = virq_of(v, LR_VINTID(written));
	u8 state = c->lr_state[n];

	c->lr_state[n] = VGIC_LR_FREE;
	c->lr_used &= ~(1U << n);
	c->lr_fired &= ~(1U << n);
	q.bank->listed &= ~q.mask;
	if ((value & LR_STATE_ACTIVE || is_on(state)) && !is_off(state))
		vgic_activate(v->vm, &q, LR_PRIORITY(written));
	if (take_again_bit(c, n) || ((value & LR_STATE_PENDING) && is_latched(state)))
		q.bank->latch |= q.mask;
	if (written & LR_HW) {
		c->ppi_lr[LR_PPI(written)] = VGIC_NO_LR;
		if (!(value & LR_STATE_MASK))
			c->forwarded &= ~q.mask; /* the guest's EOI has deactivated the PPI */
		else if (is_off(state))
			vgic_release_hw(v, q.n);
	}
	if (is_v2_sgi(v, &q))
		vgicv2_sgi_folded(v, &q, value);
	return q;
}

void vgic_unload(struct vcpu *v, const struct virq *q)
{
	u32 n = q->bank->lr_of[q->n];

	(void)vgic_fold_lr(v, n);
	arch_vgic_lr_write(n, 0);
}

/*
 * At the EOI of a level-sensitive interrupt its line is sampled again, while that is high. A line
 * that rises later is a change of its own.
 */
static u64 eoi_of(const struct vgic_bank *b, const struct virq *q)
{
	return b->level & ~b->edge & q->mask ? LR_EOI : 0;
}

/* The list register for q on v, or 0. *latched: its pending state comes from the latch. */
static u64 compose(const struct vcpu *v, const struct virq *q, bool *latched)
{
	const struct vgic_bank *b = q->bank;
	bool deliverable = virq_deliverable(v->vm, q);
	bool deliver = deliverable && virq_target(v->vm, q) == v && !v->vgic.muted;
	bool edge = b->edge & q->mask;
	bool hw = q->owner && (v->vgic.forwarded & q->mask);
	u8 prio = b->active & q->mask ? b->active_prio[q->n] : b->prio[q->n];
	u64 value = q->intid | (u64)prio << LR_PRIORITY_SHIFT;

	*latched = false;
	if ((b->group | b->grpmod) & q->mask)
		value |= LR_GROUP1;
	if (is_v2_sgi(v, q)) {
		u64 sgi = vgicv2_sgi_compose(v, q, deliver, latched);

		return sgi ? value | sgi : 0;
	}
	if (hw)
		value |= LR_HW | (u64)v->vgic.pintid[q->n - 16] << LR_PINTID_SHIFT;
	if (b->active & q->mask) {
		value |= LR_STATE_ACTIVE;
		/*
		 * With HW a register cannot be pending and active. What remains to be done follows
		 * after the EOI: a level is sampled again, a moved interrupt goes to its new
		 * target, and a changed priority is taken.
		 */
		if (hw)
			return value;
		if (!deliver || !edge || prio != b->prio[q->n])
			return deliverable ? value | LR_EOI : value;
	} else if (!deliver) {
		return 0;
	}
	*latched = b->latch & q->mask;
	value |= LR_STATE_PENDING;
	return hw ? value : value | eoi_of(b, q);
}

static __noinline void record_lr(u32 groups, const struct vcpu *v, u64 value)
{
	trace_event_of(groups, &this_cpu()->trace, TRACE_INJECT, arch_counter(), v->thread.tag,
		       (u16)LR_VINTID(value), value & LR_HW ? LR_PPI(value) : TRACE_NO_IRQ);
}

/* v's guest gets an interrupt: a list register of the CPU is written with this value. */
static inline void trace_lr(const struct vcpu *v, u64 value)
{
	const u32 groups = READ_ONCE(trace_groups);

	if (unlikely(groups & TRACE_INJECTIONS) && (value & LR_STATE_PENDING))
		record_lr(groups, v, value);
}

/* List register n has q from now on, and what it says was written as `value`. */
static void assign(struct vcpu *v, u32 n, const struct virq *q, u64 value, bool latched)
{
	struct vgic_cpu *c = &v->vgic;

	c->lr_state[n] = latched ? VGIC_LR_LATCHED : VGIC_LR_LINE;
	c->lr_used |= 1U << n;
	c->written[n] = value;
	q->bank->listed |= q->mask;
	q->bank->lr_of[q->n] = (u8)n;
	if (!q->owner)
		v->vm->vgic.holder[q->intid - 32] = (u8)v->index;
	else if ((value & LR_HW) && !v->vm->vgic.v2)
		c->ppi_lr[LR_PPI(value)] = (u8)n;
}

bool vgic_fill_lr(struct vcpu *v, u32 n, const struct virq *q)
{
	bool latched;
	u64 value = compose(v, q, &latched);

	arch_vgic_lr_write(n, value);
	if (!value)
		return false;
	if (latched)
		q->bank->latch &= ~q->mask;
	if (q->bank->active & q->mask)
		vgic_deactivate(v->vm, q);
	assign(v, n, q, value, latched);
	trace_lr(v, value);
	if (latched && is_v2_sgi(v, q))
		vgicv2_sgi_filled(v, q, value);
	return true;
}

/* The list register of an interrupt that is pending and not active; no SGI of a GICv2. */
static u64 compose_pending(const struct vcpu *v, const struct virq *q)
{
	const struct vgic_bank *b = q->bank;
	u64 value = LR_STATE_PENDING | q->intid | (u64)b->prio[q->n] << LR_PRIORITY_SHIFT;

	if ((b->group | b->grpmod) & q->mask)
		value |= LR_GROUP1;
	if (q->owner && (v->vgic.forwarded & q->mask))
		return value | LR_HW | (u64)v->vgic.pintid[q->n - 16] << LR_PINTID_SHIFT;
	return value | eoi_of(b, q);
}

void vgic_fill_pending(struct vcpu *v, u32 n, const struct virq *q)
{
	u32 latched;
	u64 value;

	if (is_v2_sgi(v, q)) {
		(void)vgic_fill_lr(v, n, q);
		return;
	}
	value = compose_pending(v, q);
	latched = q->bank->latch & q->mask;
	q->bank->latch &= ~q->mask;
	arch_vgic_lr_write(n, value);
	assign(v, n, q, value, latched);
	trace_lr(v, value);
}

bool vgic_rewrite_spi(struct vcpu *v, u32 n, const struct virq *q)
{
	struct vgic_cpu *c = &v->vgic;
	u64 value = arch_vgic_lr_read(n);
	u32 latched = 0;

	if (q->owner || c->unsettled || c->lr_state[n] > VGIC_LR_LATCHED)
		return false;
	if (!virq_deliverable(v->vm, q)) {
		if ((value & LR_STATE_MASK) != LR_STATE_ACTIVE || c->lr_state[n] != VGIC_LR_LINE)
			return false;
		value &= ~LR_EOI;
	} else {
		if ((value & LR_STATE_MASK) || virq_target(v->vm, q) != v)
			return false;
		value = compose_pending(v, q);
		latched = q->bank->latch & q->mask;
		q->bank->latch &= ~q->mask;
	}
	c->lr_state[n] = latched ? VGIC_LR_LATCHED : VGIC_LR_LINE;
	arch_vgic_lr_write(n, value);
	c->written[n] = value;
	trace_lr(v, value);
	return true;
}

static __noinline void sgi_arrives(struct vcpu *v, u32 sgi)
{
	struct virq q = virq_of(v, sgi);
	struct vgic_op op;

	vgic_begin_own(&op, v);
	q.bank->latch |= q.mask;
	vgic_update(&op, &q);
	vgic_end(&op);
}

/* Out of line, and the last call: the fast path saves no registers. */
static __noinline void sgi_again_traced(const struct vcpu *v, u32 n)
{
	trace_lr(v, v->vgic.written[n]);
	(void)arch_vgic_lr_again(n, v->vgic.written[n]);
}

void vgic_sgi_here(struct vcpu *v, u32 sgi)
{
	const struct vgic_cpu *c = &v->vgic;
	u32 n = c->priv.lr_of[sgi];

	if (unlikely(!(c->priv.listed >> sgi & 1)) || !vgic_may_rewrite(c, n) ||
	    unlikely(c->written[n] & LR_STATE_ACTIVE))
		sgi_arrives(v, sgi);
	else if (trace_wants(TRACE_INJECTIONS))
		sgi_again_traced(v, n);
	else
		(void)arch_vgic_lr_again(n, c->written[n]);
}

void vgic_take_sgis(struct vgic_op *op, struct vcpu *v)
{
	const struct vgic_view w = { v->vm, v, &v->vgic.priv, 0 };
	u32 sgis = __atomic_load_n(&v->vgic.sgis, __ATOMIC_RELAXED);

	if (likely(!sgis))
		return;
	sgis = __atomic_exchange_n(&v->vgic.sgis, 0, __ATOMIC_ACQUIRE);
	v->vgic.priv.latch |= sgis;
	vgic_update_bits(op, &w, sgis);
}

void vgic_take_again(struct vgic_op *op, struct vcpu *v)
{
	u32 n, again = __atomic_load_n(&v->vgic.lr_again, __ATOMIC_RELAXED);

	for_each_set_bit(n, again) {
		struct virq q = virq_of(v, LR_VINTID(v->vgic.written[n]));

		if (take_again_bit(&v->vgic, n))
			q.bank->latch |= q.mask;
		vgic_update(op, &q);
	}
}

/* ---- timers, performance monitors ---- */

static struct {
	vgic_line_fn asserted;
	u32 pintid;
} lines[32];

void vgic_set_line(u32 ppi, u32 pintid, vgic_line_fn asserted)
{
	lines[ppi].asserted = asserted;
	lines[ppi].pintid = pintid;
}

/* May v get this PPI as soon as it is pending? Its state is then only in its line. */
static bool may_prepare(const struct vcpu *v, const struct virq *q)
{
	const struct vgic_cpu *c = &v->vgic;
	const struct vgic_bank *b = q->bank;

	return !v->vm->vgic.v2 && lines[q->n].pintid &&
	       (b->enabled & vgic_groups_on(&v->vm->vgic, b) &
		~(b->latch | b->active | b->listed | c->forwarded) & q->mask) &&
	       !(c->dirty | c->muted | c->pending_left | c->active_left);
}

void vgic_prepare(struct vcpu *v, u32 ppi)
{
	u32 unused = vgic_lrs & ~v->vgic.lr_used;
	struct virq q = virq_of(v, ppi);

	if (!(unused & (unused - 1)) || !may_prepare(v, &q))
		return;
	v->vgic.forwarded |= q.mask;
	v->vgic.pintid[ppi - 16] = (u8)lines[ppi].pintid;
	assign(v, lowest_bit(unused), &q, compose_pending(v, &q), true);
}

bool vgic_line_asserted(u32 ppi)
{
	return lines[ppi].asserted();
}

/* Of the interrupts forwarded to v: pending, and not active. */
static bool awaits_guest(const struct virq *q)
{
	const struct vgic_bank *b = q->bank;

	if (b->listed & q->mask)
		return (arch_vgic_lr_read(b->lr_of[q->n]) & LR_STATE_MASK) == LR_STATE_PENDING;
	return (b->latch & ~b->active) & q->mask;
}

void vgic_resample_lines(struct vcpu *v)
{
	u32 ppi;

	for_each_set_bit(ppi, v->vgic.forwarded) {
		struct virq q = virq_of(v, ppi);

		if (!awaits_guest(&q) || vgic_line_asserted(q.n))
			continue;
		if (q.bank->listed & q.mask)
			vgic_unload(v, &q);
		q.bank->latch &= ~q.mask;
		vgic_release_hw(v, q.n);
	}
}

void vgic_resample(struct vcpu *v)
{
	struct vgic_op op;

	vgic_begin(&op, v->vm);
	if (op.here == v)
		vgic_resample_lines(v);
	vgic_end(&op);
}

/* ---- exit path, switch hooks ---- */

/* The list registers are to be chosen again: no maintenance interrupt comes before that. */
static void fold_quietly(struct vgic_op *op, struct vcpu *v)
{
	vgic_fold_all(op, v);
	v->vgic.dirty = true;
	if (v->vgic.maintenance) {
		v->vgic.maintenance = 0;
		arch_vgic_maintenance(0);
	}
}

/* Take in what changed. True if the list registers need not be chosen again. */
static bool take_changes(struct vgic_op *op, struct vcpu *v)
{
	vgic_take_sgis(op, v);
	vgic_take_again(op, v);
	if (!v->vgic.dirty)
		vgic_update_fresh(op, v);
	return !v->vgic.dirty;
}

/* True if nothing is left to do. first: the section began with something else. */
static bool flush_step(struct vgic_op *op, struct vcpu *v, bool first)
{
	const bool was_dirty = v->vgic.dirty;

	if (!vgic_take_eois(op, v))
		return false;
	if (take_changes(op, v))
		return true;
	if (first && (v->vgic.lr_used || !was_dirty))
		return false;
	if (v->vgic.lr_used) {
		fold_quietly(op, v);
		return false;
	}
	vgic_refill(v);
	return true;
}

/*
 * On v's way to its guest. Choosing is long: so it is a section of its own, and so is folding
 * before it, and EOIs before that.
 */
static void flush_all(struct vcpu *v)
{
	struct vgic_op op;
	bool done = !vgic_to_flush(&v->vgic); /* an earlier flush saw the reason of this kick */

	for (bool first = true; !done; first = false) {
		if (!first || v->vgic.eois || (v->vgic.dirty && !v->vgic.lr_used))
			vgic_let_in();
		vgic_begin_own(&op, v);
		done = op.here != v || flush_step(&op, v, first);
		op.kicks &= ~(1U << v->index);
		vgic_end(&op);
	}
}

/* Fields that may be read without the lock: see vgic_flush(). */
static bool is_settled(const struct vgic_cpu *c)
{
	return !vgic_is_stale(c) && c->loaded;
}

/*
 * One SPI was set pending again, and nothing else came: without the lock, see vgic_may_rewrite().
 * Its bit goes before the write, so a doorbell in between is not lost.
 */
static bool one_again(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	const u32 again = __atomic_load_n(&c->lr_again, __ATOMIC_RELAXED);
	u32 n;

	if (!again || (again & (again - 1)) || __atomic_load_n(&c->sgis, __ATOMIC_RELAXED) ||
	    !is_settled(c))
		return false;
	n = lowest_bit(again);
	if (!vgic_may_rewrite(c, n) || (c->written[n] & LR_STATE_ACTIVE))
		return false;
	if (!take_again_bit(c, n))
		return true;
	trace_lr(v, c->written[n]);
	return arch_vgic_lr_again(n, c->written[n]);
}

static __noinline void flush_others(struct vcpu *v)
{
	if (!one_again(v))
		flush_all(v);
}

/*
 * Usually one SGI came and nothing else. A vCPU that makes v fresh or dirty posts the work that
 * calls this function after that. So those fields may be read without the lock. If the SGI makes v
 * dirty, this CPU itself did that.
 */
void vgic_flush(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	u32 sgis = __atomic_load_n(&c->sgis, __ATOMIC_RELAXED);

	if (unlikely(!sgis || (sgis & (sgis - 1)) || !is_settled(c) ||
		     __atomic_load_n(&c->lr_again, __ATOMIC_RELAXED))) {
		flush_others(v);
		return;
	}
	(void)__atomic_fetch_and(&c->sgis, ~sgis, __ATOMIC_ACQUIRE);
	vgic_sgi_here(v, (u32)__builtin_ctz(sgis));
}

/* v's list registers were kept. They no longer are: their state is in the banks. */
void vgic_fold_kept_of(struct vgic_op *op, struct vcpu *v)
{
	v->vm->vgic.kept -= v->vgic.keep_mark;
	vgic_fold_all(op, v);
}

__noinline void vgic_fold_kept(struct vgic_op *op)
{
	while ((u32)op->vm->vgic.kept)
		vgic_fold_kept_of(op, op->vm->vcpus[__builtin_ctz((u32)op->vm->vgic.kept)]);
}

/*
 * True if v, which is loaded, may keep its list registers: only they hold state, all are ended,
 * and none has LR_EOI (such a register is not empty before its maintenance interrupt was served).
 * The hardware's answer is up to date: the scheduler has read the counter since.
 */
static bool may_keep(const struct vcpu *v)
{
	const struct vgic_cpu *c = &v->vgic;

	return likely(!(v->vm->vgic.kept & VGIC_KEPT_FULL)) &&
	       !(READ_ONCE(c->unsettled) | READ_ONCE(c->lr_again) |
		 (c->forwarded & ~c->priv.listed)) &&
	       !(c->lr_used & ~arch_vgic_ended());
}

static bool is_kept(const struct vcpu *v)
{
	return (u32)(v->vm->vgic.kept & v->vgic.keep_mark);
}

/*
 * Interrupts that fired in between go into their list registers. The other registers are empty: no
 * vCPU leaves anything in them. Releases the lock.
 */
static __noinline void load_fired_unlock(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	u32 n;

	for_each_set_bit(n, c->lr_fired) {
		c->lr_state[n] = VGIC_LR_LATCHED;
		(void)arch_vgic_lr_again(n, c->written[n]);
		trace_lr(v, c->written[n]);
		if (likely(c->written[n] & LR_HW))
			arch_irq_set_active(LR_PPI(c->written[n]), true);
	}
	c->lr_fired = 0;
	spin_unlock(&v->vm->vgic.lock);
}

static __noinline void load_from_banks(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct vgic_op op;
	u32 ppi;

	vgic_begin_own(&op, v);
	op.here = v;
	c->loaded = true;
	for_each_set_bit(ppi, c->forwarded)
		arch_irq_set_active(c->pintid[ppi - 16], true);
	c->maintenance = 0;
	if (unlikely(!take_changes(&op, v)))
		thread_set_work(&v->thread, VCPU_WORK_VIRQ); /* flush_all() */
	op.kicks &= ~(1U << v->index);
	vgic_end(&op);
}

void vgic_load(struct vcpu *v)
{
	struct vgic *g = &v->vm->vgic;
	struct vgic_cpu *c = &v->vgic;

	spin_lock(&g->lock);
	if (likely(is_kept(v))) {
		g->kept -= c->keep_mark;
		c->forwarded |= c->forwarded_kept;
		c->loaded = true;
		if (c->lr_fired)
			load_fired_unlock(v);
		else
			spin_unlock(&g->lock);
	} else {
		spin_unlock(&g->lock);
		load_from_banks(v);
	}
}

static __noinline void put_into_banks(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct vgic_op op;
	u32 ppi;

	vgic_begin_own(&op, v);
	op.here = v;
	vgic_fold_all(&op, v);
	/* The physical interrupts serve the next vCPU. */
	for_each_set_bit(ppi, c->forwarded)
		arch_irq_set_active(c->pintid[ppi - 16], false);
	if (c->maintenance)
		arch_vgic_maintenance(0);
	c->loaded = false;
	vgic_end(&op);
}

void vgic_put(struct vcpu *v)
{
	struct vgic *g = &v->vm->vgic;

	spin_lock(&g->lock);
	if (likely(may_keep(v))) {
		v->vgic.forwarded_kept = v->vgic.forwarded;
		v->vgic.forwarded = 0; /* the guest's EOIs have deactivated them */
		v->vgic.loaded = false;
		g->kept += v->vgic.keep_mark;
		spin_unlock(&g->lock);
	} else {
		spin_unlock(&g->lock);
		put_into_banks(v);
	}
}

/*
 * If v keeps its list registers, and one is for the interrupt of that physical INTID or is free for
 * it: the value that this has when v is back. Else 0.
 */
static u64 fire_kept(struct vcpu *v, u32 vintid, u32 pintid)
{
	struct vgic_cpu *c = &v->vgic;
	u32 n;

	if (!is_kept(v))
		return 0;
	if (unlikely(c->ppi_lr[pintid] == VGIC_NO_LR))
		vgic_prepare(v, vintid);
	n = c->ppi_lr[pintid];
	if (c->lr_state[n] != VGIC_LR_LATCHED)
		return 0;
	c->lr_state[n] = VGIC_LR_FIRED;
	c->lr_fired |= 1U << n;
	c->forwarded |= 1U << vintid;
	return c->written[n];
}

bool vgic_fire_again(struct vgic_op *op, const struct virq *q)
{
	struct vcpu *v = virq_holder(op->vm, q);
	struct vgic_cpu *c = &v->vgic;
	u32 n = q->bank->lr_of[q->n];

	if (!(q->bank->listed & q->mask) || c->lr_state[n] != VGIC_LR_LATCHED ||
	    (c->written[n] & LR_STATE_MASK) != LR_STATE_PENDING)
		return false;
	if (is_kept(v)) {
		c->lr_state[n] = VGIC_LR_FIRED;
		c->lr_fired |= 1U << n;
	} else if (v == op->here || op->vm->vgic.v2) {
		return false;
	} else {
		(void)__atomic_fetch_or(&c->lr_again, 1U << n, __ATOMIC_RELEASE);
	}
	op->kicks |= 1U << v->index;
	return true;
}

static __noinline void expire_in_bank(struct vcpu *v, u32 vintid, u32 pintid)
{
	struct virq q = virq_of(v, vintid);
	struct vgic_op op;

	vgic_begin_own(&op, v);
	/* If v is loaded, the timer is in hardware and fires by itself. */
	if (!v->vgic.loaded && !(v->vgic.forwarded & q.mask)) {
		v->vgic.forwarded |= q.mask;
		v->vgic.pintid[q.n - 16] = (u8)pintid;
		q.bank->latch |= q.mask;
		vgic_update(&op, &q);
	}
	op.kicks &= ~(1U << v->index); /* the caller kicks v */
	vgic_end(&op);
}

bool vgic_expire_ppi(struct vcpu *v, u32 vintid, u32 pintid)
{
	struct vgic *g = &v->vm->vgic;
	u64 value;

	spin_lock(&g->lock);
	value = fire_kept(v, vintid, pintid);
	spin_unlock(&g->lock);
	if (likely(value))
		return arch_vgic_would_signal(v, value);
	expire_in_bank(v, vintid, pintid);
	return false;
}

/* ---- maintenance interrupt ---- */

/*
 * Ended level-sensitive interrupts are sampled again. If more is needed, all list registers are
 * chosen again, on v's way to its guest.
 */
static void maintenance(u32 intid, void *arg)
{
	struct vcpu *v = vcpu_current();
	struct vgic_op op;
	u32 n;

	(void)intid;
	(void)arg;
	if (!v || !v->vgic.loaded) {
		arch_vgic_maintenance(0);
		return;
	}
	vgic_begin_own(&op, v);
	if (v->vgic.pending_left || v->vgic.active_left)
		v->vgic.dirty = true;
	for_each_set_bit(n, v->vgic.dirty ? 0 : v->vgic.lr_used) {
		if (!(arch_vgic_lr_read(n) & LR_STATE_MASK)) {
			struct virq q = virq_of(v, LR_VINTID(v->vgic.written[n]));

			vgic_update(&op, &q);
		}
	}
	if (!take_changes(&op, v)) {
		fold_quietly(&op, v);
		vgic_mark_dirty(&op, v); /* flush_all() */
	} else if (!v->in_wfi) {         /* else it is about to block */
		op.kicks &= ~(1U << v->index);
	}
	vgic_end(&op);
}

int vgic_host_init(void)
{
	if (arch_vgic_version() == 2) {
		reg_table_init(&vgicv2_dist_table);
	} else {
		reg_table_init(&vgic_dist_table);
		reg_table_init(&vgic_redist_tables[0]);
		reg_table_init(&vgic_redist_tables[1]);
	}
	return irq_request(arch_vgic_maintenance_intid(), "vgic", maintenance, NULL, 0);
}
