/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer authentication (FEAT_PAuth) and branch targets (FEAT_BTI), where the ID registers show
 * them.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/mmu.h"

#define SCTLR_ENIA BIT(31)
#define SCTLR_ENIB BIT(30)
#define SCTLR_ENDA BIT(27)
#define SCTLR_ENDB BIT(13)

#define POINTER  UINT64_C(0x40201230)
#define MODIFIER UINT64_C(0x1122334455667788)

/* One instruction on x0, with x1 and x2: older assemblers do not know them. */
#define ON_X0(word, a, b, c)                                                   \
	({                                                                     \
		register uint64_t x0_ asm("x0") = (a);                         \
		register uint64_t x1_ asm("x1") = (b);                         \
		register uint64_t x2_ asm("x2") = (c);                         \
		asm volatile(".inst " #word : "+r"(x0_) : "r"(x1_), "r"(x2_)); \
		x0_;                                                           \
	})

#define PACGA(value, modifier) ON_X0(0x9ac23020, 0, value, modifier) /* pacga x0, x1, x2 */

/* The halves of the five keys, each another one. */
static void set_keys(uint64_t seed)
{
	write_sysreg(S3_0_C2_C1_0, seed);
	write_sysreg(S3_0_C2_C1_1, seed * 3);
	write_sysreg(S3_0_C2_C1_2, seed * 5);
	write_sysreg(S3_0_C2_C1_3, seed * 7);
	write_sysreg(S3_0_C2_C2_0, seed * 11);
	write_sysreg(S3_0_C2_C2_1, seed * 13);
	write_sysreg(S3_0_C2_C2_2, seed * 17);
	write_sysreg(S3_0_C2_C2_3, seed * 19);
	write_sysreg(S3_0_C2_C3_0, seed * 23);
	write_sysreg(S3_0_C2_C3_1, seed * 29);
	isb();
}

#define KEY(name, sign, authenticate)                                                   \
	do {                                                                            \
		uint64_t signed_ = ON_X0(sign, POINTER, MODIFIER, 0), wrong_ = 0;       \
		struct probe probe_;                                                    \
		(void)check_true("pauth." name ".signs", signed_ != POINTER);           \
		(void)check_eq("pauth." name ".authenticates",                          \
			       ON_X0(authenticate, signed_, MODIFIER, 0), POINTER);     \
		probe_ = PROBE(wrong_ = ON_X0(authenticate, signed_, MODIFIER + 1, 0)); \
		(void)check_true("pauth." name ".refuses",                              \
				 wrong_ != POINTER || ESR_EC(probe_.esr) == EC_FPAC);   \
	} while (0)

static void keys(void)
{
	uint64_t before;

	set_keys(UINT64_C(0x9e3779b97f4a7c15));
	(void)check_eq("pauth.key-kept", read_sysreg(S3_0_C2_C2_2),
		       UINT64_C(0x9e3779b97f4a7c15) * 17);
	KEY("ia", 0xdac10020, 0xdac11020);
	KEY("ib", 0xdac10420, 0xdac11420);
	KEY("da", 0xdac10820, 0xdac11820);
	KEY("db", 0xdac10c20, 0xdac11c20);
	before = ON_X0(0xdac10020, POINTER, MODIFIER, 0);
	(void)check_eq("pauth.strip", ON_X0(0xdac143e0, before, 0, 0), POINTER);
	/* Asleep, and perhaps another guest runs. */
	check_sleep(2000);
	(void)check_eq("pauth.after-wfi", ON_X0(0xdac10020, POINTER, MODIFIER, 0), before);
	set_keys(2);
	(void)check_true("pauth.other-key", ON_X0(0xdac10020, POINTER, MODIFIER, 0) != before);
}

static void generic(void)
{
	uint64_t before;

	set_keys(UINT64_C(0x123456789abcdef1));
	before = PACGA(POINTER, MODIFIER);
	(void)check_eq("pauth.ga.low-half", before & UINT32_MAX, 0);
	(void)check_eq("pauth.ga.again", PACGA(POINTER, MODIFIER), before);
	(void)check_true("pauth.ga.other-value", PACGA(POINTER + 8, MODIFIER) != before);
	set_keys(3);
	(void)check_true("pauth.ga.other-key", PACGA(POINTER, MODIFIER) != before);
}

/* In the page as the linker put it, and guarded in the window. */
static const uint32_t landing[] __attribute__((aligned(16))) = {
	0xd503245f, /* bti c */
	0xd65f03c0, /* ret */
	0xd503201f, /* nop */
	0xd65f03c0, /* ret */
};

static void branch_targets(void)
{
	uintptr_t plain = (uintptr_t)landing;
	uintptr_t guarded = mmu_alias_guarded(plain);
	struct probe probe;

	(void)check_eq("bti.plain-page", PROBE(jump_probe(plain + 8)).count, 0);
	(void)check_eq("bti.landing", PROBE(jump_probe(guarded)).count, 0);
	probe = PROBE(jump_probe(guarded + 8));
	(void)check_eq("bti.no-landing", probe.count ? ESR_EC(probe.esr) : 0, EC_BTI);
	(void)check_eq("bti.no-landing.elr", probe.elr, guarded + 8);
}

void check_pauth(void)
{
	uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	uint64_t isar2 = read_sysreg(S3_0_C0_C6_2);
	uint64_t sctlr = read_sysreg(sctlr_el1);

	write_sysreg(sctlr_el1, sctlr | SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB);
	isb();
	if (field(isar1, 11, 4) || field(isar2, 15, 12))
		keys();
	else
		check_skip("pauth.address", "not shown");
	if (field(isar1, 31, 24) || field(isar2, 11, 8))
		generic();
	else
		check_skip("pauth.generic", "not shown");
	write_sysreg(sctlr_el1, sctlr);
	isb();
	if (field(read_sysreg(id_aa64pfr1_el1), 3, 0))
		branch_targets();
	else
		check_skip("bti", "not shown");
}
