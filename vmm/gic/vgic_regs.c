/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers that exist for SPIs in the distributor and for private interrupts in the
 * redistributors, or for both in a GICv2's distributor. Each word of them is a word of the bank.
 */
#include "vgic_internal.h"

/* ---- reading ---- */

/*
 * The bank's interrupts that have that state in a list register. For another CPU's vCPU the answer
 * is the state as written: see vgic_sync().
 */
static u32 state_in_lrs(const struct vgic_op *op, const struct vgic_view *w, u64 state)
{
	u32 n, found = 0;

	for_each_set_bit(n, w->bank->listed) {
		struct virq q = virq_at(w->bank, w->owner, w->base + n);
		const struct vcpu *v = virq_holder(op->vm, &q);
		u32 slot = q.bank->lr_of[q.n];
		u64 value = v == op->here ? arch_vgic_lr_read(slot) : v->vgic.written[slot];

		if (value & state)
			found |= q.mask;
	}
	return found;
}

/*
 * Lines of timers and monitors that are in hardware here. The line of a forwarded interrupt is not
 * in the bank.
 */
static u32 hardware_lines(const struct vcpu *v)
{
	u32 lines = (vgic_line_asserted(VTIMER_PPI_VIRT) ? 1U << VTIMER_PPI_VIRT : 0) |
		    (vgic_line_asserted(VTIMER_PPI_PHYS) ? 1U << VTIMER_PPI_PHYS : 0) |
		    (v->pmu.present && vgic_line_asserted(VPMU_PPI) ? 1U << VPMU_PPI : 0);

	return lines & ~v->vgic.priv.edge;
}

static u32 pending_word(const struct vgic_view *w)
{
	const struct vgic_bank *b = w->bank;
	struct vgic_op op;
	u32 word = 0;

	vgic_begin(&op, w->vm);
	if (w->owner && w->owner == op.here) {
		vgic_resample_lines(op.here);
		word = hardware_lines(op.here);
	}
	if (w->owner)
		vgic_take_sgis(&op, w->owner);
	else if (op.here)
		vgic_take_again(&op, op.here);
	vgic_sync(&op, vgic_elsewhere(&op, w, ~0U));
	word |= b->latch | (b->level & ~b->edge) | state_in_lrs(&op, w, LR_STATE_PENDING);
	vgic_end(&op);
	return word;
}

static u32 active_word(const struct vgic_view *w)
{
	struct vgic_op op;
	u32 word;

	vgic_begin(&op, w->vm);
	vgic_sync(&op, vgic_elsewhere(&op, w, ~0U));
	word = w->bank->active | state_in_lrs(&op, w, LR_STATE_ACTIVE);
	vgic_end(&op);
	return word;
}

static u64 word_read(const struct vgic_view *w, enum vgic_word word)
{
	switch (word) {
	case WORD_SET_ENABLE:
	case WORD_CLEAR_ENABLE:
		return READ_ONCE(w->bank->enabled);
	case WORD_GROUP:
		return READ_ONCE(w->bank->group);
	case WORD_GRPMOD:
		return READ_ONCE(w->bank->grpmod);
	case WORD_SET_PENDING:
	case WORD_CLEAR_PENDING:
		return pending_word(w);
	case WORD_SET_ACTIVE:
	case WORD_CLEAR_ACTIVE:
		return active_word(w);
	}
	return 0;
}

/* ---- writing ---- */

/*
 * Edit the state of an interrupt that is in a list register here: it moves to the bank, and
 * update_edited() puts it back.
 */
static void edit_here(struct vgic_op *op, const struct virq *q)
{
	if ((q->bank->listed & q->mask) && virq_holder(op->vm, q) == op->here)
		vgic_unload(op->here, q);
}

static void update_edited(struct vgic_op *op, const struct virq *q)
{
	struct vcpu *holder;

	if ((q->bank->active & q->mask) && !(q->bank->listed & q->mask)) {
		holder = virq_holder(op->vm, q);
		vgic_mark_dirty(op, holder);
	} else {
		vgic_update(op, q);
	}
}

/* Another vCPU's list register has q. */
static void lr_edit(struct vgic_op *op, const struct virq *q, enum vgic_lr_edit edit)
{
	vgic_lr_edit(&virq_holder(op->vm, q)->vgic, q->bank->lr_of[q->n], edit);
}

/*
 * ICPENDR. A level-sensitive interrupt whose line is high stays pending. So does a timer's: if the
 * physical line is high, it fires again.
 */
