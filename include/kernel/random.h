/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers: ChaCha20 (RFC 8439) whose key is overwritten with every request ("fast key
 * erasure": what was given out cannot be computed from the key that is left), reseeded from a SHA-256 pool.
 * The pool is fed by the CPU's generator (arch_entropy) if there is one, else by the jitter of
 * memory accesses under health tests, and at the start by what the loader left.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <lib/types.h>

/* At most this many bytes a call. */
#define RANDOM_MAX 64

/*
 * Collect a first seed, with `size` bytes from the loader that nobody else knows. Once, at boot,
 * with interrupts and the counter running. Says in the log where the seed came from.
 */
void random_init(const void *seed, size_t size);

/*
 * Fill buf. False if no entropy is behind it: there never was enough for a seed, or the source went
 * dry and no new seed came for long; the bytes then differ from call to call and are no secret. Thread
 * context; takes some ten microseconds, feeds the pool on the way.
 */
bool __must_check random_bytes(void *buf, size_t size);

#endif
