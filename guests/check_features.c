/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features in the ID registers exist, and features that they deny are undefined. Each optional
 * feature is tested by one register that only exists with it. DISR_EL1 is not among them: EL2
 * cannot trap it, so it stays when RAS is hidden.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"

#define CPACR_FPEN (UINT64_C(3) << 20)
#define CPACR_ZEN  (UINT64_C(3) << 16)
#define CPACR_SMEN (UINT64_C(3) << 24)

/* A feature a line: its ID register, its field, the least value that means presence, an access. */
#define FEATURE(name, id, hi, lo, least, access) \
	check_feature(name, field(read_sysreg(id), hi, lo), least, PROBE(access))

static void check_feature(const char *name, uint64_t value, uint64_t least, struct probe probe)
{
	uint64_t outcome = probe.count ? 0x100u + ESR_EC(probe.esr) : 0;

	(void)check_eq(name, outcome, value >= least ? 0 : 0x100u + EC_UNKNOWN);
}

/* For PMUVer and similar: 0xf means an implementation of no architected kind. */
static void performance_monitors(void)
{
	uint64_t version = field(read_sysreg(id_aa64dfr0_el1), 11, 8);
	uint64_t least = version == 0xf ? 0x10 : 1;

	check_feature("feature.pmu.pmcr", version, least, PROBE((void)read_sysreg(pmcr_el0)));
	check_feature("feature.pmu.ccntr", version, least, PROBE((void)read_sysreg(pmccntr_el0)));
	check_feature("feature.pmu.userenr", version, least, PROBE(write_sysreg(pmuserenr_el0, 0)));
	check_feature("feature.pmu.cntenclr", version, least,
		      PROBE(write_sysreg(pmcntenclr_el0, 0)));
}

static void pointer_authentication(void)
{
	uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	uint64_t isar2 = read_sysreg(S3_0_C0_C6_2);
	bool address = field(isar1, 7, 4) || field(isar1, 11, 8) || field(isar2, 15, 12);
	bool generic = field(isar1, 27, 24) || field(isar1, 31, 28) || field(isar2, 11, 8);

	check_feature("feature.pauth.apiakey", address, 1, PROBE((void)read_sysreg(S3_0_C2_C1_0)));
	check_feature("feature.pauth.apdbkey", address, 1, PROBE(write_sysreg(S3_0_C2_C2_2, 0)));
	check_feature("feature.pauth.apgakey", generic, 1, PROBE((void)read_sysreg(S3_0_C2_C3_0)));
}

void check_features(void)
{
	uint64_t cpacr = read_sysreg(cpacr_el1);

	/* Without these bits SVE and SME registers trap to EL1 although they exist. */
	write_sysreg(cpacr_el1, CPACR_FPEN | CPACR_ZEN | CPACR_SMEN);
	isb();
	performance_monitors();
	pointer_authentication();
	FEATURE("feature.sve.zcr", id_aa64pfr0_el1, 35, 32, 1, (void)read_sysreg(S3_0_C1_C2_0));
	FEATURE("feature.sme.smcr", id_aa64pfr1_el1, 27, 24, 1, (void)read_sysreg(S3_0_C1_C2_6));
	FEATURE("feature.ras.erridr", id_aa64pfr0_el1, 31, 28, 1, (void)read_sysreg(S3_0_C5_C3_0));
	FEATURE("feature.mte.gcr", id_aa64pfr1_el1, 11, 8, 2, (void)read_sysreg(S3_0_C1_C0_6));
	FEATURE("feature.mte.tfsr", id_aa64pfr1_el1, 11, 8, 2, (void)read_sysreg(S3_0_C5_C6_0));
	FEATURE("feature.ssbs", id_aa64pfr1_el1, 7, 4, 2, (void)read_sysreg(S3_3_C4_C2_6));
	FEATURE("feature.pan", id_aa64mmfr1_el1, 23, 20, 1, (void)read_sysreg(S3_0_C4_C2_3));
	FEATURE("feature.uao", id_aa64mmfr2_el1, 7, 4, 1, (void)read_sysreg(S3_0_C4_C2_4));
	FEATURE("feature.lor", id_aa64mmfr1_el1, 19, 16, 1, (void)read_sysreg(S3_0_C10_C4_3));
	FEATURE("feature.rndr", id_aa64isar0_el1, 63, 60, 1, (void)read_sysreg(S3_3_C2_C4_0));
	FEATURE("feature.dit", id_aa64pfr0_el1, 51, 48, 1, (void)read_sysreg(S3_3_C4_C2_5));
	FEATURE("feature.spe", id_aa64dfr0_el1, 35, 32, 1, (void)read_sysreg(S3_0_C9_C9_0));
	FEATURE("feature.trf", id_aa64dfr0_el1, 43, 40, 1, (void)read_sysreg(S3_0_C1_C2_1));
	FEATURE("feature.trbe", id_aa64dfr0_el1, 47, 44, 1, (void)read_sysreg(S3_0_C9_C11_0));
	FEATURE("feature.amu", id_aa64pfr0_el1, 47, 44, 1, (void)read_sysreg(S3_3_C13_C2_0));
	FEATURE("feature.csv2-2", id_aa64pfr0_el1, 59, 56, 2, (void)read_sysreg(S3_3_C13_C0_7));
	FEATURE("feature.mpam", id_aa64pfr0_el1, 43, 40, 1, (void)read_sysreg(S3_0_C10_C5_0));
	write_sysreg(cpacr_el1, cpacr);
	isb();
}
