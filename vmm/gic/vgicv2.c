/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's GICv2 (IHI 0048, without security extension): the distributor, and SGIs, which are
 * pending for each sender separately. The distributor's registers of INTIDs 0-31 are those of the
 * accessing vCPU. The CPU interface is the hardware's.
 */
#include "vgic_internal.h"

#include <lib/errno.h>

#define GICD_SIZE 0x1000
#define GICC_SIZE 0x1000 /* in hardware; DIR, behind that, is emulated */

/* SGIR */
#define FILTER_LIST   0
#define FILTER_OTHERS 1
#define FILTER_SELF   2

/* In a list register without LR_HW: the vCPU that sent the SGI. */
#define LR_SOURCE_SHIFT LR_PINTID_SHIFT
#define LR_SOURCE(lr)   ((u32)FIELD(lr, LR_SOURCE_SHIFT + 2, LR_SOURCE_SHIFT))

/* ---- SGIs and list registers ---- */

u64 vgicv2_sgi_compose(const struct vcpu *v, const struct virq *q, bool deliver, bool *latched)
{
	u32 from = v->vgic.sgi_pending[q->n];

	*latched = false;
	/* The SGI of the next sender goes into the list register after the EOI. */
	if (q->bank->active & q->mask)
		return LR_STATE_ACTIVE | (u64)v->vgic.sgi_active[q->n] << LR_SOURCE_SHIFT |
		       (deliver ? LR_EOI : 0);
	if (!deliver || !from)
		return 0;
	*latched = true;
	return LR_STATE_PENDING | (u64)__builtin_ctz(from) << LR_SOURCE_SHIFT |
	       (from & (from - 1) ? LR_EOI : 0);
}

void vgicv2_sgi_filled(struct vcpu *v, const struct virq *q, u64 value)
{
	u8 *from = &v->vgic.sgi_pending[q->n];

	*from &= (u8) ~(1U << LR_SOURCE(value));
	if (*from)
		q->bank->latch |= q->mask;
}

void vgicv2_sgi_folded(struct vcpu *v, const struct virq *q, u64 value)
{
	if (value & LR_STATE_PENDING)
		v->vgic.sgi_pending[q->n] |= (u8)(1U << LR_SOURCE(value));
	else if (value & LR_STATE_ACTIVE)
		v->vgic.sgi_active[q->n] = (u8)LR_SOURCE(value);
}

static void send(struct vgic_op *op, struct vcpu *target, u32 sgi, u32 from)
{
	struct virq q = virq_of(target, sgi);

	target->vgic.sgi_pending[sgi] |= (u8)from;
	q.bank->latch |= q.mask;
	vgic_update(op, &q);
}

/* All vCPUs of a VM, one bit each. */
static u32 all_vcpus(const struct vm *vm)
{
	return (1U << vm->nvcpus) - 1;
}

/* TargetListFilter 25:24, CPUTargetList 23:16, SGIINTID 3:0 */
static void sgir_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vm *vm = dev;
	u32 self = 1U << v->index, target, targets;
	struct vgic_op op;

	(void)index, (void)row;
	switch (FIELD(value, 25, 24)) {
	case FILTER_LIST:
		targets = (u32)FIELD(value, 23, 16) & all_vcpus(vm);
		break;
	case FILTER_OTHERS:
		targets = all_vcpus(vm) & ~self;
		break;
	case FILTER_SELF:
		targets = self;
		break;
	default:
		return;
	}
	vgic_begin(&op, vm);
	for_each_set_bit(target, targets)
		send(&op, vm->vcpus[target], (u32)FIELD(value, 3, 0), self);
	vgic_end(&op);
}

/*
 * Take an SGI of v's: all its state is then in the bank. update() puts it back into a list
 * register.
 */
static struct virq take(struct vgic_op *op, struct vcpu *v, u32 sgi)
{
	struct virq q = virq_of(v, sgi);

	if ((q.bank->listed & q.mask) && v == op->here)
		vgic_unload(v, &q);
	return q;
}

static void update(struct vgic_op *op, struct vcpu *v, const struct virq *q)
{
	if ((q->bank->active & q->mask) && !(q->bank->listed & q->mask))
		vgic_mark_dirty(op, v);
	else
		vgic_update(op, q);
}

/* CPENDSGIR, SPENDSGIR: one byte for each SGI, one bit for each sender. */
static u64 pendsgir_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_op op;
	struct virq q;
	u64 from;

	(void)row;
	vgic_begin(&op, dev);
	q = take(&op, v, index);
	from = v->vgic.sgi_pending[index];
	update(&op, v, &q);
	vgic_end(&op);
	return from;
}

static void pendsgir_write(void *dev, struct vcpu *v, u32 index, u64 value,
			   const struct reg_row *row)
{
	u8 from = (u8)(value & all_vcpus(dev));
	u8 *pending = &v->vgic.sgi_pending[index];
	struct vgic_op op;
	struct virq q;

	vgic_begin(&op, dev);
	q = take(&op, v, index);
	*pending = row->arg ? *pending | from : *pending & (u8)~from;
	if (*pending)
		q.bank->latch |= q.mask;
	else
		q.bank->latch &= ~q.mask;
	update(&op, v, &q);
	vgic_end(&op);
}

/* ---- the distributor's other registers ---- */

static u64 ctlr_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)index, (void)row;
	return READ_ONCE(vm->vgic.ctlr);
}

static void ctlr_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vgic_op op;
	struct vcpu *each;

	(void)v, (void)index, (void)row;
	vgic_begin(&op, vm);
	WRITE_ONCE(vm->vgic.ctlr, (u32)(value & (GICD_CTLR_GRP0 | GICD_CTLR_GRP1)));
	for_each_vcpu(each, vm)
		vgic_mark_dirty(&op, each);
	vgic_sync(&op, vgic_all_elsewhere(&op));
	vgic_end(&op);
}

