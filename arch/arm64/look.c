/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at an interrupted guest: whether it gets on, as far as its registers and its code prove.
 */
#include <asm/loop.h>
#include <asm/trap.h>
#include <lib/syndrome.h>
#include <vmm/core.h>

#define PSTATE_F  BIT(6)
#define PSTATE_IF (PSTATE_I | PSTATE_F)
#define INSN_WFI  0xd503207f

#define VECTOR_SIZE 0x80

/*
 * At most this many instructions from a vector to where it faults, and from each of four to where
 * it spins.
 */
#define FAULT_WAY 8
#define SPIN_WAY  3

/* True at EL1 with interrupts masked: no interrupt can end the current code. */
static bool is_closed(u64 pstate)
{
	return !(pstate & SPSR_NRW) && FIELD(pstate, 3, 2) == 1 &&
	       (pstate & PSTATE_IF) == PSTATE_IF;
}

/*
 * True if the guest can only fault again. The last exception was taken on the straight way from the
 * vector, and the guest is on that way now. So nothing else has been executed since the exception
 * before, and nothing else will be while the instruction faults.
 */
static bool faults_again(struct guest_code *c, struct guest_look *l, u64 vector)
{
	l->what = syndrome_class(l->last.esr);
	return is_closed(read_sysreg(spsr_el1)) &&
	       loop_leads_to(c, vector, l->last.elr, l->pc, FAULT_WAY);
}

/* True if the guest spins where one of the four vectors leads to. */
static bool spins_there(struct guest_code *c, struct guest_look *l, u64 vectors)
{
	const char *const kinds[] = { syndrome_class(l->last.esr), "IRQ", "FIQ", "SError" };

	if (!loop_spins(c, l->pc))
		return false;
	for (u32 n = 0; n < ARRAY_SIZE(kinds); n++) {
		l->what = kinds[n];
		if (loop_leads_to(c, vectors + n * VECTOR_SIZE, l->pc, l->pc, SPIN_WAY))
			return true;
	}
	return false;
}

/* Where WFI does not trap (`dedicated`), the current interrupt has ended it. */
static bool has_waited(struct guest_code *c, u64 pc)
{
	u32 insn;

	return !(read_sysreg(hcr_el2) & HCR_TWI) && guest_fetch(c, pc - 4, &insn) &&
	       insn == INSN_WFI;
}

bool arch_vcpu_was_open(const struct vcpu *v)
{
	const struct trap_frame *f = v->arch.frame;

	return f && !(__atomic_load_n(&f->spsr, __ATOMIC_RELAXED) & PSTATE_I);
}

void arch_guest_look(const struct vcpu *v, struct guest_look *l)
{
	const struct trap_frame *f = v->arch.frame;
	struct guest_code code = { .v = v };
	u64 vectors = read_sysreg(vbar_el1) + vector_offset(read_sysreg(spsr_el1));

	*l = (struct guest_look){
		.pc = f->elr,
		.link = f->x[30],
		.last = { read_sysreg(esr_el1), read_sysreg(far_el1), read_sysreg(elr_el1) },
		.given = { v->arch.given.esr, v->arch.given.far, v->arch.given.elr },
	};
	l->masked = !(f->spsr & SPSR_NRW) && (f->spsr & PSTATE_I) && !has_waited(&code, f->elr);
	if (!is_closed(f->spsr))
		return;
	if (faults_again(&code, l, vectors))
		l->lost = GUEST_FAULTS;
	else if (spins_there(&code, l, vectors))
		l->lost = GUEST_SPINS;
}
