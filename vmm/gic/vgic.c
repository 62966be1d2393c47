/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's core: passes a change of an interrupt's state to the vCPU concerned. The usual
 * case is handled at once: a new interrupt for the vCPU that is loaded here, and a free list
 * register. A vCPU elsewhere finds the interrupt in its `fresh` words at its next exit.
 */
#include "vgic_internal.h"

#include <arch/irqchip.h>
#include <lib/string.h>

/* From so many changed interrupts on, choosing all list registers again is shorter. */
#define FRESH_FEW 3

_Static_assert(VGIC_VCPUS == VM_MAX_VCPUS, "tables by vCPU");

static __inlined void begin(struct vgic_op *op, struct vm *vm)
{
	struct vcpu *v;

	op->vm = vm;
	op->kicks = 0;
	op->flags = spin_lock_irqsave(&vm->vgic.lock);
	v = vcpu_current();
	op->here = v && v->vm == vm && v->vgic.loaded ? v : NULL;
}

static __inlined void begin_all(struct vgic_op *op, struct vm *vm)
{
	begin(op, vm);
	if (unlikely((u32)vm->vgic.kept))
		vgic_fold_kept(op);
}

void vgic_begin(struct vgic_op *op, struct vm *vm)
{
	begin_all(op, vm);
}

void vgic_begin_own(struct vgic_op *op, struct vcpu *v)
{
	begin(op, v->vm);
	if (unlikely((u32)v->vm->vgic.kept & 1U << v->index))
		vgic_fold_kept_of(op, v);
}

void vgic_end(struct vgic_op *op)
{
	u32 index;

	spin_unlock_irqrestore(&op->vm->vgic.lock, op->flags);
	for_each_set_bit(index, op->kicks)
		vcpu_kick(op->vm->vcpus[index], VCPU_WORK_VIRQ);
}

void vgic_end_open(struct vgic_op *op)
{
	u32 index, told = 0;

	spin_unlock_irqrestore(&op->vm->vgic.lock, op->flags);
	for_each_set_bit(index, op->kicks) {
		if (unlikely(told++ == VCPU_PIECE)) {
			vgic_let_in();
			told = 1;
		}
		vcpu_kick(op->vm->vcpus[index], VCPU_WORK_VIRQ);
	}
}

void vgic_mark_dirty(struct vgic_op *op, struct vcpu *v)
{
	WRITE_ONCE(v->vgic.dirty, true);
	op->kicks |= 1U << v->index;
}

static void mark_fresh(struct vgic_op *op, struct vcpu *v, const struct virq *q)
{
	v->vgic.fresh[q->intid / 32] |= q->mask;
	WRITE_ONCE(v->vgic.fresh_words, v->vgic.fresh_words | 1U << (q->intid / 32));
	op->kicks |= 1U << v->index;
}

void vgic_settle(struct vgic_op *op, struct vcpu *v, const struct virq *q)
{
	struct vcpu *target;

	if ((q->bank->active & q->mask) || !virq_deliverable(op->vm, q))
		return;
	target = virq_target(op->vm, q);
	if (target == v)
		vgic_mark_dirty(op, v);
	else if (target)
		mark_fresh(op, target, q);
}

/* q is in a list register of v: bring that in line with the bank. */
static void update_lr(struct vgic_op *op, struct vcpu *v, const struct virq *q)
{
	u32 n = q->bank->lr_of[q->n];

	if (vgic_rewrite_spi(v, n, q))
		return;
	(void)vgic_fold_lr(v, n);
	if (vgic_fill_lr(v, n, q)) {
		if (v->vgic.pending_left)
			vgic_mark_dirty(op, v); /* it may no longer be the best */
		return;
	}
	vgic_settle(op, v, q);
	if (v->vgic.pending_left || v->vgic.active_left)
		vgic_mark_dirty(op, v); /* a list register is free for the others */
}

/*
 * A list register for a new interrupt, or -1. If necessary, one that the guest has ended is folded
 * first.
 */
