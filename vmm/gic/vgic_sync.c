/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings the list registers of vCPUs on other CPUs up to date. A register read then shows their
 * state as if they were here. A write that takes a state away is complete before the writer
 * continues. Their CPUs fold and refill them. The wait is as long as such a CPU takes to leave its
 * guest, or to end its current work for it.
 */
#include "vgic_internal.h"

#include <arch/irqchip.h>

u32 vgic_elsewhere(const struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	u32 n, found = 0;

	for_each_set_bit(n, bits & w->bank->listed) {
		struct virq q = virq_at(w->bank, w->owner, w->base + n);
		const struct vcpu *v = virq_holder(op->vm, &q);

		if (v != op->here)
			found |= 1U << v->index;
	}
	return found;
}

u32 vgic_all_elsewhere(const struct vgic_op *op)
{
	const struct vcpu *v;
	u32 found = 0;

	for_each_vcpu(v, op->vm)
		if (v->vgic.loaded && v != op->here)
			found |= 1U << v->index;
	return found;
}

static __noinline void sync(struct vgic_op *op, u32 vcpus)
{
	struct vm *vm = op->vm;
	u32 folds[VM_MAX_VCPUS];
	u32 i;

	for_each_set_bit(i, vcpus) {
		folds[i] = vm->vcpus[i]->vgic.folds;
		vgic_mark_dirty(op, vm->vcpus[i]);
	}
	vgic_end_open(op);
	for_each_set_bit(i, vcpus)
		vgic_await_fold(vm->vcpus[i], folds[i]);
	vgic_begin(op, vm);
}

void vgic_sync(struct vgic_op *op, u32 vcpus)
{
	if (unlikely(vcpus))
		sync(op, vcpus);
}

/*
 * Deactivate an interrupt in a list register here, as the CPU interface would if DIR did not trap.
 * Without the lock: the slot is only a hint, and the values compared with it belong to this CPU.
 */
static bool deactivate_here(const struct vcpu *v, const struct virq *q)
{
	const struct vgic_cpu *c = &v->vgic;
	u32 n = q->bank->lr_of[q->n];
	u64 value;

	if (!(c->lr_used >> n & 1) || LR_VINTID(c->written[n]) != q->intid)
		return false;
	value = arch_vgic_lr_read(n);
	if (!(value & LR_STATE_ACTIVE))
		return false;
	arch_vgic_lr_write(n, value & ~LR_STATE_ACTIVE);
	if (value & LR_HW)
		arch_irq_set_active(c->pintid[q->n - 16], false);
	return true;
}

void vgic_dir(struct vcpu *v, u32 intid)
{
	struct vgic_view w;
	struct virq q;

	if (intid >= VGIC_INTIDS || !arch_vgic_eoi_split())
		return;
	q = virq_of(v, intid);
	if (likely(deactivate_here(v, &q)))
		return;
	w = (struct vgic_view){ v->vm, q.owner, q.bank, intid & ~31U };
	vgic_word_write(&w, WORD_CLEAR_ACTIVE, 1U << intid % 32);
}
