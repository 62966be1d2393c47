/* SPDX-License-Identifier: Apache-2.0 */
/* A VM with a virtual GIC and nothing else, and stand-ins for the other code that it calls. */
#ifndef VGIC_FIXTURE_H
#define VGIC_FIXTURE_H

#include <vmm/core.h>

#define FIXTURE_VCPUS 3
#define FIXTURE_MANY  VM_MAX_VCPUS

extern struct vm fixture_vm;
extern struct vcpu fixture_vcpus[FIXTURE_MANY];
/* Kicks since the last call, a bit per vCPU. */
u32 fixture_kicked(void);
/* Ended WFIs since the last call, a bit per vCPU. */
u32 fixture_ended(void);
/* The vCPU whose thread each CPU executes, or NULL. */
extern struct vcpu *fixture_current[8];
/* The handler registered for a physical interrupt. */
void fixture_irq(u32 intid);
/* A forwarded interrupt comes again: false if vgic_forward_ppi() is for it. */
bool __must_check fixture_refire(struct vcpu *v, u32 pintid);

/* Setup of a test: three vCPUs off CPU, groups enabled, nothing configured. */
int fixture_setup(void **state);
/* The same with a GICv2: the private registers are in the distributor. */
int fixture_setup_gicv2(void **state);

/* The same with as many vCPUs as a VM can have. */
int fixture_setup_many(void **state);
/* How often interrupts were let in since the last call. */
u32 fixture_let_in(void);

/* Switch vCPU n to the executing CPU (from the one there), and away. */
void fixture_load(u32 n);
void fixture_put(void);
/* The exit path of the vCPU that is loaded here, if it was kicked. */
void fixture_exit(void);
/*
 * Deliver the maintenance interrupt as long as it is asserted; dies of a storm. Returns how many
 * there were.
 */
u32 fixture_maintenance(void);

/* Guest accesses by vCPU n. */
u64 fixture_read(u32 n, u64 ipa, u32 size);
void fixture_write(u32 n, u64 ipa, u32 size, u64 value);
enum mmio_result fixture_access(u32 n, u64 ipa, u32 size, bool write, u64 *value);

#define GICD(offset)    (GUEST_GICD_BASE + (offset))
#define GICR(n, offset) (GUEST_GICR_BASE + KIB(128) * (n) + (offset))
#define SGI(n, offset)  (GICR(n, offset) + KIB(64))

/*
 * Enable an interrupt with a priority, in group 1; vCPU n is the accessor (and owner of private
 * ones).
 */
void fixture_enable(u32 n, u32 intid, u8 prio);
/* The list register that holds an interrupt on the executing CPU, or 0. */
u64 fixture_lr(u32 intid);

#endif
