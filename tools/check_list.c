/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what each VM of a bundle will see: images, memory and devices, by address. */
#include "checkdesc.h"

#include <lib/string.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 64

struct place {
	u64 base, size;
	u32 intid; /* 0: none */
	char name[64];
};

static struct place places[PLACES_MAX];
static int place_count;

static u64 number(const fdt32_t *cells)
{
	return (u64)fdt32_ld(&cells[0]) << 32 | fdt32_ld(&cells[1]);
}

static const char *bytes(char *buf, size_t size, u64 n)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
	u32 unit = 0;

	for (; unit < 3 && n >= 1024 && n % 1024 == 0; unit++)
		n /= 1024;
	(void)snprintf(buf, size, "%lu %s", n, units[unit]);
	return buf;
}

/* The name of the description's device whose transport is there, else of the tree's node. */
static void name_place(struct place *p, const struct vm_desc *d, const char *node)
{
	const char *own = NULL;

	for (u32 i = 0; i < d->virtio_count; i++)
		if (p->base == GUEST_VIRTIO_BASE + d->virtio[i].slot * GUEST_VIRTIO_SLOT)
			own = d->virtio[i].name;
	(void)snprintf(p->name, sizeof(p->name), "%.*s%s%.24s", (int)strcspn(node, "@"), node,
		       own ? " " : "", own ? own : "");
}

/* The INTID of the first interrupt of a node in the GIC's format, 0 without one. */
static u32 intid_of(const void *tree, int node)
{
	int len;
	const fdt32_t *cells = fdt_getprop(tree, node, "interrupts", &len);

	return cells && len >= 12 ? fdt32_ld(&cells[1]) + (fdt32_ld(&cells[0]) ? 16 : 32) : 0;
}

static bool disabled(const void *tree, int node)
{
	int len;
	const char *status = fdt_getprop(tree, node, "status", &len);

	return status && len > 1 && str_eq(status, "disabled");
}

/* The nodes below the root: addresses and sizes have two cells each there. */
static void find_places(const void *tree, const struct vm_desc *d)
{
	int node;

	place_count = 0;
	fdt_for_each_subnode(node, tree, 0) {
		int len;
		const fdt32_t *reg = fdt_getprop(tree, node, "reg", &len);

		for (int at = 0; reg && !disabled(tree, node) && at + 16 <= len; at += 16) {
			struct place *p = &places[place_count];

			if (place_count == PLACES_MAX)
				return;
			*p = (struct place){ .base = number(&reg[at / 4]),
					     .size = number(&reg[at / 4 + 2]),
					     .intid = intid_of(tree, node) };
			name_place(p, d, fdt_get_name(tree, node, NULL));
			place_count++;
		}
	}
}

static int by_base(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static void print_image(const char *role, const struct image_ref *image)
{
	char size[32];

	if (image->path[0])
		printf("  %-10s %s, %s\n", role, image->path,
		       bytes(size, sizeof(size), image->size));
	else if (image->size)
		printf("  %-10s preloaded at 0x%lx, %s\n", role, image->pa.pa,
		       bytes(size, sizeof(size), image->size));
}

void list_type(const struct vm_type *t, const void *tree)
{
	const struct vm_desc *d = &t->desc;
	char size[32];

	printf("%s (%s): %u vcpu%s, %s, priority %u\n", d->label, t->file, d->cpus,
	       d->cpus == 1 ? "" : "s", bytes(size, sizeof(size), ram_map_size(&d->ram)),
	       d->priority);
	print_image("firmware", &d->firmware);
	print_image("kernel", &d->kernel);
	print_image("initrd", &d->initrd);
	print_image("devicetree", &d->devicetree);
	if (d->bootargs[0])
		printf("  %-10s %s\n", "bootargs", d->bootargs);
	find_places(tree, d);
	qsort(places, (size_t)place_count, sizeof(places[0]), by_base);
	for (int i = 0; i < place_count; i++) {
		printf("  0x%010lx %-10s %s", places[i].base,
		       bytes(size, sizeof(size), places[i].size), places[i].name);
		if (places[i].intid)
			printf(", interrupt %u", places[i].intid);
		printf("\n");
	}
	for (u32 i = 0; i < d->channel_count; i++) {
		printf("  %-10s %s:", "channel", d->channels[i].name);
		for (u32 peer = 0; peer < d->channels[i].peer_count; peer++)
			printf(" %s", d->channels[i].peers[peer]);
		printf(", %s for all\n", bytes(size, sizeof(size), d->channels[i].size));
	}
}
