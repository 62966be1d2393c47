/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distributor's registers (IHI 0069, 12.9), as seen with affinity routing and one security state. INTIDs 0-31 and those beyond the last have no row:
 * RAZ/WI.
 */
#include "vgic_internal.h"

#define IROUTER_MASK 0xff80ffffffULL
#define IROUTER_IRM  BIT(31)

static struct vgic_view view_of(void *dev, u32 index)
{
	struct vm *vm = dev;

	return (struct vgic_view){ vm, NULL, &vm->vgic.spi[index], 32 + 32 * index };
}

static u64 ctlr_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)index, (void)row;
	return vm->vgic.ctlr | GICD_CTLR_DS | GICD_CTLR_ARE;
}

static void ctlr_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vm *vm = dev;
	struct vgic_op op;
	u32 i, ctlr = (u32)(value & (GICD_CTLR_GRP0 | GICD_CTLR_GRP1 | GICD_CTLR_GRP1S));

	(void)v, (void)index, (void)row;
	vgic_begin(&op, vm);
	if (ctlr != vm->vgic.ctlr) {
		vm->vgic.ctlr = ctlr;
		for (i = 0; i < vm->nvcpus; i++)
			vgic_mark_dirty(&op, vm->vcpus[i]);
	}
	vgic_end(&op);
}

/* A3V, IDbits 23:19 = 10 - 1, MBIS 16 (message-based SPIs), CPUNumber 7:5, ITLinesNumber 4:0 */
static u64 typer_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)index, (void)row;
	return BIT(24) | 9 << 19 | BIT(16) | (vm->nvcpus - 1) << 5 | VGIC_WORDS;
}

static u64 word_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, index);

	(void)v;
	return vgic_word_read(&w, row->arg);
}

static void word_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, index);

	(void)v;
	vgic_word_write(&w, row->arg, (u32)value);
}

static u64 priority_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vm *vm = dev;

	(void)v, (void)row;
	return vm->vgic.spi[index / 32].prio[index % 32];
}

static void priority_write(void *dev, struct vcpu *v, u32 index, u64 value,
			   const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, index / 32);

	(void)v, (void)row;
	vgic_priority_write(&w, index % 32, (u8)value);
}

static u64 config_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, index / 2);

	(void)v, (void)row;
	return vgic_config_read(&w, index % 2);
}

static void config_write(void *dev, struct vcpu *v, u32 index, u64 value,
			 const struct reg_row *row)
{
	struct vgic_view w = view_of(dev, index / 2);

	(void)v, (void)row;
	vgic_config_write(&w, index % 2, (u32)value);
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
	const struct vcpu *target;
	struct vgic_op op;

	(void)v, (void)row;
	value &= IROUTER_MASK;
	/* 1 of N: always the first. */
	target = value & IROUTER_IRM ? vm->vcpus[0] : vgic_find_affinity(vm, vgic_affinity(value));
	vgic_begin(&op, vm);
	__atomic_store_n(&g->irouter[index], value, __ATOMIC_RELAXED);
	g->target[index] = target ? (u8)target->index : VGIC_NO_TARGET;
	vgic_update(&op, &q);
	vgic_end(&op);
}

/* SETSPI, CLRSPI: a message makes the SPI of this number pending, or not; it is the line of one that is level-sensitive. */
static void setspi_write(void *dev, struct vcpu *v, u32 index, u64 value,
			 const struct reg_row *row)
{
	struct vm *vm = dev;
	u32 intid = (u32)FIELD(value, 12, 0);
	bool set = row->arg;
	struct vgic_view w;

	(void)v, (void)index;
	if (intid < 32 || intid >= VGIC_INTIDS)
		return;
	vgic_set_spi(vm, intid, set);
	w = view_of(dev, intid / 32 - 1);
	if (!set && (w.bank->edge & 1U << (intid % 32)))
		vgic_word_write(&w, WORD_CLEAR_PENDING, 1U << (intid % 32));
}

#define RO(at, value, id) \
	{ .offset = (at), .length = 4, .stride = 4, .widths = REG_W32, .constant = (value), .name = id }
#define SPI_MESSAGE(at, set, id)                                                            \
	{ .offset = (at), .length = 4, .stride = 4, .widths = REG_W16 | REG_W32,            \
	  .write = setspi_write, .arg = (set), .name = id }
/* The first word of each array is INTIDs 0-31. */
#define WORDS(at, word, id)                                                                 \
	{ .offset = (at) + 4, .length = 4 * VGIC_WORDS, .stride = 4, .widths = REG_W32,     \
	  .read = word_read, .write = word_write, .arg = (word), .name = id }

static const struct reg_row rows[] = {
	{ .offset = 0x0000, .length = 4, .stride = 4, .widths = REG_W32, .read = ctlr_read,
	  .write = ctlr_write, .name = "CTLR" },
	{ .offset = 0x0004, .length = 4, .stride = 4, .widths = REG_W32, .read = typer_read,
	  .name = "TYPER" },
	RO(0x0008, GIC_IMPLEMENTER, "IIDR"),
	RO(0x000c, 0, "TYPER2"),
	RO(0x0010, 0, "STATUSR"),
	SPI_MESSAGE(0x0040, true, "SETSPI_NSR"),
	SPI_MESSAGE(0x0048, false, "CLRSPI_NSR"),
	SPI_MESSAGE(0x0050, true, "SETSPI_SR"),
	SPI_MESSAGE(0x0058, false, "CLRSPI_SR"),
	WORDS(0x0080, WORD_GROUP, "IGROUPR"),
	WORDS(0x0100, WORD_SET_ENABLE, "ISENABLER"),
	WORDS(0x0180, WORD_CLEAR_ENABLE, "ICENABLER"),
	WORDS(0x0200, WORD_SET_PENDING, "ISPENDR"),
	WORDS(0x0280, WORD_CLEAR_PENDING, "ICPENDR"),
	WORDS(0x0300, WORD_SET_ACTIVE, "ISACTIVER"),
	WORDS(0x0380, WORD_CLEAR_ACTIVE, "ICACTIVER"),
	{ .offset = 0x0420, .length = VGIC_SPIS, .stride = 1, .widths = REG_W8 | REG_W32,
	  .read = priority_read, .write = priority_write, .name = "IPRIORITYR" },
	{ .offset = 0x0800, .length = 0x400, .stride = 1, .widths = REG_W8 | REG_W32,
	  .name = "ITARGETSR" },
	{ .offset = 0x0c08, .length = VGIC_SPIS / 4, .stride = 4, .widths = REG_W32,
	  .read = config_read, .write = config_write, .name = "ICFGR" },
	WORDS(0x0d00, WORD_GRPMOD, "IGRPMODR"),
	{ .offset = 0x0e00, .length = 0x100, .stride = 4, .widths = REG_W32, .name = "NSACR" },
	RO(0x0f00, 0, "SGIR"),
	{ .offset = 0x6100, .length = 8 * VGIC_SPIS, .stride = 8, .widths = REG_W32 | REG_W64,
	  .read = irouter_read, .write = irouter_write, .name = "IROUTER" },
	VGIC_ID_ROWS(0x92),
};

static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows) };

void vgic_dist_init(void)
{
	reg_table_init(&table);
}

enum mmio_result vgic_dist_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				  struct mmio_access *a)
{
	return reg_table_access(&table, r->dev, v, offset, a);
}
