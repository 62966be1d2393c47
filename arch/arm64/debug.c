/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests' break- and watchpoints and single step. Debug exceptions go to EL1 (MDCR_EL2.TDE is 0),
 * so none is ever taken from EL2 (Arm ARM D2.3). So a guest's registers may stay loaded while EL2
 * runs, and may be changed while debug is enabled.
 */
#include <arch/guest.h>
#include <asm/sysreg.h>
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
	u64 dfr0 = read_sysreg(id_aa64dfr0_el1);

	/* Without MDE they have no effect, whatever their values. */
	if (d->mdscr & MDSCR_MDE) {
		load(d, GUEST_BVR, (u32)FIELD(dfr0, 15, 12) + 1);
		load(d, GUEST_BCR, (u32)FIELD(dfr0, 15, 12) + 1);
		load(d, GUEST_WVR, (u32)FIELD(dfr0, 23, 20) + 1);
		load(d, GUEST_WCR, (u32)FIELD(dfr0, 23, 20) + 1);
	}
	write_sysreg(mdscr_el1, d->mdscr);
	this_cpu()->arch.mdscr = d->mdscr;
}
