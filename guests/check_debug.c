/* SPDX-License-Identifier: Apache-2.0 */
/* Self-hosted debug at EL1 (Arm ARM D2): breakpoints, watchpoints, single step, the OS lock. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/mmio.h"

#define MDSCR_SS  BIT(0)
#define MDSCR_KDE BIT(13) /* debug exceptions at EL1 too */
#define MDSCR_MDE BIT(15)

#define BCR_EL1   UINT64_C(0x1e3)  /* enabled, EL1, all four bytes */
#define WCR_EL1   UINT64_C(0x1fe3) /* enabled, EL1, all eight bytes; neither loads nor stores */
#define WCR_LOAD  BIT(3)
#define WCR_STORE BIT(4)

static uint64_t watched[2] __attribute__((aligned(16)));

/* The breakpoint's instruction, run with debug exceptions unmasked. */
#define RUN_MARKED()                          \
	asm volatile("msr daifclr, #8\n"      \
		     ".global debug_marked\n" \
		     "debug_marked: nop\n"    \
		     "msr daifset, #8"        \
		     :                        \
		     :                        \
		     : "memory")

extern const char debug_marked[];

static __attribute__((noinline)) struct probe marked(void)
{
	return PROBE(RUN_MARKED());
}

static void unmask(void)
{
	asm volatile("msr daifclr, #8" : : : "memory");
}

static void mask(void)
{
	asm volatile("msr daifset, #8" : : : "memory");
}

static void set_mdscr(uint64_t value)
{
	write_sysreg(mdscr_el1, value);
	isb();
}

static uint64_t class_of(struct probe probe)
{
	return probe.count == 1 ? ESR_EC(probe.esr) : 0x100u + probe.count;
}

#define NOTHING 0x100u

static void registers(void)
{
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

	(void)check_range("debug.dfr0.breakpoints", field(dfr0, 15, 12) + 1, 2, 16);
	(void)check_range("debug.dfr0.watchpoints", field(dfr0, 23, 20) + 1, 2, 16);
	(void)check_true("debug.dfr0.context-aware", field(dfr0, 31, 28) <= field(dfr0, 15, 12));
	write_sysreg(dbgbvr0_el1, UINT64_C(0x40201230));
	(void)check_eq("debug.dbgbvr0", read_sysreg(dbgbvr0_el1), UINT64_C(0x40201230));
	write_sysreg(dbgbcr0_el1, BCR_EL1 & ~BIT(0));
	(void)check_eq("debug.dbgbcr0", read_sysreg(dbgbcr0_el1), BCR_EL1 & ~BIT(0));
	write_sysreg(dbgwvr1_el1, UINT64_C(0x40201238));
	(void)check_eq("debug.dbgwvr1", read_sysreg(dbgwvr1_el1), UINT64_C(0x40201238));
	write_sysreg(dbgwcr1_el1, WCR_EL1 & ~BIT(0));
	(void)check_eq("debug.dbgwcr1", read_sysreg(dbgwcr1_el1), WCR_EL1 & ~BIT(0));
	(void)check_eq("debug.dbgbvr0.kept", read_sysreg(dbgbvr0_el1), UINT64_C(0x40201230));
	if (field(dfr0, 15, 12) < 15)
		(void)check_eq("debug.dbgbvr15", class_of(PROBE((void)read_sysreg(dbgbvr15_el1))),
			       EC_UNKNOWN);
	if (field(dfr0, 23, 20) < 15)
		(void)check_eq("debug.dbgwcr15", class_of(PROBE(write_sysreg(dbgwcr15_el1, 0))),
			       EC_UNKNOWN);
	set_mdscr(MDSCR_KDE | MDSCR_MDE);
	(void)check_eq("debug.mdscr", read_sysreg(mdscr_el1) & (MDSCR_KDE | MDSCR_MDE | MDSCR_SS),
		       MDSCR_KDE | MDSCR_MDE);
	set_mdscr(0);
}

