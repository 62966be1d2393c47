/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services besides PSCI: random numbers (Arm DEN0098), stolen time (DEN0057), workarounds
 * (DEN0028). Each may be absent; then all of its calls return NOT_SUPPORTED.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define ARCH_FEATURES UINT64_C(0x80000001)
#define NOT_SUPPORTED (~UINT64_C(0))

#define TRNG_VERSION       UINT64_C(0x84000050)
#define TRNG_FEATURES      UINT64_C(0x84000051)
#define TRNG_GET_UUID      UINT64_C(0x84000052)
#define TRNG_RND32         UINT64_C(0x84000053)
#define TRNG_RND64         UINT64_C(0xc4000053)
#define TRNG_INVALID       (~UINT64_C(1))
#define PV_TIME_FEATURES   UINT64_C(0xc5000020)
#define PV_TIME_ST         UINT64_C(0xc5000021)
#define STOLEN_TIME_SIZE   64u
#define STOLEN_TIME_OFFSET 8u

struct answer {
	uint64_t x[4];
};

static struct answer call(uint64_t function, uint64_t arg)
{
	struct answer a = { { function, arg, ~UINT64_C(0), ~UINT64_C(0) } };

	hvc_full(a.x);
	return a;
}

static uint64_t code(uint64_t function, uint64_t arg)
{
	return call(function, arg).x[0];
}

/* ---- random numbers ---- */

static void trng_features(bool have)
{
	static const struct {
		const char *name;
		uint64_t function;
		bool known;
	} rows[] = {
		{ "trng.features.version", TRNG_VERSION, true },
		{ "trng.features.features", TRNG_FEATURES, true },
		{ "trng.features.get-uuid", TRNG_GET_UUID, true },
		{ "trng.features.rnd32", TRNG_RND32, true },
		{ "trng.features.rnd64", TRNG_RND64, true },
		{ "trng.features.unknown", 0x84000054, false },
		{ "trng.features.version-64", 0xc4000050, false },
		{ "trng.features.not-its-own", PSCI_VERSION, false },
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		(void)check_eq(rows[n].name, code(TRNG_FEATURES, rows[n].function),
			       have && rows[n].known ? 0 : NOT_SUPPORTED);
}

/* Bits above the requested ones are 0. */
static void trng_bits(bool have)
{
	static const struct {
		const char *name;
		uint64_t function;
		uint64_t bits;
		uint64_t mask[3];
	} rows[] = {
		{ "trng.rnd32.1", TRNG_RND32, 1, { 0, 0, 1 } },
		{ "trng.rnd32.32", TRNG_RND32, 32, { 0, 0, 0xffffffff } },
		{ "trng.rnd32.65", TRNG_RND32, 65, { 1, 0xffffffff, 0xffffffff } },
		{ "trng.rnd32.96", TRNG_RND32, 96, { 0xffffffff, 0xffffffff, 0xffffffff } },
		{ "trng.rnd64.1", TRNG_RND64, 1, { 0, 0, 1 } },
		{ "trng.rnd64.64", TRNG_RND64, 64, { 0, 0, ~UINT64_C(0) } },
		{ "trng.rnd64.130", TRNG_RND64, 130, { 3, ~UINT64_C(0), ~UINT64_C(0) } },
		{ "trng.rnd64.192", TRNG_RND64, 192, { ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0) } },
	};
	struct answer a;
	uint64_t above;

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		a = call(rows[n].function, rows[n].bits);
		(void)check_eq(rows[n].name, a.x[0], have ? 0 : NOT_SUPPORTED);
		above = 0;
		for (unsigned int i = 0; i < 3; i++)
			above |= a.x[1 + i] & ~rows[n].mask[i];
		(void)check_eq(check_name(rows[n].name, "above", NULL), have ? above : 0, 0);
	}
}

