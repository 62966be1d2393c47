/* SPDX-License-Identifier: Apache-2.0 */
/*
 * True random numbers for guests: the firmware interface DEN0098 1.0, answered by the kernel's
 * generator.
 */
#include <arch/cpu.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <lib/string.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/core.h>

/* Results of RND are in x1 to x3, the highest bits in x1. */
#define RESULTS 3

static s64 features(u32 function)
{
	switch (function) {
	case TRNG_VERSION:
	case TRNG_FEATURES:
	case TRNG_GET_UUID:
	case TRNG_RND32:
	case TRNG_RND64:
		return TRNG_SUCCESS;
	default:
		return TRNG_NOT_SUPPORTED;
	}
}

static void get_uuid(u64 *x)
{
	x[0] = TRNG_UUID_0;
	x[1] = TRNG_UUID_1;
	x[2] = TRNG_UUID_2;
	x[3] = TRNG_UUID_3;
}

/* Fill the results, of `width` bits each, with `bits` random bits. Higher bits are 0. */
static s64 fill(struct random *r, u64 *result, u64 bits, u32 width)
{
	u64 words[RESULTS];
	bool good;

	sched_open(); /* this takes long, and a guest may call it all the time */
	good = random_bytes(r, words, sizeof(words));
	arch_irq_disable();
	if (!good)
		return TRNG_NO_ENTROPY;
	for (u32 i = 0; i < RESULTS && bits; i++) {
		u64 n = MIN(bits, (u64)width);

		result[RESULTS - 1 - i] = words[i] & BITS(n - 1, 0);
		bits -= n;
	}
	return TRNG_SUCCESS;
}

static void rnd(struct random *r, u64 *x, u64 bits, u32 width)
{
	s64 status = TRNG_INVALID_PARAMETERS;

	memset(&x[1], 0, RESULTS * sizeof(x[1]));
	if (bits && bits <= RESULTS * width)
		status = fill(r, &x[1], bits, width);
	x[0] = (u64)status;
}

bool trng_call(struct vcpu *v, u64 *x)
{
	switch ((u32)x[0]) {
	case TRNG_VERSION:
		x[0] = TRNG_VERSION_1_0;
		return true;
	case TRNG_FEATURES:
		x[0] = (u64)features((u32)x[1]);
		return true;
	case TRNG_GET_UUID:
		get_uuid(x);
		return true;
	case TRNG_RND32:
		rnd(&v->random, x, (u32)x[1], 32);
		return true;
	case TRNG_RND64:
		rnd(&v->random, x, x[1], 64);
		return true;
	default:
		return false;
	}
}