static void breakpoints(void)
{
	struct probe probe;

	write_sysreg(dbgbvr0_el1, (uintptr_t)debug_marked);
	write_sysreg(dbgbcr0_el1, BCR_EL1);
	(void)check_eq("debug.breakpoint.without-mde", class_of(marked()), NOTHING);
	set_mdscr(MDSCR_MDE);
	(void)check_eq("debug.breakpoint.without-kde", class_of(marked()), NOTHING);
	set_mdscr(MDSCR_KDE | MDSCR_MDE);
	probe = marked();
	(void)check_eq("debug.breakpoint", class_of(probe), EC_BREAKPOINT);
	(void)check_eq("debug.breakpoint.elr", probe.elr, (uintptr_t)debug_marked);
	(void)check_eq("debug.breakpoint.again", class_of(marked()), EC_BREAKPOINT);
	write_sysreg(oslar_el1, 1);
	isb();
	probe = marked();
	if (check_bare() && probe.count)
		check_skip("debug.breakpoint.os-lock", "this machine's OS lock locks nothing");
	else
		(void)check_eq("debug.breakpoint.os-lock", class_of(probe), NOTHING);
	write_sysreg(oslar_el1, 0);
	isb();
	(void)check_eq("debug.breakpoint.os-unlock", class_of(marked()), EC_BREAKPOINT);
	/* Asleep, and perhaps another guest runs. */
	check_sleep(2000);
	(void)check_eq("debug.breakpoint.after-wfi", class_of(marked()), EC_BREAKPOINT);
	write_sysreg(dbgbvr0_el1, (uintptr_t)debug_marked + 64);
	isb();
	(void)check_eq("debug.breakpoint.elsewhere", class_of(marked()), NOTHING);
	write_sysreg(dbgbvr1_el1, (uintptr_t)debug_marked);
	write_sysreg(dbgbcr1_el1, BCR_EL1);
	isb();
	(void)check_eq("debug.breakpoint.second", class_of(marked()), EC_BREAKPOINT);
	write_sysreg(dbgbcr1_el1, 0);
	write_sysreg(dbgbcr0_el1, 0);
	isb();
	(void)check_eq("debug.breakpoint.off", class_of(marked()), NOTHING);
	set_mdscr(0);
}

static struct probe watch(uint64_t wcr, bool store, unsigned int n)
{
	struct probe probe;

	write_sysreg(dbgwcr0_el1, wcr);
	isb();
	unmask();
	probe = store ? PROBE(mmio_by("str xzr, [%0]", (uintptr_t)&watched[n]))
		      : PROBE(mmio_by("ldr x2, [%0]", (uintptr_t)&watched[n]));
	mask();
	return probe;
}

static void watchpoints(void)
{
	struct probe probe;

	watched[0] = 0x1234;
	write_sysreg(dbgwvr0_el1, (uintptr_t)&watched[0]);
	set_mdscr(MDSCR_KDE | MDSCR_MDE);
	probe = watch(WCR_EL1 | WCR_STORE, true, 0);
	(void)check_eq("debug.watchpoint.store", class_of(probe), EC_WATCHPOINT);
	(void)check_eq("debug.watchpoint.far", probe.far, (uintptr_t)&watched[0]);
	(void)check_eq("debug.watchpoint.wnr", probe.esr & ESR_WNR, ESR_WNR);
	(void)check_eq("debug.watchpoint.not-done", watched[0], 0x1234);
	(void)check_eq("debug.watchpoint.load-is-none",
		       class_of(watch(WCR_EL1 | WCR_STORE, false, 0)), NOTHING);
	probe = watch(WCR_EL1 | WCR_LOAD, false, 0);
	(void)check_eq("debug.watchpoint.load", class_of(probe), EC_WATCHPOINT);
	(void)check_eq("debug.watchpoint.load.wnr", probe.esr & ESR_WNR, 0);
	(void)check_eq("debug.watchpoint.beside", class_of(watch(WCR_EL1 | WCR_LOAD, false, 1)),
		       NOTHING);
	(void)check_eq("debug.watchpoint.off", class_of(watch(0, true, 0)), NOTHING);
	(void)check_eq("debug.watchpoint.done", watched[0], 0);
	set_mdscr(0);
}

/* Each instruction leads to the next, whether the CPU or a hypervisor carries it out. */
static void single_step(void)
{
	static const struct {
		const char *name;
		unsigned int offset;
	} way[] = {
		{ "debug.step.begin", 0 },        { "debug.step.nop", 4 },
		{ "debug.step.id-register", 8 },  { "debug.step.device-load", 12 },
		{ "debug.step.device-pair", 16 }, { "debug.step.debug-register", 20 },
		{ "debug.step.branch", 28 },
	};
	uint64_t start, scratch[2];

	steps = (struct steps){ .wanted = ARRAY_SIZE(way) };
	set_mdscr(MDSCR_KDE | MDSCR_SS);
	asm volatile("adr %0, 1f\n"
		     "msr daifclr, #8\n"
		     "1: nop\n"
		     "mrs %1, id_aa64pfr0_el1\n"
		     "ldr %w1, [%3, #0x18]\n"
		     "ldp %w1, %w2, [%3, #0x18]\n"
		     "mrs %1, mdscr_el1\n"
		     "b 2f\n"
		     "nop\n"
		     "2: nop\n"
		     "msr daifset, #8\n"
		     : "=&r"(start), "=&r"(scratch[0]), "=&r"(scratch[1])
		     : "r"((uintptr_t)UART_BASE)
		     : "memory");
	set_mdscr(0);
	(void)check_eq("debug.step.count", steps.count, ARRAY_SIZE(way));
	for (size_t n = 0; n < ARRAY_SIZE(way); n++)
		(void)check_eq(way[n].name, steps.elr[n] - start, way[n].offset);
}

void check_debug(void)
{
	write_sysreg(oslar_el1, 0);
	isb();
	registers();
	breakpoints();
	watchpoints();
	single_step();
	(void)check_eq("debug.brk", class_of(PROBE(plain_op("brk #0x77"))), EC_BRK);
}
