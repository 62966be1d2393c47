/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers: identity, registers that EL1 must not access, and registers that it must be
 * able to access.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmu.h"
#include "kit/smp.h"
#include "kit/lock.h"
#include "kit/time.h"

/* A case a line: this access is undefined at EL1 (EC 0), this one causes no exception. */
#define UNDEFINED(name, access) check_undefined(name, PROBE(access))
#define ALLOWED(name, access)   check_allowed(name, PROBE(access))

/* 0x100 + EC of the exception, or 0 without one: tells both in one number. */
static uint64_t outcome(struct probe probe)
{
	return probe.count ? 0x100u + ESR_EC(probe.esr) : 0;
}

static void check_undefined(const char *name, struct probe probe)
{
	(void)check_eq(name, outcome(probe), 0x100u + EC_UNKNOWN);
}

static void check_allowed(const char *name, struct probe probe)
{
	(void)check_eq(name, outcome(probe), 0);
}

static void identity(void)
{
	uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	uint64_t mpidr = read_sysreg(mpidr_el1);

	(void)check_true("sysreg.midr", read_sysreg(midr_el1) != 0);
	(void)check_eq("sysreg.mpidr.res1", field(mpidr, 31, 31), 1);
	(void)check_eq("sysreg.mpidr.aff", mpidr & UINT64_C(0xff00ffffff), 0);
	(void)check_range("sysreg.pfr0.el0", field(pfr0, 3, 0), 1, 2);
	(void)check_range("sysreg.pfr0.el1", field(pfr0, 7, 4), 1, 2);
	/* FP and AdvSIMD agree (Arm ARM D17.2.64). */
	(void)check_eq("sysreg.pfr0.advsimd", field(pfr0, 23, 20), field(pfr0, 19, 16));
	if (gic_version == 2)
		(void)check_eq("sysreg.pfr0.no-gic", field(pfr0, 27, 24), 0);
	else
		(void)check_range("sysreg.pfr0.gic", field(pfr0, 27, 24), 1, 3);
	(void)check_range("sysreg.mmfr0.parange", field(read_sysreg(id_aa64mmfr0_el1), 3, 0), 0, 6);
	(void)CHECK_ONE_OF("sysreg.mmfr0.tgran4", field(read_sysreg(id_aa64mmfr0_el1), 31, 28), 0,
			   1);
	(void)check_range("sysreg.dfr0.debugver", field(read_sysreg(id_aa64dfr0_el1), 3, 0), 6, 15);
	(void)check_eq("sysreg.ctr.res1", field(read_sysreg(ctr_el0), 31, 31), 1);
	(void)check_range("sysreg.ctr.dminline", field(read_sysreg(ctr_el0), 19, 16), 2, 9);
	/* Unallocated encodings of the ID space read as zero. */
	(void)check_eq("sysreg.id-space.raz", read_sysreg(S3_0_C0_C7_7), 0);
	(void)check_eq("sysreg.id-space.raz-2", read_sysreg(S3_0_C0_C3_7), 0);
	ALLOWED("sysreg.revidr", (void)read_sysreg(revidr_el1));
	ALLOWED("sysreg.aidr", (void)read_sysreg(aidr_el1));
	ALLOWED("sysreg.clidr", (void)read_sysreg(clidr_el1));
	ALLOWED("sysreg.csselr", write_sysreg(csselr_el1, 0));
	ALLOWED("sysreg.ccsidr", (void)read_sysreg(ccsidr_el1));
	ALLOWED("sysreg.dczid", (void)read_sysreg(dczid_el0));
	ALLOWED("sysreg.actlr", (void)read_sysreg(actlr_el1));
	ALLOWED("sysreg.id-isar0", (void)read_sysreg(id_isar0_el1));
	ALLOWED("sysreg.mvfr0", (void)read_sysreg(mvfr0_el1));
}

