/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel images: their format, and where they must be placed. All data is untrusted. */
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <lib/utf8.h>
#include <vmm/load.h>
#include "image_plan.h"

/* The arm64 Image header (Linux, Documentation/arm64/booting.rst), little-endian. */
#define HEADER_SIZE        64
#define HEADER_TEXT_OFFSET 8
#define HEADER_IMAGE_SIZE  16
#define HEADER_MAGIC       56

/* Kernels before 3.17 leave image_size 0. Then text_offset has this value. */
#define OLD_TEXT_OFFSET 0x80000
#define RAW_OFFSET      0x80000

#define refuse(w, ...) image_refuse((w)->err, __VA_ARGS__)

bool image_has_header(const void *image, u64 size)
{
	return size >= HEADER_SIZE && !memcmp((const u8 *)image + HEADER_MAGIC, "ARM\x64", 4);
}

u64 image_header_size(const void *image)
{
	return image_le(image, HEADER_IMAGE_SIZE, 8);
}

/* Place the kernel and set its entry. It owns `size` bytes of RAM. */
static int put_kernel(const struct placing *w, enum image_format format, u64 base, u64 size)
{
	char text[RAM_MAP_TEXT];

	if (!ram_map_holds(&w->d->ram, base, size))
		return refuse(w, "kernel: %lu MiB at 0x%lx do not fit into the VM's RAM, %s",
			      (size >> 20) + !IS_ALIGNED(size, MIB(1)), base,
			      ram_map_text(&w->d->ram, text, sizeof(text)));
	w->p->format = format;
	w->p->kernel_base = w->p->entry = base;
	w->p->kernel_end = base + size;
	return 0;
}

static int plan_linux(const struct placing *w)
{
	const struct ram_bank *bank = &w->d->ram.banks[0];
	u64 text_offset = image_le(w->kernel, HEADER_TEXT_OFFSET, 8);
	u64 image_size = image_header_size(w->kernel);

	if (!image_size)
		text_offset = OLD_TEXT_OFFSET;
	/*
	 * Zephyr's header holds an end address in this field. It is not usable, so the file's size
	 * is used.
	 */
	if (image_size >= bank->base || image_size < w->kernel_size)
		image_size = w->kernel_size;
	if (text_offset >= bank->size)
		return refuse(w, "kernel: its text_offset 0x%lx lies outside the VM's %lu MiB",
			      text_offset, bank->size >> 20);
	return put_kernel(w, IMAGE_LINUX, bank->base + text_offset, image_size);
}

/* Report "kernel: is text ...", with the beginning of its first line. */
static int refuse_text(const struct placing *w)
{
	const char *text = w->kernel;
	char line[25];
	u64 len = 0;

	while (len < MIN(w->kernel_size, sizeof(line) - 1) && (u8)text[len] >= ' ')
		len++;
	memcpy(line, text, len);
	line[len] = '\0';
	utf8_clean(line);
	return refuse(w, "kernel: is text, not code: it begins with '%s'", line);
}

static const char *const advice[] = {
	[IMAGE_PACKED] = "unpack it, or let tools/mkbundle do that",
	[IMAGE_CONTAINER] = "take the kernel out of it, or let tools/mkbundle do that",
	[IMAGE_ARCHIVE] = "is it the initrd?",
	[IMAGE_FLASH] = "give it as firmware",
	[IMAGE_OTHER] = "a VM starts an arm64 Image, an ELF file or raw code",
};

/* UDF (Arm ARM C6.2), or erased flash. */
static bool is_code(const void *image, u64 size)
{
	const u64 first = image_le(image, 0, (u32)MIN(size, 4));

	return size >= 4 && first >= 0x10000 && first != UINT32_MAX;
}

/* A file of a known kind is not raw code, and neither are bytes that no CPU could execute. */
static int check_raw(const struct placing *w)
{
	const struct image_kind *kind = image_kind_of(w->kernel, w->kernel_size);

	if (kind)
		return refuse(w, "kernel: is %s: %s", kind->name, advice[kind->use]);
	if (image_is_text(w->kernel, w->kernel_size))
		return refuse_text(w);
	if (!is_code(w->kernel, w->kernel_size))
		return refuse(w, "kernel: is not code: it begins with 0x%08lx",
			      image_le(w->kernel, 0, (u32)MIN(w->kernel_size, 4)));
	return 0;
}

int image_check_firmware(const void *firmware, u64 size, struct desc_error *err)
{
	const struct image_kind *kind;

	if (size > GUEST_FLASH_SIZE)
		return image_refuse(err, "firmware: has %lu KiB, at most %lu KiB are possible",
				    size >> 10, (u64)GUEST_FLASH_SIZE >> 10);
	kind = image_kind_of(firmware, size);
	if (kind && kind->use != IMAGE_FLASH)
		return image_refuse(err, "firmware: is %s: what is needed is raw code", kind->name);
	if (!is_code(firmware, size))
		return image_refuse(err, "firmware: is not code: it begins with 0x%08lx",
				    image_le(firmware, 0, (u32)MIN(size, 4)));
	return 0;
}

static int plan_raw(const struct placing *w)
{
	const u64 base = w->d->has_load_address ? w->d->load_address
						: w->d->ram.banks[0].base + RAW_OFFSET;
	const int ret = check_raw(w);

	if (ret)
		return ret;
	if (base % 4)
		return refuse(w, "load-address: 0x%lx is not a multiple of 4", base);
	return put_kernel(w, IMAGE_RAW, base, w->kernel_size);
}

static int plan_elf(const struct placing *w)
{
	struct elf_image elf;
	const int ret = elf_plan(w->kernel, w->kernel_size, &w->d->ram, &elf, w->err);

	if (ret)
		return ret;
	w->p->format = IMAGE_ELF;
	w->p->entry = elf.entry;
	w->p->kernel_base = elf.base;
	w->p->kernel_end = elf.end;
	return 0;
}

int image_plan_kernel(const struct placing *w)
{
	const bool elf = elf_has_magic(w->kernel, w->kernel_size);
	const bool header = image_has_header(w->kernel, w->kernel_size);

	if (!w->kernel_size)
		return refuse(w, "kernel: is empty");
	if (w->d->has_load_address && (elf || header))
		return refuse(w, "load-address: the kernel is %s, which says itself where it goes",
			      elf ? "an ELF file" : "an Image");
	if (elf)
		return plan_elf(w);
	return header ? plan_linux(w) : plan_raw(w);
}

int image_check_initrd(const void *initrd, u64 size, struct desc_error *err)
{
	const struct image_kind *kind = image_kind_of(initrd, size);

	if (!kind || kind->use != IMAGE_CONTAINER)
		return 0;
	return image_refuse(
		err, "initrd: is %s: take the ramdisk out of it, or let tools/mkbundle do that",
		kind->name);
}
