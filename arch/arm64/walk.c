/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats the guest's own table walk to find where it left memory: stage 2's syndrome does not give
 * the level of stage 1.
 */
#include <asm/trap.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

s32 walk_leaves_ram(const struct vcpu *v, u64 va)
{
	const struct stage1 s = {
		.sctlr = read_sysreg(sctlr_el1),
		.tcr = read_sysreg(tcr_el1),
		.ttbr = { read_sysreg(ttbr0_el1), read_sysreg(ttbr1_el1) },
	};
	struct stage1_walk w = { .level = 0 };

	(void)stage1_walk(&v->vm->ram, &s, va, &w);
	return w.level;
}
