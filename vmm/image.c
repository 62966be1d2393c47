/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: which format, where everything goes, and the copying. The plan is made of untrusted
 * numbers and checked whole; carrying it out cannot leave the VM's RAM.
 */
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/guestfdt.h>
#include <vmm/image.h>
#include <vmm/image_elf.h>
#include <vmm/image_kind.h>

/* The arm64 Image header (Linux, Documentation/arm64/booting.rst), little-endian. */
#define HEADER_SIZE        64
#define HEADER_TEXT_OFFSET 8
#define HEADER_IMAGE_SIZE  16
#define HEADER_MAGIC       56

#define FDT_HEADER_MAGIC 0xd00dfeed
#define FDT_HEADER_SIZE  40
#define FDT_TOTALSIZE    4
#define FDT_OFF_STRUCT   8
#define FDT_OFF_STRINGS  12
#define FDT_SIZE_STRINGS 32
#define FDT_SIZE_STRUCT  36

/* Kernels before 3.17 leave image_size 0 and mean this text_offset. */
#define OLD_TEXT_OFFSET 0x80000
#define RAW_OFFSET      0x80000

static int __printf(2, 3) refuse(struct desc_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

u64 image_le(const void *image, u64 offset, u32 bytes)
{
	const u8 *p = (const u8 *)image + offset;
	u64 value = 0;

	for (u32 i = bytes; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

bool image_has_header(const void *image, u64 size)
{
	return size >= HEADER_SIZE && !memcmp((const u8 *)image + HEADER_MAGIC, "ARM\x64", 4);
}

u64 image_header_size(const void *image)
{
	return image_le(image, HEADER_IMAGE_SIZE, 8);
}

/* The devicetree's header (Devicetree Specification 5.2) is big-endian. */
static u64 fdt_field(const void *fdt, u64 offset)
{
	return __builtin_bswap32((u32)image_le(fdt, offset, 4));
}

u64 image_fdt_length(const void *fdt, u64 size)
{
	u64 structure, strings, length;

	if (size < FDT_HEADER_SIZE || fdt_field(fdt, 0) != FDT_HEADER_MAGIC)
		return 0;
	structure = fdt_field(fdt, FDT_OFF_STRUCT) + fdt_field(fdt, FDT_SIZE_STRUCT);
	strings = fdt_field(fdt, FDT_OFF_STRINGS) + fdt_field(fdt, FDT_SIZE_STRINGS);
	length = MAX(MAX(structure, strings), FDT_HEADER_SIZE);
	return length <= MIN(size, fdt_field(fdt, FDT_TOTALSIZE)) ? length : 0;
}

static u64 to_mib(u64 bytes)
{
	return (bytes >> 20) + !IS_ALIGNED(bytes, MIB(1));
}

static int too_large(const struct vm_desc *d, const char *what, u64 base, u64 size,
		     struct desc_error *err)
{
	return refuse(err, "%s: %lu MiB at 0x%lx do not fit into the VM's %lu MiB at 0x%llx", what,
		      to_mib(size), base, to_mib(d->memory), GUEST_RAM_BASE);
}

static int plan_linux(const struct vm_desc *d, const void *kernel, u64 size, struct load_plan *p,
		      struct desc_error *err)
{
	u64 text_offset = image_le(kernel, HEADER_TEXT_OFFSET, 8);
	u64 image_size = image_header_size(kernel);

	if (!image_size)
		text_offset = OLD_TEXT_OFFSET;
	/* Zephyr's header holds an end address there: of no use, its size is the file's. */
	if (image_size >= GUEST_RAM_BASE || image_size < size)
		image_size = size;
	if (text_offset >= d->memory)
		return refuse(err, "kernel: its text_offset 0x%lx lies outside the VM's %lu MiB",
			      text_offset, to_mib(d->memory));
	p->format = IMAGE_LINUX;
	p->kernel_base = GUEST_RAM_BASE + text_offset;
	if (!range_within(p->kernel_base, image_size, GUEST_RAM_BASE, d->memory))
		return too_large(d, "kernel", p->kernel_base, image_size, err);
	p->kernel_end = p->kernel_base + image_size;
	p->entry = p->kernel_base;
	return 0;
}

/* "kernel: is text ...", with the beginning of its first line. */
static int refuse_text(const char *text, u64 size, struct desc_error *err)
{
	char line[25];
	u64 len = 0;

	while (len < MIN(size, sizeof(line) - 1) && (u8)text[len] >= ' ')
		len++;
	memcpy(line, text, len);
	line[len] = '\0';
	utf8_clean(line);
	return refuse(err, "kernel: is text, not code: it begins with '%s'", line);
}

/* What has a name is no raw code, nor is what no CPU could execute. */
static int check_raw(const void *kernel, u64 size, struct desc_error *err)
{
	static const char *const advice[] = {
		[IMAGE_PACKED] = "unpack it, or let tools/mkbundle do that",
		[IMAGE_CONTAINER] = "take the kernel out of it, or let tools/mkbundle do that",
		[IMAGE_ARCHIVE] = "is it the initrd?",
		[IMAGE_OTHER] = "a VM starts an arm64 Image, an ELF file or raw code",
	};
	const struct image_kind *kind = image_kind_of(kernel, size);
	const u64 first = image_le(kernel, 0, (u32)MIN(size, 4));

	if (kind)
		return refuse(err, "kernel: is %s: %s", kind->name, advice[kind->use]);
	if (image_is_text(kernel, size))
		return refuse_text(kernel, size, err);
	/* UDF (Arm ARM C6.2), and flash that is erased. */
	if (size < 4 || first < 0x10000 || first == UINT32_MAX)
		return refuse(err, "kernel: is no code, it begins with 0x%08lx", first);
	return 0;
}

static int plan_raw(const struct vm_desc *d, const void *kernel, u64 size, struct load_plan *p,
		    struct desc_error *err)
{
	const int ret = check_raw(kernel, size, err);

	if (ret)
		return ret;
	p->format = IMAGE_RAW;
	p->kernel_base = d->has_load_address ? d->load_address : GUEST_RAM_BASE + RAW_OFFSET;
	if (p->kernel_base % 4)
		return refuse(err, "load-address: 0x%lx is no place for instructions",
			      p->kernel_base);
	if (!range_within(p->kernel_base, size, GUEST_RAM_BASE, d->memory))
		return too_large(d, "kernel", p->kernel_base, size, err);
	p->kernel_end = p->kernel_base + size;
	p->entry = p->kernel_base;
	return 0;
}

static int plan_elf(const struct vm_desc *d, const void *kernel, u64 size, struct load_plan *p,
		    struct desc_error *err)
{
	struct elf_image elf;
	const char *why = elf_check(kernel, size, &elf);

	if (why)
		return refuse(err, "kernel: ELF file %s", why);
	if (!range_within(elf.base, elf.end - elf.base, GUEST_RAM_BASE, d->memory))
		return too_large(d, "kernel", elf.base, elf.end - elf.base, err);
	p->format = IMAGE_ELF;
	p->entry = elf.entry;
	p->kernel_base = elf.base;
	p->kernel_end = elf.end;
	return 0;
}

static int plan_kernel(const struct vm_desc *d, const void *kernel, u64 size, struct load_plan *p,
		       struct desc_error *err)
{
	const bool elf = elf_has_magic(kernel, size);
	const bool header = image_has_header(kernel, size);

	if (!size)
		return refuse(err, "kernel: is empty");
	if (d->has_load_address && (elf || header))
		return refuse(err,
			      "load-address: the kernel is %s, which says itself where it goes",
			      elf ? "an ELF file" : "an Image");
	if (elf)
		return plan_elf(d, kernel, size, p, err);
	return header ? plan_linux(d, kernel, size, p, err) : plan_raw(d, kernel, size, p, err);
}

/* True if the devicetree may go to the start of RAM, where bare images look for it. */
static bool ram_base_free(const struct vm_desc *d, const struct load_plan *p)
{
	if (p->format != IMAGE_ELF && !(p->format == IMAGE_RAW && d->has_load_address))
		return false;
	return p->kernel_base >= GUEST_RAM_BASE + GUEST_FDT_MAX;
}

/*
 * The initrd goes right above the kernel: booting.rst wants both in one window of 32 GiB. Where an
 * explicit devicetree lies in its way, above that.
 */
static int plan_initrd(const struct vm_desc *d, u64 size, struct load_plan *p,
		       struct desc_error *err)
{
	p->initrd_size = size;
	p->initrd_base = 0;
	if (!size)
		return 0;
	p->initrd_base = ALIGN_UP(p->kernel_end, BLOCK_SIZE);
	if (!range_within(p->initrd_base, size, GUEST_RAM_BASE, d->memory))
		return too_large(d, "initrd", p->initrd_base, size, err);
	if (!d->has_devicetree_address ||
	    !ranges_overlap(p->initrd_base, size, p->dtb_base, p->dtb_max))
		return 0;
	p->initrd_base = ALIGN_UP(p->dtb_base + p->dtb_max, BLOCK_SIZE);
	if (!range_within(p->initrd_base, size, GUEST_RAM_BASE, d->memory))
		return too_large(d, "initrd", p->initrd_base, size, err);
	return 0;
}

static int plan_fixed_dtb(const struct vm_desc *d, struct load_plan *p, struct desc_error *err)
{
	p->dtb_base = d->devicetree_address;
	if (p->dtb_base % 8 || !range_within(p->dtb_base, p->dtb_max, GUEST_RAM_BASE, d->memory))
		return refuse(err, "devicetree-address: 0x%lx has no 64 KiB of RAM", p->dtb_base);
	if (ranges_overlap(p->dtb_base, p->dtb_max, p->kernel_base, p->kernel_end - p->kernel_base))
		return refuse(err,
			      "devicetree-address: 0x%lx is taken by the kernel, 0x%lx to 0x%lx",
			      p->dtb_base, p->kernel_base, p->kernel_end);
	return 0;
}

static int plan_dtb(const struct vm_desc *d, struct load_plan *p, struct desc_error *err)
{
	if (d->has_devicetree_address)
		return 0;
	if (ram_base_free(d, p)) {
		p->dtb_base = GUEST_RAM_BASE;
		return 0;
	}
	p->dtb_base = ALIGN_UP(MAX(p->kernel_end, p->initrd_base + p->initrd_size), BLOCK_SIZE);
	if (!range_within(p->dtb_base, p->dtb_max, GUEST_RAM_BASE, d->memory))
		return refuse(err,
			      "devicetree: no room at 0x%lx, memory of at least %lu MiB would do",
			      p->dtb_base, to_mib(p->dtb_base + BLOCK_SIZE - GUEST_RAM_BASE));
	return 0;
}

int image_plan(const struct vm_desc *d, const void *kernel, u64 kernel_size, u64 initrd_size,
	       struct load_plan *p, struct desc_error *err)
{
	int ret;

	memset(p, 0, sizeof(*p));
	p->dtb_max = GUEST_FDT_MAX;
	if (!d->memory || d->memory > GUEST_RAM_MAX)
		return refuse(err, "memory: 0x%lx is out of range", d->memory);
	ret = plan_kernel(d, kernel, kernel_size, p, err);
	if (!ret && d->has_devicetree_address)
		ret = plan_fixed_dtb(d, p, err);
	if (!ret)
		ret = plan_initrd(d, initrd_size, p, err);
	return ret ? ret : plan_dtb(d, p, err);
}

int image_check_initrd(const void *initrd, u64 size, struct desc_error *err)
{
	const struct image_kind *kind = image_kind_of(initrd, size);

	if (!kind || kind->use != IMAGE_CONTAINER)
		return 0;
	return refuse(err,
		      "initrd: is %s: take the ramdisk out of it, or let tools/mkbundle do that",
		      kind->name);
}

int image_load(const struct load_plan *p, const struct vm_ram *ram, const void *kernel,
	       u64 kernel_size, const void *initrd, const void *dtb, u64 dtb_size)
{
	int ret;

	if (dtb_size > p->dtb_max)
		return -ENOSPC;
	if (p->format == IMAGE_ELF)
		ret = elf_load(kernel, kernel_size, ram);
	else
		ret = vm_ram_write(ram, p->kernel_base, kernel, kernel_size);
	if (!ret && p->initrd_size)
		ret = vm_ram_write(ram, p->initrd_base, initrd, p->initrd_size);
	return ret ? ret : vm_ram_write(ram, p->dtb_base, dtb, dtb_size);
}
