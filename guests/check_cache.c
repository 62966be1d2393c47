/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance (Arm ARM D7.5): allowed wherever software does it, and without loss of data. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/smp.h"
#include "kit/time.h"

#define WORDS   2048u
#define PATTERN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t buffer[WORDS] __attribute__((aligned(2048)));

static void fill(void)
{
	for (size_t n = 0; n < WORDS; n++)
		buffer[n] = PATTERN * (n + 1);
}

static unsigned int wrong(void)
{
	unsigned int count = 0;

	for (size_t n = 0; n < WORDS; n++)
		count += load_acquire(&buffer[n]) != PATTERN * (n + 1);
	return count;
}

/* ---- by set and way: as firmware does it to a whole cache ---- */

static unsigned int log2_up(uint64_t value)
{
	unsigned int n = 0;

	while (UINT64_C(1) << n < value)
		n++;
	return n;
}

/* One operation for every line of a level (0 is L1). FEAT_CCIDX: other fields in CCSIDR_EL1. */
static void whole_level(unsigned int level, void (*op)(uint64_t set_way))
{
	bool wide = field(read_sysreg(id_aa64mmfr2_el1), 23, 20) != 0;
	uint64_t ccsidr, sets, ways;
	unsigned int line;

	write_sysreg(csselr_el1, level << 1);
	isb();
	ccsidr = read_sysreg(ccsidr_el1);
	line = (unsigned int)field(ccsidr, 2, 0) + 4;
	ways = (wide ? field(ccsidr, 23, 3) : field(ccsidr, 12, 3)) + 1;
	sets = (wide ? field(ccsidr, 55, 32) : field(ccsidr, 27, 13)) + 1;
	for (uint64_t way = 0; way < ways; way++)
		for (uint64_t set = 0; set < sets; set++)
			op((ways > 1 ? way << (32 - log2_up(ways)) : 0) | set << line | level << 1);
	dsb();
}

static void clean(uint64_t set_way)
{
	sys_op("dc csw, %0", set_way);
}

static void clean_invalidate(uint64_t set_way)
{
	sys_op("dc cisw, %0", set_way);
}

static void set_way(void)
{
	uint64_t clidr = read_sysreg(clidr_el1);
	struct probe probe;

	fill();
	for (unsigned int level = 0; level < 2; level++) {
		if (field(clidr, level * 3 + 2, level * 3) < 2)
			continue; /* no data there */
		probe = PROBE(whole_level(level, clean));
		(void)check_eq("cache.set-way.clean", probe.count, 0);
		probe = PROBE(whole_level(level, clean_invalidate));
		(void)check_eq("cache.set-way.clean-invalidate", probe.count, 0);
	}
	/* Without a clean before it, any system's line could be lost. */
	probe = PROBE(asm volatile("dc cisw, xzr; dsb sy; dc isw, xzr; dsb sy" : : : "memory"));
	(void)check_eq("cache.set-way.invalidate", probe.count, 0);
	(void)check_eq("cache.set-way.nothing-lost", wrong(), 0);
}

/* ---- by address ---- */

/* No exception, whatever is there. */
static void everywhere(const char *where, uintptr_t at)
{
	(void)check_eq(check_name("cache", where, "dc-cvac"),
		       PROBE(sys_op("dc cvac, %0", at)).count, 0);
	(void)check_eq(check_name("cache", where, "dc-cvau"),
		       PROBE(sys_op("dc cvau, %0", at)).count, 0);
	(void)check_eq(check_name("cache", where, "dc-civac"),
		       PROBE(sys_op("dc civac, %0", at)).count, 0);
	(void)check_eq(check_name("cache", where, "dc-ivac"),
		       PROBE(sys_op("dc ivac, %0", at)).count, 0);
	(void)check_eq(check_name("cache", where, "ic-ivau"),
		       PROBE(sys_op("ic ivau, %0", at)).count, 0);
}

static void by_address(void)
{
	struct probe probe;

	fill();
	everywhere("ram", (uintptr_t)buffer);
	(void)check_eq("cache.ram.nothing-lost", wrong(), 0);
	everywhere("device", UART_BASE);
	everywhere("read-only", mmu_alias(FLASH1_BASE, MMU_NORMAL));
	everywhere("nothing", mmu_alias(UNMAPPED_BASE, MMU_NORMAL));
	probe = PROBE(plain_op("ic iallu; ic ialluis; dsb sy; isb"));
	(void)check_eq("cache.ic-all", probe.count, 0);
}

