/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that the start reads, made from the firmware's tree and memory map. */
#include <asm/efi.h>
#include <lib/dt_write.h>
#include <lib/string.h>

#define OPTIONS_MAX 512
#define CELLS_MAX   4

/* How a piece of the map is used. */
enum use { NOT_RAM, KEPT, FREE };

static enum use use_of(const struct efi_memory_descriptor *d)
{
	/* Memory that passes the end of the address space is not RAM either. */
	if (!(d->attribute & EFI_MEMORY_WB) || d->pages > (UINT64_MAX - d->physical) / PAGE_SIZE)
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
		/* Reserved, for example for a secure world: it must not even be mapped. */
		return NOT_RAM;
	}
}

/*
 * The piece with the lowest address from `from` on whose use is in [least, most]. NULL: there is
 * none. The map need not be sorted.
 */
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

/* The next range of adjacent pieces, from `from` on. False: there is none. */
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

/* Copy the load options, if they are text. */
static void options(const struct efi *e, char *text)
{
	u32 n, count = e->loaded->options_size / (u32)sizeof(efi_char);

	for (n = 0; n < count && e->loaded->options[n]; n++) {
		efi_char c = e->loaded->options[n];

		if (n == OPTIONS_MAX - 1 || c < ' ' || c > '~')
			break;
		text[n] = (char)c;
	}
	text[n < count && e->loaded->options[n] ? 0 : n] = '\0';
}

/* Write a number with this many cells, as in a property. */
static u32 put_cells(u8 *to, u64 value, u32 cells)
{
	for (u32 n = cells * 4; n > 0; n--, value >>= 8)
		to[n - 1] = (u8)value;
	return cells * 4;
}

static void put_hex(char *to, u64 value)
{
	for (u32 n = 16; n > 0; n--, value >>= 4)
		to[n - 1] = "0123456789abcdef"[value & 0xf];
}

/*
 * Write one node for each range. A single property for all ranges would need room that only the map
 * can tell.
 */
static void put_memory(struct dt_writer *w, const struct efi_memory_map *map, u32 addresses,
		       u32 sizes)
{
	struct phys_range r = { 0 };
	u8 reg[2 * CELLS_MAX * 4];
	char name[] = "memory@0123456789abcdef";

	while (next_range(map, r.base.pa + r.size, KEPT, FREE, &r)) {
		u32 len = put_cells(reg, r.base.pa, addresses);

		len += put_cells(reg + len, r.size, sizes);
		put_hex(name + strlen("memory@"), r.base.pa);
		dt_begin(w, name);
		dt_put(w, "device_type", "memory", sizeof("memory"));
		dt_put(w, "reg", reg, len);
		dt_end(w);
	}
}

/* Write our properties of /chosen. The old ones of the same names are not copied. */
static void put_chosen(struct dt_writer *w, const struct efi *e, const char *bootargs)
{
	u8 address[8];

	if (*bootargs)
		dt_put(w, "bootargs", bootargs, strlen(bootargs) + 1);
	if (!e->bundle.size)
		return;
	(void)put_cells(address, e->bundle.base.pa, 2);
	dt_put(w, "linux,initrd-start", address, sizeof(address));
	(void)put_cells(address, e->bundle.base.pa + e->bundle.size, 2);
	dt_put(w, "linux,initrd-end", address, sizeof(address));
}

static bool is_replaced(const struct dt_prop *prop, const struct efi *e, const char *bootargs)
{
	return (*bootargs && str_eq(prop->name, "bootargs")) ||
	       (e->bundle.size && str_starts(prop->name, "linux,initrd-"));
}

/* Note a cell of the root that gives the width of its children's numbers. */
static void look_at_root(const struct dt_prop *prop, u32 *addresses, u32 *sizes)
{
	u32 *cells = str_eq(prop->name, "#address-cells") ? addresses
		     : str_eq(prop->name, "#size-cells")  ? sizes
							  : NULL;

	/* No address needs more cells; the value fits in a byte. */
	if (cells && prop->len == 4)
		*cells = MIN((u32)((const u8 *)prop->value)[3], (u32)CELLS_MAX);
}

static bool is_memory(const char *name)
{
	return str_eq(name, "memory") || str_starts(name, "memory@");
}

void efi_look(const void *fdt, bool *has_cpus, bool *has_initrd)
{
	struct dt t = dt_open(fdt);
	u32 depth = 0, next;
	bool chosen = false;
	enum dt_tag tag;

	*has_cpus = *has_initrd = false;
	for (u32 at = 0; (tag = dt_tag(&t, at, &next)) != DT_END; at = next) {
		if (tag == DT_BEGIN_NODE && ++depth == 2) {
			chosen = str_eq(dt_node_name(&t, at), "chosen");
			*has_cpus |= str_eq(dt_node_name(&t, at), "cpus");
		} else if (tag == DT_PROP && depth == 2 && chosen) {
			*has_initrd |= str_eq(dt_prop(&t, at).name, "linux,initrd-start");
		} else if (tag == DT_END_NODE) {
			depth--;
		}
	}
}

/* State of the copy. */
struct copy {
	const struct efi *e;
	struct dt_writer w;
	u32 depth, skipped; /* depth of the current node; how many of these levels are left out */
	u32 addresses, sizes;
	bool in_chosen, has_chosen;
	char bootargs[OPTIONS_MAX];
};

static void copy_begin(struct copy *c, const char *name)
{
	c->depth++;
	if (c->skipped || (c->depth == 2 && is_memory(name))) {
		c->skipped++;
		return;
	}
	dt_begin(&c->w, name);
	c->in_chosen = c->depth == 2 && str_eq(name, "chosen");
	if (c->in_chosen) {
		c->has_chosen = true;
		put_chosen(&c->w, c->e, c->bootargs);
	}
}

static void copy_prop(struct copy *c, const struct dt_prop *prop)
{
	if (c->depth == 1)
		look_at_root(prop, &c->addresses, &c->sizes);
	if (!c->skipped && !(c->in_chosen && is_replaced(prop, c->e, c->bootargs)))
		dt_put_copy(&c->w, prop);
}

static void copy_end(struct copy *c)
{
	c->in_chosen = false; /* properties of its children do not belong to /chosen */
	if (c->depth-- == 1) {
		if (!c->has_chosen) {
			dt_begin(&c->w, "chosen");
			put_chosen(&c->w, c->e, c->bootargs);
			dt_end(&c->w);
		}
		put_memory(&c->w, &c->e->map, c->addresses, c->sizes);
	}
	if (c->skipped)
		c->skipped--;
	else
		dt_end(&c->w);
}

int efi_make_fdt(const struct efi *e, void *out, u64 size)
{
	struct dt t = dt_open(e->firmware_fdt);
	struct copy c = { .e = e, .addresses = 2, .sizes = 1 };
	struct phys_range r = { 0 };
	enum dt_tag tag;
	u32 next;

	options(e, c.bootargs);
	dt_create(&c.w, out, size, e->firmware_fdt);
	while (next_range(&e->map, r.base.pa + r.size, KEPT, KEPT, &r))
		dt_reserve(&c.w, r.base.pa, r.size);
	for (u32 at = 0; (tag = dt_tag(&t, at, &next)) != DT_END; at = next) {
		struct dt_prop prop;

		if (tag == DT_BEGIN_NODE) {
			copy_begin(&c, dt_node_name(&t, at));
		} else if (tag == DT_PROP) {
			prop = dt_prop(&t, at);
			copy_prop(&c, &prop);
		} else if (tag == DT_END_NODE) {
			copy_end(&c);
		}
	}
	return dt_finish(&c.w);
}
