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

/*
 * Interrupts of a kind, a word for each bank. Bounded whatever a guest makes pending or active: a
 * step looks at the nine words, not at the interrupts.
 */
struct choice {
	const struct vcpu *v;
	bool of_active; /* active ones; else pending ones */
	u32 groups;     /* of pending ones: those that the guest's interface has enabled */
	u32 words;      /* those with something left, one bit each */
	u32 again;      /* its best ones are all taken: look before the next take; or NONE */
	u32 left[VGIC_ALL_WORDS]; /* not taken yet */
	u32 best[VGIC_ALL_WORDS]; /* of them, the most urgent */
	/* Their priority (+ 0x100: their group is disabled) above the word's number; or NONE */
	u32 rank[VGIC_ALL_WORDS];
};

#define NONE       UINT32_MAX
#define RANK(p, w) ((u32)(p) << 8 | (w))
#define WORD_OF(r) ((r)&0xff)

static const struct vgic_bank *bank_of(const struct vcpu *v, u32 word)
{
	return word ? &v->vm->vgic.spi[word - 1] : &v->vgic.priv;
}

/* Find the most urgent ones of a word that is not empty. */
static __inlined void look_at(struct choice *c, const struct vgic_bank *b, u32 word)
{
	u32 on;

	if (c->of_active) {
		c->best[word] = vgic_best_of(b->active_plane, c->left[word]);
		c->rank[word] = RANK(b->active_prio[lowest_bit(c->best[word])], word);
		return;
	}
	on = c->left[word] & vgic_grouped(b, c->groups);
	c->best[word] = vgic_best_of(b->prio_plane, on ? on : c->left[word]);
	c->rank[word] = RANK(b->prio[lowest_bit(c->best[word])] + (on ? 0 : 0x100), word);
}

static void look(struct choice *c, u32 word)
{
	look_at(c, bank_of(c->v, word), word);
}

static __inlined void add(struct choice *c, const struct vgic_bank *b, u32 word, u32 bits)
{
	c->left[word] = bits;
	c->rank[word] = NONE;
	if (bits) {
		c->words |= 1U << word;
		look_at(c, b, word);
	}
}

/* Those that are active on v and in no list register. */
static void survey_active(struct choice *c, const struct vcpu *v)
{
	const struct vgic *g = &v->vm->vgic;

	c->v = v;
	c->of_active = true;
	c->words = 0;
	c->again = NONE;
	add(c, &v->vgic.priv, 0, v->vgic.priv.active);
	for (u32 spi = 0; spi < VGIC_WORDS; spi++)
		add(c, &g->spi[spi], spi + 1, g->active_on[v->index][spi]);
}

/* Those that are pending for v and in no list register. */
static void survey_pending(struct choice *c, const struct vcpu *v)
{
	const struct vgic *g = &v->vm->vgic;
	const struct vgic_bank *b = &v->vgic.priv;

	c->v = v;
	c->of_active = false;
	c->groups = arch_vgic_group_enables();
	c->words = 0;
	c->again = NONE;
	add(c, b, 0, bank_deliverable(g, b) & ~(b->active | b->listed));
	for (u32 spi = 0; spi < VGIC_WORDS; spi++) {
		b = &g->spi[spi];
		add(c, b, spi + 1,
		    bank_deliverable(g, b) & ~(b->active | b->listed) & g->routed[v->index][spi]);
	}
}

/* Take the most urgent one, equals in the order of INTID. There is one. */
static u32 take(struct choice *c)
{
	u32 rank = NONE, at, n;

	if (c->again != NONE)
		look(c, c->again);
#pragma GCC unroll 9
	for (u32 word = 0; word < VGIC_ALL_WORDS; word++)
		rank = MIN(rank, c->rank[word]);
	at = WORD_OF(rank);
	n = lowest_bit(c->best[at]);
	c->left[at] &= ~(1U << n);
	c->best[at] &= ~(1U << n);
	c->again = c->left[at] && !c->best[at] ? at : NONE;
	if (!c->left[at]) {
		c->words &= ~(1U << at);
		c->rank[at] = NONE;
	}
	return 32 * at + n;
}

/* How many are left, at most `most`. */
static u32 count_to(const struct choice *c, u32 most)
{
	u32 word, count = 0;

	for_each_set_bit(word, c->words) {
		count += word_weight(c->left[word]);
		if (count >= most)
			return most;
	}
	return count;
}

/* Each EOI ended the most urgent active interrupt without a list register. */
bool vgic_take_eois(struct vgic_op *op, struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct choice active;

	if (c->active_left)
		c->eois += arch_vgic_take_eoi_count();
	if (likely(!c->eois))
		return true;
	survey_active(&active, v);
	for (u32 i = 0; i < VCPU_PIECE && c->eois; i++, c->eois--) {
		struct virq q;

		if (!active.words) {
			c->eois = 0;
			break;
		}
		q = virq_of(v, take(&active));
		vgic_deactivate(v->vm, &q);
		if (q.owner && q.n >= 16)
			vgic_release_hw(v, q.n);
		vgic_settle(op, v, &q);
	}
	c->dirty = true;
	return false; /* choosing is another section */
}

void vgic_fold_all(struct vgic_op *op, struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;

	while (unlikely(!vgic_take_eois(op, v)))
		; /* a few: the first one interrupts the guest */
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

static void fill_from(struct vcpu *v, struct choice *c, u32 count, u32 first)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct virq q = virq_of(v, take(c));

		if (c->of_active)
			(void)vgic_fill_lr(v, first + i, &q);
		else
			vgic_fill_pending(v, first + i, &q);
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

void vgic_refill(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct choice active, pending;
	u32 room = word_weight(vgic_lrs);
	u64 maintenance = 0;
	u32 nactive, npending;

	vgic_resample_lines(v);
	survey_active(&active, v);
	survey_pending(&pending, v);
	/*
	 * At least one list register is for a pending interrupt, so that NPIE is not raised at
	 * once.
	 */
	npending = c->muted ? 0 : count_to(&pending, room);
	nactive = count_to(&active, npending ? room - 1 : room);
	npending = MIN(npending, room - nactive);
	fill_from(v, &active, nactive, 0);
	fill_from(v, &pending, npending, nactive);

	c->dirty = false;
	__atomic_store_n(&c->folds, c->folds + 1, __ATOMIC_RELEASE);
	if (c->fresh_words) {
		c->fresh_words = 0;
		memset(c->fresh, 0, sizeof(c->fresh));
	}
	c->pending_left = pending.words != 0;
	if (active.words && !c->active_left)
		(void)arch_vgic_take_eoi_count(); /* earlier ones do not count */
	c->active_left = active.words != 0;
	if (c->pending_left && !c->muted)
		maintenance |= watch_groups();
	if (c->active_left)
		maintenance |= VGIC_LRENPIE;
	if (maintenance != c->maintenance) {
		c->maintenance = maintenance;
		arch_vgic_maintenance(maintenance);
	}
}
