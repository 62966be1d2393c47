/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt controller's part for a lower exception level: the list registers of a GICv3 (IHI
 * 0069), and interrupts that are taken while a guest runs. On a GICv2 these call gicv2_lower.c.
 */
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <asm/trap.h>
#include <drivers/host.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/trace.h>
#include <lib/bitmap.h>
#include <vmm/core.h>

static u32 maintenance;

int gic_lower_init(void)
{
	int node = gic_is_v2 ? gicv2_node() : host_fdt_find("arm,gic-v3", -1);
	u32 flags;

	maintenance = 25;
	if (host_fdt_irq(node, 0, &maintenance, &flags))
		log_warn("gic: no maintenance interrupt in the devicetree, taking PPI 9");
	return gic_is_v2 ? gicv2_lower_init() : 0;
}

void gic_lower_init_cpu(void)
{
	if (gic_is_v2) {
		this_cpu()->arch.features |= HAS_GICV2;
		gicv2_lower_init_cpu();
		return;
	}
	if (arch_vgic_priority_bits() > 5)
		this_cpu()->arch.features |= HAS_MORE_APRS;
	for (u32 i = 0; i < arch_vgic_lr_count(); i++)
		arch_vgic_lr_write(i, 0);
	arch_vgic_maintenance(0);
}

u32 arch_vgic_maintenance_intid(void)
{
	return maintenance;
}

/* Out of line, so that the fast path saves no registers. */
static __noinline void take_for_guest(struct vcpu *v, u32 iar)
{
	if (likely(vmm_guest_irq(v, iar))) {
		irq_account(this_cpu(), iar);
		write_sysreg_(ICC_EOIR1_EL1, iar);
	} else {
		gic_dispatch(iar);
	}
}

/* The way out looks at its reason. Only threads that other CPUs sent are handled here. */
static inline void take_reschedule(u64 iar)
{
	struct percpu *cpu = this_cpu();

	irq_account(cpu, IPI_RESCHEDULE);
	write_sysreg_(ICC_EOIR1_EL1, iar);
	write_sysreg_(ICC_DIR_EL1, iar);
	ipi_reschedule(cpu);
}

/* v's guest got this interrupt, which came at `began`: one moment for both events. */
static __inlined void record_taken(const struct vcpu *v, u32 groups, u32 intid, u64 began)
{
	struct trace_ring *r = &this_cpu()->trace;
	const u64 now = arch_counter();
	const u32 tag = v->thread.tag;

	if (groups & TRACE_INJECTIONS)
		trace_event_of(groups, r, TRACE_INJECT, now, tag,
			       (u16)LR_VINTID(v->vgic.written[v->vgic.ppi_lr[intid]]), intid);
	if (groups & TRACE_IRQS)
		trace_put_irq(r, intid, began, now, tag);
}

/* Interrupts that go the way of all others are recorded there, in irq_dispatch(). */
static __noinline void take_traced(struct vcpu *v, u32 groups)
{
	const u64 began = arch_counter(), iar = read_sysreg_(ICC_IAR1_EL1);

	if (iar == IPI_RESCHEDULE) {
		take_reschedule(iar);
		if (groups & TRACE_IRQS)
			trace_irq((u32)iar, began);
	} else if (vmm_guest_irq(v, (u32)iar)) {
		irq_account(this_cpu(), (u32)iar);
		write_sysreg_(ICC_EOIR1_EL1, iar);
		record_taken(v, groups, (u32)iar, began);
	} else {
		gic_dispatch((u32)iar);
	}
}

void gic_take_for_guest(struct vcpu *v)
{
	u64 iar;

	if (unlikely(gic_is_v2)) {
		gicv2_handle();
		return;
	}
	iar = read_sysreg_(ICC_IAR1_EL1);
	if (iar != IPI_RESCHEDULE)
		take_for_guest(v, (u32)iar);
	else
		take_reschedule(iar);
}

void arch_guest_take_irq(struct vcpu *v)
{
	const u32 groups = READ_ONCE(trace_groups);

	if (unlikely(groups & (TRACE_IRQS | TRACE_INJECTIONS)) && !gic_is_v2)
		take_traced(v, groups);
	else
		gic_take_for_guest(v);
}

/* ---- list registers ---- */

