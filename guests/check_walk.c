/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table walks that leave memory: an external abort with the level (Arm ARM D17.2.37, FSC 0b0101LL).
 * The tables are those of the upper half of the addresses, which the kit does not use.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/el0.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmio.h"

#define FSC_WALK         0x14u
#define ESR_CM           BIT(8)
#define DESC_TABLE       UINT64_C(3)
#define DESC_DEVICE_PAGE (UINT64_C(3) | BIT(10)) /* attributes 0, accessed */
#define TABLE_SIZE       0x10000                 /* of the largest granule */
#define MIB_2            UINT64_C(0x200000)

/* TCR_EL1: T1SZ, EPD1, IRGN1, ORGN1, SH1, TG1 */
#define TCR_UPPER(va_bits, tg1) \
	((UINT64_C(64) - (va_bits)) << 16 | UINT64_C(0x35) << 24 | (uint64_t)(tg1) << 30)
#define TCR_UPPER_MASK (UINT64_C(0xffff) << 16)

enum granule { GRANULE_16K = 1, GRANULE_4K, GRANULE_64K }; /* as TG1 has it */

EL0_CODE(walk_load, "ldr x0, [x0]");
EL0_CODE(walk_store, "str xzr, [x0]");
EL0_CODE(walk_fetch, "br x0");

static uint64_t tables[3][TABLE_SIZE / 8] __attribute__((aligned(TABLE_SIZE)));

/* An address whose walk reads `depth` tables in memory and then one outside. */
static uint64_t lead_out(unsigned int va_bits, enum granule granule, unsigned int depth)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(tables); n++) {
		bool last = n + 1 >= depth;

		tables[n][0] = (last ? UNMAPPED_BASE : (uintptr_t)tables[n + 1]) | DESC_TABLE;
	}
	dsb();
	write_sysreg(ttbr1_el1, depth ? (uintptr_t)tables[0] : UNMAPPED_BASE);
	write_sysreg(tcr_el1,
		     (read_sysreg(tcr_el1) & ~TCR_UPPER_MASK) | TCR_UPPER(va_bits, granule));
	isb();
	plain_op("tlbi vmalle1; dsb nsh; isb");
	return -(UINT64_C(1) << va_bits);
}

static void check_abort(const char *name, uint64_t esr, uint64_t far, uint64_t want_class,
			uint64_t want_iss, uint64_t va)
{
	uint64_t iss = ESR_FSC(esr) | (esr & (ESR_CM | ESR_WNR | ESR_FNV));

	(void)check_eq(check_name("walk", name, NULL), ESR_EC(esr) << 12 | iss,
		       want_class << 12 | want_iss);
	(void)check_eq(check_name("walk", name, "far"), far, va);
}

static bool has(enum granule granule)
{
	uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);

	if (granule == GRANULE_16K)
		return field(mmfr0, 23, 20) != 0;
	return granule == GRANULE_4K || field(mmfr0, 27, 24) == 0;
}

static void levels(void)
{
	static const struct {
		const char *name;
		unsigned int va_bits;
		enum granule granule;
		unsigned int depth;
		unsigned int level;
	} rows[] = {
		{ "4k-level-0", 48, GRANULE_4K, 0, 0 },
		{ "4k-level-1", 48, GRANULE_4K, 1, 1 },
		{ "4k-level-2", 48, GRANULE_4K, 2, 2 },
		{ "4k-level-3", 48, GRANULE_4K, 3, 3 },
		{ "4k-level-1-is-first", 39, GRANULE_4K, 0, 1 },
		{ "4k-level-2-is-first", 28, GRANULE_4K, 0, 2 },
		{ "16k-level-1", 47, GRANULE_16K, 0, 1 },
		{ "16k-level-3", 47, GRANULE_16K, 2, 3 },
		{ "64k-level-1", 48, GRANULE_64K, 0, 1 },
		{ "64k-level-2", 42, GRANULE_64K, 0, 2 },
		{ "64k-level-3", 42, GRANULE_64K, 1, 3 },
	};
	struct probe probe;
	uint64_t va;

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		if (!has(rows[n].granule)) {
			check_skip(check_name("walk", rows[n].name, NULL), "no such granule");
			continue;
		}
		va = lead_out(rows[n].va_bits, rows[n].granule, rows[n].depth);
		probe = PROBE((void)mmio_read64(va));
		check_abort(rows[n].name, probe.esr, probe.far, EC_DABT_CUR,
			    FSC_WALK + rows[n].level, va);
	}
}

