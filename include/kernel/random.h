/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers: ChaCha20 (RFC 8439) whose key is overwritten with every request ("fast key
 * erasure": what was given out cannot be computed from the key that is left), reseeded from a SHA-256 pool.
 * The pool is fed by the CPU's generator (arch_entropy) if there is one, else by the jitter of
 * memory accesses under health tests, and at the start by what the loader left.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <lib/chacha.h>
#include <lib/sha256.h>
#include <lib/types.h>

/*
 * A generator. Each user has its own, so that none waits for another: one that a guest keeps off its
 * CPU in the middle of a call keeps nobody else waiting.
 */
struct random {
	u8 key[CHACHA_KEY];
	struct sha256 pool;
	u32 worth; /* of what is in the pool */
	bool dry;  /* never seeded */
	u64 spent; /* bytes given out under this seed */
};

/* At most this many bytes a call. */
#define RANDOM_MAX 64

/*
 * Collect a first seed for the generator that all others come from, with `size` bytes from the loader
 * that nobody else knows. Once, at boot, with interrupts and the counter running. Says in the log where
 * the seed came from.
 */
void random_init(const void *seed, size_t size);

/*
 * Make *r a generator of its own, seeded from the first one. Thread context; one caller at a time (in
 * the hypervisor: lifecycle lock held).
 */
void random_fork(struct random *r);

/*
 * Fill buf. False if no entropy is behind it: there never was enough for a seed, or the source went
 * dry and no new seed came for long; the bytes then differ from call to call and are no secret. Thread
 * context, one caller at a time for each r; takes some ten microseconds, feeds the pool on the way.
 */
bool __must_check random_bytes(struct random *r, void *buf, size_t size);

#endif
