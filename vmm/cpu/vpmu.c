/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The performance monitors of a VM whose description asks for them. Every access traps
 * (MDCR_EL2.TPM, TPMCR): on a CPU of ARMv8.0, nothing else keeps a guest from counting at EL2 by a
 * filter of its own (NSH). While the vCPU is on a CPU, its registers are in hardware, except
 * PMSELR_EL0.
 */
#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#define PMCR_E      BIT(0)
#define PMCR_LP     BIT(7)                    /* event counters overflow at 64 bits (v3p5) */
#define PMCR_KEPT   (BITS(3, 0) | BITS(7, 5)) /* E, P, C, D, DP, LC, LP; no X: no listener */
#define PMUSERENR   BITS(3, 0)                /* EN, SW, CR, ER */
#define TYPE_P      BIT(31)                   /* not at EL1 */
#define TYPE_U      BIT(30)                   /* not at EL0 */
#define TYPE_NSK    BIT(29)                   /* differs from P: the opposite, at non-secure EL1 */
#define TYPE_NSU    BIT(28)                   /* differs from U: the opposite, at non-secure EL0 */
#define TYPE_FILTER BITS(31, 28)              /* NSH, M and MT stay 0 */
#define TYPE_EVENT  BITS(15, 0)
#define SW_INCR     0
#define SELECTED    BITS(4, 0)

static u32 events(void)
{
	return (u32)FIELD(arch_guest_pmu_read(PMU_CONTROL, 0), 15, 11);
}

/* One bit for each counter that exists. */
static u64 counters(void)
{
	return BIT(GUEST_PMU_CYCLES) | (BIT(events()) - 1);
}

/* ---- the interrupt, level-sensitive like a timer's ---- */

static bool vpmu_asserted(void)
{
	return (arch_guest_pmu_read(PMU_CONTROL, 0) & PMCR_E) &&
	       (arch_guest_pmu_read(PMU_OVERFLOW_SET, 0) & arch_guest_pmu_read(PMU_IRQ_SET, 0));
}

/*
 * The line fell while its interrupt was on its way. QEMU must be told: it does not evaluate
 * PMCR_EL0.E when that is written.
 */
static void settle_line(void)
{
	u64 enabled = arch_guest_pmu_read(PMU_IRQ_SET, 0);

	arch_guest_pmu_write(PMU_IRQ_CLEAR, 0, enabled);
	arch_guest_pmu_write(PMU_IRQ_SET, 0, enabled);
}

static void pmu_irq(u32 intid, void *arg)
{
	struct vcpu *v = vcpu_current();
	bool here = v && v->pmu.present && v->vgic.loaded;

	(void)arg;
	if (here && vpmu_asserted()) {
		vgic_forward_ppi(v, VPMU_PPI, intid);
		return;
	}
	if (here)
		settle_line();
	arch_irq_set_active(intid, false); /* belongs to no vCPU */
}

int vpmu_host_init(void)
{
	u32 intid = arch_guest_pmu_intid();

	vgic_set_line(VPMU_PPI, 0, vpmu_asserted);
	return intid ? irq_request(intid, "pmu", pmu_irq, NULL, IRQ_STAYS_ACTIVE) : 0;
}

/* ---- switching ---- */

void vpmu_reset(struct vcpu *v)
{
	struct vpmu *p = &v->pmu;
	unsigned long flags;

	memset(p, 0, sizeof(*p));
	p->present = v->vm->desc.pmu;
	if (!p->present)
		return;
	flags = arch_irq_save();
	if (vcpu_current() == v && v->vgic.loaded) {
		arch_guest_pmu_save(&p->regs); /* this also stops counting */
		memset(&p->regs, 0, sizeof(p->regs));
		arch_guest_pmu_load(&p->regs);
	}
	arch_irq_restore(flags);
}

/* ---- registers ---- */

static bool counts_at(u64 type, bool user)
{
	if (user)
		return !(type & TYPE_U) == !(type & TYPE_NSU);
	return !(type & TYPE_P) == !(type & TYPE_NSK);
}

