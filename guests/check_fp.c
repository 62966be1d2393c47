/* SPDX-License-Identifier: Apache-2.0 */
/* FP/SIMD registers belong to this CPU: leaving the guest and coming back does not change them. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define SEED UINT64_C(0x123456789abcdef1)

/* One case in each line: v0..v31 are filled, an event happens, and wrong registers are counted. */
#define KEPT(name, event)                                \
	do {                                             \
		fp_fill(SEED);                           \
		event;                                   \
		(void)check_eq(name, fp_wrong(SEED), 0); \
	} while (0)

static void sleep_by_timer(void)
{
	uint64_t start = now();

	timer_start_us(TIMER_VIRT, 2000);
	while (!irq_waiting() && now() - start < us_to_ticks(LONG_US))
		wfi();
	timer_stop(TIMER_VIRT);
}

static void ten_interrupts(void)
{
	irq_log_start(NULL);
	for (uint32_t n = 1; n <= 10; n++) {
		gic_send_sgi(1, (uint16_t)BIT(cpu_id()));
		(void)irq_log_wait(n, LONG_US);
	}
}

static uint32_t other_rounds;
static uint32_t other_wrong;
static uint32_t leave;

/* On CPU 1: other values in the same registers, over sleeps and calls. */
static void other_cpu(void *arg)
{
	(void)arg;
	gic_enable(CNTV_INTID);
	while (!load_acquire(&leave)) {
		fp_fill(~SEED);
		sleep_by_timer();
		(void)hvc(PSCI_VERSION, 0, 0, 0);
		if (fp_wrong(~SEED))
			atomic_inc(&other_wrong);
		atomic_inc(&other_rounds);
	}
}

static void beside_other_cpu(void)
{
	uint32_t wrong = 0;

	leave = 0;
	(void)cpu_start(1, other_cpu, NULL, 0);
	for (unsigned int n = 0; n < 50; n++) {
		fp_fill(SEED + n);
		sleep_by_timer();
		wrong += fp_wrong(SEED + n) != 0;
	}
	(void)wait_for(load_acquire(&other_rounds) > 10, LONG_US);
	store_release(&leave, 1);
	(void)check_eq("fp.two-cpus.here", wrong, 0);
	(void)check_true("fp.two-cpus.there-ran", other_rounds > 10);
	(void)check_eq("fp.two-cpus.there", other_wrong, 0);
	(void)cpu_wait_off(1, LONG_US);
}

/* This guest may forbid FP: the trap goes to its own EL1. */
static void own_trap(void)
{
	uint64_t cpacr = read_sysreg(cpacr_el1);
	struct probe probe;

	write_sysreg(cpacr_el1, 0);
	isb();
	probe = PROBE(plain_op(".inst 0x9e670000")); /* fmov d0, x0 */
	write_sysreg(cpacr_el1, cpacr);
	isb();
	(void)check_eq("fp.cpacr-trap", probe.count, 1);
	(void)check_eq("fp.cpacr-trap.ec", ESR_EC(probe.esr), EC_FP);
}

void check_fp(void)
{
	gic_enable(CNTV_INTID);
	gic_enable(1);
	irq_set_handler(1, irq_log_handler, NULL);
	KEPT("fp.kept.fill", (void)0);
	KEPT("fp.kept.hvc", (void)hvc(PSCI_VERSION, 0, 0, 0));
	KEPT("fp.kept.hvc-unknown", (void)hvc(0xc400007f, 0, 0, 0));
	KEPT("fp.kept.mmio", (void)mmio_read32(GICD_CTLR));
	KEPT("fp.kept.mmio-write", mmio_write32(GICD_BASE + GIC_IPRIORITYR + 64, 0));
	KEPT("fp.kept.abort", (void)PROBE((void)mmio_read32(UNMAPPED_BASE)));
	KEPT("fp.kept.sysreg", (void)read_sysreg(id_aa64pfr0_el1));
	KEPT("fp.kept.interrupts", ten_interrupts());
	KEPT("fp.kept.wfi", sleep_by_timer());
	KEPT("fp.kept.print", print("# a line between fill and look\n"));
	timer_start_us(TIMER_VIRT, 2000);
	KEPT("fp.kept.cpu-suspend", (void)hvc(PSCI_CPU_SUSPEND, 0, 0, 0));
	timer_stop(TIMER_VIRT);
	(void)check_eq("fp.triangle", fp_triangle(1000), 500500);
	fp_fill(SEED);
	write_sysreg(fpcr, UINT64_C(3) << 22);
	write_sysreg(fpsr, 0x15);
	(void)hvc(PSCI_VERSION, 0, 0, 0);
	sleep_by_timer();
	(void)check_eq("fp.kept.fpcr", read_sysreg(fpcr), UINT64_C(3) << 22);
	(void)check_eq("fp.kept.fpsr", read_sysreg(fpsr) & 0x1f, 0x15);
	write_sysreg(fpcr, 0);
	own_trap();
	if (check_cpus > 1)
		beside_other_cpu();
	else
		check_skip("fp.two-cpus", "one cpu");
}
