/* SPDX-License-Identifier: Apache-2.0 */
/* Services that a guest calls beside PSCI. Each call: on the vCPU's thread, interrupts masked. */
#ifndef VMM_CALL_H
#define VMM_CALL_H

#include <lib/types.h>

struct vm;
struct vcpu;

/*
 * x: the guest's x0 to x7. Answer the call in x[0], results in x[0] to x[3]. False: it is none of
 * this service's, and x is as it was.
 */
bool trng_call(struct vcpu *v, u64 *x);
bool workaround_call(u64 *x);

/* What SMCCC_ARCH_FEATURES says of SMCCC_ARCH_WORKAROUND_<n> on this CPU. */
s64 workaround_features(u32 id);

#endif
