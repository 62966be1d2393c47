/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places initrd and devicetree in RAM that the kernel leaves free. All numbers are untrusted.
 * Everything placed so far lies in RAM.
 */
#include <lib/checked.h>
#include <vmm/load.h>
#include "image_plan.h"

#define refuse(w, ...) image_refuse((w)->err, __VA_ARGS__)

static u64 to_mib(u64 bytes)
{
	return (bytes >> 20) + !IS_ALIGNED(bytes, MIB(1));
}

static bool is_kernel(const struct placing *w, u64 base, u64 size, u64 *end)
{
	const struct load_plan *p = w->p;
	struct elf_part part;
	u32 n = 0;

	if (p->format != IMAGE_ELF) {
		*end = p->kernel_end;
		return ranges_overlap(base, size, p->kernel_base, p->kernel_end - p->kernel_base);
	}
	while (elf_next_part(w->kernel, w->kernel_size, &w->d->ram, &n, &part)) {
		*end = part.base + part.size;
		if (ranges_overlap(base, size, part.base, part.size))
			return true;
	}
	return false;
}

/* True if [base, base + size) overlaps something that has been placed. Its end goes to *end. */
static bool is_taken(const struct placing *w, u64 base, u64 size, u64 *end)
{
	const struct load_plan *p = w->p;

	if (is_kernel(w, base, size, end))
		return true;
	*end = p->initrd_base + p->initrd_size;
	if (p->initrd_base && ranges_overlap(base, size, p->initrd_base, p->initrd_size))
		return true;
	*end = p->dtb_base + p->dtb_max;
	return p->dtb_base && ranges_overlap(base, size, p->dtb_base, p->dtb_max);
}

/* The lowest 2 MiB-aligned place from `from` on in a bank. 0: there is none. */
static u64 place_in(const struct placing *w, const struct ram_bank *bank, u64 from, u64 size)
{
	u64 at = ALIGN_UP(MAX(from, bank->base), BLOCK_SIZE), end;

	while (range_within(at, size, bank->base, bank->size)) {
		if (!is_taken(w, at, size, &end))
			return at;
		at = ALIGN_UP(end, BLOCK_SIZE);
	}
	return 0;
}

/*
 * A place above the kernel, in its bank: booting.rst wants both in one window of 32 GiB. If there
 * is no room, a place in the banks above, and then anywhere.
 */
static u64 place(const struct placing *w, u64 size)
{
	const struct ram_map *ram = &w->d->ram;
	u64 at = 0;

	for (u32 i = 0; i < ram->count && !at; i++)
		if (ram->banks[i].base + ram->banks[i].size >= w->p->kernel_end)
			at = place_in(w, &ram->banks[i], w->p->kernel_end, size);
	for (u32 i = 0; i < ram->count && !at; i++)
		at = place_in(w, &ram->banks[i], 0, size);
	return at;
}

static int place_initrd(const struct placing *w, u64 size)
{
	char text[RAM_MAP_TEXT];

	if (!size)
		return 0;
	w->p->initrd_base = place(w, size);
	w->p->initrd_size = size;
	if (w->p->initrd_base)
		return 0;
	return refuse(w,
		      "initrd: there is no room for %lu MiB beside the kernel in the VM's RAM, %s",
		      to_mib(size), ram_map_text(&w->d->ram, text, sizeof(text)));
}

/* Place the devicetree where the description wants it. */
static int fix_dtb(const struct placing *w)
{
	struct load_plan *p = w->p;
	const u64 at = w->d->devicetree_address;
	u64 end;

	if (at % 8 || !ram_map_holds(&w->d->ram, at, p->dtb_max))
		return refuse(w, "devicetree-address: 0x%lx has no %lu KiB of RAM", at,
			      p->dtb_max >> 10);
	if (is_taken(w, at, p->dtb_max, &end))
		return refuse(w, "devicetree-address: 0x%lx is taken by the kernel, 0x%lx to 0x%lx",
			      at, p->kernel_base, p->kernel_end);
	p->dtb_base = at;
	return 0;
}

/* Place it at the start of RAM, where bare images look for it, if they leave room there. */
static void place_dtb_first(const struct placing *w)
{
	const struct ram_bank *bank = &w->d->ram.banks[0];
	struct load_plan *p = w->p;
	u64 end;

	if (p->format == IMAGE_LINUX || (p->format == IMAGE_RAW && !w->d->has_load_address))
		return;
	if (p->dtb_max <= bank->size && !is_taken(w, bank->base, p->dtb_max, &end))
		p->dtb_base = bank->base;
}

static int place_dtb(const struct placing *w)
{
	char text[RAM_MAP_TEXT];
	struct load_plan *p = w->p;

	if (!p->dtb_base)
		p->dtb_base = place(w, p->dtb_max);
	if (p->dtb_base)
		return 0;
	return refuse(
		w,
		"devicetree: there is no room for %lu KiB in the VM's RAM, %s: 2 MiB more are enough",
		p->dtb_max >> 10, ram_map_text(&w->d->ram, text, sizeof(text)));
}

/*
 * As on `virt`: the vCPU starts at the beginning of flash0, which the flash device fills. The
 * devicetree is at the beginning of RAM. Kernel and initrd wait until the firmware fetches them.
 */
static void plan_firmware(const struct placing *w)
{
	w->p->format = IMAGE_FIRMWARE;
	w->p->entry = GUEST_FLASH_BASE;
	w->p->kernel_base = w->p->kernel_end = w->d->ram.banks[0].base;
}

int image_plan(const struct vm_desc *d, const void *kernel, u64 kernel_size, u64 initrd_size,
	       u64 dtb_size, struct load_plan *p, struct desc_error *err)
{
	const struct placing w = {
		.d = d, .kernel = kernel, .kernel_size = kernel_size, .p = p, .err = err
	};
	const bool firmware = d->firmware.path[0];
	int ret = 0;

	*p = (struct load_plan){ .dtb_max = guest_fdt_max(dtb_size) };
	if (firmware)
		plan_firmware(&w);
	else
		ret = image_plan_kernel(&w);
	if (!ret && d->has_devicetree_address)
		ret = fix_dtb(&w);
	else if (!ret)
		place_dtb_first(&w);
	if (!ret && !firmware)
		ret = place_initrd(&w, initrd_size);
	if (!ret)
		ret = place_dtb(&w);
	p->arg = firmware ? 0 : p->dtb_base;
	return ret;
}
