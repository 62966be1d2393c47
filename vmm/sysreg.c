/* SPDX-License-Identifier: Apache-2.0 */
/* Trapped system registers: one table for those that a guest may touch, one for what it is shown of the ID registers. The rest is UNDEFINED. */
#include <vmm/sysreg.h>
#include <vmm/vm.h>

/* ---- ID registers ---- */

#define F(hi, lo) BITS(hi, lo)

struct id_row {
	u8 crm, op2;
	u64 keep;  /* fields shown as the CPU has them */
	u64 force; /* fields with another value */
};

/*
 * A feature is shown where a guest can use it without our help, or where we give it. Not listed: reads as zero. Hidden for now, with their traps set: pointer authentication,
 * SVE, SME, MTE, PMU, statistical profiling, trace, LORegions, activity monitors.
 */
static const struct id_row id_rows[] = {
	{ 4, 0, F(3, 0) | F(11, 8) | F(23, 16) | F(27, 24) | F(51, 48) | F(63, 60),
	  1UL << 4 },                   /* PFR0: EL0, EL2, FP, SIMD, GIC, DIT, CSV3; EL1 64-bit */
	{ 4, 1, F(3, 0) | F(7, 4), 0 }, /* PFR1: BT, SSBS */
	{ 5, 0, F(3, 0), 1UL << 12 | 1UL << 20 }, /* DFR0: DebugVer; 2 breakpoints, 2 watchpoints */
	{ 6, 0, F(23, 4) | F(55, 28) | F(63, 60) | F(59, 56), 0 }, /* ISAR0: all but TME */
	{ 6, 1, F(3, 0) | F(23, 12) | F(39, 32) | F(55, 44),
	  0 },                            /* ISAR1: without PAC, LS64, XS, SPECRES */
	{ 7, 0, F(7, 4) | F(31, 20), 0 }, /* MMFR0: ASIDBits, TGran; PARange below */
	{ 7, 1, F(3, 0) | F(15, 12) | F(23, 20) | F(39, 36),
	  0 }, /* MMFR1: HAFDBS, HPDS, PAN, ETS */
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

u64 sysreg_id_value(u32 crm, u32 op2)
{
	u64 phys = arch_id_register(crm, op2);

	for (u32 i = 0; i < ARRAY_SIZE(id_rows); i++) {
		const struct id_row *r = &id_rows[i];

		if (r->crm != crm || r->op2 != op2)
			continue;
		u64 v = (phys & r->keep) | r->force;

		if (crm == 7 && op2 == 0)
			v |= MIN(phys & F(3, 0), PARANGE_40);
		if (crm == 4 &&
		    op2 == 0) /* CSV2: 2 and more would bring SCXTNUM_EL1; RAS: 2 and more, more records' registers */
			v |= MIN(FIELD(phys, 59, 56), 1UL) << 56 | MIN(FIELD(phys, 31, 28), 1UL)
									   << 28;
		if (crm == 4 && op2 == 0 && arch_vgic_version() == 2)
			v &= ~F(27, 24); /* no GICv3 system registers */
		return v;
	}
	return 0;
}

static bool is_id_register(u32 reg)
{
	return reg >= SYSREG_ENC(3, 0, 0, 1, 0) && reg <= SYSREG_ENC(3, 0, 0, 7, 7);
}

/* Trapped ones of the GICv3's CPU interface. */
static bool is_gic_register(u32 reg)
{
	return reg >= SYSREG_ENC(3, 0, 12, 8, 0) && reg <= SYSREG_ENC(3, 0, 12, 12, 7);
}

/* ---- the others ---- */

typedef u64 (*sysreg_read_t)(const struct vcpu *v);
typedef void (*sysreg_write_t)(struct vcpu *v, u64 value);

enum { READ = 1, WRITE = 2 };

/* Ordered by number. Reads, where allowed, call read_fn or give `value`; writes, where allowed, call write_fn or are ignored. */
struct sysreg_row {
	u32 first, last;
	u32 allowed;
	u64 value;
	sysreg_read_t read_fn;
	sysreg_write_t write_fn;
};

static void sgi1r(struct vcpu *v, u64 value)
{
	vmm_sgi(v, value);
}

static void sgi0r(struct vcpu *v, u64 value)
{
	vgic_send_sgi(v, value, 0);
}

static void dir(struct vcpu *v, u64 value)
{
	vgic_dir(v, (u32)FIELD(value, 23, 0));
}

/* The OS lock exists, and locks nothing: there is no external debugger. */
static void oslar(struct vcpu *v, u64 value)
{
	v->os_lock = value & 1;
}

static u64 oslsr(const struct vcpu *v)
{
	return 1 << 3 | (v->os_lock ? 1 << 1 : 0); /* OSLM: implemented */
}

#define REG(op0, op1, crn, crm, op2) \
	SYSREG_ENC(op0, op1, crn, crm, op2), SYSREG_ENC(op0, op1, crn, crm, op2)
#define RAZ_WI READ | WRITE, 0, NULL, NULL
#define RAZ    READ, 0, NULL, NULL

static const struct sysreg_row rows[] = {
	/* Debug (Arm ARM D19.3): present and inert. First break- and watchpoints, MDSCR, MDCCINT, OSDTR*, OSECCR. */
	{ SYSREG_ENC(2, 0, 0, 0, 0), SYSREG_ENC(2, 0, 0, 15, 7), RAZ_WI },
	{ REG(2, 0, 1, 0, 0), RAZ },                   /* MDRAR_EL1 */
	{ REG(2, 0, 1, 0, 4), WRITE, 0, NULL, oslar }, /* OSLAR_EL1 */
	{ REG(2, 0, 1, 1, 4), READ, 0, oslsr, NULL },  /* OSLSR_EL1 */
	{ REG(2, 0, 1, 3, 4), RAZ_WI },                /* OSDLR_EL1 */
	{ REG(2, 0, 1, 4, 4), RAZ_WI },                /* DBGPRCR_EL1 */
	{ REG(2, 0, 7, 8, 6), RAZ_WI },                /* DBGCLAIMSET_EL1 */
	{ REG(2, 0, 7, 9, 6), RAZ_WI },                /* DBGCLAIMCLR_EL1 */
	{ REG(2, 0, 7, 14, 6), RAZ },                  /* DBGAUTHSTATUS_EL1 */
	{ REG(2, 3, 0, 1, 0), RAZ },                   /* MDCCSR_EL0 */
	{ SYSREG_ENC(2, 3, 0, 4, 0), SYSREG_ENC(2, 3, 0, 5, 0),
	  RAZ_WI },                                      /* DBGDTR_EL0, DBGDTRRX/TX_EL0 */
	{ REG(3, 0, 1, 0, 1), RAZ_WI },                  /* ACTLR_EL1 */
	{ REG(3, 0, 5, 3, 0), RAZ },                     /* ERRIDR_EL1: no error records */
	{ REG(3, 0, 5, 3, 1), RAZ_WI },                  /* ERRSELR_EL1 */
	{ REG(3, 0, 12, 11, 1), WRITE, 0, NULL, dir },   /* ICC_DIR_EL1 */
	{ REG(3, 0, 12, 11, 5), WRITE, 0, NULL, sgi1r }, /* ICC_SGI1R_EL1 */
	{ REG(3, 0, 12, 11, 6), WRITE, 0, NULL,
	  sgi0r }, /* ICC_ASGI1R_EL1: with one security state as SGI0R */
	{ REG(3, 0, 12, 11, 7), WRITE, 0, NULL, sgi0r }, /* ICC_SGI0R_EL1 */
	{ REG(3, 0, 12, 12, 5), READ | WRITE, 7, NULL,
	  NULL }, /* ICC_SRE_EL1: system registers, no bypass */
};

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

enum sysreg_result vmm_sysreg(struct vcpu *v, struct sysreg_access *a)
{
	const struct sysreg_row *row;

	if (is_id_register(a->reg)) {
		if (a->write)
			return SYSREG_UNDEF;
		a->value = sysreg_id_value((a->reg >> 3) & 0xf, a->reg & 7);
		return SYSREG_OK;
	}
	row = find_row(a->reg);
	if (is_gic_register(a->reg) && v->vm->vgic.v2)
		return SYSREG_UNDEF;
	if (!row || !(row->allowed & (a->write ? WRITE : READ)))
		return SYSREG_UNDEF;
	if (!a->write)
		a->value = row->read_fn ? row->read_fn(v) : row->value;
	else if (row->write_fn)
		row->write_fn(v, a->value);
	return SYSREG_OK;
}
