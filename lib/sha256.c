/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/sha256.h>
#include <lib/string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
static const u32 round_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

/* The first 32 bits of the fractional parts of the square roots of the first 8 primes (5.3.3). */
static const u32 initial[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static u32 rotr(u32 x, u32 n)
{
	return x >> n | x << (32 - n);
}

/* The message schedule (6.2.2, step 1). */
static void expand(const u8 *block, u32 *w)
{
	for (u32 t = 0; t < 16; t++)
		w[t] = (u32)block[4 * t] << 24 | (u32)block[4 * t + 1] << 16 |
		       (u32)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (u32 t = 16; t < 64; t++) {
		u32 s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
		u32 s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
}

/* Steps 2 to 4; v holds a to h. */
static void compress(u32 *h, const u8 *block)
{
	u32 w[64], v[8];

	expand(block, w);
	memcpy(v, h, sizeof(v));
	for (u32 t = 0; t < 64; t++) {
		u32 s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		u32 s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		u32 choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
		u32 majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		u32 t1 = v[7] + s1 + choose + round_constants[t] + w[t];

		for (u32 i = 7; i > 0; i--)
			v[i] = v[i - 1];
		v[4] += t1; /* d in the standard */
		v[0] = t1 + s0 + majority;
	}
	for (u32 i = 0; i < 8; i++)
		h[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
	memcpy(s->h, initial, sizeof(s->h));
	s->length = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t size)
{
	const u8 *from = data;

	while (size) {
		size_t at = s->length % SHA256_BLOCK;
		size_t n = MIN(size, SHA256_BLOCK - at);

		memcpy(s->block + at, from, n);
		s->length += n;
		from += n;
		size -= n;
		if (at + n == SHA256_BLOCK)
			compress(s->h, s->block);
	}
}

void sha256_final(struct sha256 *s, u8 digest[SHA256_SIZE])
{
	static const u8 padding[SHA256_BLOCK] = { 0x80 };
	u64 bits = s->length * 8;
	size_t used = s->length % SHA256_BLOCK;
	u8 end[8];

	for (u32 i = 0; i < 8; i++)
		end[i] = (u8)(bits >> (56 - 8 * i));
	/* A one bit, then zeros up to 8 bytes before the end of a block. */
	sha256_update(s, padding, used < 56 ? 56 - used : SHA256_BLOCK + 56 - used);
	sha256_update(s, end, sizeof(end));
	for (u32 i = 0; i < SHA256_SIZE; i++)
		digest[i] = (u8)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}
