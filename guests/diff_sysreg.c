/* SPDX-License-Identifier: Apache-2.0 */
/* System registers: those that hold what is written, ID registers, and those that do not exist. */
#include "diff.h"

struct reg_row {
	uint32_t reg;
	uint64_t write; /* bits that are drawn; 0: read-only */
	uint64_t set;   /* bits that are always set */
	uint64_t read;  /* bits that are compared */
};

#define ALL (~UINT64_C(0))

static const struct reg_row storage[] = {
	{ SYSREG(3, 3, 13, 0, 2), ALL, 0, ALL },           /* TPIDR_EL0 */
	{ SYSREG(3, 3, 13, 0, 3), ALL, 0, ALL },           /* TPIDRRO_EL0 */
	{ SYSREG(3, 0, 13, 0, 1), UINT32_MAX, 0, ALL },    /* CONTEXTIDR_EL1 */
	{ SYSREG(3, 0, 10, 3, 0), ALL, 0, ALL },           /* AMAIR_EL1 */
	{ SYSREG(3, 0, 5, 1, 0), ALL, 0, ALL },            /* AFSR0_EL1 */
	{ SYSREG(3, 0, 5, 1, 1), ALL, 0, ALL },            /* AFSR1_EL1 */
	{ SYSREG(3, 0, 5, 2, 0), UINT32_MAX, 0, ALL },     /* ESR_EL1 */
	{ SYSREG(3, 0, 6, 0, 0), ALL, 0, ALL },            /* FAR_EL1 */
	{ SYSREG(3, 0, 7, 4, 0), ALL, 0, ALL },            /* PAR_EL1 */
	{ SYSREG(3, 0, 4, 0, 0), UINT32_MAX, 0, ALL },     /* SPSR_EL1 */
	{ SYSREG(3, 0, 4, 0, 1), ALL, 0, ALL },            /* ELR_EL1 */
	{ SYSREG(3, 0, 4, 1, 0), ALL, 0, ALL },            /* SP_EL0 */
	{ SYSREG(3, 0, 2, 0, 1), ALL, 0, ALL },            /* TTBR1_EL1: unused, EPD1 */
	{ SYSREG(3, 0, 14, 1, 0), 0x3ff, 0, ALL },         /* CNTKCTL_EL1 */
	{ SYSREG(3, 0, 1, 0, 2), BIT(28), 3u << 20, ALL }, /* CPACR_EL1 */
	{ SYSREG(3, 0, 1, 0, 2), BIT(20), 0, ALL },        /* CPACR_EL1, FP off */
	{ SYSREG(3, 2, 0, 0, 0), 7, 0, ALL },              /* CSSELR_EL1 */
	{ SYSREG(3, 0, 1, 0, 1), ALL, 0, ALL },            /* ACTLR_EL1 */
	{ SYSREG(3, 3, 4, 4, 0), ALL, 0, ALL },            /* FPCR */
	{ SYSREG(3, 3, 4, 4, 1), ALL, 0, ALL },            /* FPSR */
	{ SYSREG(3, 3, 4, 2, 0), ALL, 0, ALL },            /* NZCV */
	{ SYSREG(3, 1, 0, 0, 0), 0, 0, ALL },              /* CCSIDR_EL1 */
	{ SYSREG(3, 1, 0, 0, 1), 0, 0, ALL },              /* CLIDR_EL1 */
	{ SYSREG(3, 3, 0, 0, 1), 0, 0, ALL },              /* CTR_EL0 */
	{ SYSREG(3, 3, 0, 0, 7), 0, 0, ALL },              /* DCZID_EL0 */
	{ SYSREG(3, 0, 0, 0, 0), 0, 0, ALL },              /* MIDR_EL1 */
	{ SYSREG(3, 0, 0, 0, 5), 0, 0, ALL },              /* MPIDR_EL1 */
	{ SYSREG(3, 0, 0, 0, 6), 0, 0, ALL },              /* REVIDR_EL1 */
	{ SYSREG(3, 1, 0, 0, 7), 0, 0, ALL },              /* AIDR_EL1 */
	{ SYSREG(3, 0, 12, 1, 0), 0, 0, ALL },             /* ISR_EL1 */
	{ SYSREG(3, 0, 4, 2, 2), 0, 0, ALL },              /* CurrentEL */
	{ SYSREG(3, 0, 4, 2, 0), 0, 0, ALL },              /* SPSel */
	{ SYSREG(3, 3, 4, 2, 1), 0, 0, ALL },              /* DAIF */
	{ SYSREG(3, 0, 12, 0, 0), 0, 0, ALL },             /* VBAR_EL1 */
	{ SYSREG(3, 0, 1, 0, 0), 0, 0, ALL },              /* SCTLR_EL1 */
	{ SYSREG(3, 0, 2, 0, 0), 0, 0, ALL },              /* TTBR0_EL1 */
	{ SYSREG(3, 0, 2, 0, 2), 0, 0, ALL },              /* TCR_EL1 */
	{ SYSREG(3, 0, 10, 2, 0), 0, 0, ALL },             /* MAIR_EL1 */
	{ SYSREG(3, 0, 2, 1, 0), ALL, 0, ALL },            /* APIAKeyLo_EL1, and so on */
	{ SYSREG(3, 0, 2, 1, 1), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 1, 2), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 1, 3), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 2, 0), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 2, 3), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 3, 0), ALL, 0, ALL },
	{ SYSREG(3, 0, 2, 3, 1), ALL, 0, ALL },
	{ SYSREG(3, 3, 4, 2, 5), ALL, 0, ALL }, /* DIT */
	{ SYSREG(3, 3, 4, 2, 6), ALL, 0, ALL }, /* SSBS */
	{ SYSREG(3, 0, 4, 2, 3), ALL, 0, ALL }, /* PAN */
	{ SYSREG(3, 0, 4, 2, 4), ALL, 0, ALL }, /* UAO */
};

