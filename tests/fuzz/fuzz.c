/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <libfdt.h>
#include <string.h>

#define FDT_MAX   KIB(16)
#define DEPTH_MAX 6
#define STEPS_MAX 200

u8 fuzz_byte(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

u64 fuzz_u64(struct fuzz_input *in)
{
	u64 value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | fuzz_byte(in);
	return value;
}

void *fuzz_copy(struct fuzz_input *in, size_t size, size_t *copied)
{
	u8 *copy;

	*copied = MIN(size, in->left);
	copy = malloc(*copied);
	fuzz_assert(copy || *copied == 0);
	if (*copied)
		memcpy(copy, in->at, *copied);
	in->at += *copied;
	in->left -= *copied;
	return copy;
}

static const char *word(struct fuzz_input *in, fuzz_words_t words)
{
	size_t count = 0;

	while (words[count])
		count++;
	return words[fuzz_byte(in) % count];
}

static void add_property(struct fuzz_input *in, void *fdt, const char *name, fuzz_words_t values)
{
	u8 kind = fuzz_byte(in);
	u8 bytes[255];
	const char *text;
	size_t i, size;

	switch (kind % 5) {
	case 0:
		fdt_property_u32(fdt, name, fuzz_byte(in));
		break;
	case 1:
		fdt_property_u64(fdt, name, (u64)fuzz_byte(in) << (fuzz_byte(in) % 64));
		break;
	case 2:
		text = word(in, values);
		fdt_property_string(fdt, name, text);
		break;
	case 3:
		fdt_property_u64(fdt, name, fuzz_u64(in));
		break;
	default:
		size = fuzz_byte(in);
		for (i = 0; i < size; i++)
			bytes[i] = fuzz_byte(in);
		fdt_property(fdt, name, bytes, (int)size);
	}
}

void *fuzz_fdt(struct fuzz_input *in, fuzz_words_t nodes, fuzz_words_t props, fuzz_words_t values,
	       size_t *size)
{
	static u64 buffer[FDT_MAX / 8];
	int depth = 0;
	void *exact;
	int steps;

	fuzz_assert(fdt_create(buffer, sizeof(buffer)) == 0);
	fuzz_assert(fdt_finish_reservemap(buffer) == 0);
	fuzz_assert(fdt_begin_node(buffer, "") == 0);
	for (steps = 0; in->left && steps < STEPS_MAX; steps++) {
		u8 step = fuzz_byte(in) % 8;

		if (step == 0 && depth < DEPTH_MAX && fdt_begin_node(buffer, word(in, nodes)) == 0)
			depth++;
		else if (step == 1 && depth > 0 && fdt_end_node(buffer) == 0)
			depth--;
		else
			add_property(in, buffer, word(in, props), values);
	}
	while (depth-- >= 0)
		(void)fdt_end_node(buffer);
	if (fdt_finish(buffer) != 0)
		return NULL; /* ran out of room */
	*size = fdt_totalsize(buffer);
	exact = malloc(*size);
	fuzz_assert(exact);
	memcpy(exact, buffer, *size);
	return exact;
}
