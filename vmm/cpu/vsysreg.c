/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped system registers: one table for those that a guest may access, and one for the ID
 * registers' values. All others are UNDEFINED.
 */
#include <vmm/core.h>
#include <vmm/cpu.h>

/* ---- ID registers ---- */

#define F(hi, lo) BITS(hi, lo)

struct id_row {
	u8 crm, op2;
	u64 keep;  /* fields with the CPU's value */
	u64 force; /* fields with another value */
};

/*
 * A feature is shown if a guest can use it without ZVM's help, or if ZVM provides it. Registers
 * that are not listed read as zero. Hidden, with their traps set: SVE, SME, MTE, statistical
 * profiling, trace, LORegions, activity monitors.
 */
static const struct id_row id_rows[] = {
	{ 4, 0, F(3, 0) | F(11, 8) | F(23, 16) | F(27, 24) | F(51, 48) | F(63, 60),
	  1UL << 4 },                   /* PFR0: EL0, EL2, FP, SIMD, GIC, DIT, CSV3; EL1 64-bit */
	{ 4, 1, F(3, 0) | F(7, 4), 0 }, /* PFR1: BT, SSBS */
	{ 5, 0, F(15, 12) | F(23, 20) | F(31, 28),
	  F(39, 36) }, /* DFR0: BRPs, WRPs, CTX_CMPs; no double lock. DebugVer below */
	{ 6, 0, F(23, 4) | F(55, 28) | F(63, 60) | F(59, 56), 0 }, /* ISAR0: all but TME */
	{ 6, 1, F(59, 0), 0 },                                     /* ISAR1: all but LS64 */
	{ 6, 2, F(15, 4) | F(31, 20), 0 }, /* ISAR2: RPRES, GPA3, APA3, BC, PAC_frac, CLRBHB */
	{ 7, 0, F(7, 4) | F(31, 20), 0 },  /* MMFR0: ASIDBits, TGran; PARange below */
	{ 7, 1, F(3, 0) | F(15, 12) | F(23, 20) | F(39, 36) | F(47, 44),
	  0 }, /* MMFR1: HAFDBS, HPDS, PAN, ETS, AFP */
	{ 7, 2, F(11, 0) | F(23, 16) | F(39, 28) | F(51, 48) | F(55, 52) | F(63, 60),
	  0 }, /* MMFR2: CnP, UAO, LSM, VARange, CCIDX, ST, AT, IDS, TTL, BBM, E0PD */
	/* AArch32, for EL0. */
	{ 1, 0, ~0UL, 0 },
	{ 1, 1, F(15, 0), 0 },
	{ 1, 2, F(3, 0) | F(7, 4), 0 },
	{ 1, 4, ~0UL, 0 },
	{ 1, 5, ~0UL, 0 },
	{ 1, 6, ~0UL, 0 },
	{ 1, 7, ~0UL, 0 },
	{ 2, 0, ~0UL, 0 },
	{ 2, 1, ~0UL, 0 },
	{ 2, 2, ~0UL, 0 },
	{ 2, 3, ~0UL, 0 },
	{ 2, 4, ~0UL, 0 },
	{ 2, 5, ~0UL, 0 },
	{ 2, 6, ~0UL, 0 },
	{ 2, 7, ~0UL, 0 },
	{ 3, 0, ~0UL, 0 },
	{ 3, 1, ~0UL, 0 },
	{ 3, 2, ~0UL, 0 },
	{ 3, 4, F(7, 0), 0 },
};

#define PARANGE_40 2UL /* a guest's RAM and devices lie far below */
#define DEBUG_V8P4 9UL /* later versions add registers that ZVM does not provide */

/* The value of a register of the table. */
static u64 id_value(const struct id_row *r)
{
	const u32 crm = r->crm, op2 = r->op2;
	const u64 phys = arch_id_register(crm, op2);
	u64 v = (phys & r->keep) | r->force;

	if (crm == 7 && op2 == 0)
		v |= MIN(phys & F(3, 0), PARANGE_40);
	if (crm == 5 && op2 == 0)
		v |= MIN(phys & F(3, 0), DEBUG_V8P4);
	if (crm == 4 && op2 == 0) /* CSV2: 2 adds SCXTNUM_EL1; RAS: 2 adds registers */
		v |= MIN(FIELD(phys, 59, 56), 1UL) << 56 | MIN(FIELD(phys, 31, 28), 1UL) << 28;
	if (crm == 4 && op2 == 0 && arch_vgic_version() == 2)
		v &= ~F(27, 24); /* no GICv3 system registers */
	return v;
}

