/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internals of the virtual GIC. All functions need vm->vgic.lock, held as an operation, except
 * vgic_begin() and the handlers of register tables.
 */
#ifndef VMM_DEV_VGIC_INTERNAL_H
#define VMM_DEV_VGIC_INTERNAL_H

#include <arch/timer.h>
#include <kernel/trace.h>
#include <lib/bitmap.h>
#include <vmm/bus.h>
#include <vmm/core.h>

#define VGIC_INTIDS    (32 + VGIC_SPIS)
#define VGIC_ALL_WORDS (1 + VGIC_WORDS)

#define GICD_CTLR_GRP0 BIT(0)
#define GICD_CTLR_GRP1 BIT(1)
#define GICD_CTLR_GRP1S \
	BIT(2) /* EnableGrp1S, of software that believes that it is secure: counts as group 1 */
#define GICD_CTLR_ARE BIT(4)
#define GICD_CTLR_DS  BIT(6)

#define IROUTER_IRM BIT(31)

#define GIC_IMPLEMENTER 0x5a00043bU /* product 'Z', implementer as JEP106 code of Arm */

/*
 * An operation on a VM's interrupts. The lock is held. vCPUs with something to do are kicked after
 * it is released.
 */
struct vgic_op {
	struct vm *vm;
	struct vcpu *here; /* the VM's vCPU whose list registers are in this CPU, or NULL */
	u32 kicks;         /* by index */
	unsigned long flags;
};

void vgic_begin(struct vgic_op *op, struct vm *vm);
/*
 * The same for an operation on v's list registers and private interrupts, and on SPIs that are not
 * in other vCPUs' list registers: those of other vCPUs stay kept.
 */
void vgic_begin_own(struct vgic_op *op, struct vcpu *v);
void vgic_end(struct vgic_op *op);
/*
 * The same for more than a few vCPUs, told in pieces. On a vCPU's thread, on its way to or from its
 * guest, no lock held.
 */
void vgic_end_open(struct vgic_op *op);

/* As many are kept as may be: struct vgic. */
#define VGIC_KEPT_FULL ((u64)VCPU_PIECE << 32)

static inline u32 vgic_all_vcpus(const struct vm *vm)
{
	return (u32)BITS(vm->nvcpus - 1, 0);
}

/* A bank as seen by a guest's access. */
struct vgic_view {
	struct vm *vm;
	struct vcpu *owner; /* NULL: a bank of SPIs */
	struct vgic_bank *bank;
	u32 base; /* its first INTID */
};

/* An interrupt. */
struct virq {
	struct vgic_bank *bank;
	struct vcpu *owner; /* owner of a private interrupt; else NULL */
	u32 intid;
	u32 n;    /* in its bank */
	u32 mask; /* 1 << n */
};

static inline struct virq virq_at(struct vgic_bank *bank, struct vcpu *owner, u32 intid)
{
	return (struct virq){ bank, owner, intid, intid % 32, 1U << (intid % 32) };
}

/* v: the owner of a private interrupt; for an SPI, any vCPU of the VM. */
static inline struct virq virq_of(struct vcpu *v, u32 intid)
{
	if (intid < 32)
		return virq_at(&v->vgic.priv, v, intid);
	return virq_at(&v->vm->vgic.spi[intid / 32 - 1], NULL, intid);
}

static inline struct vcpu *virq_target(const struct vm *vm, const struct virq *q)
{
	u8 target;

	if (q->owner)
		return q->owner;
	target = vm->vgic.target[q->intid - 32];
	return target == VGIC_NO_TARGET ? NULL : vm->vcpus[target];
}

/* The vCPU of an interrupt that is in a list register or active. */
static inline struct vcpu *virq_holder(const struct vm *vm, const struct virq *q)
{
	return q->owner ? q->owner : vm->vcpus[vm->vgic.holder[q->intid - 32]];
}

/* The word of `active_on` that has the SPI, of the vCPU that holds it. */
static inline u32 *virq_active_on(struct vm *vm, const struct virq *q)
{
	u32 spi = q->intid - 32;

	return &vm->vgic.active_on[vm->vgic.holder[spi]][spi / 32];
}

/* Write these interrupts' priority into the planes. */
static inline void vgic_set_planes(u32 planes[8], u32 bits, u8 prio)
{
#pragma GCC unroll 8
	for (u32 k = 0; k < 8; k++)
		planes[k] = (planes[k] & ~bits) | (prio >> k & 1 ? bits : 0);
}

