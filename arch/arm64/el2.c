/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's exception level. */
#include <arch/cpu.h>
#include <asm/boot.h>
#include <asm/errata.h>
#include <asm/guest.h>
#include <asm/stage2.h>
#include <asm/sysreg.h>
#include <kernel/log.h>
#include <kernel/percpu.h>

#define HCR_GUEST                                                                          \
	(HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | \
	 HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR)

/* Pointer authentication: the keys belong to the guest, and its instructions work. */
#define HCR_PAUTH (HCR_APK | HCR_API)

#define MDCR_GUEST \
	(MDCR_TPMCR | MDCR_TPM | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA | MDCR_TPMS | MDCR_TTRF)

/* RAS extension: its registers exist. */
static bool has_ras(void)
{
	return FIELD(read_sysreg(id_aa64pfr0_el1), 31, 28) != 0;
}

/* SME: TPIDR2_EL0 exists, and the traps that hide SME do not cover it. */
static bool has_sme(void)
{
	return FIELD(read_sysreg(id_aa64pfr1_el1), 27, 24) != 0;
}

/* Memory tagging with its system registers. GMID_EL1 is hidden like the others. */
static bool has_mte(void)
{
	return FIELD(read_sysreg(id_aa64pfr1_el1), 11, 8) >= 2;
}

/*
 * Pointer authentication by any algorithm (ID_AA64ISAR1_EL1 APA, API, GPA, GPI; ID_AA64ISAR2_EL1
 * GPA3, APA3).
 */
static bool has_pauth(void)
{
	return (read_sysreg(id_aa64isar1_el1) & (BITS(11, 4) | BITS(31, 24))) ||
	       (read_sysreg_(ID_AA64ISAR2_EL1) & BITS(15, 8));
}

/* Stage 2 can force write-back (ID_AA64MMFR2_EL1.FWB). */
static bool has_fwb(void)
{
	return FIELD(read_sysreg_(ID_AA64MMFR2_EL1), 43, 40) != 0;
}

/*
 * The boot CPU decides. A later one that lacks the feature would understand the tables differently.
 */
static __cold void force_write_back(void)
{
	if (this_cpu()->id == 0)
		guests_are_cached = has_fwb();
	if (guests_are_cached && !has_fwb()) {
		log_err("cpu%u: no FEAT_S2FWB, which cpu0 has", this_cpu()->id);
		arch_halt();
	}
}

/* Auxiliary fault status and memory attributes: what they hold is the CPU's, often nothing. */
static __cold bool has_auxiliary(void)
{
	u64 held;

	write_sysreg(afsr0_el1, ~0ULL);
	write_sysreg(afsr1_el1, ~0ULL);
	write_sysreg(amair_el1, ~0ULL);
	isb();
	held = read_sysreg(afsr0_el1) | read_sysreg(afsr1_el1) | read_sysreg(amair_el1);
	write_sysreg(afsr0_el1, 0);
	write_sysreg(afsr1_el1, 0);
	write_sysreg(amair_el1, 0);
	isb();
	return held != 0;
}

/* Activity monitors, whose counters a guest must not read. */
static bool has_amu(void)
{
	return FIELD(read_sysreg(id_aa64pfr0_el1), 47, 44) != 0;
}

/*
 * Fine-grained controls of later architectures (FEAT_HCX, FEAT_FGT). All zeros: the features that
 * they would enable are hidden and trap, and no unknown trap is on.
 */
static __cold void deny_later_features(void)
{
	u64 fgt = FIELD(read_sysreg(id_aa64mmfr0_el1), 59, 56);

	if (FIELD(read_sysreg(id_aa64mmfr1_el1), 43, 40))
		write_sysreg_(HCRX_EL2, 0);
	if (fgt == 0)
		return;
	write_sysreg_(HFGRTR_EL2, 0);
	write_sysreg_(HFGWTR_EL2, 0);
	write_sysreg_(HFGITR_EL2, 0);
	write_sysreg_(HDFGRTR_EL2, 0);
	write_sysreg_(HDFGWTR_EL2, 0);
	if (has_amu())
		write_sysreg_(HAFGRTR_EL2, 0);
	if (fgt == 1)
		return;
	write_sysreg_(HFGRTR2_EL2, 0);
	write_sysreg_(HFGWTR2_EL2, 0);
	write_sysreg_(HFGITR2_EL2, 0);
	write_sysreg_(HDFGRTR2_EL2, 0);
	write_sysreg_(HDFGWTR2_EL2, 0);
}