u64 sysreg_id_value(u32 crm, u32 op2)
{
	for (u32 i = 0; i < ARRAY_SIZE(id_rows); i++)
		if (id_rows[i].crm == crm && id_rows[i].op2 == op2)
			return id_value(&id_rows[i]);
	return 0;
}

#define PMU_V3P5 6UL /* later versions add registers that ZVM does not provide */
#define DFR0     (5 << 3 | 0)

#define ID_REGISTER(n) (SYSREG_ENC(3, 0, 0, 0, 0) + (n))

static u64 id_values[ID_REGISTERS]; /* by CRm and op2 */
static u64 pmu_version;             /* ID_AA64DFR0_EL1.PMUVer, for a VM with the monitors */

__cold void vsysreg_host_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(id_rows); i++)
		id_values[id_rows[i].crm << 3 | id_rows[i].op2] = id_value(&id_rows[i]);
	pmu_version = MIN(FIELD(arch_id_register(5, 0), 11, 8), PMU_V3P5) << 8;
}

u64 vmm_id_register(const struct vcpu *v, u32 n)
{
	u64 value = id_values[arch_table_index(n, ID_REGISTERS)];

	return n == DFR0 && v->pmu.present ? value | pmu_version : value;
}

/* True for registers of the GICv3's CPU interface that trap. */
static bool is_gic_register(u32 reg)
{
	return reg >= SYSREG_ENC(3, 0, 12, 8, 0) && reg <= SYSREG_ENC(3, 0, 12, 12, 7);
}

/* ---- the other registers ---- */

/* A read that is allowed leaves the value in *a. */
typedef enum sysreg_result (*sysreg_fn)(struct vcpu *v, struct sysreg_access *a, u32 arg);

enum { NONE, READ = 1, WRITE = 2, BOTH = 3 };

/*
 * Ordered by number. Allowed accesses go to fn, with `arg`. Without fn, reads return `arg` and
 * writes are ignored.
 */
struct sysreg_row {
	u32 first, last;
	u32 allowed, arg;
	sysreg_fn fn;
};

static enum sysreg_result sgi0r(struct vcpu *v, struct sysreg_access *a, u32 arg)
{
	(void)arg;
	vgic_send_sgi(v, a->value, 0);
	return SYSREG_OK;
}

#define REG(op0, op1, crn, crm, op2) \
	SYSREG_ENC(op0, op1, crn, crm, op2), SYSREG_ENC(op0, op1, crn, crm, op2)
/* A range, from the first to the last register of op1 and CRn. */
#define REGS(op0, op1, crn, crm, op2, last_crm, last_op2) \
	SYSREG_ENC(op0, op1, crn, crm, op2), SYSREG_ENC(op0, op1, crn, last_crm, last_op2)
#define RAZ_WI BOTH, 0, NULL
#define RAZ    READ, 0, NULL
#define UNDEF  NONE, 0, NULL

/*
 * All registers that trap as a system register (EC 0x18), grouped by the bit that makes them trap.
 * Registers without a row are UNDEFINED too: the implementation defined ones (HCR_EL2.TIDCP), and
 * those of later architectures whose bits in HCR_EL2 and HCRX_EL2 are 0.
 */
