/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/chacha.h>
#include <lib/string.h>

#define DOUBLE_ROUNDS 10

static u32 rotl(u32 x, u32 n)
{
	return x << n | x >> (32 - n);
}

static u32 load_le32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static void store_le32(u8 *p, u32 x)
{
	for (u32 i = 0; i < 4; i++)
		p[i] = (u8)(x >> (8 * i));
}

static void quarter_round(u32 *x, u32 a, u32 b, u32 c, u32 d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

/* Columns, then diagonals. */
static void double_round(u32 *x)
{
	for (u32 i = 0; i < 4; i++)
		quarter_round(x, i, 4 + i, 8 + i, 12 + i);
	for (u32 i = 0; i < 4; i++)
		quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
}

void chacha20_block(const u8 key[CHACHA_KEY], u32 counter, const u8 nonce[CHACHA_NONCE],
		    u8 out[CHACHA_BLOCK])
{
	/* "expand 32-byte k" */
	u32 start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	u32 x[16];

	for (u32 i = 0; i < 8; i++)
		start[4 + i] = load_le32(key + 4 * i);
	start[12] = counter;
	for (u32 i = 0; i < 3; i++)
		start[13 + i] = load_le32(nonce + 4 * i);
	memcpy(x, start, sizeof(x));
	for (u32 i = 0; i < DOUBLE_ROUNDS; i++)
		double_round(x);
	for (u32 i = 0; i < 16; i++)
		store_le32(out + 4 * i, x[i] + start[i]);
}
