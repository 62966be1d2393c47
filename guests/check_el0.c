/* SPDX-License-Identifier: Apache-2.0 */
/* What EL0 may do, and where the rest traps to: timers (CNTKCTL_EL1), WFI, devices, calls. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/el0.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/psci.h"
#include "kit/time.h"

#define EC_WFX     0x01u
#define SCTLR_NTWI BIT(16)
#define PRIORITY   (GICD_BASE + GIC_IPRIORITYR + 64)

/* CNTKCTL_EL1 */
#define EL0PCTEN BIT(0)
#define EL0VCTEN BIT(1)
#define EL0VTEN  BIT(8)
#define EL0PTEN  BIT(9)
#define ALL      (EL0PCTEN | EL0VCTEN | EL0VTEN | EL0PTEN)

EL0_CODE(read_cntvct, "mrs x0, cntvct_el0");
EL0_CODE(read_cntpct, "mrs x0, cntpct_el0");
EL0_CODE(read_cntfrq, "mrs x0, cntfrq_el0");
EL0_CODE(read_cntv_ctl, "mrs x0, cntv_ctl_el0");
EL0_CODE(write_cntv_cval, "msr cntv_cval_el0, x0");
EL0_CODE(read_cntv_tval, "mrs x0, cntv_tval_el0");
EL0_CODE(read_cntp_ctl, "mrs x0, cntp_ctl_el0");
EL0_CODE(write_cntp_cval, "msr cntp_cval_el0, x0");
EL0_CODE(read_cntp_tval, "mrs x0, cntp_tval_el0");
EL0_CODE(el0_wfi, "wfi");
EL0_CODE(el0_hvc, "hvc #0");
EL0_CODE(el0_smc, "smc #0");
EL0_CODE(read_sctlr, "mrs x0, sctlr_el1");
EL0_CODE(read_vbar_el2, "mrs x0, s3_4_c12_c0_0");
EL0_CODE(load_word, "ldr w0, [x0]");
EL0_CODE(store_zero, "str xzr, [x0]");
EL0_CODE(load_pair, "mov x2, x0; ldp w0, w1, [x2], #8");

static uint64_t class_of(el0_code code, uint64_t x0)
{
	return ESR_EC(el0_run(code, x0, 0).esr);
}

/* Each with nothing allowed, with exactly what allows it, and with everything else. */
static void timer_access(void)
{
	static const struct {
		const char *name;
		el0_code code;
		uint64_t allowed_by;
	} rows[] = {
		{ "cntvct", read_cntvct, EL0VCTEN },
		{ "cntpct", read_cntpct, EL0PCTEN },
		{ "cntv-ctl", read_cntv_ctl, EL0VTEN },
		{ "cntv-cval", write_cntv_cval, EL0VTEN },
		{ "cntv-tval", read_cntv_tval, EL0VTEN },
		{ "cntp-ctl", read_cntp_ctl, EL0PTEN },
		{ "cntp-cval", write_cntp_cval, EL0PTEN },
		{ "cntp-tval", read_cntp_tval, EL0PTEN },
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		write_sysreg(cntkctl_el1, 0);
		(void)check_eq(check_name("el0", rows[n].name, "denied"), class_of(rows[n].code, 0),
			       EC_SYSREG);
		write_sysreg(cntkctl_el1, rows[n].allowed_by);
		(void)check_eq(check_name("el0", rows[n].name, "allowed"),
			       class_of(rows[n].code, 0), EC_SVC64);
		write_sysreg(cntkctl_el1, ALL & ~rows[n].allowed_by);
		(void)check_eq(check_name("el0", rows[n].name, "others-allowed"),
			       class_of(rows[n].code, 0), EC_SYSREG);
	}
	write_sysreg(cntkctl_el1, EL0VTEN | EL0PTEN);
	(void)check_eq("el0.cntfrq.denied", class_of(read_cntfrq, 0), EC_SYSREG);
	write_sysreg(cntkctl_el1, EL0PCTEN);
	(void)check_eq("el0.cntfrq.allowed", class_of(read_cntfrq, 0), EC_SVC64);
	write_sysreg(cntkctl_el1, EL0VCTEN);
	(void)check_eq("el0.cntfrq.value", el0_run(read_cntfrq, 0, 0).x0, read_sysreg(cntfrq_el0));
}

