/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUs with errata that have workarounds, and CPUs whose branch predictors a guest could train
 * against us. Pure functions of a CPU's identification.
 */
#ifndef ASM_ERRATA_H
#define ASM_ERRATA_H

#include <asm/guard.h>
#include <lib/types.h>

struct erratum {
	u32 part;               /* of MIDR_EL1: implementer and part number */
	u8 first_rev, last_rev; /* Variant << 4 | Revision, both included */
	const char *name;
};

#define ERRATA 5

/*
 * All rows so far are one erratum: an AT instruction that is speculated between the writes of
 * VTTBR_EL2 and of EL1's translation registers leaves a TLB entry from one VM's tables under
 * another VM's VMID.
 */
extern const struct erratum errata[ERRATA];

/* The errata of the CPU with this MIDR_EL1, one bit each. */
u32 errata_of(u32 midr);

/*
 * What a CPU and its firmware report about CVE-2017-5715 (Spectre v2) and CVE-2022-23960 (branch
 * history).
 */
struct predictor_facts {
	u32 midr;
	u64 pfr0, mmfr1, isar2; /* ID_AA64PFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64ISAR2_EL1 */
	s32 workaround_1,
		workaround_3; /* SMCCC_ARCH_FEATURES: 0 call it, 1 not affected, negative unknown */
};

/* A guard of <asm/guard.h>. */
u32 predictor_guard(const struct predictor_facts *f);

#endif
