/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share: the entry point that libFuzzer calls, and a cursor over its bytes.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <lib/types.h>
#include <stdlib.h>

/* libFuzzer's name for it. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A property that must hold. */
#define fuzz_assert(cond)        \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

struct fuzz_input {
	const u8 *at;
	size_t left;
	u64 sum;
};

/*
 * The next byte. At the end of the input: a byte that depends on all bytes. So short inputs also
 * make large trees and archives. A loop uses `left` to end.
 */
u8 fuzz_byte(struct fuzz_input *in);
u64 fuzz_u64(struct fuzz_input *in);
/*
 * A copy of the next size bytes (or the remaining ones) in memory of exactly that size, 8-byte
 * aligned. The caller frees it.
 */
void *fuzz_copy(struct fuzz_input *in, size_t size, size_t *copied);

/* A number below n. */
u32 fuzz_below(struct fuzz_input *in, u32 n);
/* True once in n times: for unusual choices. */
bool fuzz_once_in(struct fuzz_input *in, u32 n);
/* One of the words of an array. */
#define fuzz_word(in, words) ((words)[fuzz_below(in, (u32)ARRAY_SIZE(words))])
/* Replace some words of a blob, mostly by values that have caused errors before. */
void fuzz_lie(struct fuzz_input *in, void *blob, size_t size);
/*
 * Check a line for the operator: it is terminated within `size` bytes, and a terminal obeys nothing
 * in it.
 */
void fuzz_check_line(const char *text, size_t size);

#endif
