/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the syndrome of a data abort from a lower level says about HPFAR_EL2 (Arm ARM D17.2.37,
 * D17.2.64). Pure functions of ESR_EL2.
 */
#ifndef ASM_FAULT_H
#define ASM_FAULT_H

#include <lib/types.h>

#define ISS_S1PTW BIT(7)
#define ISS_WNR   BIT(6)

/* DFSC, without the level */
#define FSC_TRANSLATION  0x04U
#define FSC_PERMISSION   0x0cU
#define FSC_TLB_CONFLICT 0x30U

/*
 * A permission fault at any level. Only stores take it, into memory that is read-only for the
 * guest: flash, whose region ignores them, or a page that ZVM fills, without a region.
 */
static inline bool is_permission(u64 esr)
{
	return (esr & 0x3c) == FSC_PERMISSION;
}

/* A translation fault at any level: nothing is mapped there. HPFAR_EL2 is valid. */
static inline bool is_translation(u64 esr)
{
	return (esr & 0x3c) == FSC_TRANSLATION;
}

/*
 * HPFAR_EL2 is valid after faults of translation, access flag and address size, and on a table walk
 * (S1PTW). After any other fault it is UNKNOWN; it may be from an earlier fault. Both functions
 * need one comparison, for a load and for a store. True also means that it is not a table walk.
 */
static inline bool load_has_ipa(u64 esr)
{
	return (esr & (ISS_S1PTW | ISS_WNR | BITS(5, 0))) < FSC_PERMISSION;
}

static inline bool store_has_ipa(u64 esr)
{
	return load_has_ipa(esr ^ ISS_WNR);
}

#endif