static int free_lr(struct vgic_op *op, struct vcpu *v)
{
	u32 unused = vgic_lrs & ~v->vgic.lr_used;
	struct virq old;
	u32 done;

	if (unused)
		return __builtin_ctz(unused);
	done = vgic_lrs & arch_vgic_empty_lrs();
	if (!done)
		return -1;
	old = vgic_fold_lr(v, (u32)__builtin_ctz(done));
	vgic_settle(op, v, &old);
	return __builtin_ctz(done);
}

/* q is for v and is in no list register. */
static void insert(struct vgic_op *op, struct vcpu *v, const struct virq *q)
{
	int n;

	if (v->vgic.dirty)
		return;
	n = v->vgic.pending_left ? -1 : free_lr(op, v);
	if (n < 0)
		vgic_mark_dirty(op, v);
	else
		vgic_fill_pending(v, (u32)n, q);
}

void vgic_update(struct vgic_op *op, const struct virq *q)
{
	struct vgic_bank *b = q->bank;
	struct vcpu *v;

	if (b->listed & q->mask) {
		v = virq_holder(op->vm, q);
		if (v == op->here)
			update_lr(op, v, q);
		else
			mark_fresh(op, v, q);
	} else {
		if ((b->active & q->mask) || !virq_deliverable(op->vm, q))
			return;
		v = virq_target(op->vm, q);
		if (!v)
			return;
		if (v == op->here && !v->vgic.muted)
			insert(op, v, q);
		else
			mark_fresh(op, v, q); /* if v sleeps, this wakes it (WakeRequest) */
	}
	if (READ_ONCE(v->in_wfi))
		op->kicks |= 1U << v->index;
}

/* These interrupts, which are in no list register, are deliverable: each to its target. */
static void update_waiting(struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	const u32 word = w->base / 32;

	while (bits) {
		struct virq q = virq_at(w->bank, w->owner, w->base + lowest_bit(bits));
		struct vcpu *v = virq_target(op->vm, &q);
		u32 mine = q.mask;

		if (v) {
			mine = w->owner ? bits : bits & op->vm->vgic.routed[v->index][word - 1];
			v->vgic.fresh[word] |= mine;
			WRITE_ONCE(v->vgic.fresh_words, v->vgic.fresh_words | 1U << word);
			op->kicks |= 1U << v->index;
		}
		bits &= ~mine;
	}
}

void vgic_update_bits(struct vgic_op *op, const struct vgic_view *w, u32 bits)
{
	const struct vgic_bank *b = w->bank;
	u32 n;

	if (!(bits & (bits - 1))) {
		if (bits) {
			struct virq q = virq_at(w->bank, w->owner, w->base + lowest_bit(bits));

			vgic_update(op, &q);
		}
		return;
	}
	for_each_set_bit(n, bits & b->listed) {
		struct virq q = virq_at(w->bank, w->owner, w->base + n);

		mark_fresh(op, virq_holder(op->vm, &q), &q);
	}
	update_waiting(op, w, bits & bank_deliverable(&op->vm->vgic, b) & ~(b->active | b->listed));
}

void vgic_update_fresh(struct vgic_op *op, struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	u32 w, n, count = 0, words = c->fresh_words;

	for_each_set_bit(w, words)
		count += word_weight(c->fresh[w]);
	if (count > FRESH_FEW) {
		c->dirty = true;
		return;
	}
	c->fresh_words = 0;
	for_each_set_bit(w, words) {
		u32 bits = c->fresh[w];

		c->fresh[w] = 0;
		for_each_set_bit(n, bits) {
			struct virq q = virq_of(v, 32 * w + n);

			vgic_update(op, &q);
		}
	}
}

/* ---- inputs ---- */