/* CPUNumber 7:5, ITLinesNumber 4:0 */
static u64 typer_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)index, (void)row;
	return (vm->nvcpus - 1) << 5 | VGIC_WORDS;
}

/* RAZ/WI with one vCPU, which gets all interrupts. */
static u64 targets_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)row;
	if (vm->nvcpus == 1)
		return 0;
	if (index < 32)
		return 1U << v->index;
	return __atomic_load_n(&vm->vgic.irouter[index - 32], __ATOMIC_RELAXED);
}

static void targets_write(void *dev, struct vcpu *v, u32 index, u64 value,
			  const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vgic *g = &vm->vgic;
	u32 spi = index - 32, targets = (u32)value & all_vcpus(vm);
	struct vgic_op op;
	struct virq q;

	(void)v, (void)row;
	if (index < 32 || vm->nvcpus == 1)
		return;
	q = virq_at(&g->spi[spi / 32], NULL, index);
	vgic_begin(&op, vm);
	vgic_set_route(vm, spi, targets);
	vgic_update(&op, &q);
	vgic_end(&op);
}

/* The architecture does not allow 64-bit accesses, but `virt` splits them. */
#define WORDS(at, word, id)               VGIC_WORDS_ROW(VGIC_FRAME_V2, at, VGIC_ALL_WORDS, W32_W64, word, id)
#define BYTES(at, count, rd, wr, arg, id) VGIC_ROW(at, count, 1, W8_W32 | REG_W64, rd, wr, arg, id)

static const struct reg_row rows[] = {
	VGIC_ROW(0x000, 1, 4, W32, ctlr_read, ctlr_write, 0, "CTLR"),
	VGIC_ROW(0x004, 1, 4, W32, typer_read, NULL, 0, "TYPER"),
	VGIC_RO(0x008, GIC_IMPLEMENTER, "IIDR"),
	WORDS(0x080, WORD_GROUP, "IGROUPR"),
	WORDS(0x100, WORD_SET_ENABLE, "ISENABLER"),
	WORDS(0x180, WORD_CLEAR_ENABLE, "ICENABLER"),
	WORDS(0x200, WORD_SET_PENDING, "ISPENDR"),
	WORDS(0x280, WORD_CLEAR_PENDING, "ICPENDR"),
	WORDS(0x300, WORD_SET_ACTIVE, "ISACTIVER"),
	WORDS(0x380, WORD_CLEAR_ACTIVE, "ICACTIVER"),
	VGIC_PRIORITY_ROW(VGIC_FRAME_V2, 0x400, VGIC_INTIDS, W8_W32 | REG_W64),
	BYTES(0x800, VGIC_INTIDS, targets_read, targets_write, 0, "ITARGETSR"),
	VGIC_CONFIG_ROW(VGIC_FRAME_V2, 0xc00, VGIC_INTIDS),
	VGIC_ROW(0xe00, 64, 4, W32, NULL, NULL, 0, "NSACR"),
	VGIC_ROW(0xf00, 1, 4, W32, NULL, sgir_write, 0, "SGIR"),
	BYTES(0xf10, 16, pendsgir_read, pendsgir_write, false, "CPENDSGIR"),
	BYTES(0xf20, 16, pendsgir_read, pendsgir_write, true, "SPENDSGIR"),
	VGIC_RO(0xfd0, 0x04, "ICPIDR4"),
	VGIC_RO(0xfe0, 0x90, "ICPIDR0"),
	VGIC_RO(0xfe4, 0xb4, "ICPIDR1"),
	VGIC_RO(0xfe8, 0x2b, "ICPIDR2"), /* ArchRev = 2 */
	VGIC_RO(0xff0, 0x0d, "ICCIDR0"),
	VGIC_RO(0xff4, 0xf0, "ICCIDR1"),
	VGIC_RO(0xff8, 0x05, "ICCIDR2"),
	VGIC_RO(0xffc, 0xb1, "ICCIDR3"),
};

static struct reg_slot slots[REG_SLOTS];
struct reg_table vgicv2_dist_table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

/* The CPU interface's DIR: INTID 9:0. */
static void dir_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	(void)dev, (void)index, (void)row;
	vgic_dir(v, (u32)FIELD(value, 9, 0));
}

static const struct reg_row dir_rows[] = { VGIC_ROW(0, 1, 4, W32, NULL, dir_write, 0, "DIR") };

static enum mmio_result dir_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				   struct mmio_access *a)
{
	return reg_access(dir_rows, ARRAY_SIZE(dir_rows), r->dev, v, offset, a);
}

int vgicv2_map(struct vm *vm)
{
	struct mmio_region dir = {
		.base = GUEST_GICC_BASE + GICC_SIZE,
		.size = KIB(4),
		.handler = dir_access,
		.name = "gicc",
		.dev = vm,
	};
	struct mmio_region dist = {
		.base = GUEST_GICD_BASE,
		.size = GICD_SIZE,
		.table = &vgicv2_dist_table,
		.handler = mmio_table_access,
		.name = "gicd",
		.dev = vm,
	};
	paddr_t frame;
	u64 size;
	int err = mmio_add(&vm->bus, &dist);

	if (!err)
		err = mmio_add(&vm->bus, &dir);
	if (err)
		return err;
	arch_vgic_frame(&frame, &size);
	return stage2_map(&vm->s2, IPA(GUEST_GICC_BASE), frame, GICC_SIZE, STAGE2_DEVICE);
}