static const struct reg_row debug[] = {
	{ SYSREG(2, 0, 0, 2, 2), BIT(15) | BIT(13) | BIT(12) | BIT(0), 0, ALL }, /* MDSCR_EL1 */
	{ SYSREG(2, 0, 1, 0, 4), 1, 0, ALL },                                    /* OSLAR_EL1 */
	{ SYSREG(2, 0, 1, 1, 4), 0, 0, ALL },                                    /* OSLSR_EL1 */
	{ SYSREG(2, 0, 1, 3, 4), ALL, 0, 0 },   /* OSDLR_EL1: no double lock */
	{ SYSREG(2, 0, 1, 4, 4), ALL, 0, ALL }, /* DBGPRCR_EL1 */
	{ SYSREG(2, 0, 0, 2, 0), ALL, 0, 0 },   /* MDCCINT_EL1: no external debugger */
	{ SYSREG(2, 0, 1, 0, 0), 0, 0, ALL },   /* MDRAR_EL1 */
	{ SYSREG(2, 0, 7, 8, 6), ALL, 0, ALL }, /* DBGCLAIMSET_EL1 */
	{ SYSREG(2, 0, 7, 9, 6), ALL, 0, ALL }, /* DBGCLAIMCLR_EL1 */
	{ SYSREG(2, 0, 7, 14, 6), 0, 0, ALL },  /* DBGAUTHSTATUS_EL1 */
	{ SYSREG(2, 3, 0, 1, 0), 0, 0, ALL },   /* MDCCSR_EL0 */
	{ SYSREG(2, 3, 0, 4, 0), ALL, 0, ALL }, /* DBGDTR_EL0 */
	{ SYSREG(2, 3, 0, 5, 0), ALL, 0, ALL }, /* DBGDTRRX_EL0, DBGDTRTX_EL0 */
	{ SYSREG(2, 0, 0, 0, 2), ALL, 0, ALL }, /* OSDTRRX_EL1 */
	{ SYSREG(2, 0, 0, 3, 2), ALL, 0, ALL }, /* OSDTRTX_EL1 */
	{ SYSREG(2, 0, 0, 6, 2), ALL, 0, ALL }, /* OSECCR_EL1 */
};

