/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs whose mistakes we work around, and those whose branch predictors a guest could train against us: pure functions of what a CPU says of itself. */
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
 * All of the table so far are one mistake: an AT instruction that is speculated between the writes of VTTBR_EL2 and of EL1's translation registers leaves a
 * TLB entry of the one VM's tables under the other's VMID.
 */
extern const struct erratum errata[ERRATA];

/* Those of the CPU with this MIDR_EL1, a bit each. */
u32 errata_of(u32 midr);

/* What a CPU and its firmware say of CVE-2017-5715 (Spectre v2) and CVE-2022-23960 (branch history). */
struct predictor_facts {
	u32 midr;
	u64 pfr0, mmfr1, isar2; /* ID_AA64PFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64ISAR2_EL1 */
	s32 workaround_1,
		workaround_3; /* SMCCC_ARCH_FEATURES of these: 0: call it, 1: not affected, negative: unknown */
};

/* One of <asm/guard.h>. */
u32 predictor_guard(const struct predictor_facts *f);

#endif
