/* SPDX-License-Identifier: Apache-2.0 */
/* The ChaCha20 block function (RFC 8439, section 2.3). */
#ifndef LIB_CHACHA_H
#define LIB_CHACHA_H

#include <lib/types.h>

#define CHACHA_KEY   32
#define CHACHA_NONCE 12
#define CHACHA_BLOCK 64

/* 64 bytes of key stream: block number `counter` under key and nonce. `out` may overlap the key. */
void chacha20_block(const u8 key[CHACHA_KEY], u32 counter, const u8 nonce[CHACHA_NONCE],
		    u8 out[CHACHA_BLOCK]);

#endif
