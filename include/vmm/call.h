/* SPDX-License-Identifier: Apache-2.0 */
/* Services that a guest calls, besides PSCI. Each call: on the vCPU's thread, interrupts masked. */
#ifndef VMM_CALL_H
#define VMM_CALL_H

#include <lib/types.h>

struct vm;
struct vcpu;

/*
 * x: the guest's x0 to x7. Write the answer to x[0] and results to x[0] to x[3]. False: the call
 * does not belong to this service, and x is unchanged.
 */
bool trng_call(struct vcpu *v, u64 *x);
bool workaround_call(u64 *x);

/* The answer of SMCCC_ARCH_FEATURES for SMCCC_ARCH_WORKAROUND_<n> on this CPU. */
s64 workaround_features(u32 id);

#endif
