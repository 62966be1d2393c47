/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-hosted debug as a guest sees it (Arm ARM D2, D19.3). There is no external debugger: its part
 * of each register has no effect.
 */
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#define MDSCR_SS   BIT(0)
#define MDSCR_TDCC BIT(12)
#define MDSCR_KDE  BIT(13)
#define MDSCR_MDE  BIT(15)

/* Writable bits of DBGBVR, DBGBCR, DBGWVR and DBGWCR. */
static const u64 writable[] = {
	[GUEST_BVR] = ~0UL,
	[GUEST_BCR] = BIT(0) | BITS(2, 1) | BITS(8, 5) | BITS(23, 13),
	[GUEST_WVR] = ~3UL,
	[GUEST_WCR] = BITS(20, 0) | BITS(28, 24),
};

/* The number of break- or watchpoints that the guest is shown. */
static u32 count_of(u32 kind)
{
	u64 dfr0 = arch_id_register(5, 0);

	return (u32)(kind < GUEST_WVR ? FIELD(dfr0, 15, 12) : FIELD(dfr0, 23, 20)) + 1;
}

/* The OS lock blocks all debug exceptions except BRK's, which needs none of these registers. */
static void take_effect(struct vdebug *d)
{
	u64 on = d->mdscr & (MDSCR_SS | MDSCR_MDE);
	u64 mdscr = on && !d->os_lock ? on | (d->mdscr & MDSCR_KDE) : 0;

	if (!(d->regs.mdscr | mdscr))
		return;
	d->regs.mdscr = mdscr;
	arch_guest_debug(&d->regs);
}

void vdebug_reset(struct vcpu *v)
{
	memset(&v->debug, 0, sizeof(v->debug));
	v->debug.os_lock = true;
}

enum sysreg_result vdebug_point(struct vcpu *v, struct sysreg_access *a)
{
	u32 kind = (a->reg & 7) - 4, n = (a->reg >> 3) & 0xf;
	u64 *reg;

	if (kind >= GUEST_DEBUG_KINDS || n >= count_of(kind))
		return SYSREG_UNDEF;
	reg = &v->debug.regs.reg[kind][n];
	if (a->write) {
		*reg = a->value & writable[kind];
		take_effect(&v->debug);
	}
	a->value = *reg;
	return SYSREG_OK;
}

enum sysreg_result vdebug_mdscr(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	struct vdebug *d = &v->debug;

	(void)arg;
	if (a->write) {
		d->mdscr = a->value & (MDSCR_SS | MDSCR_TDCC | MDSCR_KDE | MDSCR_MDE);
		take_effect(d);
	}
	a->value = d->mdscr;
	return SYSREG_OK;
}

enum sysreg_result vdebug_os_lock(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	struct vdebug *d = &v->debug;

	(void)arg;
	if (a->write) {
		d->os_lock = a->value & 1;
		take_effect(d);
	}
	a->value = BIT(3) | (d->os_lock ? BIT(1) : 0); /* OSLSR_EL1: OSLM, implemented */
	return SYSREG_OK;
}

enum sysreg_result vdebug_claim(struct vcpu *v, struct sysreg_access *a, u32 set)
{
	u8 *claim = &v->debug.claim;

	if (a->write)
		*claim = (u8)(set ? *claim | a->value : *claim & ~a->value);
	else
		a->value = set ? 0xff : *claim; /* which tags exist; which are set */
	return SYSREG_OK;
}

enum sysreg_result vdebug_channel(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	if (a->user && (v->debug.mdscr & MDSCR_TDCC))
		return SYSREG_TRAP;
	a->value = 0;
	return SYSREG_OK;
}
