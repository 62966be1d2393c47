/* SPDX-License-Identifier: Apache-2.0 */
/* What an exception syndrome register says, in words (ESR_ELx, Arm ARM D17.2.37). Pure. */
#ifndef LIB_SYNDROME_H
#define LIB_SYNDROME_H

#include <lib/types.h>

#define SYNDROME_CLASS(esr) ((u32)FIELD(esr, 31, 26))
#define SYNDROME_FAULT(esr) ((u32)FIELD(esr, 5, 0))

/* The exception class, e.g. "data abort". */
const char *syndrome_class(u64 esr);
/* True for an abort of an instruction's fetch; of a load, a store or cache maintenance. */
bool syndrome_is_fetch(u64 esr);
bool syndrome_is_data(u64 esr);
/* True for an abort by what answered the access, not by a translation table. */
bool syndrome_is_external(u64 esr);
/* The class, and of an abort its kind: "data abort of a store: translation fault, level 2". */
void syndrome_text(u64 esr, char *text, size_t size);

#endif
