/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a devicetree, and well-formed ones with some words replaced: what passes dt_check() is walked to its end within its bytes, by us and by libfdt. */
#include "fuzz.h"

#include <lib/devicetree.h>
#include <libfdt.h>
#include <string.h>

static const char *const nodes[] = { "a", "b@1", "cpus", "", NULL };
static const char *const props[] = { "compatible", "reg", "#address-cells", "x", NULL };
static const char *const values[] = { "okay", "", NULL };

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
			nodes_seen++;
		} else if (tag == DT_PROP) {
			struct dt_prop p = dt_prop(&t, at);

			fuzz_assert(strlen(p.name) <= DT_NAME_MAX);
			sum += p.len ? ((const u8 *)p.value)[p.len - 1] : 0;
		}
	}
	fuzz_assert(nodes_seen == facts->nodes && sum < (size_t)facts->length * 256);
	while (dt_reservation(blob, i, &base, &size))
		i++;
	fuzz_assert(i < facts->length / 16);
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

/* Some words get another value, mostly one that has gone wrong somewhere before. */
static void lie(struct fuzz_input *in, u8 *fdt, size_t size)
{
	static const u32 lies[] = {
		0, 1, 2, 3, 4, 9, 0xfffffffe, 0xfffffff4, 0x7fffffff, 0xffffffff
	};

	for (u8 count = fuzz_byte(in) % 8; count > 0; count--) {
		u32 at = ((u32)fuzz_byte(in) << 8 | fuzz_byte(in)) % (u32)size & ~3U;
		u8 which = fuzz_byte(in);

		if (at + 4 <= size)
			fdt32_st(fdt + at, which < ARRAY_SIZE(lies) ? lies[which] : which);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	bool made = fuzz_byte(&in) % 4;
	struct dt_facts facts;
	size_t fdt_size = 0;
	u8 lies[64];
	u8 *fdt;

	if (made) {
		struct fuzz_input words = { lies, sizeof(lies) };

		for (u32 i = 0; i < sizeof(lies); i++)
			lies[i] = fuzz_byte(&in);
		fdt = fuzz_fdt(&in, nodes, props, values, &fdt_size);
		if (fdt)
			lie(&words, fdt, fdt_size);
	} else {
		fdt = fuzz_copy(&in, in.left, &fdt_size);
	}
	if (fdt && !dt_check(fdt, fdt_size, &facts)) {
		fuzz_assert(facts.length <= fdt_size);
		walk_ours(fdt, &facts);
		walk_libfdt(fdt, facts.nodes);
	}
	free(fdt);
	return 0;
}
