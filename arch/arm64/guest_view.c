/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's registers as a debugger sees them. They are in memory: nothing of v is on a CPU. */
#include <arch/guest.h>
#include <asm/sysreg.h>
#include <asm/trap.h>
#include <lib/string.h>
#include <vmm/core.h>

#define PSTATE_SP   BIT(0)
#define PSTATE_MODE BITS(4, 0)

static u64 *stack_pointer(struct vcpu *v)
{
	const u64 pstate = v->arch.frame->spsr;
	const bool own = !(pstate & SPSR_NRW) && (pstate & PSTATE_EL) && (pstate & PSTATE_SP);

	return own ? &v->arch.el1.sp_el1 : &v->arch.el1.sp_el0;
}

static void read_system(const struct vcpu *v, u64 sys[GUEST_SYSREGS])
{
	const struct el1_regs *e = &v->arch.el1;

	sys[GUEST_SCTLR] = e->sctlr;
	sys[GUEST_TCR] = e->tcr;
	sys[GUEST_TTBR0] = e->ttbr0;
	sys[GUEST_TTBR1] = e->ttbr1;
	sys[GUEST_MAIR] = e->mair;
	sys[GUEST_VBAR] = e->vbar;
	sys[GUEST_ESR] = e->esr;
	sys[GUEST_FAR] = e->far;
	sys[GUEST_ELR] = e->elr;
	sys[GUEST_SPSR] = e->spsr;
	sys[GUEST_SP_EL0] = e->sp_el0;
	sys[GUEST_SP_EL1] = e->sp_el1;
	sys[GUEST_TPIDR_EL0] = e->tpidr_el0;
	sys[GUEST_TPIDR_EL1] = e->tpidr_el1;
	sys[GUEST_CONTEXTIDR] = e->contextidr;
	sys[GUEST_MPIDR] = v->mpidr;
}

/* What is in memory. */
static void read_general(struct vcpu *v, struct guest_regs *r)
{
	const struct trap_frame *f = v->arch.frame;

	memset(r, 0, sizeof(*r));
	if (!f && v->index == 0) { /* it has never run */
		r->core[GUEST_PC] = v->vm->plan.entry;
		r->core[0] = v->vm->plan.arg;
	}
	if (!f)
		return;
	memcpy(r->core, f->x, sizeof(u64) * GUEST_X);
	r->core[GUEST_SP] = *stack_pointer(v);
	r->core[GUEST_PC] = f->elr;
	r->core[GUEST_PSTATE] = f->spsr;
	read_system(v, r->sys);
	r->given =
		(struct guest_exception){ v->arch.given.esr, v->arch.given.far, v->arch.given.elr };
}

void arch_vcpu_peek(struct vcpu *v, struct guest_regs *r)
{
	(void)vcpu_save(v);
	read_general(v, r);
}

void arch_vcpu_read(struct vcpu *v, struct guest_regs *r)
{
	const struct fp_state *fp = &v->thread.arch.fp;

	arch_vcpu_flush(v);
	arch_fp_flush(&v->thread);
	read_general(v, r);
	if (!v->arch.frame)
		return;
	memcpy(r->v, fp->v, sizeof(r->v));
	r->fpsr = fp->fpsr;
	r->fpcr = fp->fpcr;
}

void arch_vcpu_write(struct vcpu *v, const struct guest_regs *r)
{
	struct trap_frame *f = v->arch.frame;
	struct fp_state *fp = &v->thread.arch.fp;

	arch_vcpu_flush(v);
	arch_fp_flush(&v->thread);
	if (!f)
		return;
	memcpy(f->x, r->core, sizeof(u64) * GUEST_X);
	*stack_pointer(v) = r->core[GUEST_SP];
	f->elr = r->core[GUEST_PC];
	/* The level and the execution state stay: a guest is never entered at EL2. */
	f->spsr = (f->spsr & PSTATE_MODE) | (r->core[GUEST_PSTATE] & ~PSTATE_MODE);
	memcpy(fp->v, r->v, sizeof(r->v));
	fp->fpsr = r->fpsr;
	fp->fpcr = r->fpcr;
	v->arch.el1.spsr = r->sys[GUEST_SPSR];
}