/* clang-format off */
static const struct sysreg_row rows[] = {
	/* MDCR_EL2.TDA, TDRA, TDOSA */
	{ REG(2, 0, 0, 0, 2),           RAZ_WI },                         /* OSDTRRX_EL1 */
	{ REG(2, 0, 0, 2, 0),           RAZ_WI },                         /* MDCCINT_EL1 */
	{ REG(2, 0, 0, 2, 2),           BOTH, 0, vdebug_mdscr },          /* MDSCR_EL1 */
	{ REG(2, 0, 0, 3, 2),           RAZ_WI },                         /* OSDTRTX_EL1 */
	{ REG(2, 0, 0, 6, 2),           RAZ_WI },                         /* OSECCR_EL1 */
	{ REG(2, 0, 1, 0, 0),           RAZ },                            /* MDRAR_EL1 */
	{ REG(2, 0, 1, 0, 4),           WRITE, 0, vdebug_os_lock },       /* OSLAR_EL1 */
	{ REG(2, 0, 1, 1, 4),           READ, 0, vdebug_os_lock },        /* OSLSR_EL1 */
	{ REG(2, 0, 1, 3, 4),           RAZ_WI },                         /* OSDLR_EL1 */
	{ REG(2, 0, 1, 4, 4),           RAZ_WI },                         /* DBGPRCR_EL1 */
	{ REG(2, 0, 7, 8, 6),           BOTH, true, vdebug_claim },       /* DBGCLAIMSET_EL1 */
	{ REG(2, 0, 7, 9, 6),           BOTH, false, vdebug_claim },      /* DBGCLAIMCLR_EL1 */
	{ REG(2, 0, 7, 14, 6),          RAZ },                            /* DBGAUTHSTATUS_EL1 */
	{ REG(2, 3, 0, 1, 0),           READ, 0, vdebug_channel },        /* MDCCSR_EL0 */
	{ REG(2, 3, 0, 4, 0),           BOTH, 0, vdebug_channel },        /* DBGDTR_EL0 */
	{ REG(2, 3, 0, 5, 0),           BOTH, 0, vdebug_channel },        /* DBGDTR{RX,TX}_EL0 */
	/* HCR_EL2.TACR */
	{ REG(3, 0, 1, 0, 1),           RAZ_WI },                         /* ACTLR_EL1 */
	/* HCR_EL2.ATA: memory tagging */
	{ REGS(3, 0, 1, 0, 5, 0, 6),    UNDEF },                          /* RGSR_EL1, GCR_EL1 */
	/* MDCR_EL2.TTRF */
	{ REG(3, 0, 1, 2, 1),           UNDEF },                          /* TRFCR_EL1 */
	/* HCR_EL2.TERR: no error records */
	{ REG(3, 0, 5, 3, 0),           RAZ },                            /* ERRIDR_EL1 */
	{ REG(3, 0, 5, 3, 1),           RAZ_WI },                         /* ERRSELR_EL1 */
	{ REGS(3, 0, 5, 4, 0, 5, 7),    UNDEF },                          /* ERX*_EL1 */
	/* HCR_EL2.ATA */
	{ REGS(3, 0, 5, 6, 0, 6, 1),    UNDEF },                          /* TFSR_EL1, TFSRE0_EL1 */
	/* MDCR_EL2.TPMS, E2PB, E2TB: statistical profiling, trace buffer */
	{ REGS(3, 0, 9, 9, 0, 11, 7),   UNDEF },                          /* PMS*, PMB*, TRB* */
	/* MDCR_EL2.TPM, TPMCR */
	{ REG(3, 0, 9, 14, 1),          BOTH, PMU_IRQ_SET, vpmu_bits },   /* PMINTENSET_EL1 */
	{ REG(3, 0, 9, 14, 2),          BOTH, PMU_IRQ_CLEAR, vpmu_bits }, /* PMINTENCLR_EL1 */
	{ REG(3, 0, 9, 14, 6),          READ, 0, vpmu_machine },          /* PMMIR_EL1 */
	/* HCR_EL2.TLOR */
	{ REGS(3, 0, 10, 4, 0, 4, 7),   UNDEF },                          /* LOR*_EL1 */
	/*
	 * ICC_SRE_EL2.Enable, HCR_EL2.IMO and FMO: no bypass. Writes of ICC_DIR_EL1 and
	 * ICC_SGI1R_EL1 do not come here (arch/arm64/sysreg.c). With one security state
	 * ICC_ASGI1R_EL1 acts as ICC_SGI0R_EL1.
	 */
	{ REG(3, 0, 12, 11, 6),         WRITE, 0, sgi0r },                /* ICC_ASGI1R_EL1 */
	{ REG(3, 0, 12, 11, 7),         WRITE, 0, sgi0r },                /* ICC_SGI0R_EL1 */
	{ REG(3, 0, 12, 12, 5),         BOTH, 7, NULL },                  /* ICC_SRE_EL1 */
	/* HCR_EL2.EnSCXT */
	{ REG(3, 0, 13, 0, 7),          UNDEF },                          /* SCXTNUM_EL1 */
	/* HCR_EL2.TID5 */
	{ REG(3, 1, 0, 0, 4),           UNDEF },                          /* GMID_EL1 */
	/* MDCR_EL2.TPM, TPMCR */
	{ REG(3, 3, 9, 12, 0),          BOTH, 0, vpmu_control },          /* PMCR_EL0 */
	{ REG(3, 3, 9, 12, 1),          BOTH, PMU_ENABLE_SET, vpmu_bits }, /* PMCNTENSET_EL0 */
	{ REG(3, 3, 9, 12, 2),          BOTH, PMU_ENABLE_CLEAR, vpmu_bits }, /* PMCNTENCLR_EL0 */
	{ REG(3, 3, 9, 12, 3),          BOTH, PMU_OVERFLOW_CLEAR, vpmu_bits }, /* PMOVSCLR_EL0 */
	{ REG(3, 3, 9, 12, 4),          WRITE, 0, vpmu_increment },       /* PMSWINC_EL0 */
	{ REG(3, 3, 9, 12, 5),          BOTH, 0, vpmu_select },           /* PMSELR_EL0 */
	{ REG(3, 3, 9, 12, 6),          READ, 0, vpmu_events },           /* PMCEID0_EL0 */
	{ REG(3, 3, 9, 12, 7),          READ, 1, vpmu_events },           /* PMCEID1_EL0 */
	{ REG(3, 3, 9, 13, 0),          BOTH, 0, vpmu_cycles },           /* PMCCNTR_EL0 */
	{ REG(3, 3, 9, 13, 1),          BOTH, true, vpmu_selected },      /* PMXEVTYPER_EL0 */
	{ REG(3, 3, 9, 13, 2),          BOTH, false, vpmu_selected },     /* PMXEVCNTR_EL0 */
	{ REG(3, 3, 9, 14, 0),          BOTH, 0, vpmu_user },             /* PMUSERENR_EL0 */
	{ REG(3, 3, 9, 14, 3),          BOTH, PMU_OVERFLOW_SET, vpmu_bits }, /* PMOVSSET_EL0 */
	/* HCR_EL2.EnSCXT, CPTR_EL2.TAM */
	{ REG(3, 3, 13, 0, 7),          UNDEF },                          /* SCXTNUM_EL0 */
	{ REGS(3, 3, 13, 2, 0, 15, 7),  UNDEF },                          /* AM*_EL0 */
	/* MDCR_EL2.TPM: PMEVCNTR<n>_EL0, PMEVTYPER<n>_EL0, PMCCFILTR_EL0 */
	{ REGS(3, 3, 14, 8, 0, 15, 7),  BOTH, 0, vpmu_counter },
};
/* clang-format on */