/* q is active in memory from now on, held by virq_holder(). */
static inline void vgic_activate(struct vm *vm, const struct virq *q, u8 prio)
{
	q->bank->active |= q->mask;
	/* The planes keep what was written last. */
	if (q->bank->active_prio[q->n] != prio) {
		q->bank->active_prio[q->n] = prio;
		vgic_set_planes(q->bank->active_plane, q->mask, prio);
	}
	if (!q->owner)
		*virq_active_on(vm, q) |= q->mask;
}

/* q is no longer active in memory: it has ended, or goes into a list register. */
static inline void vgic_deactivate(struct vm *vm, const struct virq *q)
{
	q->bank->active &= ~q->mask;
	if (!q->owner)
		*virq_active_on(vm, q) &= ~q->mask;
}

/* Of these interrupts of a bank, those of the best priority. */
static inline u32 vgic_best_of(const u32 planes[8], u32 bits)
{
#pragma GCC unroll 8
	for (u32 k = 8; k-- > 0;) {
		u32 better = bits & ~planes[k];

		bits = better ? better : bits;
	}
	return bits;
}

/* The bank's interrupts of groups that the distributor has enabled. */
static inline u32 vgic_groups_on(const struct vgic *g, const struct vgic_bank *b)
{
	u32 group1 = b->group | b->grpmod;

	return (g->ctlr & (GICD_CTLR_GRP1 | GICD_CTLR_GRP1S) ? group1 : 0) |
	       (g->ctlr & GICD_CTLR_GRP0 ? ~group1 : 0);
}

/*
 * Pending, enabled, of an enabled group. Not valid for interrupts in list registers that are
 * pending by a latch.
 */
static inline u32 bank_deliverable(const struct vgic *g, const struct vgic_bank *b)
{
	return (b->latch | (b->level & ~b->edge)) & b->enabled & vgic_groups_on(g, b);
}

/* The bank's interrupts that belong to these groups (bit 0, 1). */
static inline u32 vgic_grouped(const struct vgic_bank *b, u32 groups)
{
	u32 group1 = b->group | b->grpmod;

	return (groups & BIT(1) ? group1 : 0) | (groups & BIT(0) ? ~group1 : 0);
}

static inline bool virq_deliverable(const struct vm *vm, const struct virq *q)
{
	return bank_deliverable(&vm->vgic, q->bank) & q->mask;
}

/* ---- vgic.c ---- */

/*
 * The interrupt's state in its bank has changed: bring the list registers in line, here or by a
 * kick of the vCPU concerned.
 */
void vgic_update(struct vgic_op *op, const struct virq *q);
/* The same for several of a bank. */
void vgic_update_bits(struct vgic_op *op, const struct vgic_view *w, u32 bits);
/* v's list registers must be chosen again. */
void vgic_mark_dirty(struct vgic_op *op, struct vcpu *v);
/* q left a list register of v. If it still has to be delivered, arrange for that. */
void vgic_settle(struct vgic_op *op, struct vcpu *v, const struct virq *q);
/* Handle v's fresh interrupts. v is here. */
void vgic_update_fresh(struct vgic_op *op, struct vcpu *v);
/* v no longer keeps the physical interrupt of this PPI active. v is here, or not loaded. */
void vgic_release_hw(struct vcpu *v, u32 n);
/* The affinity of an MPIDR, packed: Aff3.Aff2.Aff1.Aff0, one byte each. */
static inline u32 vgic_affinity(u64 mpidr)
{
	return (u32)(FIELD(mpidr, 39, 32) << 24 | FIELD(mpidr, 23, 0));
}

/* Route SPI 32 + spi as `router` says, in the format of its register. */
void vgic_set_route(struct vm *vm, u32 spi, u64 router);
/*
 * v was turned on or off, woke up or went to sleep: SPIs that several vCPUs may take are routed
 * again.
 */
void vgic_update_able(struct vgic_op *op, struct vcpu *v);

/* ---- vgic_sync.c ---- */

/*
 * vCPUs loaded on other CPUs that have some of these interrupts of a bank in list registers, one
 * bit each.
 */
u32 vgic_elsewhere(const struct vgic_op *op, const struct vgic_view *w, u32 bits);
/* All vCPUs that are loaded on other CPUs, one bit each. */
u32 vgic_all_elsewhere(const struct vgic_op *op);
/*
 * Let the CPUs of these vCPUs fold and refill their list registers: afterwards banks and hardware
 * agree. In between, the lock is released and interrupts are unmasked.
 */
void vgic_sync(struct vgic_op *op, u32 vcpus);

/* ---- vgicv2.c ---- */

extern struct reg_table vgicv2_dist_table; /* of a VM */
/* vgic_map() of a GICv2. */
int __must_check vgicv2_map(struct vm *vm);
/*
 * The part of a list register for an SGI besides group and priority: state, sender, LR_EOI. 0 as
 * for vgic_fill_lr().
 */
