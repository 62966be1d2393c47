/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts and timers, used nearly as they should. */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/time.h"
#include "riot.h"

/* ---- interrupts ---- */

void riot_take(void)
{
	unsigned int intid;

	for (unsigned int n = 0; n < 16 && (intid = gic_ack()) < GIC_SPECIAL; n++)
		gic_eoi(intid);
}

/* The timers wake this CPU again, whatever it did before. */
void riot_repair(void)
{
	gic_dist_enable(true);
	gic_cpu_write(GIC_EOIMODE, 0);
	gic_cpu_write(GIC_PMR, 0xff);
	gic_cpu_write(GIC_APR, 0);
	gic_cpu_write(GIC_ENABLE, 1);
	if (gic_version != 2) {
		mmio_write32(gic_redist() + GICR_WAKER, 0);
		mmio_write32(gic_redist() + GICR_SGI_PAGE + GIC_IGROUPR, ~0u);
	}
	for (unsigned int kind = 0; kind < TIMER_KINDS; kind++) {
		gic_clear_active(timer_intid(kind));
		gic_set_priority(timer_intid(kind), GIC_PRIORITY);
		gic_enable(timer_intid(kind));
	}
}

void riot_bank(void)
{
	static const uint16_t banks[] = { GIC_IGROUPR,   GIC_ISENABLER,  GIC_ICENABLER,
					  GIC_ISPENDR,   GIC_ICPENDR,    GIC_ISACTIVER,
					  GIC_ICACTIVER, GIC_IPRIORITYR, GIC_ICFGR };
	const unsigned int at = RIOT_ONE_OF(banks) + 4 * riot_below(16);
	const uintptr_t redist = GICR_BASE + riot_below(riot_cpus) * GICR_STRIDE + GICR_SGI_PAGE;
	const uintptr_t base = riot_below(2) ? GICD_BASE : redist;

	if (riot_below(4))
		mmio_write32(base + at, (uint32_t)riot_value());
	else
		(void)mmio_read32(base + at);
}

void riot_sgi(void)
{
	switch (riot_below(4)) {
	case 0:
		write_icc(ICC_SGI1R, riot_value());
		break;
	case 1:
		write_icc(ICC_SGI0R, riot_value());
		break;
	case 2:
		gic_send_sgi(riot_below(16), (uint16_t)riot_random());
		break;
	default:
		gic_send_sgi_others(riot_below(16));
		break;
	}
}

void riot_interface(void)
{
	switch (riot_below(10)) {
	case 0:
		write_icc(ICC_PMR, riot_value());
		break;
	case 1:
		write_icc(ICC_BPR1, riot_value() & 7); /* QEMU 7.2 aborts at some of 8 and more */
		break;
	case 2:
		write_icc(ICC_CTLR, riot_value());
		break;
	case 3:
		write_icc(ICC_IGRPEN1, riot_value());
		write_icc(ICC_IGRPEN0, riot_value());
		break;
	case 4:
		write_icc(ICC_DIR, riot_value());
		break;
	case 5:
		write_icc(ICC_EOIR1, riot_value());
		break;
	case 6:
		write_icc(ICC_EOIR0, read_icc(ICC_IAR0));
		break;
	case 7:
		write_icc(ICC_AP1R0, riot_value());
		break;
	case 8:
		(void)gic_ack(); /* and not ended */
		break;
	default:
		riot_take();
		break;
	}
}

void riot_route(void)
{
	const unsigned int intid = 32 + riot_below(256);

	mmio_write64(GICD_IROUTER(intid), riot_below(4) ? riot_below(riot_cpus + 1) : riot_value());
	gic_set_pending(intid);
	gic_enable(intid);
}

/* Handlers of the kit take what is pending; it disables what it does not expect. */
void riot_unmasked(void)
{
	asm volatile("msr daifclr, #3; isb; msr daifset, #3" : : : "memory");
}

/* ---- time ---- */

void riot_timers(void)
{
	const enum timer_kind kind = riot_below(TIMER_KINDS);

	switch (riot_below(4)) {
	case 0:
		timer_set_cval(kind, riot_value());
		break;
	case 1:
		timer_set_tval(kind, (uint32_t)riot_value());
		break;
	case 2:
		timer_set_cval(kind, timer_counter(kind) + riot_below(10000));
		break;
	default:
		timer_set_ctl(kind, riot_value());
		break;
	}
}

void riot_arm_timers(void)
{
	riot_repair();
	for (unsigned int kind = 0; kind < TIMER_KINDS; kind++) {
		timer_set_tval(kind, riot_below(20000));
		timer_set_ctl(kind, TIMER_ENABLE);
	}
}

void riot_sleeps(void)
{
	for (unsigned int n = riot_below(8); n > 0; n--) {
		riot_arm_timers();
		if (riot_below(2))
			wfi();
		else
			wfe();
		riot_take();
	}
}
