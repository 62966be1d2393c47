/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a devicetree, and well-formed trees with some words replaced. A tree that passes
 * dt_check() is walked to its end within its bytes, by our code and by libfdt.
 */
#include "trees.h"

#include <lib/devicetree.h>
#include <libfdt.h>
#include <string.h>

#define STEPS_MAX 200
#define DEPTH_MAX 70 /* deeper than a tree may be */

static const char *const nodes[] = { "a", "b@1", "cpus", "" };
static const char *const props[] = { "compatible", "reg", "#address-cells", "x" };

/* The properties of a node, which begin at `at`. */
static void walk_props(const struct dt *t, u32 at, u32 length)
{
	struct dt_prop p;
	u32 before = at;

	for (; dt_next_prop(t, &at, &p); before = at) {
		fuzz_assert(at > before && at < length);
		fuzz_assert(strlen(p.name) <= DT_NAME_MAX);
	}
	fuzz_assert(at == before);
}

static void walk_ours(const void *blob, const struct dt_facts *facts)
{
	struct dt t = dt_open(blob);
	u32 at = 0, next, nodes_seen = 0, i = 0;
	size_t sum = 0;
	enum dt_tag tag;
	u64 base, size;

	for (; (tag = dt_tag(&t, at, &next)) != DT_END; at = next) {
		fuzz_assert(next > at && next < facts->length);
		if (tag == DT_BEGIN_NODE) {
			sum += strlen(dt_node_name(&t, at));
			walk_props(&t, next, facts->length);
			nodes_seen++;
		} else if (tag == DT_PROP) {
			struct dt_prop p = dt_prop(&t, at);

			fuzz_assert(strlen(p.name) <= DT_NAME_MAX);
			sum += p.len ? ((const u8 *)p.value)[p.len - 1] : 0;
			sum += dt_lists(&p, "okay");
		}
	}
	fuzz_assert(nodes_seen == facts->nodes && sum < (size_t)facts->length * 256);
	while (dt_reservation(blob, i, &base, &size))
		i++;
	fuzz_assert(i < facts->length / 16);
}

/* The sound part of a tree that may be broken. */
static void walk_sound(const void *blob, size_t size)
{
	const u32 sound = dt_sound(blob, size);
	size_t sum = 0;
	u32 next;

	for (u32 at = 0; at < sound; at = next) {
		const struct dt t = dt_open(blob);
		const enum dt_tag tag = dt_tag(&t, at, &next);

		fuzz_assert(next > at && next <= sound);
		if (tag == DT_BEGIN_NODE)
			sum += strlen(dt_node_name(&t, at));
		else if (tag == DT_PROP)
			sum += strlen(dt_prop(&t, at).name);
	}
	fuzz_assert(!sound || sum <= size * size);
}

static void walk_libfdt(const void *fdt, u32 nodes_there)
{
	u32 seen = 0;
	int depth = 0;

	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
		int prop;

		fuzz_assert(fdt_get_name(fdt, node, NULL) != NULL);
		fdt_for_each_property_offset(prop, fdt, node)
			fuzz_assert(fdt_getprop_by_offset(fdt, prop, NULL, NULL) != NULL);
		(void)fdt_getprop(fdt, node, "reg", NULL);
		seen++;
	}
	fuzz_assert(seen == nodes_there);
	fuzz_assert(fdt_num_mem_rsv(fdt) >= 0);
	(void)fdt_path_offset(fdt, "/a/b");
}

static void put_property(struct fuzz_input *in)
{
	const char *name = fuzz_word(in, props);
	u8 bytes[255];
	size_t size;

	switch (fuzz_below(in, 4)) {
	case 0:
		tree_cells(name, fuzz_byte(in));
		break;
	case 1:
		tree_text(name, fuzz_byte(in) & 1 ? "okay" : "");
		break;
	case 2:
		tree_doubles(name, fuzz_u64(in));
		break;
	default:
		size = fuzz_byte(in);
		for (size_t i = 0; i < size; i++)
			bytes[i] = fuzz_byte(in);
		tree_put(name, bytes, size);
	}
}

static void *grow(struct fuzz_input *in, size_t *size)
{
	u32 depth = 0;

	tree_open(in);
	for (u32 n = fuzz_below(in, 4); n > 0; n--)
		tree_reserve(fuzz_u64(in), fuzz_u64(in));
	tree_begin("");
	for (u32 steps = 0; in->left && steps < STEPS_MAX; steps++) {
		const u8 step = fuzz_byte(in);

		if (step % 8 == 0 && depth < DEPTH_MAX) {
			tree_begin(nodes[step / 8 % ARRAY_SIZE(nodes)]);
			depth++;
		} else if (step % 8 == 1 && depth > 0) {
			tree_end();
			depth--;
		} else {
			put_property(in);
		}
	}
	return tree_close(size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	bool made = fuzz_byte(&in) % 4;
	struct dt_facts facts;
	size_t fdt_size = 0;
	u8 lies[64];
	u8 *fdt;

	if (made) {
		struct fuzz_input words = { .at = lies, .left = sizeof(lies) };

		for (u32 i = 0; i < sizeof(lies); i++)
			lies[i] = fuzz_byte(&in);
		fdt = grow(&in, &fdt_size);
		if (fdt)
			fuzz_lie(&words, fdt, fdt_size);
	} else {
		fdt = fuzz_copy(&in, in.left, &fdt_size);
	}
	if (fdt)
		walk_sound(fdt, fdt_size);
	if (fdt && !dt_check(fdt, fdt_size, &facts)) {
		fuzz_assert(facts.length <= fdt_size && dt_length(fdt) <= facts.length);
		walk_ours(fdt, &facts);
		walk_libfdt(fdt, facts.nodes);
	}
	free(fdt);
	return 0;
}
