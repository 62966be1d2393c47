/* SPDX-License-Identifier: Apache-2.0 */
/* The GIC's CPU interface, timers, and interrupts that are taken. */
#include "diff.h"
#include "kit/cpu.h"
#include "kit/gic.h"

struct icc_row {
	uint32_t reg;
	uint64_t bits;       /* that are drawn */
	unsigned int access; /* 1: read, 2: write, 3: both */
};

#define ICC(crm, op2) SYSREG(3, 0, 12, crm, op2)

static const struct icc_row icc[] = {
	{ SYSREG(3, 0, 4, 6, 0), 0xff, 3 }, /* ICC_PMR_EL1 */
	{ ICC(8, 2), 0, 1 },                /* ICC_HPPIR0_EL1 */
	{ ICC(12, 2), 0, 1 },               /* ICC_HPPIR1_EL1 */
	{ ICC(8, 3), 7, 3 },                /* ICC_BPR0_EL1 */
	{ ICC(12, 3), 7, 3 },               /* ICC_BPR1_EL1 */
	{ ICC(8, 4), 0, 3 },                /* ICC_AP0R0_EL1 */
	{ ICC(9, 0), 0, 3 },                /* ICC_AP1R0_EL1 */
	{ ICC(12, 4), 3, 3 },               /* ICC_CTLR_EL1: CBPR, EOImode */
	{ ICC(12, 5), 7, 3 },               /* ICC_SRE_EL1 */
	{ ICC(12, 6), 1, 3 },               /* ICC_IGRPEN0_EL1 */
	{ ICC(12, 7), 1, 3 },               /* ICC_IGRPEN1_EL1 */
	{ ICC(11, 3), 0, 1 },               /* ICC_RPR_EL1 */
	{ ICC(8, 5), 0, 3 },                /* ICC_AP0R1_EL1: not with 5 bits of priority */
	{ ICC(9, 1), 0, 3 },                /* ICC_AP1R1_EL1 */
};

/*
 * Acknowledges, looks at the running priority, and ends the same interrupt: the architecture says
 * nothing of another order.
 */
static void draw_acknowledge(struct step *s)
{
	unsigned int crm = draw_one_in(3) ? 8 : 12; /* group 0, group 1 */
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);

	emit(s, A64_MRS(ICC(crm, 0u), rt));
	emit(s, A64_MRS(ICC(11, 3), draw_register(rt, ANY_REGISTER)));
	emit(s, A64_MSR(ICC(crm, 1u), rt));
	emit(s, A64_ISB);
	emit(s, A64_MRS(ICC(11, 3), draw_register(rt, ANY_REGISTER)));
}

/* ICC_SGI1R, ASGI1R and SGI0R: to this CPU, to others that do not exist, to all others. */
static void draw_sgi(struct step *s)
{
	static const uint32_t regs[] = { ICC(11, 5), ICC(11, 5), ICC(11, 6), ICC(11, 7) };
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	uint64_t target = draw_one_in(4) ? draw() & 0xffff : 1;

	if (draw_one_in(8))
		target |= BIT(40);
	if (draw_one_in(8))
		target |= (uint64_t)draw_below(3) << 16;
	s->run.x[rt] = target | (uint64_t)draw_below(16) << 24;
	emit(s, A64_MSR(regs[draw_below(ARRAY_SIZE(regs))], rt));
}

void draw_gic_cpu(struct step *s)
{
	const struct icc_row *row = &icc[draw_below(ARRAY_SIZE(icc))];
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rd = draw_register(rt, ANY_REGISTER);

	s->name = "icc";
	if (draw_one_in(4)) {
		draw_sgi(s);
		return;
	}
	if (draw_one_in(4)) {
		draw_acknowledge(s);
		return;
	}
	if ((row->access & 2) && draw_one_in(2)) {
		s->run.x[rt] = draw_value() & row->bits;
		emit(s, A64_MSR(row->reg, rt));
		emit(s, A64_ISB);
		if (draw_one_in(2))
			return;
	}
	emit(s, row->access & 1 ? A64_MRS(row->reg, rd) : A64_MRS(ICC(11, 3), rd));
}

#define CNT(crm, op2) SYSREG(3u, 3u, 14u, crm, op2)
#define TVAL          0u
#define CTL           1u
#define CVAL          2u

/* Compare values that are due for ever, or never within a run. */
static uint64_t draw_cval(void)
{
	static const uint64_t values[] = { 0, 1, BIT(62), INT64_MAX - 1, INT64_MAX };

	return values[draw_below(ARRAY_SIZE(values))];
}

/* TVAL: its compare value follows the counter, so the step leaves another one. */
static void draw_tval(struct step *s, unsigned int crm)
{
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rd = draw_register(rt, ANY_REGISTER);
	unsigned int rc = draw_register(rt, rd);

	s->run.x[rt] = draw_one_in(2) ? UINT32_MAX - draw_below(1000) : INT32_MAX;
	s->run.x[rc] = draw_cval();
	emit(s, A64_MSR(CNT(crm, TVAL), rt));
	emit(s, A64_ISB);
	emit(s, A64_MRS(CNT(crm, CTL), rd));
	emit(s, A64_MSR(CNT(crm, CVAL), rc));
	emit(s, A64_ISB);
}

void draw_timer(struct step *s)
{
	unsigned int crm = draw_one_in(2) ? 2 : 3; /* CNTP, CNTV */
	unsigned int op2 = draw_below(3);
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rd = draw_register(rt, ANY_REGISTER);

	s->name = "timer";
	if (draw_one_in(16)) {
		emit(s, A64_MRS(CNT(0u, 0u), rd)); /* CNTFRQ_EL0 */
		return;
	}
	if (op2 == TVAL) {
		draw_tval(s, crm);
		return;
	}
	if (draw_below(3)) {
		s->run.x[rt] = op2 == CTL ? draw_below(8) : draw_cval();
		emit(s, A64_MSR(CNT(crm, op2), rt));
		emit(s, A64_ISB);
	}
	if (draw_one_in(2))
		emit(s, A64_MRS(CNT(crm, op2), rd));
}

/*
 * Lets in what is pending: interrupts are masked in all other steps. An interrupt is taken before
 * the first instruction, or not at all.
 */
void draw_interrupt(struct step *s)
{
	static const uint64_t masks[] = { 7, 3, 5, 1, 2, 6 };
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);

	s->name = "interrupt";
	/* A timer's interrupt that was withdrawn is gone after a look at ISPENDR0. */
	s->run.x[rt] = GICR_BASE + GICR_SGI_PAGE + GIC_ISPENDR;
	emit(s, 0xb9400000 | rt << 5 | draw_register(rt, ANY_REGISTER));
	switch (draw_below(3)) {
	case 0:
		emit(s, A64_MRS(SYSREG(3, 0, 12, 1, 0), rt)); /* ISR_EL1 */
		break;
	case 1: /* WFI, if there is what ends it */
		emit(s, A64_MRS(SYSREG(3, 0, 12, 1, 0), rt));
		emit(s, 0xb4000040 | rt); /* cbz */
		emit(s, 0xd503207f);
		break;
	default:
		emit(s, 0xd50340ff | (uint32_t)masks[draw_below(ARRAY_SIZE(masks))] << 8);
		emit(s, A64_NOP);
		emit(s, A64_NOP);
		break;
	}
}
