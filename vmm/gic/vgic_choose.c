/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which interrupts are in list registers.
 *
 * If more is pending than fits, the best by priority are in list registers, one of them at least, and NPIE tells when the guest has acknowledged them all.
 * If more is active than fits, LRENPIE tells of the EOIs that hit no list register; they end the most urgent active interrupt first, as
 * priority drops do.
 */
#include "vgic_internal.h"

#include <lib/bitmap.h>
#include <lib/string.h>

/* The best few of a kind, best first; equals in order of INTID. */
struct choice {
	u32 total; /* all there are */
	u32 kept;
	u32 intid[VGIC_MAX_LRS];
	u16 rank[VGIC_MAX_LRS]; /* priority; behind all of these, what the guest's interface has disabled */
};

/* Interrupts base + n, n in bits, whose priorities are given, and `behind` more. */
static void offer(struct choice *c, u32 room, u32 base, u32 bits, const u8 *prio, u32 behind)
{
	u32 worst = c->kept < room ? UINT32_MAX : c->rank[room - 1];

	c->total += word_weight(bits);
	for (; bits; bits &= bits - 1) {
		u32 n = (u32)__builtin_ctz(bits), rank = prio[n] + behind, i;

		if (likely(rank >= worst))
			continue;
		if (c->kept < room)
			c->kept++;
		for (i = c->kept - 1; i > 0 && c->rank[i - 1] > rank; i--) {
			c->intid[i] = c->intid[i - 1];
			c->rank[i] = c->rank[i - 1];
		}
		c->intid[i] = base + n;
		c->rank[i] = (u16)rank;
		if (c->kept == room)
			worst = c->rank[room - 1];
	}
}

/* The same, those last that the guest's interface has disabled. */
static void offer_pending(struct choice *c, u32 room, u32 base, u32 bits, const struct vgic_bank *b)
{
	u32 on = bits & vgic_grouped(b, arch_vgic_group_enables());

	offer(c, room, base, on, b->prio, 0);
	if (unlikely(bits != on))
		offer(c, room, base, bits & ~on, b->prio, 0x100);
}

/* Those of bits whose byte says vCPU `index`. */
static u32 those_of(const u8 *whose, u32 bits, u32 index)
{
	u32 left = bits, mine = 0;

	for (; left; left &= left - 1) {
		u32 n = (u32)__builtin_ctz(left);

		mine |= (u32)(whose[n] == index) << n;
	}
	return mine;
}

/*
 * All that is active on v, and all that is pending for it, outside list registers. A guest can have all of them be either, at every switch: some ten
 * instructions each.
 */
static void survey(struct vcpu *v, u32 room, struct choice *active, struct choice *pending)
{
	const struct vgic *g = &v->vm->vgic;
	const struct vgic_bank *b = &v->vgic.priv;
	u32 w, acts = b->active & ~b->in_lr;
	u32 pends = bank_deliverable(g, b) & ~(b->active | b->in_lr);

	offer(active, room, 0, acts, b->active_prio, 0);
	offer_pending(pending, room, 0, pends, b);
	for (w = 0; w < VGIC_WORDS; w++) {
		b = &g->spi[w];
		acts = b->active & ~b->in_lr;
		pends = bank_deliverable(g, b) & ~(b->active | b->in_lr);
		if (acts)
			offer(active, room, 32 + 32 * w,
			      those_of(&g->holder[32 * w], acts, v->index), b->active_prio, 0);
		if (pends)
			offer_pending(pending, room, 32 + 32 * w,
				      those_of(&g->target[32 * w], pends, v->index), b);
	}
}

/* EOIs that hit no list register: each ended the most urgent active interrupt that has none. */
static void take_eois(struct vgic_op *op, struct vcpu *v)
{
	u32 count = arch_vgic_take_eoi_count();

	while (count) { /* 31 at most, and a survey finds 16 */
		struct choice active = { 0 }, pending = { 0 };

		survey(v, VGIC_MAX_LRS, &active, &pending);
		if (!active.kept)
			return;
		for (u32 i = 0; i < active.kept && count; i++, count--) {
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

	if (unlikely(c->act_left))
		take_eois(op, v);
	if (c->leftover || c->act_left)
		c->dirty = true;
	while (c->lr_used) {
		u32 n = (u32)__builtin_ctz(c->lr_used);
		struct virq q = vgic_fold_slot(v, n);

		if (likely(c->loaded))
			arch_vgic_lr_write(n, 0);
		if ((q.bank->active & q.mask) || virq_deliverable(v->vm, &q))
			c->dirty = true;
		if (!q.owner && virq_target(v->vm, &q) != v)
			vgic_settle(op, v, &q);
	}
	if (likely(c->loaded))
		vgic_resample_lines(v);
	op->kicks &= ~(1U << v->index); /* the caller deals with v */
}

static void fill_from(struct vcpu *v, const struct choice *c, u32 count, u32 first_slot)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct virq q = virq_of(v, c->intid[i]);

		(void)vgic_fill_slot(v, first_slot + i, &q);
	}
}

/*
 * With more pending than fits, the guest's enabling a group makes others the best; disabling one does only if the other is enabled. To watch for that alone
 * is more than thrift: QEMU's interface raises GRP0_OFF whenever group 1 is disabled, and would never stop.
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
	if (c->held)
		pending.kept = 0;
	/* One list register at least is for what is pending, so that NPIE falls silent. */
	nactive = MIN(active.kept, pending.kept ? room - 1 : room);
	npending = MIN(pending.kept, room - nactive);
	fill_from(v, &active, nactive, 0);
	fill_from(v, &pending, npending, nactive);

	c->dirty = false;
	__atomic_store_n(&c->folds, c->folds + 1, __ATOMIC_RELEASE);
	c->fresh_words = 0;
	memset(c->fresh, 0, sizeof(c->fresh));
	c->leftover = pending.total > npending;
	if (active.total > nactive && !c->act_left)
		(void)arch_vgic_take_eoi_count(); /* those before do not count */
	c->act_left = active.total > nactive;
	if (c->leftover && !c->held)
		maintenance |= watch_groups();
	if (c->act_left)
		maintenance |= VGIC_LRENPIE;
	if (maintenance != c->maintenance) {
		c->maintenance = maintenance;
		arch_vgic_maintenance(maintenance);
	}
}
