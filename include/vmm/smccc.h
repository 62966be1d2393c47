/* SPDX-License-Identifier: Apache-2.0 */
/* Services that a guest calls beside PSCI. Each call: on the vCPU's thread, interrupts masked. */
#ifndef VMM_SMCCC_H
#define VMM_SMCCC_H

#include <lib/types.h>

struct vm;
struct vcpu;

/*
 * x: the guest's x0 to x7. Answer the call in x[0], results in x[0] to x[3]. False: it is none of
 * this service's, and x is as it was.
 */
bool trng_call(struct vcpu *v, u64 *x);
bool pvtime_call(struct vcpu *v, u64 *x);
bool workaround_call(u64 *x);

/* What SMCCC_ARCH_FEATURES says of SMCCC_ARCH_WORKAROUND_<n> on this CPU. */
s64 workaround_features(u32 id);

/* ---- stolen time: a page of the VM at GUEST_PVTIME_BASE (vdev.h), one of these per vCPU ---- */

struct pvtime_entry {
	u32 revision;   /* 0 */
	u32 attributes; /* 0 */
	u64 stolen_ns;  /* ready to run, but not running; since the VM started */
	u8 reserved[48];
};

/* Make the page and map it for the guest, read-only. The VM's stage 2 exists. 0, -ENOMEM. */
int __must_check pvtime_init(struct vm *vm);
/* The VM's stage 2 is gone, or pvtime_init failed or was never called. */
void pvtime_free(struct vm *vm);
/* Nothing is stolen yet; each vCPU counts from its first pvtime_enter() on. No guest code runs. */
void pvtime_reset(struct vm *vm);
/* v is about to enter its guest from reset (the VM's, or CPU_ON). On its thread. */
void pvtime_enter(struct vcpu *v);
/* v goes on a CPU: write down what was stolen. Interrupts masked. */
void pvtime_update(struct vcpu *v);

#endif