static u64 ich_vtr(void)
{
	return gic_is_v2 ? gicv2_vtr() : read_sysreg_(ICH_VTR_EL2);
}

u32 arch_vgic_lr_count(void)
{
	static u32 count;

	if (!count)
		count = MIN((u32)FIELD(ich_vtr(), 4, 0) + 1, (u32)VGIC_MAX_LRS);
	return count;
}

u32 arch_vgic_priority_bits(void)
{
	static u32 bits;

	if (!bits)
		bits = (u32)FIELD(ich_vtr(), 31, 29) + 1;
	return bits;
}

/* lr.S */
u64 ich_lr_read(u32 n);
void ich_lr_write(u32 n, u64 value);

u64 arch_vgic_lr_read(u32 n)
{
	return unlikely(gic_is_v2) ? gicv2_lr_read(n) : ich_lr_read(n);
}

void arch_vgic_lr_write(u32 n, u64 value)
{
	if (unlikely(gic_is_v2))
		gicv2_lr_write(n, value);
	else
		ich_lr_write(n, value);
}

u32 arch_vgic_empty_lrs(void)
{
	if (unlikely(gic_is_v2))
		return gicv2_empty_lrs();
	isb(); /* makes earlier writes to list registers visible */
	return arch_vgic_ended();
}

void arch_vgic_maintenance(u64 bits)
{
	if (unlikely(gic_is_v2))
		gicv2_set_hcr(bits | ICH_HCR_EN);
	else
		write_sysreg_(ICH_HCR_EL2, bits | ICH_HCR_TDIR | ICH_HCR_EN);
}

/*
 * A guest's DIR: a GICv3 may not support the trap (ICH_VTR_EL2.TDS). A GICv2's DIR is on a page
 * that the guest does not have.
 */
static bool dir_traps(void)
{
	return gic_is_v2 || (ich_vtr() & BIT(19));
}

u32 arch_vgic_take_eoi_count(void)
{
	u64 hcr = unlikely(gic_is_v2) ? gicv2_hcr() : read_sysreg_(ICH_HCR_EL2);
	u32 count = (u32)ICH_HCR_EOICOUNT(hcr);

	if (count && unlikely(gic_is_v2))
		gicv2_set_hcr(hcr & ~BITS(31, 27));
	else if (count)
		write_sysreg_(ICH_HCR_EL2, hcr & ~BITS(31, 27));
	return arch_vgic_eoi_split() && dir_traps() ? 0 : count;
}

/* On a GICv2 the priority mask has five bits, at the same place. */
static u64 ich_vmcr(void)
{
	return unlikely(gic_is_v2) ? gicv2_vmcr() : read_sysreg_(ICH_VMCR_EL2);
}

static inline bool signalled(u64 value, u64 vmcr)
{
	return (value & LR_STATE_MASK) == LR_STATE_PENDING &&
	       FIELD(value, 55, 48) < FIELD(vmcr, 31, 24) &&
	       (vmcr & (value & LR_GROUP1 ? BIT(1) : BIT(0)));
}

static __noinline u64 first_signalled(u32 lrs)
{
	u64 vmcr = ich_vmcr();
	u32 n;

	for_each_set_bit(n, lrs) {
		u64 value = arch_vgic_lr_read(n);

		if (signalled(value, vmcr))
			return value;
	}
	return 0;
}

u64 arch_vgic_signals(u32 lrs)
{
	if (unlikely(gic_is_v2))
		return first_signalled(lrs & ~gicv2_empty_lrs());
	isb(); /* makes earlier writes to list registers visible */
	lrs &= ~arch_vgic_ended();
	return likely(!lrs) ? 0 : first_signalled(lrs);
}

bool arch_vgic_would_signal(const struct vcpu *v, u64 value)
{
	return signalled(value, this_cpu()->arch.loaded == v ? ich_vmcr() : v->arch.ich_vmcr);
}

u8 arch_vgic_pmr(void)
{
	return (u8)FIELD(ich_vmcr(), 31, 24);
}

u32 arch_vgic_group_enables(void)
{
	return (u32)FIELD(ich_vmcr(), 1, 0);
}

bool arch_vgic_eoi_split(void)
{
	return ich_vmcr() & BIT(9);
}
