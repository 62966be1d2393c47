/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ends a WFI: an interrupt that the guest would take if it unmasked PSTATE.I and F. For a CPU
 * whose redistributor sleeps (GICR_WAKER) any enabled interrupt counts, whatever its interface
 * masks: WakeRequest (IHI 0069 11.1).
 */
#include "vgic_internal.h"

static bool bank_signals(const struct vcpu *v, u32 pmr, u32 groups)
{
	const struct vgic *g = &v->vm->vgic;
	u32 w, bits;

	for (w = 0; w < VGIC_ALL_WORDS; w++) {
		const struct vgic_bank *b = w ? &g->spi[w - 1] : &v->vgic.priv;

		bits = bank_deliverable(g, b) & ~(b->active | b->listed) & vgic_grouped(b, groups);
		if (w)
			bits &= g->routed[v->index][w - 1];
		if (bits && b->prio[lowest_bit(vgic_best_of(b->prio_plane, bits))] < pmr)
			return true;
	}
	return false;
}

static __noinline bool pending_in_banks(struct vcpu *v)
{
	struct vgic_op op;
	bool pending;

	vgic_begin(&op, v->vm);
	vgic_take_sgis(&op, v);
	if (v->vgic.muted) {
		pending = bank_signals(v, 0x100, 3);
	} else if (op.here == v) {
		vgic_take_again(&op, v);
		vgic_resample_lines(v);
		pending = arch_vgic_signals(v->vgic.lr_used) ||
			  bank_signals(v, arch_vgic_pmr(), arch_vgic_group_enables());
	} else {
		pending = bank_signals(v, 0x100, 3); /* the interface's mask is not available */
	}
	vgic_end(&op);
	return pending;
}

/*
 * If v is loaded and nothing is left to do, every deliverable interrupt is in a list register, and
 * those belong to this CPU alone.
 */
bool vgic_pending(struct vcpu *v)
{
	const struct vgic_cpu *c = &v->vgic;
	u64 value;

	if (unlikely(!c->loaded || READ_ONCE(c->unsettled) || READ_ONCE(c->sgis) ||
		     READ_ONCE(c->lr_again)))
		return pending_in_banks(v);
	value = arch_vgic_signals(c->lr_used);
	if (!value)
		return false;
	return !(value & LR_HW) || vgic_line_asserted(LR_VINTID(value)) || pending_in_banks(v);
}