void vgic_set_spi(struct vm *vm, u32 intid, bool level)
{
	struct vgic_bank *b;
	struct vgic_op op;
	struct virq q;
	u32 was;

	if (intid < 32 || intid >= VGIC_INTIDS)
		return;
	b = &vm->vgic.spi[intid / 32 - 1];
	q = virq_at(b, NULL, intid);
	begin_all(&op, vm);
	was = b->level & q.mask;
	if (level)
		b->level |= q.mask;
	else
		b->level &= ~q.mask;
	if (b->edge & q.mask) {
		if (level) {
			b->latch |= q.mask;
			vgic_update(&op, &q);
		}
	} else if (level != (was != 0)) {
		vgic_update(&op, &q);
	}
	vgic_end(&op);
}

void vgic_pend_spi(struct vm *vm, u32 intid)
{
	struct vgic_bank *b;
	struct vgic_op op;
	struct virq q;

	if (intid < 32 || intid >= VGIC_INTIDS)
		return;
	b = &vm->vgic.spi[intid / 32 - 1];
	q = virq_at(b, NULL, intid);
	begin(&op, vm);
	if (vgic_fire_again(&op, &q)) {
		vgic_end(&op);
		return;
	}
	if (unlikely((u32)vm->vgic.kept))
		vgic_fold_kept(&op);
	if (!(b->latch & q.mask)) { /* a guest that pends it again and again kicks no vCPU */
		b->latch |= q.mask;
		vgic_update(&op, &q);
	}
	vgic_end(&op);
}

void vgic_release_hw(struct vcpu *v, u32 n)
{
	struct vgic_cpu *c = &v->vgic;

	if (!(c->forwarded & 1U << n))
		return;
	c->forwarded &= ~(1U << n);
	if (c->loaded)
		arch_irq_set_active(c->pintid[n - 16], false);
}

void vgic_forward_ppi(struct vcpu *v, u32 vintid, u32 pintid)
{
	struct virq q = virq_of(v, vintid);
	struct vgic_cpu *c = &v->vgic;
	struct vgic_bank *b = q.bank;
	u32 listed, slot = b->lr_of[q.n];
	struct vgic_op op;

	vgic_begin_own(&op, v);
	listed = b->listed & q.mask;
	if (listed) /* usually the guest has ended it: the physical interrupt fired again */
		(void)vgic_fold_lr(v, slot);
	c->forwarded |= q.mask;
	c->pintid[q.n - 16] = (u8)pintid;
	if (!(b->active & q.mask))
		b->latch |= q.mask;
	if (listed && vgic_fill_lr(v, slot, &q))
		op.kicks |= v->in_wfi ? 1U << v->index : 0;
	else
		vgic_update(&op, &q);
	vgic_end(&op);
}

/* ---- software generated interrupts ---- */

/* The vCPU with this affinity (vgic_affinity), or NULL. */
static struct vcpu *find_affinity(const struct vm *vm, u32 affinity)
{
	const u32 index = desc_cpu_index(affinity);

	return index < vm->nvcpus ? vm->vcpus[index] : NULL;
}

/*
 * Send without the lock: to the sender itself, into its list registers; to another vCPU, into its
 * inbox. The target is kicked as for any change. A reader of the bank's pending state takes the
 * inbox in first.
 */
static void send_to(struct vcpu *v, struct vcpu *target, u32 sgi)
{
	if (target == v) {
		vgic_sgi_here(v, sgi);
		return;
	}
	__atomic_fetch_or(&target->vgic.sgis, 1U << sgi, __ATOMIC_RELEASE);
	vcpu_kick(target, VCPU_WORK_VIRQ);
}

static bool wants(const struct vcpu *target, u32 sgi, u32 group)
{
	const struct vgic_bank *b = &target->vgic.priv;

	return group || !((b->group | b->grpmod) >> sgi & 1);
}

/*
 * ICC_SGI<n>R_EL1: Aff3 55:48, RS 47:44, IRM 40, Aff2 39:32, INTID 27:24, Aff1 23:16, TargetList
 * 15:0 (IHI 0069, 12.2.20)
 */
