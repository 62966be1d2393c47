/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: the entry point that libFuzzer calls, a cursor over its bytes, devicetrees made of them. */
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
};

/* The next byte; 0 where there are no more. */
u8 fuzz_byte(struct fuzz_input *in);
u64 fuzz_u64(struct fuzz_input *in);
/* A copy of the next size bytes (or what there is of them) in memory of exactly that size, 8-byte aligned: to be freed. */
void *fuzz_copy(struct fuzz_input *in, size_t size, size_t *copied);

/* Words that the code under test knows: names of nodes and properties, values. Ends with NULL. */
typedef const char *const *fuzz_words_t;

/* A well-formed devicetree whose nodes and properties are chosen by the input, in memory of exactly its size: to be freed. */
void *fuzz_fdt(struct fuzz_input *in, fuzz_words_t nodes, fuzz_words_t props, fuzz_words_t values,
	       size_t *size);

#endif
