/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The performance monitors, PMUv3 (Arm ARM D13), which only guests use. They count at EL1 and EL0:
 * the bit that makes a counter count at EL2 (NSH) is never set. A guest's values are in the
 * registers only while its vCPU is on the CPU. PMSELR_EL0 is ours; vmm/ keeps a guest's value.
 */
#include <arch/guest.h>
#include <asm/boot.h>
#include <asm/sysreg.h>

#define PMUVER_IMPDEF 0xf
#define PMCR_E        BIT(0)
#define PMCR_N(pmcr)  ((u32)FIELD(pmcr, 15, 11))
#define PMUSERENR_EN  BIT(0)
#define PMMIR_EL1     S3_0_C9_C14_6
#define PMUVER_V3P4   5
#define EVERY         0xffffffffULL

static u32 intid;

static u32 version(void)
{
	u32 v = (u32)FIELD(read_sysreg(id_aa64dfr0_el1), 11, 8);

	return v == PMUVER_IMPDEF ? 0 : v;
}

static u32 counters(void)
{
	return PMCR_N(read_sysreg(pmcr_el0));
}

/*
 * Stop all counting and the interrupt. EL0's accesses depend on MDCR_EL2.TPM alone, so that EL0 of
 * a guest without a PMU sees none either.
 */
static void quiet(void)
{
	write_sysreg(pmcr_el0, 0);
	write_sysreg(pmcntenclr_el0, EVERY);
	write_sysreg(pmintenclr_el1, EVERY);
	write_sysreg(pmovsclr_el0, EVERY);
	write_sysreg(pmuserenr_el0, PMUSERENR_EN);
}

u32 pmu_init_cpu(void)
{
	if (!version())
		return 0;
	quiet();
	return counters();
}

void pmu_init(u32 ppi)
{
	if (version())
		intid = ppi;
}

u32 arch_guest_pmu_intid(void)
{
	return intid;
}

static void select(u32 n)
{
	write_sysreg(pmselr_el0, n);
	isb();
}

u64 arch_guest_pmu_read(enum guest_pmu_reg reg, u32 n)
{
	switch (reg) {
	case PMU_CONTROL:
		return read_sysreg(pmcr_el0);
	case PMU_ENABLE_SET:
	case PMU_ENABLE_CLEAR:
		return read_sysreg(pmcntenset_el0);
	case PMU_IRQ_SET:
	case PMU_IRQ_CLEAR:
		return read_sysreg(pmintenset_el1);
	case PMU_OVERFLOW_SET:
	case PMU_OVERFLOW_CLEAR:
		return read_sysreg(pmovsset_el0);
	case PMU_EVENTS:
		return n ? read_sysreg(pmceid1_el0) : read_sysreg(pmceid0_el0);
	case PMU_MACHINE:
		return version() >= PMUVER_V3P4 ? read_sysreg_(PMMIR_EL1) : 0;
	case PMU_USER:
		return read_sysreg(pmuserenr_el0);
	case PMU_COUNT:
		if (n == GUEST_PMU_CYCLES)
			return read_sysreg(pmccntr_el0);
		select(n);
		return read_sysreg(pmxevcntr_el0);
	case PMU_TYPE:
		select(n);
		return read_sysreg(pmxevtyper_el0);
	}
	return 0;
}

void arch_guest_pmu_write(enum guest_pmu_reg reg, u32 n, u64 value)
{
	switch (reg) {
	case PMU_CONTROL:
		write_sysreg(pmcr_el0, value);
		break;
	case PMU_ENABLE_SET:
		write_sysreg(pmcntenset_el0, value);
		break;
	case PMU_ENABLE_CLEAR:
		write_sysreg(pmcntenclr_el0, value);
		break;
	case PMU_IRQ_SET:
		write_sysreg(pmintenset_el1, value);
		break;
	case PMU_IRQ_CLEAR:
		write_sysreg(pmintenclr_el1, value);
		break;
	case PMU_OVERFLOW_SET:
		write_sysreg(pmovsset_el0, value);
		break;
	case PMU_OVERFLOW_CLEAR:
		write_sysreg(pmovsclr_el0, value);
		break;
	case PMU_USER:
		write_sysreg(pmuserenr_el0, value);
		break;
	case PMU_COUNT:
		if (n == GUEST_PMU_CYCLES) {
			write_sysreg(pmccntr_el0, value);
			break;
		}
		select(n);
		write_sysreg(pmxevcntr_el0, value);
		break;
	case PMU_TYPE:
		select(n);
		write_sysreg(pmxevtyper_el0, value);
		break;
	default:
		break;
	}
	isb(); /* the next read, and EL1, see the write */
}

/* Number the event counters first, then the cycle counter. */
static u32 nth(u32 i, u32 events)
{
	return i == events ? GUEST_PMU_CYCLES : i;
}

void arch_guest_pmu_save(struct guest_pmu *p)
{
	u32 events = counters();

	p->control = read_sysreg(pmcr_el0);
	p->enabled = read_sysreg(pmcntenset_el0);
	p->interrupts = read_sysreg(pmintenset_el1);
	p->user = read_sysreg(pmuserenr_el0);
	for (u32 i = 0; i <= events; i++) {
		p->count[i] = arch_guest_pmu_read(PMU_COUNT, nth(i, events));
		p->type[i] = (u32)arch_guest_pmu_read(PMU_TYPE, nth(i, events));
	}
	p->overflows = read_sysreg(pmovsset_el0);
	quiet();
	isb();
}

void arch_guest_pmu_load(const struct guest_pmu *p)
{
	u32 events = counters();

	for (u32 i = 0; i <= events; i++) {
		arch_guest_pmu_write(PMU_COUNT, nth(i, events), p->count[i]);
		arch_guest_pmu_write(PMU_TYPE, nth(i, events), p->type[i]);
	}
	write_sysreg(pmuserenr_el0, p->user);
	write_sysreg(pmovsset_el0, p->overflows);
	write_sysreg(pmcntenset_el0, p->enabled);
	write_sysreg(pmcr_el0, p->control);
	write_sysreg(pmintenset_el1,
		     p->interrupts); /* last: QEMU updates the interrupt here, not at E */
}