static void clear_pending(struct vgic_op *op, const struct virq *q)
{
	struct vgic_bank *b = q->bank;
	struct vcpu *owner = q->owner;

	edit_here(op, q);
	if (owner && (owner->vgic.forwarded & q->mask)) {
		if (owner->vgic.loaded && owner != op->here)
			return; /* its line is on the other CPU: assume that it is high */
		if (!(b->active & q->mask))
			vgic_release_hw(owner, q->n);
	}
	b->latch &= ~q->mask;
	if (b->listed & q->mask)
		lr_edit(op, q, VGIC_LR_CLEAR_PENDING);
	update_edited(op, q);
}

static void set_active(struct vgic_op *op, const struct virq *q)
{
	struct vgic_bank *b = q->bank;
	const struct vcpu *target = virq_target(op->vm, q);

	edit_here(op, q);
	if (b->listed & q->mask) {
		lr_edit(op, q, VGIC_LR_SET_ACTIVE);
	} else if (!(b->active & q->mask)) {
		if (!q->owner)
			op->vm->vgic.holder[q->intid - 32] = target ? (u8)target->index : 0;
		vgic_activate(op->vm, q, b->prio[q->n]);
	}
	update_edited(op, q);
}

static void clear_active(struct vgic_op *op, const struct virq *q)
{
	struct vgic_bank *b = q->bank;
	struct vcpu *owner = q->owner;

	edit_here(op, q);
	if (b->listed & q->mask) {
		lr_edit(op, q, VGIC_LR_CLEAR_ACTIVE);
	} else if (b->active & q->mask) {
		vgic_deactivate(op->vm, q);
		if (owner && (!owner->vgic.loaded || owner == op->here) && !(b->latch & q->mask))
			vgic_release_hw(owner, q->n);
	}
	update_edited(op, q);
}

static void edit_each(struct vgic_op *op, const struct vgic_view *w, u32 bits,
		      void (*edit)(struct vgic_op *op, const struct virq *q))
{
	u32 n;

	for_each_set_bit(n, bits) {
		struct virq q = virq_at(w->bank, w->owner, w->base + n);

		edit(op, &q);
	}
}

/*
 * Of these interrupts, those that have to be edited one by one: they are in list registers, or kept
 * active physically. The state of the others is in words.
 */
static u32 one_by_one(const struct vgic_view *w, u32 bits)
{
	return bits & (w->bank->listed | (w->owner ? w->owner->vgic.forwarded : 0));
}

static void clear_pending_bits(struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	u32 single = one_by_one(w, bits);

	w->bank->latch &= ~(bits & ~single);
	edit_each(op, w, single, clear_pending);
}

static void set_active_bits(struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	struct vgic_bank *b = w->bank;
	u32 n, k, single = one_by_one(w, bits), begun = bits & ~(single | b->active);

	for (k = 0; k < 8; k++)
		b->active_plane[k] = (b->active_plane[k] & ~begun) | (b->prio_plane[k] & begun);
	b->active |= begun;
	for_each_set_bit(n, begun) {
		struct virq q = virq_at(b, w->owner, w->base + n);
		const struct vcpu *target = virq_target(op->vm, &q);

		b->active_prio[n] = b->prio[n];
		if (!w->owner) {
			op->vm->vgic.holder[q.intid - 32] = target ? (u8)target->index : 0;
			*virq_active_on(op->vm, &q) |= q.mask;
		}
		vgic_mark_dirty(op, virq_holder(op->vm, &q));
	}
	edit_each(op, w, single, set_active);
}

static void clear_active_bits(struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	u32 n, single = one_by_one(w, bits), ended = bits & w->bank->active & ~single;

	w->bank->active &= ~ended;
	if (!w->owner) {
		for_each_set_bit(n, ended) {
			struct virq q = virq_at(w->bank, NULL, w->base + n);

			*virq_active_on(op->vm, &q) &= ~q.mask;
		}
	}
	vgic_update_bits(op, w, ended);
	edit_each(op, w, single, clear_active);
}

