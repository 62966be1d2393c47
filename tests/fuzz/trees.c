/* SPDX-License-Identifier: Apache-2.0 */
#include "trees.h"

#include <libfdt.h>
#include <string.h>

#define TREE_MAX  KIB(32)
#define VALUE_MAX 512
#define FAULTS    2

static struct {
	struct fuzz_input *in;
	u64 blob[TREE_MAX / 8];
	u32 step, depth, faults;
	u32 fault_at[FAULTS];
	bool reserving;
} t;

void tree_open(struct fuzz_input *in)
{
	t.in = in;
	t.step = t.depth = 0;
	t.reserving = true;
	t.faults = fuzz_below(in, FAULTS + 1);
	for (u32 i = 0; i < t.faults; i++)
		t.fault_at[i] = fuzz_byte(in) + 256 * fuzz_once_in(in, 4);
	fuzz_assert(fdt_create(t.blob, sizeof(t.blob)) == 0);
}

void tree_reserve(u64 base, u64 size)
{
	fuzz_assert(t.reserving);
	(void)fdt_add_reservemap_entry(t.blob, base, size);
}

/* Whether what is written now gets a fault. */
static bool is_faulty(void)
{
	bool faulty = false;

	for (u32 i = 0; i < t.faults; i++)
		faulty |= t.fault_at[i] == t.step;
	t.step++;
	return faulty;
}

void tree_begin(const char *name)
{
	if (t.reserving)
		(void)fdt_finish_reservemap(t.blob);
	t.reserving = false;
	if (t.depth && is_faulty()) {
		switch (fuzz_below(t.in, 3)) {
		case 0: /* twice */
			(void)fdt_begin_node(t.blob, name);
			(void)fdt_end_node(t.blob);
			break;
		case 1: /* deeper; what ends with the tree */
			(void)fdt_begin_node(t.blob, name);
			t.depth++;
			break;
		default:
			name = "other";
		}
	}
	(void)fdt_begin_node(t.blob, name);
	t.depth++;
}

void tree_end(void)
{
	(void)fdt_end_node(t.blob);
	t.depth--;
}

/* A value in which something is wrong; how long it is then. */
static size_t spoil(u8 *value, size_t len)
{
	static const u64 odd[] = { 0, 1, 2, 3, 4, 5, 0x7fffffff, 0x80000000, 0xfffffff4, ~0ULL };
	const u32 by = 1 + fuzz_below(t.in, 9);
	u64 number;
	size_t at;

	switch (fuzz_below(t.in, 5)) {
	case 0: /* shorter */
		return len - MIN(len, by);
	case 1: /* longer */
		for (at = len; at < len + by; at++)
			value[at] = fuzz_byte(t.in);
		return len + by;
	case 2: /* bytes of any kind */
		len = fuzz_byte(t.in);
		for (at = 0; at < len; at++)
			value[at] = fuzz_byte(t.in);
		return len;
	case 3: /* an odd number somewhere in it */
		at = fuzz_byte(t.in) & ~3U;
		number = fdt64_ld(&(fdt64_t){ fuzz_word(t.in, odd) });
		if (at + 4 <= len)
			memcpy(value + at, (u8 *)&number + 4, 4);
		return len;
	default:
		return 0;
	}
}

void tree_put(const char *name, const void *bytes, size_t len)
{
	u8 value[VALUE_MAX + 16];
	u32 kind;

	len = MIN(len, (size_t)VALUE_MAX);
	if (!is_faulty()) {
		(void)fdt_property(t.blob, name, bytes, (int)len);
		return;
	}
	if (len)
		memcpy(value, bytes, len);
	kind = fuzz_below(t.in, 8);
	if (kind == 0) /* is missing */
		return;
	if (kind == 1) /* is there twice */
		(void)fdt_property(t.blob, name, bytes, (int)len);
	if (kind == 2)
		name = "other";
	else
		len = spoil(value, len);
	(void)fdt_property(t.blob, name, value, (int)len);
}

void tree_text(const char *name, const char *text)
{
	tree_put(name, text, strlen(text) + 1);
}

void tree_numbers(const char *name, const u32 *cells, u32 kinds, const u64 *numbers, u32 count)
{
	u8 value[VALUE_MAX];
	size_t len = 0;

	for (u32 i = 0; i < count; i++) {
		for (u32 n = cells[i % kinds]; n-- > 0 && len + 4 <= sizeof(value); len += 4)
			fdt32_st(value + len, n < 2 ? (u32)(numbers[i] >> (32 * n)) : 0);
	}
	tree_put(name, value, len);
}

void *tree_close(size_t *size)
{
	size_t cut;
	u8 *exact;

	while (t.depth)
		tree_end();
	if (fdt_finish(t.blob) != 0)
		return NULL; /* ran out of room */
	cut = fuzz_once_in(t.in, 16) ? fuzz_byte(t.in) : 0;
	*size = fdt_totalsize(t.blob);
	*size -= MIN(*size, cut);
	exact = malloc(*size);
	fuzz_assert(exact || !*size);
	if (*size)
		memcpy(exact, t.blob, *size);
	if (fuzz_once_in(t.in, 16))
		fuzz_lie(t.in, exact, *size);
	return exact;
}
