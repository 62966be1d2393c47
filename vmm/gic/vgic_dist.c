/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distributor's registers (IHI 0069, 12.9), with affinity routing and one security state.
 * INTIDs 0-31 and those beyond the last one have no row: RAZ/WI.
 */
#include "vgic_internal.h"

#define IROUTER_MASK 0xff80ffffffULL

static u64 ctlr_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)index, (void)row;
	return READ_ONCE(vm->vgic.ctlr) | GICD_CTLR_DS | GICD_CTLR_ARE;
}

static void ctlr_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vgic_op op;
	struct vcpu *each;
	u32 ctlr = (u32)(value & (GICD_CTLR_GRP0 | GICD_CTLR_GRP1 | GICD_CTLR_GRP1S));

	(void)v, (void)index, (void)row;
	vgic_begin(&op, vm);
	if (ctlr != vm->vgic.ctlr) {
		WRITE_ONCE(vm->vgic.ctlr, ctlr);
		for_each_vcpu(each, vm)
			vgic_mark_dirty(&op, each);
		vgic_sync(&op, vgic_all_elsewhere(&op)); /* RWP then reads as 0 */
	}
	vgic_end_open(&op);
}

/*
 * A3V, IDbits 23:19 = 10 - 1, MBIS 16 (message-based SPIs), CPUNumber 7:5 (0: ARE cannot be 0),
 * ITLinesNumber 4:0. A function, for speed.
 */
static u64 typer_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	(void)dev, (void)v, (void)index, (void)row;
	return BIT(24) | 9 << 19 | BIT(16) | VGIC_WORDS;
}

static u64 enable_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)row;
	return READ_ONCE(vm->vgic.spi[index].enabled);
}

static u64 priority_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)row;
	return READ_ONCE(vm->vgic.spi[index / 32].prio[index % 32]);
}

static u64 irouter_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)row;
	return __atomic_load_n(&vm->vgic.irouter[index], __ATOMIC_RELAXED);
}

static void irouter_write(void *dev, struct vcpu *v, u32 index, u64 value,
			  const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vgic *g = &vm->vgic;
	struct virq q = virq_at(&g->spi[index / 32], NULL, 32 + index);
	struct vgic_op op;

	(void)v, (void)row;
	vgic_begin(&op, vm);
	vgic_set_route(vm, index, value & IROUTER_MASK);
	vgic_update(&op, &q);
	vgic_end(&op);
}

/*
 * SETSPI, CLRSPI: a message sets or clears the pending state of the SPI with this number. For a
 * level-sensitive SPI it drives the line.
 */
static void setspi_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vm *vm = dev;
	u32 intid = (u32)FIELD(value, 12, 0);
	bool set = row->arg;
	struct vgic_view w;

	(void)v, (void)index;
	if (intid < 32 || intid >= VGIC_INTIDS)
		return;
	vgic_set_spi(vm, intid, set);
	w = (struct vgic_view){ vm, NULL, &vm->vgic.spi[intid / 32 - 1], intid & ~31U };
	if (!set && (w.bank->edge & 1U << (intid % 32)))
		vgic_word_write(&w, WORD_CLEAR_PENDING, 1U << (intid % 32));
}

/* The part of each array for INTIDs 0-31 is left out. */
#define WORDS(at, word, id) VGIC_WORDS_ROW(VGIC_FRAME_DIST, at + 4, VGIC_WORDS, W32, word, id)
#define ENABLES(at, word, id)                                                    \
	VGIC_ARRAY_ROW(VGIC_FRAME_DIST, at + 4, VGIC_WORDS, 4, W32, enable_read, \
		       vgic_row_word_write, word, id)

static const struct reg_row rows[] = {
	VGIC_ROW(0x0000, 1, 4, W32, ctlr_read, ctlr_write, 0, "CTLR"),
	VGIC_ROW(0x0004, 1, 4, W32, typer_read, NULL, 0, "TYPER"),
	VGIC_RO(0x0008, GIC_IMPLEMENTER, "IIDR"),
	VGIC_RO(0x000c, 0, "TYPER2"),
	VGIC_RO(0x0010, 0, "STATUSR"),
	VGIC_ROW(0x0040, 1, 4, W16_W32, NULL, setspi_write, true, "SETSPI_NSR"),
	VGIC_ROW(0x0048, 1, 4, W16_W32, NULL, setspi_write, false, "CLRSPI_NSR"),
	VGIC_ROW(0x0050, 1, 4, W16_W32, NULL, NULL, 0, "SETSPI_SR"),
	VGIC_ROW(0x0058, 1, 4, W16_W32, NULL, NULL, 0, "CLRSPI_SR"),
	WORDS(0x0080, WORD_GROUP, "IGROUPR"),
	ENABLES(0x0100, WORD_SET_ENABLE, "ISENABLER"),
	ENABLES(0x0180, WORD_CLEAR_ENABLE, "ICENABLER"),
	WORDS(0x0200, WORD_SET_PENDING, "ISPENDR"),
	WORDS(0x0280, WORD_CLEAR_PENDING, "ICPENDR"),
	WORDS(0x0300, WORD_SET_ACTIVE, "ISACTIVER"),
	WORDS(0x0380, WORD_CLEAR_ACTIVE, "ICACTIVER"),
	VGIC_ARRAY_ROW(VGIC_FRAME_DIST, 0x0420, VGIC_SPIS, 1, W8_W32, priority_read,
		       vgic_row_priority_write, 0, "IPRIORITYR"),
	VGIC_ROW(0x0800, 0x400, 1, W8_W32, NULL, NULL, 0, "ITARGETSR"),
	VGIC_CONFIG_ROW(VGIC_FRAME_DIST, 0x0c08, VGIC_SPIS),
	WORDS(0x0d00, WORD_GRPMOD, "IGRPMODR"),
	VGIC_ROW(0x0e00, 64, 4, W32, NULL, NULL, 0, "NSACR"),
	VGIC_RO(0x0f00, 0, "SGIR"),
	VGIC_ROW(0x6100, VGIC_SPIS, 8, W32_W64, irouter_read, irouter_write, 0, "IROUTER"),
	VGIC_ID_ROWS(0x92),
};

static struct reg_slot slots[REG_SLOTS];
struct reg_table vgic_dist_table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };
