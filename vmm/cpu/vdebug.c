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

u32 vdebug_points(u32 kind)
{
	u64 dfr0 = arch_id_register(5, 0);

	return (u32)(kind < GUEST_WVR ? FIELD(dfr0, 15, 12) : FIELD(dfr0, 23, 20)) + 1;
}

/* The OS lock blocks all debug exceptions except BRK's, which needs none of these registers. */
static u64 effective(const struct vdebug *d)
{
	const u64 on = d->mdscr & (MDSCR_SS | MDSCR_MDE);

	return on && !d->os_lock ? on | (d->mdscr & MDSCR_KDE) : 0;
}

static void take_effect(struct vdebug *d)
{
	const u64 mdscr = effective(d);

	if (d->by || !(d->regs.mdscr | mdscr))
		return;
	d->regs.mdscr = mdscr;
	arch_guest_debug(&d->regs);
}

void vdebug_reset(struct vcpu *v)
{
	struct vdebug *d = &v->debug;
	const struct guest_debug in_use = d->regs;
	struct debugged *by = d->by;

	memset(d, 0, sizeof(*d));
	d->os_lock = true;
	if (!by)
		return;
	memset(&by->guest, 0, sizeof(by->guest));
	d->regs = in_use;
	d->by = by;
}

/* ---- a debugger ---- */

void vdebug_take(struct vcpu *v, struct debugged *d)
{
	struct vdebug *debug = &v->debug;

	arch_vcpu_flush(v); /* what changes is loaded with the rest */
	d->guest = debug->regs;
	d->stop = STOP_NONE;
	debug->by = d;
	memset(&debug->regs, 0, sizeof(debug->regs));
	debug->regs.mdscr = GUEST_DEBUG_TAKEN;
}

void vdebug_set(struct vcpu *v, const struct guest_debug *points, bool step)
{
	arch_vcpu_flush(v);
	v->debug.regs = *points;
	v->debug.regs.mdscr = GUEST_DEBUG_TAKEN | MDSCR_MDE | (step ? MDSCR_SS : 0);
}

void vdebug_give_back(struct vcpu *v)
{
	struct vdebug *debug = &v->debug;

	arch_vcpu_flush(v);
	debug->regs = debug->by->guest;
	debug->regs.mdscr = effective(debug);
	debug->by = NULL;
}

/* A guest may execute the same BRK of its own. The same memory may have several addresses. */
static bool owns(const struct debugged *by, u64 ipa)
{
	bool found = ipa == GUEST_BREAK_LOST;

	for (u32 i = 0; i < DEBUG_BREAKS && !found; i++)
		found = by->breaks[i] == (ipa | BIT(0));
	return found;
}

bool vmm_debug_stop(struct vcpu *v, enum guest_stop stop, u64 at)
{
	struct debugged *by = v->debug.by;

	if (!by || stop == STOP_NONE || (stop == STOP_BREAK && !owns(by, at)))
		return false;
	v->held = true;
	by->stop_at = at;
	__atomic_store_n(&by->stop, stop, __ATOMIC_RELEASE);
	thread_set_work(&v->thread, VCPU_WORK_STATE);
	by->stopped();
	return true;
}

/* ---- the guest's accesses ---- */

enum sysreg_result vdebug_point(struct vcpu *v, struct sysreg_access *a)
{
	u32 kind = (a->reg & 7) - 4, n = (a->reg >> 3) & 0xf;
	u64 *reg;

	if (kind >= GUEST_DEBUG_KINDS || n >= vdebug_points(kind))
		return SYSREG_UNDEF;
	reg = &(v->debug.by ? &v->debug.by->guest : &v->debug.regs)->reg[kind][n];
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
