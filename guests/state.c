/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: breakpoint, watchpoint, performance monitors and pointer authentication in use at once,
 * round by round, asleep or spinning in between. All values belong to this run: other guests on the
 * CPU have other values, and none of those may appear here.
 */
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define ROUNDS    60u
#define SLEEP_US  2000u
#define SPIN_US   15000u    /* longer than a turn of those that share a CPU */
#define LIMIT_US  60000000u /* a machine that is busy elsewhere is no reason to fail */
#define PMU_INTID 23u

#define MDSCR_KDE BIT(13)
#define MDSCR_MDE BIT(15)
#define BCR_EL1   UINT64_C(0x1e3)
#define WCR_STORE UINT64_C(0x1ff3)

#define PMCR_E  BIT(0)
#define PMCR_LC BIT(6)
#define CYCLES  BIT(31)

static uint64_t seed;
static uint64_t watched[16];
static uint32_t overflows;
static unsigned int bad;

/* Says what is wrong, a line a time, the first few times. */
static void expect(const char *what, unsigned int round, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	if (++bad <= 10)
		print("state: round %u: %s: expected %lx got %lx\n", round, what, want, got);
}

/* ---- pointer authentication ---- */

static bool has_pauth(void)
{
	return field(read_sysreg(id_aa64isar1_el1), 31, 24) ||
	       field(read_sysreg(S3_0_C0_C6_2), 11, 8);
}

/* PACGA of this run's value by the key of this run. */
static uint64_t generic_code(void)
{
	register uint64_t x0 asm("x0");
	register uint64_t x1 asm("x1") = seed;
	register uint64_t x2 asm("x2") = ~seed;

	asm volatile(".inst 0x9ac23020" : "=r"(x0) : "r"(x1), "r"(x2));
	return x0;
}

static uint64_t pauth_set(void)
{
	if (!has_pauth())
		return 0;
	write_sysreg(S3_0_C2_C1_0, seed * 3);
	write_sysreg(S3_0_C2_C2_3, seed * 5);
	write_sysreg(S3_0_C2_C3_0, seed * 7);
	write_sysreg(S3_0_C2_C3_1, seed * 11);
	isb();
	return generic_code();
}

static void pauth_look(unsigned int round, uint64_t code)
{
	if (!has_pauth())
		return;
	expect("APIA key", round, read_sysreg(S3_0_C2_C1_0), seed * 3);
	expect("APDB key", round, read_sysreg(S3_0_C2_C2_3), seed * 5);
	expect("PACGA", round, generic_code(), code);
}

/* ---- debug ---- */

#define PLACES 16u

extern const char state_marked[]; /* PLACES instructions */

/* Which of them, and which of the watched words, is this run's. */
static unsigned int place(void)
{
	return (unsigned int)field(seed, 35, 32);
}

static void debug_set(void)
{
	write_sysreg(oslar_el1, 0);
	write_sysreg(dbgbvr0_el1, (uintptr_t)state_marked + 4 * place());
	write_sysreg(dbgbcr0_el1, BCR_EL1);
	write_sysreg(dbgbvr1_el1, seed & ~UINT64_C(3)); /* not enabled */
	write_sysreg(dbgwvr0_el1, (uintptr_t)&watched[place()]);
	write_sysreg(dbgwcr0_el1, WCR_STORE);
	write_sysreg(mdscr_el1, MDSCR_KDE | MDSCR_MDE);
	isb();
}

/*
 * Past all of them; the address of the one that took an exception of this class, 0 if none did, 1
 * if others did too.
 */
static __attribute__((noinline)) uint64_t run_marked(void)
{
	struct probe probe = PROBE(asm volatile("msr daifclr, #8\n"
						".global state_marked\n"
						"state_marked:\n"
						".rept 16\n"
						"nop\n"
						".endr\n"
						"msr daifset, #8"
						:
						:
						: "memory"));

	if (probe.count > 1 || (probe.count && ESR_EC(probe.esr) != EC_BREAKPOINT))
		return 1;
	return probe.count ? probe.elr : 0;
}

