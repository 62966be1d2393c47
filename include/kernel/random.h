/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers: ChaCha20 (RFC 8439) with "fast key erasure". The key is overwritten with every
 * request, so earlier output cannot be computed from the new key. The key is reseeded from a
 * SHA-256 pool. Sources of the pool: the CPU's generator (arch_entropy) if there is one, else the
 * jitter of memory accesses under health tests; and at the start the loader's seed.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <lib/chacha.h>
#include <lib/sha256.h>
#include <lib/types.h>

/*
 * A generator. Each user has its own: a guest that is preempted in the middle of a call keeps no
 * other user waiting.
 */
struct random {
	u8 key[CHACHA_KEY];
	struct sha256 pool;
	u32 worth; /* entropy in the pool */
	bool dry;  /* never seeded */
	u64 spent; /* bytes given out under this seed */
};

/* At most this many bytes a call. */
#define RANDOM_MAX 64

/*
 * Collect a first seed for the generator that seeds all others. `size` secret bytes from the loader
 * are added to it. Once, at boot, with interrupts and the counter running. The log says where the
 * seed came from.
 */
void random_init(const void *seed, size_t size);

/*
 * Make *r an own generator, seeded from the first one. Thread context; one caller at a time (in the
 * hypervisor: lifecycle lock held).
 */
void random_fork(struct random *r);

/*
 * Fill buf. False if the bytes lack entropy: there never was enough for a seed, or the source ran
 * dry and no new seed came for long. The bytes then differ from call to call, but are not secret.
 * Thread context, one caller at a time for each r. Takes some ten microseconds and feeds the pool.
 */
bool __must_check random_bytes(struct random *r, void *buf, size_t size);

#endif