static void timer_values(void)
{
	uint64_t before, seen;

	write_sysreg(cntkctl_el1, ALL);
	(void)check_eq("el0.cntkctl", read_sysreg(cntkctl_el1) & ALL, ALL);
	before = now();
	seen = el0_run(read_cntvct, 0, 0).x0;
	(void)check_true("el0.cntvct.value", seen >= before && seen <= now());
	(void)el0_run(write_cntv_cval, 0x123456789abcdef0, 0);
	(void)check_eq("el0.cntv-cval.value", timer_get_cval(TIMER_VIRT), 0x123456789abcdef0);
	/* Another system may have used the CPU in the meantime. */
	timer_start_us(TIMER_VIRT, 2000);
	gic_enable(CNTV_INTID);
	while (!irq_waiting())
		wfi();
	irq_reset();
	(void)check_eq("el0.cntkctl.kept", read_sysreg(cntkctl_el1) & ALL, ALL);
	write_sysreg(cntkctl_el1, 0);
}

/* EL1's trap comes first (SCTLR_EL1.nTWI). Without it, WFI acts as at EL1. */
static void waiting(void)
{
	uint64_t sctlr = read_sysreg(sctlr_el1);

	write_sysreg(sctlr_el1, sctlr & ~SCTLR_NTWI);
	isb();
	(void)check_eq("el0.wfi.denied", class_of(el0_wfi, 0), EC_WFX);
	write_sysreg(sctlr_el1, sctlr | SCTLR_NTWI);
	isb();
	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, 1000);
	(void)check_eq("el0.wfi.allowed", class_of(el0_wfi, 0), EC_SVC64);
	(void)check_true("el0.wfi.waits", irq_waiting());
	irq_reset();
	write_sysreg(sctlr_el1, sctlr);
	isb();
}

static void privileges(void)
{
	(void)check_eq("el0.hvc", class_of(el0_hvc, PSCI_VERSION), EC_UNKNOWN);
	(void)check_eq("el0.smc", class_of(el0_smc, PSCI_VERSION), EC_UNKNOWN);
	(void)check_eq("el0.sctlr-el1", class_of(read_sctlr, 0), EC_UNKNOWN);
	(void)check_eq("el0.vbar-el2", class_of(read_vbar_el2, 0), EC_UNKNOWN);
}

static void devices(void)
{
	uint64_t device = mmu_user_alias(1, GICD_BASE, MMU_DEVICE) + (PRIORITY - GICD_BASE);
	struct el0_exit exit;

	mmio_write32(PRIORITY, 0x10203040);
	mmio_write32(PRIORITY + 4, 0x50607080);
	(void)check_eq("el0.device.ldr", el0_run(load_word, device, 0).x0, 0x10203040);
	exit = el0_run(load_pair, device, 0);
	(void)check_eq("el0.device.ldp-post.first", exit.x0, 0x10203040);
	(void)check_eq("el0.device.ldp-post.second", exit.x1, 0x50607080);
	exit = el0_run(store_zero, mmu_user_alias(1, UNMAPPED_BASE, MMU_DEVICE), 0);
	(void)check_eq("el0.unmapped", ESR_EC(exit.esr), EC_DABT_LOW);
	(void)check_eq("el0.unmapped.fsc", ESR_FSC(exit.esr), FSC_EXTERNAL);
	(void)check_eq("el0.unmapped.wnr", (exit.esr & ESR_WNR) != 0, true);
	/* A page that only EL1 may read stays a permission fault of stage 1. */
	exit = el0_run(load_word, PRIORITY, 0);
	(void)check_eq("el0.not-its-own", ESR_EC(exit.esr), EC_DABT_LOW);
	(void)check_eq("el0.not-its-own.fsc", ESR_FSC(exit.esr), 0x0d);
}

void check_el0(void)
{
	uint64_t cntkctl = read_sysreg(cntkctl_el1);

	timer_access();
	timer_values();
	waiting();
	privileges();
	devices();
	write_sysreg(cntkctl_el1, cntkctl);
}