/* A read, a write, or a write and then a read, of reg. */
static void access_row(struct step *s, const struct reg_row *row)
{
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rd = draw_register(rt, ANY_REGISTER);

	if (row->write && draw_below(3)) {
		s->run.x[rt] = (draw_value() & row->write) | row->set;
		emit(s, A64_MSR(row->reg, rt));
		if (draw_one_in(2))
			return;
		emit(s, A64_ISB);
	}
	s->mask[rd] = row->read;
	emit(s, A64_MRS(row->reg, rd));
}

void draw_sysreg(struct step *s)
{
	s->name = "sysreg";
	access_row(s, &storage[draw_below(ARRAY_SIZE(storage))]);
}

/* DBG[BW][VC]R<n>_EL1: values that the architecture allows. */
static void draw_debug_point(struct step *s)
{
	static const uint64_t bits[] = {
		~UINT64_C(3),
		BIT(0) | 3u << 1,
		~UINT64_C(3),
		0x1f001fff,
	};
	unsigned int kind = draw_below(4);
	struct reg_row row = { SYSREG(2u, 0u, 0u, draw_below(16), 4 + kind), bits[kind], 0, ALL };

	if (kind == 1)
		row.set = 0xfu << 5; /* BAS: a whole instruction */

	access_row(s, &row);
}

void draw_debug(struct step *s)
{
	s->name = "debug";
	if (draw_one_in(2))
		draw_debug_point(s);
	else
		access_row(s, &debug[draw_below(ARRAY_SIZE(debug))]);
}

#define F(hi, lo) (~UINT64_C(0) >> (63 - (hi)) & ~UINT64_C(0) << (lo))

/* Fields of ID registers in which a VM is like the machine: docs/guest-abi.md, "CPUs". */
static const struct {
	unsigned int crm, op2;
	uint64_t fields;
} id_rows[] = {
	{ 1, 0, ALL },
	{ 1, 1, F(11, 0) },
	{ 1, 2, F(7, 0) },
	{ 1, 4, ALL },
	{ 1, 5, ALL },
	{ 1, 6, ALL },
	{ 1, 7, ALL },
	{ 2, 0, ALL },
	{ 2, 1, ALL },
	{ 2, 2, ALL },
	{ 2, 3, ALL },
	{ 2, 4, ALL },
	{ 2, 5, ALL },
	{ 2, 6, ALL },
	{ 2, 7, ALL },
	{ 3, 0, ALL },
	{ 3, 1, ALL },
	{ 3, 2, ALL },
	{ 3, 4, F(7, 0) },
	{ 4, 0, F(3, 0) | F(27, 16) | F(51, 48) | F(63, 60) },
	{ 4, 1, F(7, 0) },
	{ 5, 0, F(3, 0) | F(15, 8) | F(23, 20) | F(31, 28) },
	{ 6, 0, F(23, 4) | F(63, 28) },
	{ 6, 1, F(59, 0) },
	{ 6, 2, F(15, 4) | F(31, 20) },
	{ 7, 0, F(7, 4) | F(31, 20) },
	{ 7, 1, F(3, 0) | F(15, 12) | F(23, 20) | F(39, 36) | F(47, 44) },
	{ 7, 2, F(11, 0) | F(23, 16) | F(39, 28) | F(55, 48) | F(63, 60) },
};

void draw_id_register(struct step *s)
{
	unsigned int crm = 1 + draw_below(7), op2 = draw_below(8);
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	uint32_t reg = SYSREG(3u, 0u, 0u, crm, op2);

	s->name = "id";
	s->mask[rt] = 0;
	for (size_t n = 0; n < ARRAY_SIZE(id_rows); n++) {
		if (id_rows[n].crm == crm && id_rows[n].op2 == op2)
			s->mask[rt] = id_rows[n].fields;
	}
	emit(s, draw_one_in(8) ? A64_MSR(reg, rt) : A64_MRS(reg, rt));
}

