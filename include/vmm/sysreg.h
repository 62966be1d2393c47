/* SPDX-License-Identifier: Apache-2.0 */
/* Trapped system registers, from one table. */
#ifndef VMM_SYSREG_H
#define VMM_SYSREG_H

#include <lib/types.h>

/* The number by which a system register is known, fields as in MRS/MSR. */
#define SYSREG_ENC(op0, op1, crn, crm, op2) \
	((u32)(op0) << 14 | (u32)(op1) << 11 | (u32)(crn) << 7 | (u32)(crm) << 3 | (u32)(op2))

/* What a guest is shown of the ID register (op0 3, op1 0, CRn 0, crm, op2). Also for tests. */
u64 sysreg_id_value(u32 crm, u32 op2);

#endif
