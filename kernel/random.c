/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <lib/jitter.h>
#include <lib/string.h>

/* The worth of a sample of jitter, of a byte and of a word, in units of 1/JITTER_PER_BIT bits. */
#define WORTH_SAMPLE 1
#define WORTH_BYTE   (8 * JITTER_PER_BIT)
#define WORTH_WORD   (64 * JITTER_PER_BIT)

/* The least entropy for a first seed. Later seeds wait for a margin (SP 800-90C: 64 bits above). */
#define SEED_MIN  (256 * JITTER_PER_BIT)
#define SEED_FULL (320 * JITTER_PER_BIT)

/* Bytes given out under one seed before random_bytes() reports that it has run dry. */
#define SEED_LIFE KIB(64)

/*
 * At the start: how many words of the CPU's generator, or samples of jitter, are taken at a time;
 * and the most batches.
 */
#define BATCH       16
#define BATCHES_MAX 512
/*
 * Samples that one call adds. The caller waits for them; a guest that calls may have its interrupts
 * masked. Each call yields half a bit, so requests of RANDOM_MAX bytes collect a new seed within
 * SEED_LIFE.
 */
#define BATCH_CALL 4

/* A timed piece of work: dependent accesses over more than a small cache's set. */
#define WALK_BYTES KIB(16)
#define WALK_STEPS 32

static struct random first = { .dry = true };

/* Each is touched by its CPU only, with interrupts masked. */
static struct jitter jitters[MAX_CPUS];
/* Shared on purpose: other CPUs' writes are more noise. */
static volatile u8 walk[WALK_BYTES];

/* What one call adds to the pool. */
struct batch {
	u64 words[BATCH];
	u32 count;
	u32 worth;
};

_Static_assert(RANDOM_MAX / 8 + 1 < BATCH, "the words of the longest request");

/* ---- sources ---- */

static u64 timed_walk(u32 *place)
{
	u64 begin = arch_counter();

	for (u32 i = 0; i < WALK_STEPS; i++) {
		u32 at = *place >> 7 & (WALK_BYTES - 1);

		walk[at] = (u8)(walk[at] + 1);
		*place = *place * 1664525u + 1013904223u + walk[at];
	}
	return arch_counter() - begin;
}

static void sample_jitter(struct batch *b, u32 count)
{
	u32 place = (u32)arch_counter();

	b->count = count;
	b->worth = 0;
	for (u32 i = 0; i < count; i++) { /* interrupts are masked for one walk at a time */
		unsigned long flags = arch_irq_save();
		u64 took = timed_walk(&place);

		b->words[i] = took << 32 ^ arch_counter();
		if (jitter_feed(&jitters[this_cpu()->id], took))
			b->worth += WORTH_SAMPLE;
		arch_irq_restore(flags);
	}
}

/* False: the CPU has no generator, or the generator fails. */
static bool sample_cpu(struct batch *b, u32 words)
{
	for (u32 i = 0; i < words; i++) {
		if (!arch_entropy(&b->words[i]))
			return false;
		b->worth += WORTH_WORD;
	}
	return true;
}

/*
 * Take from the CPU a whole seed, and more than the bytes asked for, so that new entropy is behind
 * all of them.
 */
static bool gather(struct batch *b, size_t size)
{
	b->worth = 0;
	b->count = BATCH;
	b->words[BATCH - 1] = arch_counter(); /* worth nothing, but never the same */
	if (sample_cpu(b, (u32)MAX(size / 8 + 1, SEED_MIN / WORTH_WORD)))
		return true;
	sample_jitter(b, BATCH_CALL);
	return false;
}

/* ---- pool and key ---- */

static void add(struct random *r, const void *data, size_t size, u32 worth)
{
	sha256_update(&r->pool, data, size);
	r->worth = MIN(r->worth + worth, (u32)SEED_FULL);
}

/*
 * Make the next key: the hash of the old key and the pool. All entropy is mixed in at once. If it
 * trickled in bit by bit, an attacker that knows the old key could guess it bit by bit.
 */
static void reseed(struct random *r)
{
	sha256_update(&r->pool, r->key, sizeof(r->key));
	if (r->worth >= SEED_MIN) {
		r->dry = false;
		r->spent = 0;
	}
	r->worth = 0;
	sha256_final(&r->pool, r->key);
	sha256_init(&r->pool);
}

/* Block 0 of the key stream is half new key, half output. Block 1 is output. */
static void generate(struct random *r, u8 *out, size_t size)
{
	static const u8 nonce[CHACHA_NONCE];
	u8 stream[2 * CHACHA_BLOCK];

	chacha20_block(r->key, 0, nonce, stream);
	if (size > CHACHA_BLOCK - CHACHA_KEY)
		chacha20_block(r->key, 1, nonce, stream + CHACHA_BLOCK);
	memcpy(r->key, stream, CHACHA_KEY);
	memcpy(out, stream + CHACHA_KEY, size);
	r->spent += size;
}

bool random_bytes(struct random *r, void *buf, size_t size)
{
	struct batch b = { .worth = 0 };
	bool full, good;

	kassert(size <= RANDOM_MAX);
	full = gather(&b, size);
	add(r, b.words, b.count * sizeof(b.words[0]), b.worth);
	/* Each of the CPU's words is as good as random: there is no need to wait for many. */
	if (full || r->worth >= SEED_FULL)
		reseed(r);
	good = !r->dry && r->spent + size <= SEED_LIFE;
	generate(r, buf, size);
	return good;
}

void random_fork(struct random *r)
{
	*r = (struct random){ .spent = 0 };
	r->dry = !random_bytes(&first, r->key, sizeof(r->key));
	sha256_init(&r->pool);
}

/* ---- start ---- */

static const char *source_name(size_t loader, bool cpu, u32 jitter)
{
	if (cpu)
		return loader ? "the CPU and the loader" : "the CPU";
	if (jitter >= SEED_MIN)
		return loader ? "jitter and the loader" : "jitter";
	return "the loader";
}

void random_init(const void *seed, size_t size)
{
	struct batch b = { .worth = 0 };
	u32 jitter = 0;
	bool cpu;

	for (u32 i = 0; i < MAX_CPUS; i++)
		jitter_init(&jitters[i]);
	first = (struct random){ .dry = true };
	sha256_init(&first.pool);
	add(&first, seed, size, (u32)MIN(size, 64UL) * WORTH_BYTE);
	cpu = sample_cpu(&b, BATCH);
	if (cpu)
		add(&first, b.words, sizeof(b.words), b.worth);
	/* Do not wait for a whole seed if the loader gave one: every request adds more jitter. */
	for (u32 i = 0; !cpu && i < BATCHES_MAX && first.worth < SEED_FULL; i++) {
		sample_jitter(&b, BATCH);
		add(&first, b.words, sizeof(b.words), b.worth);
		jitter += b.worth;
	}
	reseed(&first);
	if (first.dry)
		log_warn("random: no entropy: the CPU has no generator, the loader left no seed");
	else
		log_info("random: seeded by %s", source_name(size, cpu, jitter));
}