#define SGIR_INTID(r) ((u32)FIELD(r, 27, 24))
#define SGIR_LIST(r)  ((u32)FIELD(r, 15, 0))
#define SGIR_IRM      BIT(40)
/* Set if a target's affinity is more than its bit in the list; the same without Aff1. */
#define SGIR_ELSEWHERE (BITS(63, 32) | BITS(23, 16))
#define SGIR_NOWHERE   (BITS(55, 41) | BITS(39, 32))

/* The vCPUs that it is for, a bit each. */
static u32 targets_of(const struct vcpu *v, u64 sgir)
{
	const u32 cluster = (u32)FIELD(sgir, 23, 16);

	if (sgir & SGIR_IRM)
		return vgic_all_vcpus(v->vm) & ~(1U << v->index);
	if ((sgir & SGIR_NOWHERE) || cluster >= VM_MAX_VCPUS / 16)
		return 0;
	return SGIR_LIST(sgir) << (16 * cluster) & vgic_all_vcpus(v->vm);
}

void vgic_send_sgi(struct vcpu *v, u64 sgir, u32 group)
{
	struct vm *vm = v->vm;
	u32 index, sgi = SGIR_INTID(sgir), told = 0;

	for_each_set_bit(index, targets_of(v, sgir)) {
		struct vcpu *target = vm->vcpus[index];

		if (!wants(target, sgi, group))
			continue;
		if (unlikely(told++ == VCPU_PIECE)) {
			vgic_let_in();
			told = 1;
		}
		send_to(v, target, sgi);
	}
}

/* The usual SGI goes to one vCPU of the first cluster, by one bit of the list: its index. */
void vmm_sgi(struct vcpu *v, u64 sgir)
{
	u64 list = SGIR_LIST(sgir);
	u32 index = (u32)__builtin_ctzll(list | BIT(32));

	if (likely(!(sgir & SGIR_ELSEWHERE) && !(list & (list - 1)) && index < v->vm->nvcpus))
		send_to(v, v->vm->vcpus[index], SGIR_INTID(sgir));
	else
		vgic_send_sgi(v, sgir, 1);
}

/* ---- where SPIs go ---- */

/*
 * Of several vCPUs, the first one that is on and awake takes the interrupt. If none is, the first
 * one does.
 */
static u8 one_of(const struct vm *vm, u32 vcpus)
{
	u32 able = vcpus & vm->vgic.able;

	return (u8)__builtin_ctz(able ? able : vcpus);
}

static u8 route(const struct vm *vm, u32 spi)
{
	u64 router = vm->vgic.irouter[spi];
	const struct vcpu *target;

	if (vm->vgic.v2)
		return router ? one_of(vm, (u32)router) : VGIC_NO_TARGET;
	if (router & IROUTER_IRM)
		return one_of(vm, vgic_all_vcpus(vm));
	target = find_affinity(vm, vgic_affinity(router));
	return target ? (u8)target->index : VGIC_NO_TARGET;
}

static void set_target(struct vgic *g, u32 spi, u8 target)
{
	u32 word = spi / 32, mask = 1U << spi % 32;

	if (g->target[spi] != VGIC_NO_TARGET)
		g->routed[g->target[spi]][word] &= ~mask;
	g->target[spi] = target;
	if (target != VGIC_NO_TARGET)
		g->routed[target][word] |= mask;
}

void vgic_set_route(struct vm *vm, u32 spi, u64 router)
{
	struct vgic *g = &vm->vgic;
	bool shared = g->v2 ? router & (router - 1) : router & IROUTER_IRM;
	u32 mask = 1U << spi % 32;

	__atomic_store_n(&g->irouter[spi], router, __ATOMIC_RELAXED);
	g->shared[spi / 32] = (g->shared[spi / 32] & ~mask) | (shared ? mask : 0);
	set_target(g, spi, route(vm, spi));
}

/*
 * v has become able to take SPIs, or unable. Where SPIs move, all vCPUs choose their list registers
 * again; bounded, even if all do.
 */
