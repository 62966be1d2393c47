/* SPDX-License-Identifier: Apache-2.0 */
/* Trapped system registers, from one table. */
#ifndef VMM_SYSREG_H
#define VMM_SYSREG_H

#include <arch/guest.h>
#include <lib/types.h>

/* The number by which a system register is known, fields as in MRS/MSR. */
#define SYSREG_ENC(op0, op1, crn, crm, op2) \
	((u32)(op0) << 14 | (u32)(op1) << 11 | (u32)(crn) << 7 | (u32)(crm) << 3 | (u32)(op2))

/* What a guest is shown of the ID register (op0 3, op1 0, CRn 0, crm, op2). Also for tests. */
u64 sysreg_id_value(u32 crm, u32 op2);

/* vpmu.c: performance monitors. Their interrupt, once; as at the vCPU's reset (v is off CPU or the caller); accesses by v, which is loaded. */
int __must_check vpmu_host_init(void);
void vpmu_reset(struct vcpu *v);
/* Their interrupt's line, for the vCPU that is here. */
bool vpmu_asserted(void);
enum sysreg_result vpmu_access(struct vcpu *v, struct sysreg_access *a);
/* PMEVCNTR<n>_EL0, PMEVTYPER<n>_EL0, PMCCFILTR_EL0 */
enum sysreg_result vpmu_counter(struct vcpu *v, struct sysreg_access *a);

/* vdebug.c: debug registers, as at the vCPU's reset; accesses to them by v, which is loaded. */
void vdebug_reset(struct vcpu *v);
/* DBGBVR<n>_EL1, DBGBCR<n>_EL1, DBGWVR<n>_EL1, DBGWCR<n>_EL1 */
enum sysreg_result vdebug_point(struct vcpu *v, struct sysreg_access *a);
enum sysreg_result vdebug_mdscr(struct vcpu *v, struct sysreg_access *a);
/* OSLAR_EL1, OSLSR_EL1 */
enum sysreg_result vdebug_os_lock(struct vcpu *v, struct sysreg_access *a);
/* DBGCLAIMSET_EL1, DBGCLAIMCLR_EL1 */
enum sysreg_result vdebug_claim(struct vcpu *v, struct sysreg_access *a);
/* The debug communications channel's registers of EL0: nobody is at its other end. */
enum sysreg_result vdebug_channel(struct vcpu *v, struct sysreg_access *a);

#endif