/* PMSWINC_EL0. A write by EL2 would count nothing: these counters do not count at EL2. */
static void increment(u32 n, bool user)
{
	u64 control = arch_guest_pmu_read(PMU_CONTROL, 0), count;
	u64 type = arch_guest_pmu_read(PMU_TYPE, n);

	if (!(control & PMCR_E) || !(arch_guest_pmu_read(PMU_ENABLE_SET, 0) & BIT(n)) ||
	    (type & TYPE_EVENT) != SW_INCR || !counts_at(type, user))
		return;
	count = arch_guest_pmu_read(PMU_COUNT, n) + 1;
	arch_guest_pmu_write(PMU_COUNT, n, count);
	if (!(control & PMCR_LP ? count : (u32)count))
		arch_guest_pmu_write(PMU_OVERFLOW_SET, 0, BIT(n));
}

static void increment_all(u64 which, bool user)
{
	u32 n;

	for_each_set_bit(n, which & counters() & ~BIT(GUEST_PMU_CYCLES))
		increment(n, user);
}

/* The interrupt's condition may be gone after a write. */
static enum sysreg_result access(struct vcpu *v, struct sysreg_access *a, enum guest_pmu_reg reg,
				 u32 n, u64 mask)
{
	if (!a->write) {
		a->value = arch_guest_pmu_read(reg, n);
		return SYSREG_OK;
	}
	arch_guest_pmu_write(reg, n, a->value & mask);
	vgic_resample(v);
	return SYSREG_OK;
}

/* A counter or its type: PMEVCNTR<n>_EL0, PMEVTYPER<n>_EL0, PMCCFILTR_EL0. n must exist. */
static enum sysreg_result access_counter(struct vcpu *v, struct sysreg_access *a, bool type, u32 n)
{
	if (!type)
		return access(v, a, PMU_COUNT, n, ~0UL);
	return access(v, a, PMU_TYPE, n,
		      n == GUEST_PMU_CYCLES ? TYPE_FILTER : TYPE_FILTER | TYPE_EVENT);
}

enum sysreg_result vpmu_selected(struct vcpu *v, struct sysreg_access *a, u32 type)
{
	u32 n = v->pmu.selected;

	if (!v->pmu.present)
		return SYSREG_UNDEF;
	/* The architecture leaves the result for a missing counter open: here it is RAZ/WI. */
	if (n < events() || (n == GUEST_PMU_CYCLES && type))
		return access_counter(v, a, type, n);
	a->value = 0;
	return SYSREG_OK;
}

enum sysreg_result vpmu_counter(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	u32 n = (a->reg & 7) | (a->reg & 0x18); /* CRm 8 to 11 count, 12 to 15 type; op2 */
	bool type = a->reg & 0x20;

	(void)arg;
	if (!v->pmu.present || !(n < events() || (n == GUEST_PMU_CYCLES && type)))
		return SYSREG_UNDEF;
	return access_counter(v, a, type, n);
}

enum sysreg_result vpmu_cycles(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	return v->pmu.present ? access_counter(v, a, false, GUEST_PMU_CYCLES) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_control(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	return v->pmu.present ? access(v, a, PMU_CONTROL, 0, PMCR_KEPT) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_user(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	return v->pmu.present ? access(v, a, PMU_USER, 0, PMUSERENR) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_bits(struct vcpu *v, struct sysreg_access *a, u32 reg)
{
	return v->pmu.present ? access(v, a, (enum guest_pmu_reg)reg, 0, counters()) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_events(struct vcpu *v, struct sysreg_access *a, u32 n)
{
	return v->pmu.present ? access(v, a, PMU_EVENTS, n, 0) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_machine(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	return v->pmu.present ? access(v, a, PMU_MACHINE, 0, 0) : SYSREG_UNDEF;
}

enum sysreg_result vpmu_increment(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	if (!v->pmu.present)
		return SYSREG_UNDEF;
	increment_all(a->value, a->user);
	vgic_resample(v);
	return SYSREG_OK;
}

enum sysreg_result vpmu_select(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	if (!v->pmu.present)
		return SYSREG_UNDEF;
	if (a->write)
		v->pmu.selected = (u32)(a->value & SELECTED);
	a->value = v->pmu.selected;
	return SYSREG_OK;
}