/* EL2's and EL3's registers and instructions, and places where nothing is. */
void draw_absent_register(struct step *s)
{
	static const unsigned int levels[] = { 4, 5, 6 };
	unsigned int op1 = levels[draw_below(ARRAY_SIZE(levels))];
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	uint32_t reg = SYSREG(draw_one_in(4) ? 1u : 3u, op1, draw_below(16), draw_below(16),
			      draw_below(8));

	s->name = "absent";
	emit(s, draw_one_in(2) ? A64_MSR(reg, rt) : A64_MRS(reg, rt));
}

static uint64_t pmu_event(void)
{
	return draw_one_in(2) ? 0 : (draw() & 0xff80) | 0x40;
}

/* Cycles are never counted: they depend on time. */
void draw_pmu(struct step *s)
{
	static const struct reg_row rows[] = {
		{ SYSREG(3, 3, 9, 12, 0), 0x69, 0, ALL },        /* PMCR_EL0: E, D, DP, LC */
		{ SYSREG(3, 3, 9, 12, 0), 0x6f, 0, ALL },        /* with resets */
		{ SYSREG(3, 3, 9, 12, 1), 0x7fffffff, 0, ALL },  /* PMCNTENSET_EL0 */
		{ SYSREG(3, 3, 9, 12, 2), 0x7fffffff, 0, ALL },  /* PMCNTENCLR_EL0 */
		{ SYSREG(3, 3, 9, 12, 3), 0xffffffff, 0, ALL },  /* PMOVSCLR_EL0 */
		{ SYSREG(3, 3, 9, 14, 3), 0xffffffff, 0, ALL },  /* PMOVSSET_EL0 */
		{ SYSREG(3, 3, 9, 12, 4), 0xffffffff, 0, ALL },  /* PMSWINC_EL0 */
		{ SYSREG(3, 3, 9, 12, 5), 0x1f, 0, ALL },        /* PMSELR_EL0 */
		{ SYSREG(3, 3, 9, 13, 0), ALL, 0, ALL },         /* PMCCNTR_EL0 */
		{ SYSREG(3, 3, 9, 14, 0), 0xf, 0, ALL },         /* PMUSERENR_EL0 */
		{ SYSREG(3, 0, 9, 14, 1), 0, 0, ALL },           /* PMINTENSET_EL1: no interrupts */
		{ SYSREG(3, 0, 9, 14, 2), 0xffffffff, 0, ALL },  /* PMINTENCLR_EL1 */
		{ SYSREG(3, 3, 14, 15, 7), 0xf0000000, 0, ALL }, /* PMCCFILTR_EL0 */
		{ SYSREG(3, 3, 9, 12, 6), 0, 0, ALL },           /* PMCEID0_EL0 */
		{ SYSREG(3, 3, 9, 12, 7), 0, 0, ALL },           /* PMCEID1_EL0 */
		{ SYSREG(3, 0, 9, 14, 6), 0, 0, ALL },           /* PMMIR_EL1 */
	};
	unsigned int n = draw_below(ARRAY_SIZE(rows) + 4);
	unsigned int counter = draw_below(31);
	struct reg_row row = { SYSREG(3u, 3u, 14u, 8 + counter / 8, counter % 8), UINT32_MAX, 0,
			       ALL };

	s->name = "pmu";
	if (n < ARRAY_SIZE(rows)) {
		access_row(s, &rows[n]);
		return;
	}
	/* PMEVCNTR<n>, PMEVTYPER<n>: software increments, and events that no CPU has. */
	if (draw_one_in(2)) {
		row.reg += 4u << 8;
		row.write = 0xf0000000;
		row.set = pmu_event();
	}
	access_row(s, &row);
}
