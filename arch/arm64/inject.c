/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions that ZVM raises for a guest. The vCPU is loaded, so its EL1 registers are the CPU's
 * (Arm ARM D1.3, AArch64.TakeException).
 */
#include <asm/boot.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <vmm/core.h>

#define PSTATE_MODE     0xf
#define PSTATE_EL1H     0x5
#define PSTATE_EL1T     0x4
#define PSTATE_DAIF     (0xfULL << 6)
#define PSTATE_SSBS     BIT(12)
#define PSTATE_DIT      BIT(24)
#define PSTATE_PAN      BIT(22)
#define PSTATE_TCO      BIT(25)
#define PSTATE_NZCV     (0xfULL << 28)
#define SCTLR_EL1_DSSBS BIT(44)
#define SCTLR_EL1_SPAN  BIT(23)

#define ISS_CM       BIT(8)
#define ISS_WNR      BIT(6)
#define FSC_EXTERNAL 0x10
#define FSC_WALK     0x14 /* plus the level */

u64 vector_offset(u64 pstate)
{
	if (pstate & SPSR_NRW)
		return 0x600;
	switch (pstate & PSTATE_MODE) {
	case PSTATE_EL1H:
		return 0x200;
	case PSTATE_EL1T:
		return 0;
	default:
		return 0x400;
	}
}

static bool from_el0(u64 pstate)
{
	return (pstate & SPSR_NRW) || (pstate & PSTATE_MODE) == 0;
}

/*
 * A feature that guests are not shown (memory tagging) still changes how the CPU takes exceptions.
 */
u64 entry_pstate_init_cpu(void)
{
	u64 pfr1 = read_sysreg(id_aa64pfr1_el1);

	return (FIELD(read_sysreg(id_aa64mmfr1_el1), 23, 20) ? PSTATE_PAN : 0) |
	       (FIELD(pfr1, 7, 4) ? PSTATE_SSBS : 0) | (FIELD(pfr1, 11, 8) ? PSTATE_TCO : 0);
}

/* The bits that become 1, of those that the CPU has. */
static __noinline u64 entry_bits(u64 has)
{
	u64 sctlr = read_sysreg(sctlr_el1);

	if (sctlr & SCTLR_EL1_SPAN)
		has &= ~PSTATE_PAN;
	if (!(sctlr & SCTLR_EL1_DSSBS))
		has &= ~PSTATE_SSBS;
	return has;
}

/*
 * Note the exception for a later question why the vCPU is lost (look.c). A fault inside the vectors
 * is a consequence of an earlier one and is not noted.
 */
static void note(const struct trap_frame *f, u64 esr, u64 vbar)
{
	struct arch_vcpu *a = &container_of(this_cpu()->current, struct vcpu, thread)->arch;

	if (f->elr - vbar < VECTORS_SIZE)
		return;
	a->given.esr = esr;
	a->given.elr = f->elr;
	a->given.far = read_sysreg(far_el1);
}

/*
 * Bits that the new PSTATE takes neither from the old one nor from SCTLR_EL1 are 0: UAO, SS, IL,
 * BTYPE, nRW. In AArch32 state bits 25, 23 and 15 to 10 of f->spsr have other meanings (IT, SSBS).
 */
static __noinline void take_exception(struct trap_frame *f, u64 esr)
{
	u64 has = this_cpu()->arch.entry_pstate, vbar = read_sysreg(vbar_el1);
	u64 pstate = PSTATE_EL1H | PSTATE_DAIF |
		     (f->spsr & (PSTATE_NZCV | PSTATE_PAN | PSTATE_DIT));

	if (has)
		pstate |= entry_bits(has);
	note(f, esr, vbar);
	write_sysreg(esr_el1, esr);
	write_sysreg(elr_el1, f->elr);
	write_sysreg(spsr_el1, f->spsr);
	f->elr = vbar + vector_offset(f->spsr);
	f->spsr = pstate;
}

void inject_undef(struct trap_frame *f)
{
	take_exception(f, (u64)EC_UNKNOWN << 26 | ESR_IL);
}

void inject_brk(struct trap_frame *f, u64 esr)
{
	take_exception(f, esr);
}

void inject_sysreg_trap(struct trap_frame *f, u64 esr)
{
	take_exception(f, (u64)EC_SYSREG << 26 | ESR_IL | ESR_ISS(esr));
}

static void take_abort(struct trap_frame *f, u64 far, bool fetch, u64 iss)
{
	u64 ec = fetch ? EC_IABT_SAME : EC_DABT_SAME;

	if (from_el0(f->spsr))
		ec--; /* a class for a lower level is one less */
	write_sysreg(far_el1, far);
	take_exception(f, ec << 26 | ESR_IL | iss);
}

void inject_external_abort(struct trap_frame *f, u64 far, enum abort_access access)
{
	take_abort(f, far, access == ABORT_FETCH,
		   (access == ABORT_WRITE ? ISS_WNR : 0) | FSC_EXTERNAL);
}

void inject_same_abort(struct trap_frame *f, u64 esr, u64 far)
{
	take_abort(f, far, false, esr & (ISS_CM | ISS_WNR | BITS(5, 0)));
}

void inject_walk_abort(struct trap_frame *f, u64 esr, u64 far, s32 level)
{
	bool fetch = ESR_EC(esr) == EC_IABT_LOWER;

	take_abort(f, far, fetch, (fetch ? 0 : esr & (ISS_CM | ISS_WNR)) | (u64)(FSC_WALK + level));
}
