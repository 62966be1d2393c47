/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lazy FP/SIMD switch. A CPU's registers belong to the thread fp_owner. Any other thread that uses
 * the unit traps. CPTR_EL2.TFP and CPACR_EL1.FPEN trap our own level too, so library code with SIMD
 * instructions in our own threads is handled in the same way.
 */
#include <arch/thread.h>
#include <asm/sysreg.h>
#include <asm/trap.h>
#include <kernel/percpu.h>

void fp_save(struct fp_state *s);
void fp_restore(const struct fp_state *s);

static void set_control(struct arch_percpu *cpu, u64 control)
{
	if (cpu->fp_control == control)
		return;
	cpu->fp_control = control;
	write_sysreg_(FP_CONTROL, control);
	isb(); /* the next instruction may use the unit */
}

void arch_fp_switch(struct thread *next)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	set_control(cpu, cpu->fp_owner == next ? FP_ALLOWED(cpu->fp_control)
					       : FP_TRAPPED(cpu->fp_control));
}

void fp_trap(void)
{
	struct percpu *p = this_cpu();
	struct arch_percpu *cpu = &p->arch;

	set_control(cpu, FP_ALLOWED(cpu->fp_control));
	if (cpu->fp_owner == p->current)
		return;
	if (cpu->fp_owner)
		fp_save(&cpu->fp_owner->arch.fp);
	fp_restore(&p->current->arch.fp);
	cpu->fp_owner = p->current;
}

void arch_fp_flush(struct thread *t)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->fp_owner != t)
		return;
	set_control(cpu, FP_ALLOWED(cpu->fp_control));
	fp_save(&t->arch.fp);
	arch_fp_drop(t);
}

void arch_fp_drop(struct thread *t)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->fp_owner != t)
		return;
	cpu->fp_owner = NULL;
	set_control(cpu, FP_TRAPPED(cpu->fp_control));
}