static uint64_t store_watched(void)
{
	struct probe probe;

	probe_begin();
	plain_op("msr daifclr, #8");
	for (unsigned int n = 0; n < PLACES; n++)
		mmio_by("str xzr, [%0]", (uintptr_t)&watched[n]);
	plain_op("msr daifset, #8");
	probe = probe_end();
	if (probe.count > 1 || (probe.count && ESR_EC(probe.esr) != EC_WATCHPOINT))
		return 1;
	return probe.count ? probe.far : 0;
}

static void debug_look(unsigned int round)
{
	/* Every eighth round without, so that it is dropped and taken up again. */
	bool on = round % 8 != 7;

	/* Written no more often: what is in the CPU is there because the vCPU is. */
	if (round % 8 == 7 || round % 8 == 0)
		write_sysreg(mdscr_el1, on ? MDSCR_KDE | MDSCR_MDE : 0);
	isb();
	expect("DBGBVR1_EL1", round, read_sysreg(dbgbvr1_el1), seed & ~UINT64_C(3));
	expect("breakpoint", round, run_marked(), on ? (uintptr_t)state_marked + 4 * place() : 0);
	expect("watchpoint", round, store_watched(), on ? (uintptr_t)&watched[place()] : 0);
}

/* ---- performance monitors ---- */

static bool has_pmu(void)
{
	uint64_t version = field(read_sysreg(id_aa64dfr0_el1), 11, 8);

	return version != 0 && version != 15;
}

static void overflowed(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	write_sysreg(pmovsclr_el0, CYCLES);
	isb();
	atomic_inc(&overflows);
}

/*
 * Counter 0 counts our increments, counter 1 stands still, the cycle counter overflows once a
 * round.
 */
static void pmu_set(void)
{
	if (!has_pmu())
		return;
	irq_set_handler(PMU_INTID, overflowed, NULL);
	gic_enable(PMU_INTID);
	write_sysreg(pmovsclr_el0, UINT64_C(0xffffffff));
	write_sysreg(pmevtyper0_el0, 0);
	write_sysreg(pmevcntr0_el0, 0);
	write_sysreg(pmevcntr1_el0, (uint32_t)seed);
	write_sysreg(pmccfiltr_el0, 0);
	write_sysreg(pmcntenset_el0, CYCLES | 1);
	write_sysreg(pmintenset_el1, CYCLES);
	write_sysreg(pmcr_el0, PMCR_E | PMCR_LC);
	isb();
}

static void pmu_look(unsigned int round)
{
	if (!has_pmu())
		return;
	write_sysreg(pmswinc_el0, 1);
	isb();
	expect("PMEVCNTR0_EL0", round, read_sysreg(pmevcntr0_el0), round);
	expect("PMEVCNTR1_EL0", round, (uint32_t)read_sysreg(pmevcntr1_el0), (uint32_t)seed);
	expect("PMINTENSET_EL1", round, read_sysreg(pmintenset_el1), CYCLES);
	write_sysreg(pmccntr_el0, -UINT64_C(200000));
	isb();
	irq_unmask();
	(void)wait_for(load_acquire(&overflows) == round, LIMIT_US);
	irq_mask();
	expect("overflow interrupts", round, overflows, round);
}

/* ---- */

static void woken(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	timer_stop(TIMER_VIRT);
}

static void pass_time(unsigned int round)
{
	if (round % 3 == 0) {
		delay_us(SPIN_US);
		return;
	}
	timer_start_us(TIMER_VIRT, SLEEP_US);
	wfi();
	irq_unmask();
	isb();
	irq_mask();
}

void guest_main(void)
{
	uint64_t code;

	seed = (read_sysreg(cntpct_el0) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
	irq_set_handler(CNTV_INTID, woken, NULL);
	gic_enable(CNTV_INTID);
	code = pauth_set();
	debug_set();
	pmu_set();
	print("state: pmu %s, pauth %s\n", has_pmu() ? "yes" : "no", has_pauth() ? "yes" : "no");
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		pass_time(round);
		debug_look(round);
		pmu_look(round);
		pauth_look(round, code);
	}
	print("state: %u rounds, %u overflows, %s\n", ROUNDS, overflows, bad ? "FAIL" : "PASS");
}