/*
 * Memory partitions (MPAM): guests have none and run in the default one. Firmware that turns the
 * feature on lets EL2 access it.
 */
static __cold void deny_mpam(void)
{
	u64 id;

	if (!FIELD(read_sysreg(id_aa64pfr0_el1), 43, 40) &&
	    !FIELD(read_sysreg(id_aa64pfr1_el1), 19, 16))
		return;
	id = read_sysreg_(MPAMIDR_EL1);
	write_sysreg_(MPAM2_EL2, MPAM2_TRAPMPAM0EL1 | MPAM2_TRAPMPAM1EL1 |
					 (id & MPAMIDR_HAS_TIDR ? MPAM2_TIDR : 0));
	if (id & MPAMIDR_HAS_HCR)
		write_sysreg_(MPAMHCR_EL2, MPAMHCR_TRAP_MPAMIDR);
}

/*
 * Turn off the other EL2 features that a reset leaves UNKNOWN, if the CPU has them: nothing may
 * profile, trace or record our own level.
 */
static __cold void quiet_el2(void)
{
	u64 dfr0 = read_sysreg(id_aa64dfr0_el1), mmfr3 = read_sysreg_(ID_AA64MMFR3_EL1);

	write_sysreg(amair_el2, 0);
	write_sysreg(hacr_el2, 0);
	if (FIELD(dfr0, 35, 32))
		write_sysreg_(PMSCR_EL2, 0);
	if (FIELD(dfr0, 43, 40))
		write_sysreg_(TRFCR_EL2, 0);
	if (FIELD(dfr0, 55, 52))
		write_sysreg_(BRBCR_EL2, 0);
	if (FIELD(mmfr3, 3, 0))
		write_sysreg_(TCR2_EL2, 0);
	if (FIELD(mmfr3, 7, 4))
		write_sysreg_(SCTLR2_EL2, 0);
	if (FIELD(read_sysreg(id_aa64pfr1_el1), 47, 44))
		write_sysreg_(GCSCR_EL2, 0);
	if (FIELD(read_sysreg(id_aa64mmfr1_el1), 11, 8))
		write_sysreg_(CNTHV_CTL_EL2, 0);
}

static u32 el1_features(void)
{
	return (has_ras() ? HAS_RAS : 0) | (has_sme() ? HAS_SME : 0) |
	       (has_pauth() ? HAS_PAUTH : 0) | (has_auxiliary() ? HAS_AUXILIARY : 0) |
	       (this_cpu()->arch.errata ? HAS_SPECULATIVE_AT : 0);
}

__cold void el_init_cpu(void)
{
	this_cpu()->arch.errata = errata_of(arch_cpu_midr());
	this_cpu()->arch.features = el1_features();
	this_cpu()->arch.entry_pstate = entry_pstate_init_cpu();
	deny_later_features();
	deny_mpam();
	quiet_el2();
	force_write_back();
	write_sysreg(hcr_el2, HCR_GUEST | (has_pauth() ? HCR_PAUTH : 0) |
				      (has_mte() ? HCR_TID5 : 0) |
				      (guests_are_cached ? HCR_FWB : 0));
	write_sysreg(mdcr_el2, MDCR_GUEST | pmu_init_cpu()); /* HPMN: all for guests */
	write_sysreg(vtcr_el2, stage2_vtcr());
	stage2_unload();
	write_sysreg(cnthctl_el2, 0x3); /* EL1 uses the physical counter and timer */
	write_sysreg(cnthp_ctl_el2, 0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	write_sysreg(hstr_el2, 0);
	write_sysreg(mdscr_el1, 0);
	write_sysreg(oslar_el1, 0); /* the guests' OS lock is emulated */
	if (has_ras())
		write_sysreg_(VSESR_EL2, 0);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	this_cpu()->arch.fp_control = CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TFP;
	if (has_amu())
		this_cpu()->arch.fp_control |= CPTR_TAM;
	write_sysreg(cptr_el2, this_cpu()->arch.fp_control);
	isb();
}

const char *el_refusal(u64 el)
{
	static const char *const why[] = {
		[1] = "entered at EL1, but a hypervisor needs EL2 (QEMU: -machine virtualization=on)",
		[3] = "entered at EL3; it has no secure firmware of its own: start it at EL2 (QEMU: without secure=on)",
	};

	return why[el];
}