static void higher_levels(void)
{
	UNDEFINED("sysreg.el2.hcr-read", (void)read_sysreg(S3_4_C1_C1_0));
	UNDEFINED("sysreg.el2.hcr-write", write_sysreg(S3_4_C1_C1_0, 0));
	UNDEFINED("sysreg.el2.sctlr", (void)read_sysreg(S3_4_C1_C0_0));
	UNDEFINED("sysreg.el2.vttbr", (void)read_sysreg(S3_4_C2_C1_0));
	UNDEFINED("sysreg.el2.vbar", write_sysreg(S3_4_C12_C0_0, 0));
	UNDEFINED("sysreg.el2.vmpidr", (void)read_sysreg(S3_4_C0_C0_5));
	UNDEFINED("sysreg.el2.cnthctl", (void)read_sysreg(S3_4_C14_C1_0));
	UNDEFINED("sysreg.el2.cntvoff", write_sysreg(S3_4_C14_C0_3, 0));
	UNDEFINED("sysreg.el2.cnthp-ctl", (void)read_sysreg(S3_4_C14_C2_1));
	UNDEFINED("sysreg.el2.ich-hcr", (void)read_sysreg(S3_4_C12_C11_0));
	UNDEFINED("sysreg.el2.ich-lr0", write_sysreg(S3_4_C12_C12_0, 0));
	UNDEFINED("sysreg.el2.icc-sre", (void)read_sysreg(S3_4_C12_C9_5));
	UNDEFINED("sysreg.el2.tpidr", (void)read_sysreg(S3_4_C13_C0_2));
	UNDEFINED("sysreg.el2.sp-el1", (void)read_sysreg(S3_4_C4_C1_0));
	UNDEFINED("sysreg.el12.sctlr", (void)read_sysreg(S3_5_C1_C0_0));
	UNDEFINED("sysreg.el3.scr", (void)read_sysreg(S3_6_C1_C1_0));
	UNDEFINED("sysreg.el3.scr-write", write_sysreg(S3_6_C1_C1_0, 0));
	UNDEFINED("sysreg.el3.icc-igrpen1", (void)read_sysreg(S3_6_C12_C12_7));
	UNDEFINED("sysreg.el2.tlbi-alle1", plain_op("sys #4, c8, c7, #4"));
	UNDEFINED("sysreg.el2.at-s12e1r", sys_op("sys #4, c7, c8, #4, %0", 0));
}

static void wild(void)
{
	UNDEFINED("sysreg.wild.read", (void)read_sysreg(S3_0_C4_C9_7));
	UNDEFINED("sysreg.wild.write", write_sysreg(S3_0_C4_C9_7, 1));
	UNDEFINED("sysreg.wild.crn-8", (void)read_sysreg(S3_7_C8_C15_7));
	UNDEFINED("sysreg.wild.crn-14", (void)read_sysreg(S3_7_C14_C4_7));
	UNDEFINED("sysreg.wild.debug", (void)read_sysreg(S2_5_C9_C9_5));
	UNDEFINED("sysreg.wild.write-read-only", write_sysreg(S3_0_C0_C0_0, 0));
	UNDEFINED("sysreg.wild.icc-write-iar", write_sysreg(S3_0_C12_C12_0, 0));
	UNDEFINED("sysreg.wild.icc-read-eoir", (void)read_sysreg(S3_0_C12_C12_1));
	UNDEFINED("sysreg.wild.udf", plain_op(".inst 0x00000000"));
}

static void maintenance(void)
{
	static uint64_t line[32] __attribute__((aligned(128)));
	uint64_t par;

	ALLOWED("sysreg.dc.isw", sys_op("dc isw, %0", 0));
	ALLOWED("sysreg.dc.csw", sys_op("dc csw, %0", 0));
	ALLOWED("sysreg.dc.cisw", sys_op("dc cisw, %0", 0));
	ALLOWED("sysreg.dc.civac", sys_op("dc civac, %0", (uintptr_t)line));
	ALLOWED("sysreg.dc.cvac", sys_op("dc cvac, %0", (uintptr_t)line));
	ALLOWED("sysreg.dc.cvau", sys_op("dc cvau, %0", (uintptr_t)line));
	ALLOWED("sysreg.dc.ivac", sys_op("dc ivac, %0", (uintptr_t)line));
	ALLOWED("sysreg.ic.iallu", plain_op("ic iallu"));
	ALLOWED("sysreg.ic.ialluis", plain_op("ic ialluis"));
	ALLOWED("sysreg.ic.ivau", sys_op("ic ivau, %0", (uintptr_t)line));
	ALLOWED("sysreg.tlbi.vmalle1", plain_op("tlbi vmalle1"));
	ALLOWED("sysreg.tlbi.vmalle1is", plain_op("tlbi vmalle1is"));
	ALLOWED("sysreg.tlbi.vae1is", sys_op("tlbi vae1is, %0", 0));
	ALLOWED("sysreg.tlbi.aside1", sys_op("tlbi aside1, %0", 0));
	ALLOWED("sysreg.at.s1e1r", sys_op("at s1e1r, %0", (uintptr_t)line));
	isb();
	par = read_sysreg(par_el1);
	(void)check_eq("sysreg.at.par", par & UINT64_C(0x0000fffffffff001),
		       (uintptr_t)line & ~UINT64_C(0xfff));
	dsb();
	isb();
}