u64 vgicv2_sgi_compose(const struct vcpu *v, const struct virq *q, bool deliver, bool *latched);
/*
 * vgicv2_sgi_filled: the SGI went from a latch into a list register. vgicv2_sgi_folded: it was
 * taken back from one.
 */
void vgicv2_sgi_filled(struct vcpu *v, const struct virq *q, u64 value);
void vgicv2_sgi_folded(struct vcpu *v, const struct virq *q, u64 value);

static inline bool is_v2_sgi(const struct vcpu *v, const struct virq *q)
{
	return q->intid < 16 && unlikely(v->vm->vgic.v2);
}

/* ---- vgic_lr.c: the list registers of v, which is here ---- */

/* What another vCPU's access does to an interrupt in a list register. */
enum vgic_lr_edit {
	VGIC_LR_CLEAR_PENDING,
	VGIC_LR_SET_ACTIVE,
	VGIC_LR_CLEAR_ACTIVE,
	VGIC_LR_EDITS,
};

void vgic_lr_edit(struct vgic_cpu *c, u32 n, enum vgic_lr_edit edit);
/* The list registers that may be used, one bit each; see vgic_limit_lrs(). */
extern u32 vgic_lrs;
/* Take list register n's state back into the bank. The hardware's copy is then stale. */
struct virq vgic_fold_lr(struct vcpu *v, u32 n);
/* Fold q, which is in a list register, and clear that register. */
void vgic_unload(struct vcpu *v, const struct virq *q);
/*
 * Put q into list register n. False, and the list register is empty, if q is neither active nor to
 * be delivered to v.
 */
bool vgic_fill_lr(struct vcpu *v, u32 n, const struct virq *q);
/*
 * q, an SPI in list register n, has changed. Handles the two usual cases without folding: q is
 * pending again after the guest has ended it; its line falls while the guest handles it. False:
 * another case, and nothing has changed.
 */
bool __must_check vgic_rewrite_spi(struct vcpu *v, u32 n, const struct virq *q);
/* Put an interrupt that is to be delivered to v, and is not active, into list register n. */
void vgic_fill_pending(struct vcpu *v, u32 n, const struct virq *q);
/*
 * The guest has enabled this PPI: if it has a line, and list registers are free, assign one, so
 * that its first interrupt is as short as the next ones. v is here, or keeps its list registers.
 */
void vgic_prepare(struct vcpu *v, u32 ppi);
/* An SGI arrives for v, which is here. Not in an operation. */
void vgic_sgi_here(struct vcpu *v, u32 sgi);
/* Fold the list registers that v keeps, if it does; and that all of the VM's vCPUs keep. */
void vgic_fold_kept_of(struct vgic_op *op, struct vcpu *v);
void vgic_fold_kept(struct vgic_op *op);
/*
 * q, an SPI, is set pending, and the kept list registers are not folded yet. True: a list register
 * of a vCPU that is elsewhere has q as it was last time, and that vCPU writes it again: when it is
 * back, or when its CPU leaves the guest. Nothing else is to be done.
 */
bool __must_check vgic_fire_again(struct vgic_op *op, const struct virq *q);
/* Take SPIs that other CPUs have set pending again. v is here. */
void vgic_take_again(struct vgic_op *op, struct vcpu *v);
/* Take SGIs from other vCPUs into v's bank. v may be anywhere. */
void vgic_take_sgis(struct vgic_op *op, struct vcpu *v);
/*
 * A forwarded interrupt that the guest has not seen yet is pending only while the line is high: the
 * guest may have stopped the timer in between, without an exit.
 */
void vgic_resample_lines(struct vcpu *v);
/*
 * True if the line of this PPI is high. The PPI belongs to an EL1 timer, or to the performance
 * monitors, of the vCPU that is here.
 */
bool vgic_line_asserted(u32 ppi);

/* ---- vgic_choose.c ---- */

/*
 * Account for EOIs of v that hit no list register, a few at a time. True if all are done: only then
 * list registers may be chosen.
 */
bool __must_check vgic_take_eois(struct vgic_op *op, struct vcpu *v);
/* Choose and fill all list registers. All are free, and EOIs that hit none are accounted for. */
void vgic_refill(struct vcpu *v);
/* Fold all list registers. v's may also be kept. */
void vgic_fold_all(struct vgic_op *op, struct vcpu *v);

/* ---- vgic_regs.c: registers that distributor and redistributors share ---- */

