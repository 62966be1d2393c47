/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vCPUs on other CPUs have in their list registers, as true as if it were here: a register read shows it, and a write that takes something away is done
 * before the writer goes on. Their CPUs fold and fill them; the wait is as long as such a CPU takes to leave its guest or to end what it does for it.
 */
#include "vgic_internal.h"

u32 vgic_elsewhere(const struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	u32 found = 0;

	for (bits &= w->bank->in_lr; bits; bits &= bits - 1) {
		struct virq q = virq_at(w->bank, w->owner, w->base + (u32)__builtin_ctz(bits));
		const struct vcpu *v = virq_holder(op->vm, &q);

		if (v != op->here)
			found |= 1U << v->index;
	}
	return found;
}

u32 vgic_all_elsewhere(const struct vgic_op *op)
{
	u32 i, found = 0;

	for (i = 0; i < op->vm->nvcpus; i++)
		if (op->vm->vcpus[i]->vgic.loaded && op->vm->vcpus[i] != op->here)
			found |= 1U << i;
	return found;
}

static __noinline void sync(struct vgic_op *op, u32 vcpus)
{
	struct vm *vm = op->vm;
	u32 folds[VM_MAX_VCPUS];
	u32 left;

	for (left = vcpus; left; left &= left - 1) {
		struct vcpu *v = vm->vcpus[__builtin_ctz(left)];

		folds[v->index] = v->vgic.folds;
		vgic_mark_dirty(op, v);
	}
	vgic_end(op);
	for (left = vcpus; left; left &= left - 1) {
		const struct vcpu *v = vm->vcpus[__builtin_ctz(left)];

		vcpu_await_fold(v, folds[v->index]);
	}
	vgic_begin(op, vm);
}

void vgic_sync(struct vgic_op *op, u32 vcpus)
{
	if (unlikely(vcpus))
		sync(op, vcpus);
}

void vgic_dir(struct vcpu *v, u32 intid)
{
	struct vgic_view w = { v->vm, v, &v->vgic.priv, 0 };

	if (intid >= VGIC_INTIDS || !arch_vgic_eoi_split())
		return;
	if (intid >= 32)
		w = (struct vgic_view){ v->vm, NULL, &v->vm->vgic.spi[intid / 32 - 1],
					intid & ~31U };
	vgic_word_write(&w, WORD_CLEAR_ACTIVE, 1U << intid % 32);
}