static void accesses(void)
{
	uint64_t va = lead_out(39, GRANULE_4K, 1);
	uint64_t fsc = FSC_WALK + 2;
	struct probe probe;

	probe = PROBE(mmio_write8(va + 0x123, 0));
	check_abort("store", probe.esr, probe.far, EC_DABT_CUR, fsc | ESR_WNR, va + 0x123);
	probe = PROBE(asm volatile("ldp x2, x3, [%0]" : : "r"(va) : "x2", "x3", "memory"));
	check_abort("pair", probe.esr, probe.far, EC_DABT_CUR, fsc, va);
	probe = PROBE(sys_op("dc zva, %0", va));
	check_abort("dc-zva", probe.esr, probe.far, EC_DABT_CUR, fsc | ESR_WNR, va);
	probe = PROBE(sys_op("at s1e1r, %0", va));
	check_abort("at", probe.esr, probe.far, EC_DABT_CUR, fsc | ESR_CM | ESR_WNR, va);
	probe = PROBE(jump_probe(va));
	check_abort("fetch", probe.esr, probe.far, EC_IABT_CUR, fsc, va);
}

static void accesses_of_el0(void)
{
	uint64_t va = lead_out(39, GRANULE_4K, 0);
	uint64_t fsc = FSC_WALK + 1;
	struct el0_exit exit;

	exit = el0_run(walk_load, va, 0);
	check_abort("el0-load", exit.esr, exit.far, EC_DABT_LOW, fsc, va);
	exit = el0_run(walk_store, va, 0);
	check_abort("el0-store", exit.esr, exit.far, EC_DABT_LOW, fsc | ESR_WNR, va);
	exit = el0_run(walk_fetch, va, 0);
	check_abort("el0-fetch", exit.esr, exit.far, EC_IABT_LOW, fsc, va);
}

/*
 * A pair whose first half is a register of a device and whose second half has its table at the
 * empty address `table`.
 */
static void over_the_edge(const char *name, uint64_t table)
{
	uint64_t va = lead_out(39, GRANULE_4K, 3) + MIB_2;
	struct probe probe;

	tables[1][1] = table | DESC_TABLE;
	tables[2][511] = GICD_BASE | DESC_DEVICE_PAGE;
	dsb();
	plain_op("tlbi vmalle1; dsb nsh; isb");
	probe = PROBE(asm volatile("ldp x2, x3, [%0]" : : "r"(va - 8) : "x2", "x3", "memory"));
	(void)check_eq(check_name("walk", name, NULL), ESR_EC(probe.esr), EC_DABT_CUR);
	(void)CHECK_ONE_OF(check_name("walk", name, "fsc"), ESR_FSC(probe.esr), FSC_EXTERNAL,
			   FSC_WALK + 3);
}

/*
 * A table in a device that the guest reads without a hypervisor's help: a walk must not read it, or
 * it would take interrupts.
 */
static void device_as_table(void)
{
	struct probe probe;
	uint64_t va;

	if (gic_version != 2) /* and in no VM either is there a device that it reaches by itself */
		return;
	if (check_bare()) {
		check_skip("walk.device", "the machine's walks may read devices");
		return;
	}
	va = lead_out(39, GRANULE_4K, 2);
	tables[1][0] = GICC_BASE | DESC_TABLE;
	dsb();
	plain_op("tlbi vmalle1; dsb nsh; isb");
	probe = PROBE((void)mmio_read64(va));
	check_abort("device", probe.esr, probe.far, EC_DABT_CUR, FSC_WALK + 3, va);
	over_the_edge("device.pair", GICC_BASE);
}

void check_walk(void)
{
	uint64_t tcr = read_sysreg(tcr_el1);

	levels();
	accesses();
	accesses_of_el0();
	over_the_edge("pair-over-the-edge", UNMAPPED_BASE);
	device_as_table();
	write_sysreg(tcr_el1, tcr);
	isb();
	plain_op("tlbi vmalle1; dsb nsh; isb");
}
