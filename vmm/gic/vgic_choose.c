/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the interrupts for the list registers.
 *
 * If more interrupts are pending than fit, the best by priority are in list registers, at least one
 * of them. NPIE then reports that the guest has acknowledged them all. If more are active than fit,
 * LRENPIE reports EOIs that hit no list register. Such an EOI ends the most urgent active interrupt
 * first, like a priority drop.
 */
#include "vgic_internal.h"

#include <lib/bitmap.h>
#include <lib/string.h>

/* The best few interrupts of a kind, best first; equals in the order of INTID. */
struct choice {
	u32 total; /* the number of all */
	u32 count;
	u32 intid[VGIC_MAX_LRS];
	u16 rank[VGIC_MAX_LRS]; /* priority; 0x100 more if the guest's interface has disabled it */
};

/* Offer the interrupts base + n, n in bits, with their priorities plus `behind`. */
static void offer(struct choice *c, u32 room, u32 base, u32 bits, const u8 *prio, u32 behind)
{
	u32 n, worst = c->count < room ? UINT32_MAX : c->rank[room - 1];

	c->total += word_weight(bits);
	for_each_set_bit(n, bits) {
		u32 rank = prio[n] + behind, i;

		if (likely(rank >= worst))
			continue;
		if (c->count < room)
			c->count++;
		for (i = c->count - 1; i > 0 && c->rank[i - 1] > rank; i--) {
			c->intid[i] = c->intid[i - 1];
			c->rank[i] = c->rank[i - 1];
		}
		c->intid[i] = base + n;
		c->rank[i] = (u16)rank;
		if (c->count == room)
			worst = c->rank[room - 1];
	}
}

/* The same for pending interrupts. Those that the guest's interface has disabled come last. */
static void offer_pending(struct choice *c, u32 room, u32 base, u32 bits, const struct vgic_bank *b)
{
	u32 on = bits & vgic_grouped(b, arch_vgic_group_enables());

	offer(c, room, base, on, b->prio, 0);
	if (unlikely(bits != on))
		offer(c, room, base, bits & ~on, b->prio, 0x100);
}

/* Those of bits whose byte names vCPU `index`. */
static u32 those_of(const u8 *whose, u32 bits, u32 index)
{
	u32 n, mine = 0;

	for_each_set_bit(n, bits)
		mine |= (u32)(whose[n] == index) << n;
	return mine;
}

/*
 * Collect the interrupts outside list registers that are active on v, and those that are pending
 * for it. A guest may make all of them either, at every switch: some ten instructions each.
 */
static void survey(struct vcpu *v, u32 room, struct choice *active, struct choice *pending)
{
	const struct vgic *g = &v->vm->vgic;
	const struct vgic_bank *b = &v->vgic.priv;
	u32 w, acts = b->active & ~b->listed;
	u32 pends = bank_deliverable(g, b) & ~(b->active | b->listed);

	offer(active, room, 0, acts, b->active_prio, 0);
	offer_pending(pending, room, 0, pends, b);
	for (w = 0; w < VGIC_WORDS; w++) {
		b = &g->spi[w];
		acts = b->active & ~b->listed;
		pends = bank_deliverable(g, b) & ~(b->active | b->listed);
		if (acts)
			offer(active, room, 32 + 32 * w,
			      those_of(&g->holder[32 * w], acts, v->index), b->active_prio, 0);
		if (pends)
			offer_pending(pending, room, 32 + 32 * w,
				      those_of(&g->target[32 * w], pends, v->index), b);
	}
}

/*
 * Account for EOIs that hit no list register: each ended the most urgent active interrupt without
 * one.
 */
static void take_eois(struct vgic_op *op, struct vcpu *v)
{
	u32 count = arch_vgic_take_eoi_count();

	while (count) { /* at most 31, and a survey finds 16 */
		struct choice active = { 0 }, pending = { 0 };

		survey(v, VGIC_MAX_LRS, &active, &pending);
		if (!active.count)
			return;
		for (u32 i = 0; i < active.count && count; i++, count--) {
			struct virq q = virq_of(v, active.intid[i]);

			q.bank->active &= ~q.mask;
			if (q.owner && q.n >= 16)
				vgic_release_hw(v, q.n);
			vgic_settle(op, v, &q);
		}
	}
}

void vgic_fold_all(struct vgic_op *op, struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;

	if (unlikely(c->active_left))
		take_eois(op, v);
	if (c->pending_left || c->active_left)
		c->dirty = true;
	while (c->lr_used) {
		u32 n = (u32)__builtin_ctz(c->lr_used);
		struct virq q = vgic_fold_lr(v, n);

		if (likely(c->loaded))
			arch_vgic_lr_write(n, 0);
		if ((q.bank->active & q.mask) || virq_deliverable(v->vm, &q))
			c->dirty = true;
		if (!q.owner && virq_target(v->vm, &q) != v)
			vgic_settle(op, v, &q);
	}
	if (likely(c->loaded))
		vgic_resample_lines(v);
	op->kicks &= ~(1U << v->index); /* the caller handles v itself */
}

static void fill_from(struct vcpu *v, const struct choice *c, u32 count, u32 first)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct virq q = virq_of(v, c->intid[i]);

		(void)vgic_fill_lr(v, first + i, &q);
	}
}

/*
 * The guest changes its group enables while more is pending than fits. Enabling a group makes other
 * interrupts the best. Disabling one does so only if the other is enabled. Only these changes are
 * watched, and not just to save interrupts: QEMU's interface raises GRP0_OFF whenever group 1 is
 * disabled, and would never stop.
 */
static u64 watch_groups(void)
{
	switch (arch_vgic_group_enables()) {
	case 0:
		return VGIC_NPIE | VGIC_GRP0_ON | VGIC_GRP1_ON;
	case BIT(0):
		return VGIC_NPIE | VGIC_GRP1_ON;
	case BIT(1):
		return VGIC_NPIE | VGIC_GRP0_ON;
	default:
		return VGIC_NPIE | VGIC_GRP0_OFF | VGIC_GRP1_OFF;
	}
}

void vgic_refill(struct vgic_op *op, struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct choice active = { 0 }, pending = { 0 };
	u32 room = word_weight(vgic_usable_lrs());
	u64 maintenance = 0;
	u32 nactive, npending;

	vgic_fold_all(op, v);
	survey(v, room, &active, &pending);
	if (c->muted)
		pending.count = 0;
	/*
	 * At least one list register is for a pending interrupt, so that NPIE is not raised at
	 * once.
	 */
	nactive = MIN(active.count, pending.count ? room - 1 : room);
	npending = MIN(pending.count, room - nactive);
	fill_from(v, &active, nactive, 0);
	fill_from(v, &pending, npending, nactive);

	c->dirty = false;
	__atomic_store_n(&c->folds, c->folds + 1, __ATOMIC_RELEASE);
	c->fresh_words = 0;
	memset(c->fresh, 0, sizeof(c->fresh));
	c->pending_left = pending.total > npending;
	if (active.total > nactive && !c->active_left)
		(void)arch_vgic_take_eoi_count(); /* earlier ones do not count */
	c->active_left = active.total > nactive;
	if (c->pending_left && !c->muted)
		maintenance |= watch_groups();
	if (c->active_left)
		maintenance |= VGIC_LRENPIE;
	if (maintenance != c->maintenance) {
		c->maintenance = maintenance;
		arch_vgic_maintenance(maintenance);
	}
}
