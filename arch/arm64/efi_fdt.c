/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that the start reads, made from the firmware's tree and memory map. */
#include <asm/efi.h>
#include <lib/string.h>
#include <libfdt.h>

#define OPTIONS_MAX 512

/* What becomes of a piece of the map. */
enum use { NOT_RAM, KEPT, FREE };

static enum use use_of(const struct efi_memory_descriptor *d)
{
	if (!(d->attribute & EFI_MEMORY_WB))
		return NOT_RAM;
	switch (d->type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_SERVICES_CODE:
	case EFI_BOOT_SERVICES_DATA:
	case EFI_CONVENTIONAL:
		return FREE;
	case EFI_RUNTIME_SERVICES_CODE:
	case EFI_RUNTIME_SERVICES_DATA:
	case EFI_ACPI_RECLAIM:
	case EFI_ACPI_NVS:
		return KEPT;
	default:
		/* Reserved: for a secure world, say, and not even to be mapped. */
		return NOT_RAM;
	}
}

/* The piece with the lowest address from `from` on whose use is one of these; NULL: none. The map need not be sorted. */
static const struct efi_memory_descriptor *lowest(const struct efi_memory_map *map, u64 from,
						  enum use least, enum use most)
{
	const struct efi_memory_descriptor *best = NULL;

	for (u64 at = 0; at + sizeof(*best) <= map->size; at += map->stride) {
		const void *here = (const u8 *)map->buffer + at;
		const struct efi_memory_descriptor *d = here;

		if (d->pages && use_of(d) >= least && use_of(d) <= most && d->physical >= from &&
		    (!best || d->physical < best->physical))
			best = d;
	}
	return best;
}

/* The next range of pieces that touch each other, from `from` on; false: there is none. */
static bool next_range(const struct efi_memory_map *map, u64 from, enum use least, enum use most,
		       struct phys_range *r)
{
	const struct efi_memory_descriptor *d = lowest(map, from, least, most);

	if (!d)
		return false;
	*r = (struct phys_range){ PADDR(d->physical), 0 };
	while (d && d->physical == r->base.pa + r->size) {
		r->size += d->pages * PAGE_SIZE;
		d = lowest(map, r->base.pa + r->size, least, most);
	}
	return true;
}

static int append_cells(void *fdt, int node, u64 value, int cells)
{
	int r = 0;

	while (cells > 2 && !r) {
		r = fdt_appendprop_u32(fdt, node, "reg", 0);
		cells--;
	}
	if (r)
		return r;
	return cells == 2 ? fdt_appendprop_u64(fdt, node, "reg", value)
			  : fdt_appendprop_u32(fdt, node, "reg", (u32)value);
}

static int add_memory(const struct efi *e, void *fdt)
{
	int addresses = fdt_address_cells(fdt, 0), sizes = fdt_size_cells(fdt, 0);
	struct phys_range r = { 0 };
	int node, error;

	while ((node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", 7)) >= 0) {
		error = fdt_del_node(fdt, node);
		if (error)
			return error;
	}
	node = fdt_add_subnode(fdt, 0, "memory");
	if (node < 0)
		return node;
	error = fdt_setprop(fdt, node, "device_type", "memory", sizeof("memory"));
	while (!error && next_range(&e->map, r.base.pa + r.size, KEPT, FREE, &r)) {
		error = append_cells(fdt, node, r.base.pa, addresses);
		if (!error)
			error = append_cells(fdt, node, r.size, sizes);
	}
	r = (struct phys_range){ 0 };
	while (!error && next_range(&e->map, r.base.pa + r.size, KEPT, KEPT, &r))
		error = fdt_add_mem_rsv(fdt, r.base.pa, r.size);
	return error;
}

/* The load options, if they are text. */
static bool options(const struct efi *e, char *text)
{
	u32 n, count = e->loaded->options_size / (u32)sizeof(efi_char);

	for (n = 0; n < count && e->loaded->options[n]; n++) {
		efi_char c = e->loaded->options[n];

		if (n == OPTIONS_MAX - 1 || c < ' ' || c > '~')
			return false;
		text[n] = (char)c;
	}
	text[n] = '\0';
	return n > 0;
}

static int add_chosen(const struct efi *e, void *fdt)
{
	int node = fdt_path_offset(fdt, "/chosen"), error = 0;
	char text[OPTIONS_MAX];

	if (node < 0)
		node = fdt_add_subnode(fdt, 0, "chosen");
	if (node < 0)
		return node;
	if (options(e, text))
		error = fdt_setprop(fdt, node, "bootargs", text, (int)strlen(text) + 1);
	if (!error && e->bundle.size)
		error = fdt_setprop_u64(fdt, node, "linux,initrd-start", e->bundle.base.pa);
	if (!error && e->bundle.size)
		error = fdt_setprop_u64(fdt, node, "linux,initrd-end",
					e->bundle.base.pa + e->bundle.size);
	return error;
}

int efi_make_fdt(const struct efi *e, void *out, u64 size)
{
	int error = fdt_open_into(e->firmware_fdt, out, (int)size);

	if (!error)
		error = add_memory(e, out);
	if (!error)
		error = add_chosen(e, out);
	return error ? error : fdt_pack(out);
}