static const struct sysreg_row *find_row(u32 reg)
{
	u32 lo = 0, hi = ARRAY_SIZE(rows);

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (reg < rows[mid].first)
			hi = mid;
		else if (reg > rows[mid].last)
			lo = mid + 1;
		else
			return &rows[mid];
	}
	return NULL;
}

/*
 * DBGBVR<n>_EL1, DBGBCR, DBGWVR, DBGWCR: op2 is 4 to 7 and n is in CRm, so other registers' rows
 * lie between them.
 */
static bool is_debug_point(u32 reg)
{
	return (reg & ~(u32)BITS(6, 3)) == SYSREG_ENC(2, 0, 0, 0, reg & 7) && (reg & 4);
}

enum sysreg_result vmm_sysreg(struct vcpu *v, struct sysreg_access *a)
{
	const struct sysreg_row *row;

	if (a->reg >= ID_REGISTER(ID_FIRST) && a->reg < ID_REGISTER(ID_REGISTERS)) {
		if (a->write)
			return SYSREG_UNDEF;
		a->value = vmm_id_register(v, a->reg - ID_REGISTER(0));
		return SYSREG_OK;
	}
	if (is_debug_point(a->reg))
		return vdebug_point(v, a);
	row = find_row(a->reg);
	if (is_gic_register(a->reg) && v->vm->vgic.v2)
		return SYSREG_UNDEF;
	if (!row || !(row->allowed & (a->write ? WRITE : READ)))
		return SYSREG_UNDEF;
	if (row->fn)
		return row->fn(v, a, row->arg);
	if (!a->write)
		a->value = row->arg;
	return SYSREG_OK;
}