void vgic_word_write(const struct vgic_view *w, enum vgic_word word, u32 value)
{
	struct vgic_bank *b = w->bank;
	struct vgic_op op;
	u32 old, n;

	vgic_begin(&op, w->vm);
	switch (word) {
	case WORD_GROUP:
		old = b->group;
		WRITE_ONCE(b->group, value);
		vgic_update_bits(&op, w, old ^ value);
		break;
	case WORD_GRPMOD:
		old = b->grpmod;
		WRITE_ONCE(b->grpmod, value);
		vgic_update_bits(&op, w, old ^ value);
		break;
	case WORD_SET_ENABLE:
		if (w->owner && w->owner == op.here)
			vgic_resample_lines(op.here);
		old = b->enabled;
		WRITE_ONCE(b->enabled, old | value);
		vgic_update_bits(&op, w, value & ~old);
		if (w->owner && w->owner == op.here)
			for_each_set_bit(n, value & ~old & 0xffff0000)
				vgic_prepare(op.here, n);
		break;
	case WORD_CLEAR_ENABLE:
		old = b->enabled;
		WRITE_ONCE(b->enabled, b->enabled & ~value);
		vgic_update_bits(&op, w, value & old);
		break;
	case WORD_SET_PENDING:
		b->latch |= value;
		vgic_update_bits(&op, w, value);
		break;
	case WORD_CLEAR_PENDING:
		if (w->owner)
			vgic_take_sgis(&op, w->owner);
		clear_pending_bits(&op, w, value);
		break;
	case WORD_SET_ACTIVE:
		set_active_bits(&op, w, value);
		break;
	case WORD_CLEAR_ACTIVE:
		clear_active_bits(&op, w, value);
		break;
	}
	/* A state that is taken away must be gone before the guest continues. */
	if (word == WORD_CLEAR_ENABLE || word >= WORD_CLEAR_PENDING)
		vgic_sync(&op, vgic_elsewhere(&op, w, value));
	vgic_end_open(&op);
}

static void priority_write(const struct vgic_view *w, u32 n, u8 value)
{
	struct virq q = virq_at(w->bank, w->owner, w->base + n);
	u32 bits = arch_vgic_priority_bits();
	struct vgic_op op;

	vgic_begin(&op, w->vm);
	value = (u8)(value & BITS(7, 8 - bits));
	if (w->bank->prio[n] != value) {
		WRITE_ONCE(w->bank->prio[n], value);
		vgic_set_planes(w->bank->prio_plane, q.mask, value);
		vgic_update(&op, &q);
	}
	vgic_end(&op);
}

static void config_write(const struct vgic_view *w, u32 half, u32 value)
{
	u32 n, old, edge = 0;
	struct vgic_op op;

	for (n = 0; n < 16; n++)
		edge |= (value >> (2 * n + 1) & 1) << n;
	vgic_begin(&op, w->vm);
	old = w->bank->edge;
	WRITE_ONCE(w->bank->edge, (old & ~(0xffffU << (16 * half))) | edge << (16 * half));
	vgic_update_bits(&op, w, old ^ w->bank->edge);
	vgic_end_open(&op);
}

/* ---- rows ---- */

/* Word `word` of an array of the frame that the row is in. */
static struct vgic_view view_of(void *dev, struct vcpu *v, u32 word, const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vcpu *owner;

	if (row->field == VGIC_FRAME_DIST)
		return (struct vgic_view){ vm, NULL, &vm->vgic.spi[word], 32 + 32 * word };
	if (row->field == VGIC_FRAME_V2 && word)
		return (struct vgic_view){ vm, NULL, &vm->vgic.spi[word - 1], 32 * word };
	owner = row->field == VGIC_FRAME_V2 ? v : vgic_frame_owner(dev);
	return (struct vgic_view){ owner->vm, owner, &owner->vgic.priv, 0 };
}

u64 vgic_row_word_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, v, index, row);

	return word_read(&w, row->arg);
}

/* A GICv2's SGIs are always enabled, and pending by sender: read-only here. */
static bool spares_sgis(enum vgic_word word)
{
	return word == WORD_CLEAR_ENABLE || word == WORD_SET_PENDING || word == WORD_CLEAR_PENDING;
}

void vgic_row_word_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vgic_view w;

	if (!value && row->arg >= WORD_SET_ENABLE)
		return;
	w = view_of(dev, v, index, row);
	if (row->field == VGIC_FRAME_V2 && !index && spares_sgis(row->arg))
		value &= 0xffff0000;
	vgic_word_write(&w, row->arg, (u32)value);
}

u64 vgic_row_priority_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, v, index / 32, row);

	return w.bank->prio[index % 32];
}

void vgic_row_priority_write(void *dev, struct vcpu *v, u32 index, u64 value,
			     const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, v, index / 32, row);

	priority_write(&w, index % 32, (u8)value);
}

/* ICFGR has two bits for each interrupt; the upper one means edge. Two registers are a bank. */
u64 vgic_row_config_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, v, index / 2, row);
	u32 edge = READ_ONCE(w.bank->edge) >> (16 * (index % 2));
	u32 n, word = 0;

	for (n = 0; n < 16; n++)
		word |= (edge >> n & 1) << (2 * n + 1);
	return word;
}

void vgic_row_config_write(void *dev, struct vcpu *v, u32 index, u64 value,
			   const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, v, index / 2, row);

	if (index || row->field == VGIC_FRAME_DIST) /* SGIs are always edges */
		config_write(&w, index % 2, (u32)value);
}
