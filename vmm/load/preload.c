/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images at the addresses of the start command. The length of a file in memory is not known. So a
 * window ends where the next one begins, and the zeros at its end are not part of the image
 * (unwritten RAM is zero, and so is a guest's RAM outside its images).
 */
#include <arch/mmu.h>
#include <kernel/ram.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/utf8.h>
#include <libfdt.h>
#include <vmm/load.h>

#define ZEPHYR_AT  0xc8000000ULL
#define ZEPHYR_MAX MIB(16)
#define LINUX_AT   0xe0000000ULL
#define LINUX_MAX  MIB(64)
#define INITRD_AT  0xe4000000ULL
#define DTB_AT     0xf2a00000ULL
#define DTB_MAX    MIB(2)
#define INITRD_MAX (DTB_AT - INITRD_AT)

#define ZEPHYR_MEMORY   MIB(128) /* what qemu_cortex_a53 expects */
#define ZEPHYR_PRIORITY 8
#define LINUX_MEMORY    MIB(512)
#define LINUX_CPUS      2
#define LINUX_CPUS_MAX  4
#define LINUX_BOOTARGS  "console=ttyAMA0"

/* Length of the window's contents without the zeros at the end, in whole pages. */
static u64 used_length(const void *window, u64 size)
{
	const u64 *words = window;
	u64 n = size / sizeof(u64);

	while (n >= 8 && !(words[n - 1] | words[n - 2] | words[n - 3] | words[n - 4] |
			   words[n - 5] | words[n - 6] | words[n - 7] | words[n - 8]))
		n -= 8;
	return MIN(size, ALIGN_UP(n * sizeof(u64), PAGE_SIZE));
}

/* Make ref name the image in the window [pa, pa + max). False if the window is empty. */
static bool take(struct image_ref *ref, u64 pa, u64 max)
{
	const u64 window = ALIGN_DOWN(ram_free_from(pa, max), 64);
	const u64 size = window ? used_length(phys_to_virt(PADDR(pa)), window) : 0;

	if (preload_keep(PADDR(pa), size))
		return false;
	ref->pa = PADDR(pa);
	ref->size = size;
	return true;
}

/* Start of a window with at least a page of RAM, or NULL. */
static const void *window_at(u64 pa)
{
	return ram_free_from(pa, PAGE_SIZE) == PAGE_SIZE ? phys_to_virt(PADDR(pa)) : NULL;
}

/*
 * True for what Linux accepts as an initrd, and for a container that may hold one, so that it can
 * be refused by name.
 */
static bool is_initrd(const void *p)
{
	const struct image_kind *kind = image_kind_of(p, PAGE_SIZE);

	return kind && kind->use != IMAGE_OTHER;
}

/* A raw image has no magic number: it begins with code without a gap. */
static bool is_code(const void *p)
{
	for (u64 i = 0; i < 16; i++)
		if (!image_le(p, i * 4, 4))
			return false;
	return true;
}

/* ---- types ---- */

static struct vm_type *new_type(const char *label, struct image_ref kernel)
{
	struct vm_type *t = type_add(PRELOADED_FILE);

	if (!t)
		return NULL;
	desc_defaults(&t->desc);
	t->desc.kernel = kernel;
	(void)str_copy(t->desc.label, label, sizeof(t->desc.label));
	(void)str_copy(t->file, PRELOADED_FILE, sizeof(t->file));
	return t;
}

/* The type is complete: check whether it can be loaded. */
static void finish_type(struct vm_type *t)
{
	const struct image_ref *kernel = &t->desc.kernel, *initrd = &t->desc.initrd;
	struct desc_error why;
	struct load_plan plan;
	char at[24];

	(void)snprintf(at, sizeof(at), "0x%lx", kernel->pa.pa);
	if (ram_map_check(&t->desc.ram, why.text, sizeof(why.text)))
		(void)desc_refuse(&t->error, PRELOADED_FILE, NULL, "memory", "%s", why.text);
	else if (image_plan(&t->desc, phys_to_virt(kernel->pa), kernel->size, initrd->size,
			    t->desc.devicetree.size, &plan, &why) ||
		 (initrd->size && image_check_initrd(phys_to_virt(initrd->pa), initrd->size, &why)))
		(void)desc_refuse(&t->error, PRELOADED_FILE, at, NULL, "%s", why.text);
	else
		t->valid = true;
}

/* True for an image, and for a known file that finish_type() refuses by name. */
static bool is_image(const void *window)
{
	return image_has_header(window, PAGE_SIZE) || elf_has_magic(window, PAGE_SIZE) ||
	       image_kind_of(window, PAGE_SIZE) || image_is_text(window, PAGE_SIZE);
}

static void detect_zephyr(void)
{
	const void *window = window_at(ZEPHYR_AT);
	struct image_ref kernel = { .size = 0 };
	struct vm_type *t;

	if (!window || !(is_image(window) || is_code(window)))
		return;
	if (!take(&kernel, ZEPHYR_AT, ZEPHYR_MAX))
		return;
	t = new_type("zephyr", kernel);
	if (!t)
		return;
	t->desc.ram = ram_map_default(ZEPHYR_MEMORY);
	t->desc.priority = ZEPHYR_PRIORITY;
	if (!image_has_header(window, PAGE_SIZE) && !elf_has_magic(window, PAGE_SIZE)) {
		t->desc.has_load_address = true;
		t->desc.load_address = GUEST_RAM_BASE;
	}
	finish_type(t);
}

/*
 * Find the devicetree of the start command. *fdt is NULL if nothing known is there. 0. -EINVAL with
 * why: it cannot be used.
 */
static int find_dtb(struct vm_desc *d, const void **fdt, struct desc_error *why)
{
	const void *window = window_at(DTB_AT);
	const struct image_kind *kind = window ? image_kind_of(window, PAGE_SIZE) : NULL;
	const u64 room = ram_free_from(DTB_AT, DTB_MAX);
	struct dt_facts facts;
	const char *wrong;

	*fdt = NULL;
	if (!kind)
		return 0;
	wrong = dt_check(window, room, &facts);
	if (kind->use != IMAGE_CONTAINER)
		return desc_refuse(why, "devicetree", NULL, NULL, "is %s", kind->name);
	/* QEMU dumps a tree of 1 MiB that is mostly empty. */
	if (!wrong && fdt_totalsize(window) > room)
		wrong = "is longer than 2 MiB";
	if (!wrong)
		wrong = preload_keep(PADDR(DTB_AT), facts.length);
	if (wrong)
		return desc_refuse(why, "devicetree", NULL, NULL, "%s", wrong);
	if (facts.length > GUEST_FDT_OWN_MAX)
		return desc_refuse(why, "devicetree", NULL, NULL,
				   "has %u KiB, at most %lu KiB are possible", facts.length >> 10,
				   GUEST_FDT_OWN_MAX >> 10);
	d->devicetree.pa = PADDR(DTB_AT);
	d->devicetree.size = facts.length;
	*fdt = window;
	return 0;
}

/* A number of one or two cells. False if the property is neither. */
static bool get_number(const void *fdt, int node, const char *name, u64 *value)
{
	int len;
	const void *p = fdt_getprop(fdt, node, name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*value = len == 4 ? fdt32_ld(p) : fdt64_ld(p);
	return true;
}

static u32 count_cpus(const void *fdt)
{
	u32 count = 0;
	int node, cpus = fdt_path_offset(fdt, "/cpus");

	fdt_for_each_subnode(node, fdt, cpus) {
		const char *type = fdt_getprop(fdt, node, "device_type", NULL);

		count += type && str_eq(type, "cpu");
	}
	return MAX(1, MIN(count, LINUX_CPUS_MAX));
}

static u32 root_cells(const void *fdt, const char *name, u32 otherwise)
{
	int len;
	const fdt32_t *cells = fdt_getprop(fdt, 0, name, &len);

	return cells && len == sizeof(*cells) ? fdt32_ld(cells) : otherwise;
}

/* A number of one or two cells. */
static u64 cells_at(const u8 *p, u32 cells)
{
	return cells == 1 ? fdt32_ld((const void *)p) : fdt64_ld((const void *)p);
}

/*
 * The banks that the devicetree claims, in one node or several. False: nothing in it can be read.
 */
static bool read_banks(const void *fdt, struct ram_map *ram)
{
	const char type[] = "memory";
	const u32 addresses = root_cells(fdt, "#address-cells", 2);
	const u32 sizes = root_cells(fdt, "#size-cells", 1);
	const int entry = (int)(4 * (addresses + sizes));
	int node = -1, len;

	ram->count = 0;
	if (addresses < 1 || addresses > 2 || sizes < 1 || sizes > 2)
		return false;
	while ((node = fdt_node_offset_by_prop_value(fdt, node, "device_type", type,
						     sizeof(type))) >= 0) {
		const u8 *reg = fdt_getprop(fdt, node, "reg", &len);

		for (; reg && len >= entry && ram->count < RAM_BANKS_MAX;
		     len -= entry, reg += entry)
			ram->banks[ram->count++] = (struct ram_bank){
				.base = cells_at(reg, addresses),
				.size = ALIGN_DOWN(cells_at(reg + 4 * addresses, sizes),
						   BLOCK_SIZE),
			};
	}
	return ram->count;
}

/*
 * Those banks, if they are at most half of the remaining memory and at least what Linux needs. Else
 * one bank of that limit, where the first one is.
 */
static struct ram_map memory_of(const void *fdt)
{
	struct ram_map ram;
	u64 left = 0, size;

	if (!read_banks(fdt, &ram))
		return ram_map_default(LINUX_MEMORY);
	for (const struct ram_range *r = ram_free(); r; r = r->next)
		left += r->end - r->start;
	size = ALIGN_DOWN(MAX(MIN(ram_map_size(&ram), left / 2), LINUX_MEMORY), BLOCK_SIZE);
	if (size != ram_map_size(&ram)) {
		ram.count = 1;
		ram.banks[0].size = size;
	}
	return ram;
}

/*
 * A tree's command line becomes one line of text: `zvm info` shows it, and Linux accepts any white
 * space between words.
 */
static void clean_args(char *args)
{
	for (char *c = args; *c; c++)
		if (*c >= '\t' && *c <= '\r')
			*c = ' ';
	utf8_clean(args);
}

static int apply_dtb(struct vm_desc *d, const void *fdt, struct desc_error *why)
{
	const int chosen = fdt_path_offset(fdt, "/chosen");
	int len;
	const char *args = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "bootargs", &len);

	d->cpus = count_cpus(fdt);
	d->ram = memory_of(fdt);
	if (args && len > 1 && strnlen(args, (size_t)len) < (size_t)len &&
	    !str_copy(d->bootargs, args, sizeof(d->bootargs)))
		return desc_refuse(why, "devicetree", "/chosen", "bootargs",
				   "is longer than %u bytes", DESC_ARGS_MAX - 1);
	clean_args(d->bootargs);
	return 0;
}

/*
 * The end of the initrd: its window's, or the length that the devicetree gives if that is shorter.
 */
static u64 initrd_limit(const void *fdt)
{
	const int chosen = fdt ? fdt_path_offset(fdt, "/chosen") : -1;
	u64 start, end;

	if (chosen >= 0 && get_number(fdt, chosen, "linux,initrd-start", &start) &&
	    get_number(fdt, chosen, "linux,initrd-end", &end) && end > start)
		return MIN(INITRD_MAX, ALIGN_UP(end - start, PAGE_SIZE));
	return INITRD_MAX;
}

static void detect_linux(void)
{
	const void *window = window_at(LINUX_AT), *fdt;
	struct image_ref kernel = { .size = 0 };
	struct desc_error why;
	struct vm_type *t;
	u64 size;
	int ret;

	if (!window || !is_image(window))
		return;
	size = image_has_header(window, PAGE_SIZE) ? image_header_size(window) : 0;
	if (!take(&kernel, LINUX_AT, size ? MIN(size, LINUX_MAX) : LINUX_MAX))
		return;
	t = new_type("linux", kernel);
	if (!t)
		return;
	ret = find_dtb(&t->desc, &fdt, &why);
	window = window_at(INITRD_AT);
	if (window && is_initrd(window) && !take(&t->desc.initrd, INITRD_AT, initrd_limit(fdt)))
		ret = desc_refuse(&why, "initrd", NULL, NULL, "its memory is in use");
	t->desc.cpus = LINUX_CPUS;
	t->desc.ram = ram_map_default(LINUX_MEMORY);
	(void)str_copy(t->desc.bootargs, LINUX_BOOTARGS, sizeof(t->desc.bootargs));
	if (fdt && !ret)
		ret = apply_dtb(&t->desc, fdt, &why);
	finish_type(t);
	if (ret) {
		t->valid = false;
		(void)desc_refuse(&t->error, PRELOADED_FILE, NULL, NULL, "%s", why.text);
	}
}

void preload_detect(void)
{
	detect_zephyr();
	detect_linux();
}