void vgic_update_able(struct vgic_op *op, struct vcpu *v)
{
	struct vgic *g = &op->vm->vgic;
	bool able = v->vgic.online && !v->vgic.muted, moved = false;
	struct vcpu *each;
	u32 w, n;

	if (able == (g->able >> v->index & 1))
		return;
	g->able ^= 1U << v->index;
	for (w = 0; w < VGIC_WORDS; w++) {
		for_each_set_bit(n, g->shared[w]) {
			u32 spi = 32 * w + n;
			u8 target = route(op->vm, spi);

			if (target == g->target[spi])
				continue;
			moved = true;
			set_target(g, spi, target);
		}
	}
	if (!moved)
		return;
	for_each_vcpu(each, op->vm)
		vgic_mark_dirty(op, each);
}

void vgic_cpu_online(struct vcpu *v, bool online)
{
	struct vgic_op op;

	vgic_begin(&op, v->vm);
	v->vgic.online = online;
	vgic_update_able(&op, v);
	vgic_end_open(&op);
}

/* ---- reset, place ---- */

void vgic_init(struct vm *vm)
{
	struct vgic *g = &vm->vgic;
	unsigned long flags = spin_lock_irqsave(&g->lock);

	g->ctlr = 0;
	g->kept = arch_vgic_version() == 2 ? VGIC_KEPT_FULL : 0;
	g->able = 0;
	memset(g->spi, 0, sizeof(g->spi));
	memset(g->irouter, 0, sizeof(g->irouter));
	memset(g->shared, 0, sizeof(g->shared));
	memset(g->target, 0, sizeof(g->target)); /* affinity 0: vCPU 0 */
	memset(g->routed, 0, sizeof(g->routed));
	memset(g->routed[0], 0xff, sizeof(g->routed[0]));
	memset(g->active_on, 0, sizeof(g->active_on));
	memset(g->holder, 0, sizeof(g->holder));
	g->v2 = arch_vgic_version() == 2;
	if (g->v2 && vm->desc.cpus > 1) {
		memset(g->target, VGIC_NO_TARGET, sizeof(g->target));
		memset(g->routed[0], 0, sizeof(g->routed[0]));
	}
	spin_unlock_irqrestore(&g->lock, flags);
}

void vgic_cpu_init(struct vcpu *v)
{
	struct vgic_cpu *c = &v->vgic;
	struct vgic_op op;
	bool loaded;
	u32 n;

	vgic_begin(&op, v->vm);
	loaded = op.here == v;
	if (loaded) {
		vgic_fold_all(&op, v);
		arch_vgic_maintenance(0);
		for (n = 16; n < 32; n++)
			vgic_release_hw(v, n);
	}
	memset(c, 0, sizeof(*c));
	memset(c->ppi_lr, VGIC_NO_LR, sizeof(c->ppi_lr));
	v->vm->vgic.able &= ~(1U << v->index);
	c->keep_mark = BIT(32) | BIT(v->index);
	c->loaded = loaded;
	c->asleep = true;
	c->priv.edge = 0xffff; /* SGIs */
	if (v->vm->vgic.v2)
		c->priv.enabled = 0xffff;
	c->dirty = true; /* SPIs may be waiting for it */
	if (loaded)
		vgic_mark_dirty(&op, v);
	vgic_end(&op);
}

static int map_table(struct vm *vm, u64 base, const struct reg_table *table, const char *name,
		     void *dev)
{
	struct mmio_region r = {
		.base = base,
		.size = KIB(64),
		.table = table,
		.handler = mmio_table_access,
		.name = name,
		.dev = dev,
	};

	return mmio_add(&vm->bus, &r);
}

int vgic_map(struct vm *vm)
{
	int err;

	if (vm->vgic.v2)
		return vgicv2_map(vm);
	err = map_table(vm, GUEST_GICD_BASE, &vgic_dist_table, "gicd", vm);

	/* Two frames for each vCPU. The vCPUs need not exist yet. */
	for (u32 n = 0; !err && n < 2 * vm->desc.cpus; n++)
		err = map_table(vm, GUEST_GICR_BASE + n * KIB(64), &vgic_redist_tables[n % 2],
				"gicr", &vm->vcpus[n / 2]);
	return err;
}
