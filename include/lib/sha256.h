/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4). */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include <lib/types.h>

#define SHA256_SIZE  32
#define SHA256_BLOCK 64

struct sha256 {
	u32 h[8];
	u64 length; /* bytes so far */
	u8 block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t size);
/* The digest of all bytes so far. *s must not be used afterwards. */
void sha256_final(struct sha256 *s, u8 digest[SHA256_SIZE]);

#endif