/* DC ZVA: a block of zeros and nothing beside it. */
static void zero(void)
{
	uint64_t dczid = read_sysreg(dczid_el0);
	size_t words = (size_t)(UINT64_C(4) << field(dczid, 3, 0)) / 8;
	unsigned int zeros = 0;
	struct probe probe;
	uint64_t outcome;

	if (dczid & BIT(4)) {
		check_skip("cache.zva", "prohibited here");
		return;
	}
	fill();
	sys_op("dc zva, %0", &buffer[words + 1]);
	for (size_t n = 0; n < WORDS; n++)
		zeros += load_acquire(&buffer[n]) == 0;
	(void)check_eq("cache.zva", zeros, words);
	(void)check_true("cache.zva.its-block", buffer[words] == 0 && buffer[2 * words - 1] == 0);
	/*
	 * Device memory: an alignment fault (Arm ARM C6.2.81); QEMU 7.2 stores zeros byte by byte.
	 */
	probe = PROBE(sys_op("dc zva, %0", UART_BASE + 0x800));
	outcome = (uint64_t)ESR_EC(probe.esr) << 8 | ESR_FSC(probe.esr);
	if (!probe.count)
		check_skip("cache.zva.device", "performed: this machine does not check");
	else
		(void)CHECK_ONE_OF("cache.zva.device", outcome, EC_DABT_CUR << 8 | FSC_ALIGNMENT,
				   EC_DABT_CUR << 8 | FSC_EXTERNAL);
}

/* ---- code that changes ---- */

#define MOV_W0(imm) (0x52800000u | (uint32_t)(imm) << 5)
#define RET         0xd65f03c0u

static uint32_t code[16] __attribute__((aligned(64)));
static uint32_t other_saw;

static void write_code(uint32_t imm)
{
	code[0] = MOV_W0(imm);
	code[1] = RET;
	asm volatile("dc cvau, %0; dsb ish; ic ivau, %0; dsb ish; isb" : : "r"(code) : "memory");
}

static uint32_t run_code(void)
{
	uint32_t (*fn)(void);
	void *at = code;

	__builtin_memcpy(&fn, &at, sizeof(fn));
	return fn();
}

static void run_on_other(void *arg)
{
	(void)arg;
	store_release(&other_saw, run_code());
}

static void code_changes(void)
{
	unsigned int right = 0, right_there = 0;

	for (uint32_t n = 1; n <= 10; n++) {
		write_code(n);
		right += run_code() == n;
		if (check_cpus == 1)
			continue;
		other_saw = 0;
		(void)cpu_start(1, run_on_other, NULL, 0);
		(void)wait_for(load_acquire(&other_saw), LONG_US);
		right_there += other_saw == n;
		(void)cpu_wait_off(1, LONG_US);
	}
	(void)check_eq("cache.code-changes", right, 10);
	if (check_cpus == 1)
		check_skip("cache.code-changes.other-cpu", "one cpu");
	else
		(void)check_eq("cache.code-changes.other-cpu", right_there, 10);
}

/* ---- address translation, as software asks for it ---- */

static void translation(void)
{
	uintptr_t at = mmu_alias(UNMAPPED_BASE, MMU_NORMAL) + 0x1000;

	sys_op("at s1e1r, %0; isb", at);
	(void)check_eq("cache.at.unmapped", read_sysreg(par_el1) & 0xfffffffff001,
		       UNMAPPED_BASE + 0x1000);
	sys_op("at s1e1w, %0; isb", (uintptr_t)buffer);
	(void)check_eq("cache.at.ram", read_sysreg(par_el1) & 0xfffffffff001,
		       (uintptr_t)buffer & ~UINT64_C(0xfff));
	sys_op("at s1e0r, %0; isb", (uintptr_t)buffer);
	(void)check_eq("cache.at.el0-may-not", read_sysreg(par_el1) & 1, 1);
}

void check_cache(void)
{
	set_way();
	by_address();
	zero();
	code_changes();
	translation();
}
