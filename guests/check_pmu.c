/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performance monitors (PMUv3): cycle counter, software increments, filters, the overflow
 * interrupt.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/time.h"

#define PMU_INTID 23u

#define PMCR_E  BIT(0)
#define PMCR_P  BIT(1) /* event counters to 0 */
#define PMCR_C  BIT(2) /* cycle counter to 0 */
#define PMCR_LC BIT(6) /* cycle counter overflows at 64 bits */

#define CYCLES   BIT(31) /* its bit in the sets */
#define NOT_EL1  BIT(31) /* filters of a type */
#define NOT_EL0  BIT(30)
#define SW_INCR  0u
#define INST     8u
#define CYCLE    0x11u
#define ALL_BITS UINT64_C(0xffffffff)

static void stop(void)
{
	write_sysreg(pmcr_el0, PMCR_P | PMCR_C);
	write_sysreg(pmcntenclr_el0, ALL_BITS);
	write_sysreg(pmintenclr_el1, ALL_BITS);
	write_sysreg(pmovsclr_el0, ALL_BITS);
	write_sysreg(pmccfiltr_el0, 0);
	write_sysreg(pmevtyper0_el0, SW_INCR);
	isb();
}

static void start(uint64_t counters)
{
	write_sysreg(pmcntenset_el0, counters);
	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC);
	isb();
}

static void sets(uint64_t counters)
{
	uint64_t all = CYCLES | (BIT(counters) - 1);

	write_sysreg(pmcntenset_el0, ALL_BITS);
	(void)check_eq("pmu.enable-set", read_sysreg(pmcntenset_el0), all);
	write_sysreg(pmcntenclr_el0, BIT(0));
	(void)check_eq("pmu.enable-clear", read_sysreg(pmcntenclr_el0), all & ~BIT(0));
	write_sysreg(pmintenset_el1, CYCLES | BIT(0));
	(void)check_eq("pmu.interrupt-set", read_sysreg(pmintenset_el1), CYCLES | BIT(0));
	write_sysreg(pmintenclr_el1, CYCLES);
	(void)check_eq("pmu.interrupt-clear", read_sysreg(pmintenclr_el1), BIT(0));
	write_sysreg(pmintenclr_el1, ALL_BITS);
	write_sysreg(pmovsset_el0, CYCLES | BIT(0));
	(void)check_eq("pmu.overflow-set", read_sysreg(pmovsset_el0), CYCLES | BIT(0));
	write_sysreg(pmovsclr_el0, BIT(0));
	(void)check_eq("pmu.overflow-clear", read_sysreg(pmovsclr_el0), CYCLES);
	stop();
}

static void registers(uint64_t counters)
{
	(void)check_range("pmu.counters", counters, 1, 31);
	(void)check_eq("pmu.has-sw-incr", field(read_sysreg(pmceid0_el0), 0, 0), 1);
	(void)check_eq("pmu.has-cycles", field(read_sysreg(pmceid0_el0), 17, 17), 1);
	write_sysreg(pmselr_el0, 0);
	isb();
	write_sysreg(pmxevtyper_el0, NOT_EL0 | CYCLE);
	isb();
	(void)check_eq("pmu.selected-type", read_sysreg(pmevtyper0_el0), NOT_EL0 | CYCLE);
	write_sysreg(pmevcntr0_el0, 0x12345678);
	isb();
	(void)check_eq("pmu.selected-count", read_sysreg(pmxevcntr_el0), 0x12345678);
	write_sysreg(pmselr_el0, 31);
	isb();
	(void)check_eq("pmu.selr", read_sysreg(pmselr_el0), 31);
	write_sysreg(pmxevtyper_el0, NOT_EL0);
	isb();
	(void)check_eq("pmu.cycle-filter", read_sysreg(pmccfiltr_el0), NOT_EL0);
	write_sysreg(pmccntr_el0, UINT64_C(0x1122334455667788));
	(void)check_eq("pmu.cycle-count", read_sysreg(pmccntr_el0), UINT64_C(0x1122334455667788));
	write_sysreg(pmuserenr_el0, 5);
	(void)check_eq("pmu.userenr", read_sysreg(pmuserenr_el0), 5);
	write_sysreg(pmuserenr_el0, 0);
	write_sysreg(pmcr_el0, PMCR_P | PMCR_C);
	isb();
	(void)check_eq("pmu.reset-events", read_sysreg(pmevcntr0_el0), 0);
	(void)check_eq("pmu.reset-cycles", read_sysreg(pmccntr_el0), 0);
	(void)check_eq("pmu.pmcr.resets-read-0", read_sysreg(pmcr_el0) & (PMCR_P | PMCR_C), 0);
	if (counters < 31) {
		struct probe probe = PROBE((void)read_sysreg(pmevcntr30_el0));

		(void)check_eq("pmu.evcntr30", probe.count ? ESR_EC(probe.esr) : 0x100, EC_UNKNOWN);
	}
	stop();
}

/* What the cycle counter gains in a millisecond. */
static uint64_t gain(void)
{
	uint64_t before = read_sysreg(pmccntr_el0);

	delay_us(1000);
	return read_sysreg(pmccntr_el0) - before;
}

