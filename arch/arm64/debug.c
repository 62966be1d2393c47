/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests' break- and watchpoints and single step. Debug exceptions go to EL1, or, while a debugger
 * has the VM, to EL2 (MDCR_EL2.TDE) with MDSCR_EL1.KDE = 0: so none is ever taken from EL2 (Arm ARM
 * D2.3). So a guest's registers may stay loaded while EL2 runs, and may be changed while debug is
 * enabled.
 */
#include <arch/guest.h>
#include <asm/sysreg.h>
#include <asm/trap.h>
#include <kernel/percpu.h>

#define MDSCR_MDE BIT(15)

void dbg_write(u32 index, u64 value);

static void load(const struct guest_debug *d, u32 kind, u32 count)
{
	for (u32 n = 0; n < count; n++)
		dbg_write(kind * GUEST_DEBUG_REGS + n, d->reg[kind][n]);
}

void arch_guest_debug(const struct guest_debug *d)
{
	u64 dfr0 = read_sysreg(id_aa64dfr0_el1), mdcr = read_sysreg(mdcr_el2) & ~MDCR_TDE;

	write_sysreg(mdcr_el2, d->mdscr & GUEST_DEBUG_TAKEN ? mdcr | MDCR_TDE : mdcr);
	/* Without MDE they have no effect, whatever their values. */
	if (d->mdscr & MDSCR_MDE) {
		load(d, GUEST_BVR, (u32)FIELD(dfr0, 15, 12) + 1);
		load(d, GUEST_BCR, (u32)FIELD(dfr0, 15, 12) + 1);
		load(d, GUEST_WVR, (u32)FIELD(dfr0, 23, 20) + 1);
		load(d, GUEST_WCR, (u32)FIELD(dfr0, 23, 20) + 1);
	}
	write_sysreg(mdscr_el1, d->mdscr & ~GUEST_DEBUG_TAKEN);
	this_cpu()->arch.mdscr = d->mdscr;
}

static enum guest_stop stop_of(u64 esr)
{
	switch (ESR_EC(esr)) {
	case EC_BREAK_LOWER:
		return STOP_HW_BREAK;
	case EC_STEP_LOWER:
		return STOP_STEP;
	case EC_WATCH_LOWER:
		return STOP_WATCH;
	case EC_BRK:
		return FIELD(esr, 15, 0) == GUEST_BREAK_IMM ? STOP_BREAK : STOP_NONE;
	default: /* BKPT of AArch32 */
		return STOP_NONE;
	}
}

/* Where a watchpoint was hit; the IPA of a BRK. */
static u64 place_of(const struct trap_frame *f, enum guest_stop stop)
{
	ipa_t ipa;

	if (stop != STOP_BREAK)
		return read_sysreg(far_el2);
	return translate_code(f->elr, &ipa) ? ipa.ipa : GUEST_BREAK_LOST;
}

void trap_debug(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	const enum guest_stop stop = stop_of(esr);

	if (!vmm_debug_stop(v, stop, place_of(f, stop)))
		inject_brk(f, esr);
}
