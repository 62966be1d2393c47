/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redistributors' registers (IHI 0069, 12.11, 12.12): for each vCPU a control frame, and a
 * frame of its SGIs and PPIs, 64 KiB each. No LPIs.
 */
#include "vgic_internal.h"

#define WAKER_SLEEP    BIT(1) /* ProcessorSleep */
#define WAKER_CHILDREN BIT(2) /* ChildrenAsleep follows at once */

/* ---- control frame ---- */

/* Affinity 63:32, Processor_Number 23:8, Last 4 */
static u64 typer_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vcpu *t = vgic_frame_owner(dev);

	(void)v, (void)index, (void)row;
	return (u64)vgic_affinity(t->mpidr) << 32 | t->index << 8 |
	       (t->index + 1 == t->vm->nvcpus ? BIT(4) : 0);
}

static u64 typer_high_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	return typer_read(dev, v, index, row) >> 32;
}

static u64 waker_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vcpu *t = vgic_frame_owner(dev);

	(void)v, (void)index, (void)row;
	return READ_ONCE(t->vgic.asleep) ? WAKER_SLEEP | WAKER_CHILDREN : 0;
}

static void waker_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vcpu *t = vgic_frame_owner(dev);
	struct vgic_op op;

	(void)v, (void)index, (void)row;
	vgic_begin(&op, t->vm);
	WRITE_ONCE(t->vgic.asleep, value & WAKER_SLEEP);
	/*
	 * Software that never wakes the redistributor after a reset still gets its interrupts, as
	 * on `virt`.
	 */
	if (t->vgic.muted != t->vgic.asleep) {
		t->vgic.muted = t->vgic.asleep;
		vgic_update_able(&op, t);
		vgic_mark_dirty(&op, t);
		vgic_sync(&op, vgic_all_elsewhere(&op) & 1U << t->index);
	}
	vgic_end_open(&op);
}

static const struct reg_row control_rows[] = {
	VGIC_RO(0x0000, 0, "CTLR"),
	VGIC_RO(0x0004, GIC_IMPLEMENTER, "IIDR"),
	VGIC_ROW(0x0008, 1, 8, W32_W64, typer_read, NULL, 0, "TYPER"),
	VGIC_ROW(0x000c, 1, 4, W32, typer_high_read, NULL, 0, "TYPER, its high word"),
	VGIC_RO(0x0010, 0, "STATUSR"),
	VGIC_ROW(0x0014, 1, 4, W32, waker_read, waker_write, 0, "WAKER"),
	VGIC_ROW(0x0070, 2, 8, W32_W64, NULL, NULL, 0, "PROPBASER, PENDBASER"),
	VGIC_ID_ROWS(0x93),
};

/* ---- SGIs and PPIs ---- */

#define WORD(at, word, id) VGIC_WORDS_ROW(VGIC_FRAME_REDIST, at, 1, W32, word, id)

static const struct reg_row private_rows[] = {
	WORD(0x0080, WORD_GROUP, "IGROUPR0"),
	WORD(0x0100, WORD_SET_ENABLE, "ISENABLER0"),
	WORD(0x0180, WORD_CLEAR_ENABLE, "ICENABLER0"),
	WORD(0x0200, WORD_SET_PENDING, "ISPENDR0"),
	WORD(0x0280, WORD_CLEAR_PENDING, "ICPENDR0"),
	WORD(0x0300, WORD_SET_ACTIVE, "ISACTIVER0"),
	WORD(0x0380, WORD_CLEAR_ACTIVE, "ICACTIVER0"),
	VGIC_PRIORITY_ROW(VGIC_FRAME_REDIST, 0x0400, 32, W8_W32),
	VGIC_CONFIG_ROW(VGIC_FRAME_REDIST, 0x0c00, 32),
	WORD(0x0d00, WORD_GRPMOD, "IGRPMODR0"),
	VGIC_RO(0x0e00, 0, "NSACR"),
};

static struct reg_slot control_slots[REG_SLOTS], private_slots[REG_SLOTS];
struct reg_table vgic_redist_tables[2] = {
	{ .rows = control_rows, .count = ARRAY_SIZE(control_rows), .slots = control_slots },
	{ .rows = private_rows, .count = ARRAY_SIZE(private_rows), .slots = private_slots },
};