static void cycles(void)
{
	(void)check_eq("pmu.cycles.disabled", gain(), 0);
	start(CYCLES);
	(void)check_range("pmu.cycles.count", gain(), 1, UINT64_MAX);
	write_sysreg(pmccfiltr_el0, NOT_EL1);
	isb();
	(void)check_eq("pmu.cycles.not-el1", gain(), 0);
	write_sysreg(pmccfiltr_el0, NOT_EL0);
	isb();
	(void)check_range("pmu.cycles.not-el0", gain(), 1, UINT64_MAX);
	write_sysreg(pmcntenclr_el0, CYCLES);
	isb();
	(void)check_eq("pmu.cycles.cleared", gain(), 0);
	start(CYCLES);
	write_sysreg(pmcr_el0, PMCR_LC);
	isb();
	(void)check_eq("pmu.cycles.off", gain(), 0);
	stop();
}

static uint64_t increment(unsigned int times)
{
	while (times--)
		write_sysreg(pmswinc_el0, 1);
	isb();
	return read_sysreg(pmevcntr0_el0);
}

static void software(void)
{
	(void)check_eq("pmu.sw-incr.disabled", increment(3), 0);
	start(BIT(0));
	(void)check_eq("pmu.sw-incr", increment(3), 3);
	(void)check_eq("pmu.sw-incr.sleep", (wait_for(false, 1000), increment(2)), 5);
	write_sysreg(pmevtyper0_el0, NOT_EL1 | SW_INCR);
	isb();
	(void)check_eq("pmu.sw-incr.not-el1", increment(3), 5);
	write_sysreg(pmevtyper0_el0, CYCLE);
	write_sysreg(pmcntenclr_el0, BIT(0));
	write_sysreg(pmevcntr0_el0, 7);
	isb();
	(void)check_eq("pmu.sw-incr.other-event", increment(3), 7);
	write_sysreg(pmevtyper0_el0, SW_INCR);
	write_sysreg(pmevcntr0_el0, ALL_BITS);
	start(BIT(0));
	(void)check_eq("pmu.sw-incr.wraps", increment(1) & ALL_BITS, 0);
	(void)check_eq("pmu.sw-incr.overflow", read_sysreg(pmovsset_el0), BIT(0));
	stop();
}

static void instructions(void)
{
	if (!field(read_sysreg(pmceid0_el0), INST, INST)) {
		check_skip("pmu.instructions", "no such event here");
		return;
	}
	write_sysreg(pmevtyper0_el0, INST);
	start(BIT(0));
	for (unsigned int n = 0; n < 100; n++)
		plain_op("nop");
	isb();
	(void)check_range("pmu.instructions", read_sysreg(pmevcntr0_el0), 100, 100000);
	stop();
}

static void overflow(void)
{
	gic_enable(PMU_INTID);
	write_sysreg(pmccntr_el0, -UINT64_C(100000));
	write_sysreg(pmintenset_el1, CYCLES);
	start(CYCLES);
	(void)check_eq("pmu.irq", poll_ack(1000000), PMU_INTID);
	(void)check_eq("pmu.irq.status", read_sysreg(pmovsset_el0), CYCLES);
	/* It is a level: there as long as the overflow is. */
	gic_eoi(PMU_INTID);
	(void)check_eq("pmu.irq.again", poll_ack(1000000), PMU_INTID);
	write_sysreg(pmovsclr_el0, CYCLES);
	isb();
	gic_eoi(PMU_INTID);
	(void)check_eq("pmu.irq.over", poll_ack(2000), GIC_SPURIOUS);
	write_sysreg(pmintenclr_el1, CYCLES);
	write_sysreg(pmovsset_el0, CYCLES);
	isb();
	(void)check_eq("pmu.irq.disabled", poll_ack(2000), GIC_SPURIOUS);
	/* One that goes before it is taken. */
	write_sysreg(pmintenset_el1, CYCLES);
	isb();
	(void)check_true("pmu.irq.by-software", wait_for(irq_waiting(), 1000000));
	write_sysreg(pmovsclr_el0, ALL_BITS);
	isb();
	(void)check_eq("pmu.irq.withdrawn", poll_ack(2000), GIC_SPURIOUS);
	write_sysreg(pmintenclr_el1, CYCLES);
	write_sysreg(pmevcntr0_el0, ALL_BITS);
	write_sysreg(pmintenset_el1, BIT(0));
	start(BIT(0));
	(void)increment(1);
	(void)check_eq("pmu.irq.sw-incr", poll_ack(1000000), PMU_INTID);
	stop();
	gic_eoi(PMU_INTID);
	(void)check_eq("pmu.irq.stopped", poll_ack(2000), GIC_SPURIOUS);
	gic_disable(PMU_INTID);
}

void check_pmu(void)
{
	uint64_t version = field(read_sysreg(id_aa64dfr0_el1), 11, 8);

	if (version == 0 || version == 15) {
		check_skip("pmu", "not shown");
		return;
	}
	stop();
	registers(field(read_sysreg(pmcr_el0), 15, 11));
	sets(field(read_sysreg(pmcr_el0), 15, 11));
	cycles();
	software();
	instructions();
	overflow();
}