static void trng_errors(bool have)
{
	static const struct {
		const char *name;
		uint64_t function;
		uint64_t bits;
	} rows[] = {
		{ "trng.rnd32.none", TRNG_RND32, 0 },
		{ "trng.rnd32.97", TRNG_RND32, 97 },
		{ "trng.rnd64.none", TRNG_RND64, 0 },
		{ "trng.rnd64.193", TRNG_RND64, 193 },
		{ "trng.rnd64.many", TRNG_RND64, ~UINT64_C(0) },
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		(void)check_eq(rows[n].name, code(rows[n].function, rows[n].bits),
			       have ? TRNG_INVALID : NOT_SUPPORTED);
}

/* 64 draws: no two alike, and every bit was both 0 and 1. */
static void trng_varies(bool have)
{
	uint64_t drawn[64];
	uint64_t ones = 0;
	uint64_t zeros = 0;
	unsigned int alike = 0;

	for (size_t n = 0; n < ARRAY_SIZE(drawn); n++) {
		drawn[n] = call(TRNG_RND64, 192).x[3];
		ones |= drawn[n];
		zeros |= ~drawn[n];
		for (size_t before = 0; before < n; before++)
			alike += drawn[before] == drawn[n];
	}
	(void)check_eq("trng.varies", have ? alike : 0, 0);
	(void)check_eq("trng.every-bit", have ? ones & zeros : NOT_SUPPORTED, ~UINT64_C(0));
}

static void trng(void)
{
	uint64_t version = code(TRNG_VERSION, 0);
	bool have = version != NOT_SUPPORTED;

	(void)check_range("trng.version", have ? version : 0x10000, 0x10000, 0x1ffff);
	(void)check_eq("trng.get-uuid", code(TRNG_GET_UUID, 0) != NOT_SUPPORTED, have);
	trng_features(have);
	trng_bits(have);
	trng_errors(have);
	trng_varies(have);
}

/* ---- stolen time ---- */

/* What the other CPU is told. */
static uint64_t other_place;

static void ask_place(void *arg)
{
	(void)arg;
	store_release(&other_place, code(PV_TIME_ST, 0));
}

static void stolen_time_of_another_cpu(uint64_t place, bool have)
{
	if (check_cpus == 1) {
		check_skip("pv-time.other-cpu", "one cpu");
		return;
	}
	other_place = 0;
	(void)cpu_start(1, ask_place, NULL, 0);
	/* Not for it to be off: a CPU that starts by and by still is. */
	(void)wait_for(load_acquire(&other_place), 1000000);
	(void)cpu_wait_off(1, 1000000);
	(void)check_eq("pv-time.other-cpu", load_acquire(&other_place),
		       have ? place + STOLEN_TIME_SIZE : NOT_SUPPORTED);
}

static void stolen_time(uint64_t place)
{
	uintptr_t at = mmu_alias(place, MMU_NORMAL);
	uint64_t before = mmio_read64(at + STOLEN_TIME_OFFSET);
	uint64_t after;
	struct probe probe;

	(void)check_eq("pv-time.aligned", place % STOLEN_TIME_SIZE, 0);
	(void)check_eq("pv-time.revision", mmio_read32(at), 0);
	(void)check_eq("pv-time.attributes", mmio_read32(at + 4), 0);
	delay_us(2000);
	after = mmio_read64(at + STOLEN_TIME_OFFSET);
	(void)check_true("pv-time.does-not-fall", after >= before);
	probe = PROBE(mmio_write64(at + STOLEN_TIME_OFFSET, ~UINT64_C(0)));
	(void)check_eq("pv-time.read-only", probe.count, 1);
	(void)check_eq("pv-time.read-only.class", ESR_EC(probe.esr), EC_DABT_CUR);
	(void)check_true("pv-time.read-only.kept",
			 mmio_read64(at + STOLEN_TIME_OFFSET) != ~UINT64_C(0));
}

static void pv_time(void)
{
	bool have = code(ARCH_FEATURES, PV_TIME_FEATURES) == 0;
	uint64_t yes = have ? 0 : NOT_SUPPORTED;
	uint64_t place = code(PV_TIME_ST, 0);

	(void)check_eq("pv-time.features.features", code(PV_TIME_FEATURES, PV_TIME_FEATURES), yes);
	(void)check_eq("pv-time.features.st", code(PV_TIME_FEATURES, PV_TIME_ST), yes);
	(void)check_eq("pv-time.features.unknown", code(PV_TIME_FEATURES, PV_TIME_ST + 1),
		       NOT_SUPPORTED);
	(void)check_eq("pv-time.st", place != NOT_SUPPORTED, have);
	stolen_time_of_another_cpu(place, have);
	if (have)
		stolen_time(place);
	else
		check_skip("pv-time.structure", "not supported");
}

/* ---- workarounds ---- */

/*
 * 0: call it; 1: it may be called, in vain; -1: it may not. -2, of the second only: no CPU needs
 * it.
 */
static void workarounds(void)
{
	static const struct {
		const char *name;
		uint64_t function;
	} rows[] = {
		{ "workaround.1", 0x80008000 },
		{ "workaround.2", 0x80007fff },
		{ "workaround.3", 0x80003fff },
	};
	uint64_t answer;
	struct probe probe;

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		answer = code(ARCH_FEATURES, rows[n].function);
		(void)CHECK_ONE_OF(rows[n].name, answer, 0, 1, NOT_SUPPORTED,
				   n == 1 ? ~UINT64_C(1) : NOT_SUPPORTED);
		probe = PROBE((void)call(rows[n].function, 1));
		(void)check_eq(check_name(rows[n].name, "returns", NULL), probe.count, 0);
	}
}

void check_smccc(void)
{
	trng();
	pv_time();
	workarounds();
}