static void debug(void)
{
	ALLOWED("sysreg.oslar.lock", write_sysreg(oslar_el1, 1));
	isb();
	(void)check_eq("sysreg.oslsr.locked", read_sysreg(oslsr_el1) & 2, 2);
	ALLOWED("sysreg.oslar.unlock", write_sysreg(oslar_el1, 0));
	isb();
	(void)check_eq("sysreg.oslsr.unlocked", read_sysreg(oslsr_el1) & 2, 0);
	ALLOWED("sysreg.osdlr", write_sysreg(osdlr_el1, 0));
	ALLOWED("sysreg.mdscr", write_sysreg(mdscr_el1, 0));
	ALLOWED("sysreg.mdscr-read", (void)read_sysreg(mdscr_el1));
	ALLOWED("sysreg.mdrar", (void)read_sysreg(mdrar_el1));
	ALLOWED("sysreg.dbgbvr0", write_sysreg(dbgbvr0_el1, 0));
	ALLOWED("sysreg.dbgbcr0", write_sysreg(dbgbcr0_el1, 0));
	ALLOWED("sysreg.dbgwvr0", write_sysreg(dbgwvr0_el1, 0));
	ALLOWED("sysreg.dbgwcr0", write_sysreg(dbgwcr0_el1, 0));
	ALLOWED("sysreg.mdccint", write_sysreg(mdccint_el1, 0));
}

/* Registers that simply hold what EL1 writes. */
static void storage(void)
{
	uint64_t cpu = read_sysreg(tpidr_el1);
	uint64_t tpidr_el1;

	write_sysreg(tpidr_el0, UINT64_C(0x1122334455667788));
	write_sysreg(tpidrro_el0, UINT64_C(0x8877665544332211));
	/* The kit keeps the number of the CPU there: nothing may ask for it in between. */
	write_sysreg(tpidr_el1, UINT64_C(0xaabbccddeeff0011));
	tpidr_el1 = read_sysreg(tpidr_el1);
	write_sysreg(tpidr_el1, cpu);
	(void)check_eq("sysreg.tpidr-el1", tpidr_el1, UINT64_C(0xaabbccddeeff0011));
	(void)check_eq("sysreg.tpidr-el0", read_sysreg(tpidr_el0), UINT64_C(0x1122334455667788));
	(void)check_eq("sysreg.tpidrro-el0", read_sysreg(tpidrro_el0),
		       UINT64_C(0x8877665544332211));
	write_sysreg(contextidr_el1, 0x12345678);
	(void)check_eq("sysreg.contextidr", read_sysreg(contextidr_el1), 0x12345678);
	write_sysreg(contextidr_el1, 0);
	write_sysreg(amair_el1, read_sysreg(amair_el1));
	write_sysreg(afsr0_el1, read_sysreg(afsr0_el1));
	write_sysreg(cntkctl_el1, 3);
	(void)check_eq("sysreg.cntkctl", read_sysreg(cntkctl_el1) & 3, 3);
	write_sysreg(cntkctl_el1, 0);
}

/* CNTFRQ is for the highest implemented level only. */
static void counter_frequency(void)
{
	uint64_t frequency = read_sysreg(cntfrq_el0);

	if (check_bare())
		check_skip("sysreg.cntfrq-write", "EL1 is the highest level here");
	else
		UNDEFINED("sysreg.cntfrq-write", write_sysreg(cntfrq_el0, frequency));
	(void)check_eq("sysreg.cntfrq-kept", read_sysreg(cntfrq_el0), frequency);
}

static uint64_t mpidr_of_other;
static uint64_t pfr0_of_other;
static uint32_t other_done;

static void look_on_other(void *arg)
{
	(void)arg;
	mpidr_of_other = read_sysreg(mpidr_el1);
	pfr0_of_other = read_sysreg(id_aa64pfr0_el1);
	store_release(&other_done, 1);
}

static void other_cpu(void)
{
	other_done = 0;
	(void)cpu_start(1, look_on_other, NULL, 0);
	(void)check_true("sysreg.other-cpu", wait_for(load_acquire(&other_done), 1000000));
	(void)check_eq("sysreg.other-cpu.mpidr", mpidr_of_other & UINT64_C(0xff00ffffff), 1);
	(void)check_eq("sysreg.other-cpu.uniprocessor-bit", field(mpidr_of_other, 30, 30), 0);
	(void)check_eq("sysreg.other-cpu.same-features", pfr0_of_other,
		       read_sysreg(id_aa64pfr0_el1));
	(void)cpu_wait_off(1, 1000000);
}

void check_sysreg(void)
{
	identity();
	higher_levels();
	wild();
	maintenance();
	debug();
	storage();
	counter_frequency();
	if (check_cpus > 1)
		other_cpu();
	else
		check_skip("sysreg.other-cpu", "one cpu");
}