enum vgic_word {
	WORD_GROUP,
	WORD_GRPMOD,
	WORD_SET_ENABLE,
	WORD_CLEAR_ENABLE,
	WORD_SET_PENDING,
	WORD_CLEAR_PENDING,
	WORD_SET_ACTIVE,
	WORD_CLEAR_ACTIVE,
};

void vgic_word_write(const struct vgic_view *w, enum vgic_word word, u32 value);

/* What the arrays of a frame hold, and its dev. */
enum vgic_frame {
	VGIC_FRAME_DIST,   /* SPIs; the VM */
	VGIC_FRAME_REDIST, /* private interrupts; see vgic_frame_owner() */
	VGIC_FRAME_V2, /* in word 0 the accessing vCPU's private interrupts, then SPIs; the VM */
};

/*
 * The vCPU of a redistributor's frame. Its dev points to the VM's pointer to the vCPU, which need
 * not exist when the frame is put on the bus.
 */
static inline struct vcpu *vgic_frame_owner(void *dev)
{
	return *(struct vcpu **)dev;
}

/* Handlers of rows that VGIC_WORDS_ROW() and its like make: words, IPRIORITYR, ICFGR. */
u64 vgic_row_word_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row);
void vgic_row_word_write(void *dev, struct vcpu *v, u32 index, u64 value,
			 const struct reg_row *row);
u64 vgic_row_priority_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row);
void vgic_row_priority_write(void *dev, struct vcpu *v, u32 index, u64 value,
			     const struct reg_row *row);
u64 vgic_row_config_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row);
void vgic_row_config_write(void *dev, struct vcpu *v, u32 index, u64 value,
			   const struct reg_row *row);

/* ---- vgic_dist.c, vgic_redist.c ---- */

extern struct reg_table vgic_dist_table; /* dev: the VM */
extern struct reg_table
	vgic_redist_tables[2]; /* control frame, SGIs and PPIs; of a struct vcpu * */

/* Legal widths. */
#define W32     REG_W32
#define W8_W32  (REG_W8 | REG_W32)
#define W16_W32 (REG_W16 | REG_W32)
#define W32_W64 (REG_W32 | REG_W64)

/*
 * Rows of the tables: offset, number of registers, bytes each, legal widths, handlers, argument;
 * and a read-only word.
 */
#define VGIC_ROW(at, n, bytes, width, rd, wr, argument, id)                                    \
	{                                                                                      \
		.offset = (at), .length = (n) * (bytes), .stride = (bytes), .widths = (width), \
		.read = (rd), .write = (wr), .arg = (argument), .name = id                     \
	}
/* The same for an array that several kinds of frames have. */
#define VGIC_ARRAY_ROW(frame, at, n, bytes, width, rd, wr, argument, id)                       \
	{                                                                                      \
		.offset = (at), .length = (n) * (bytes), .stride = (bytes), .widths = (width), \
		.read = (rd), .write = (wr), .arg = (argument), .name = id, .field = (frame)   \
	}
#define VGIC_WORDS_ROW(frame, at, n, width, word, id) \
	VGIC_ARRAY_ROW(frame, at, n, 4, width, vgic_row_word_read, vgic_row_word_write, word, id)
#define VGIC_PRIORITY_ROW(frame, at, n, width)                                                     \
	VGIC_ARRAY_ROW(frame, at, n, 1, width, vgic_row_priority_read, vgic_row_priority_write, 0, \
		       "IPRIORITYR")
#define VGIC_CONFIG_ROW(frame, at, n)                                         \
	VGIC_ARRAY_ROW(frame, at, (n) / 16, 4, REG_W32, vgic_row_config_read, \
		       vgic_row_config_write, 0, "ICFGR")
#define VGIC_RO(at, value, id)                                                                    \
	{                                                                                         \
		.offset = (at), .length = 4, .stride = 4, .widths = REG_W32, .constant = (value), \
		.name = id                                                                        \
	}

/* Identification registers of a frame, as CoreLink parts have them; PIDR2.ArchRev = 3. */
/* clang-format off */
#define VGIC_ID_ROWS(part)                  \
	VGIC_RO(0xffd0, 0x44, "PIDR4"),     \
	VGIC_RO(0xffe0, (part), "PIDR0"),   \
	VGIC_RO(0xffe4, 0xb4, "PIDR1"),     \
	VGIC_RO(0xffe8, 0x3b, "PIDR2"),     \
	VGIC_RO(0xfff0, 0x0d, "CIDR0"),     \
	VGIC_RO(0xfff4, 0xf0, "CIDR1"),     \
	VGIC_RO(0xfff8, 0x05, "CIDR2"),     \
	VGIC_RO(0xfffc, 0xb1, "CIDR3")
/* clang-format on */

#endif
