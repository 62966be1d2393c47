/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's devicetree, generated or adapted: never written beyond the buffer, and well-formed
 * again.
 */
#include "grammar.h"

#include <lib/devicetree.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/load.h>

static const struct load_plan plan = {
	.kernel_base = 0x40000000,
	.kernel_end = 0x41000000,
	.initrd_base = 0x42000000,
	.initrd_size = 0x1000,
	.dtb_base = 0x43000000,
	.dtb_max = GUEST_FDT_MAX,
};

static void check_tree(const void *tree, u64 room, const struct guest_fdt_params *p)
{
	const int chosen = fdt_path_offset(tree, "/chosen");
	const int cpus = fdt_path_offset(tree, "/cpus");
	char note[160];
	u32 count = 0;
	int node;

	fuzz_assert(fdt_check_full(tree, room) == 0 && !dt_check(tree, room, NULL));
	fuzz_assert(chosen >= 0 && cpus >= 0);
	fuzz_assert(!fdt_getprop(tree, chosen, "rng-seed", NULL) == p->no_rng_seed);
	fdt_for_each_subnode(node, tree, cpus)
		count += fdt_getprop(tree, node, "device_type", NULL) != NULL;
	fuzz_assert(count == p->desc->cpus);
	if (guest_fdt_note(tree, note, sizeof(note)))
		fuzz_check_line(note, sizeof(note));
}

/* The tree is ours: no node of a guest's. */
static void check_generated(const void *tree, const struct guest_fdt_params *p)
{
	const int node = fdt_path_offset(tree, "/intc@8000000");
	char note[160], same[160];

	fuzz_assert(node >= 0);
	fuzz_assert(fdt32_ld(fdt_getprop(tree, node, "#interrupt-cells", NULL)) == 3);
	fuzz_assert(!fdt_node_check_compatible(tree, node, "arm,cortex-a15-gic") ==
		    (p->gic_version == 2));
	fuzz_assert(guest_fdt_note(tree, note, sizeof(note)) ==
		    guest_bootargs_note(p->desc->bootargs, same, sizeof(same)));
}

static void choose(struct fuzz_input *in, struct guest_fdt_params *p, struct vm_desc *d)
{
	const u8 which = fuzz_byte(in);

	d->ram = ram_map_default(fuzz_once_in(in, 16) ? GIB(8) : MIB(64));
	if (which & 1) {
		d->ram.count = 2;
		d->ram.banks[1] = (struct ram_bank){ GIB(5), GIB(1) };
	}
	p->gic_version = which & 2 ? 2 : 3;
	p->no_rng_seed = which & 4;
	d->pmu = which & 8;
	d->watchdog = which & 32;
	d->channel_count = which >> 5 & 1; /* only whether there is one counts */
	strcpy(d->firmware.path, which & 128 ? "firmware" : "");
	d->virtio_count = which & 64 ? DESC_VIRTIO_MAX : 0;
	for (u32 i = 0; i < d->virtio_count; i++)
		d->virtio[i].slot = VIRTIO_SLOTS - 1 - i;
	strcpy(d->bootargs, which & 16 ? "" : "console=ttyAMA0");
	d->cpus = 1 + fuzz_below(in, DESC_CPUS_MAX);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	static struct vm_desc d;
	struct guest_fdt_params p = { .desc = &d, .plan = &plan };
	u64 room = fuzz_once_in(&in, 8) ? 8 * (u64)fuzz_byte(&in) : GUEST_FDT_MAX;
	size_t src_size;
	const char *why;
	void *src, *buf;

	choose(&in, &p, &d);
	if (fuzz_once_in(&in, 16))
		src = fuzz_copy(&in, in.left, &src_size);
	else
		src = grow_guest_tree(&in, &src_size);
	if (!src)
		return 0;
	buf = malloc(room);
	fuzz_assert(buf || !room);
	if (guest_fdt_generate(&p, buf, room) == 0) {
		check_tree(buf, room, &p);
		check_generated(buf, &p);
	}
	why = guest_fdt_adapt(&p, src, src_size, buf, room);
	if (why)
		fuzz_check_line(why, 160);
	else
		check_tree(buf, room, &p);
	free(buf);
	free(src);
	return 0;
}
