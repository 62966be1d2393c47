/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: an accepted plan lies in the VM's RAM, and so does every byte that is written for
 * it.
 */
#include "fuzz.h"

#include <lib/checked.h>
#include <string.h>
#include <vmm/core.h>

static struct ram_map map;

/* In place of vmm/core/guest_ram.c's. */
int vm_ram_write(struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	volatile u8 sum = 0;
	u64 i;

	(void)ram;
	fuzz_assert(!len || ram_map_holds(&map, ipa, len));
	for (i = 0; i < len; i++)
		sum = (u8)(sum + ((const u8 *)src)[i]); /* the sanitizer sees where it comes from */
	return 0;
}

static void put(u8 *p, u64 value, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i++)
		p[i] = (u8)(value >> (8 * i));
}

/* A number near something that matters. */
static u64 interesting(struct fuzz_input *in)
{
	static const u64 bases[] = { 0,         GUEST_RAM_BASE, GUEST_RAM_BASE + MIB(16),
				     MIB(2),    ~0ULL,          1ULL << 63,
				     0x80000000 };
	u8 kind = fuzz_byte(in);

	return kind & 0x80 ? fuzz_u64(in)
			   : bases[kind % ARRAY_SIZE(bases)] + (u64)(signed char)fuzz_byte(in);
}

static void make_linux(struct fuzz_input *in, u8 *p, size_t size)
{
	if (size < 64)
		return;
	put(p + 8, interesting(in), 8);
	put(p + 16, interesting(in), 8);
	memcpy(p + 56, "ARM\x64", 4);
}

/* Mostly as it should be. */
static u64 usually(struct fuzz_input *in, u64 value)
{
	return fuzz_once_in(in, 32) ? interesting(in) : value;
}

/* A header and up to three program headers behind it. */
static void make_elf(struct fuzz_input *in, u8 *p, size_t size)
{
	u64 at = GUEST_RAM_BASE + 4096 * (u64)fuzz_byte(in);
	u32 n, i;

	if (size < 64 + 3 * 56)
		return;
	memset(p, 0, 64 + 3 * 56);
	memcpy(p, "\x7f\x45LF\2\1\1", 7);
	put(p + 16, 2, 2);                                          /* executable */
	put(p + 18, fuzz_once_in(in, 16) ? fuzz_byte(in) : 183, 2); /* AArch64, mostly */
	put(p + 20, 1, 4);
	put(p + 24, usually(in, at), 8);
	put(p + 32, usually(in, 64), 8);
	put(p + 52, 64, 2);
	put(p + 54, 56, 2);
	n = fuzz_once_in(in, 8) ? fuzz_below(in, 5) : 1 + fuzz_below(in, 3);
	put(p + 56, n, 2);
	for (i = 0; i < MIN(n, 3U); i++) {
		u8 *segment = p + 64 + 56 * (size_t)i;

		put(segment, usually(in, 1), 4);
		put(segment + 8, usually(in, fuzz_byte(in)), 8);
		put(segment + 16, usually(in, at), 8);
		put(segment + 24, usually(in, at), 8);
		put(segment + 32, usually(in, fuzz_byte(in)), 8);
		put(segment + 40, usually(in, 255), 8);
		at += 256 * (u64)fuzz_byte(in);
	}
}

/* Two sections behind that: a symbol table and its names, mostly. */
static void make_symbols(struct fuzz_input *in, u8 *p, size_t size)
{
	const size_t at = 64 + 3 * 56, table = at + 2 * 64;

	if (size < table + 3 * 24 + 16)
		return;
	put(p + 40, usually(in, at), 8);
	put(p + 60, usually(in, 2), 2);
	for (size_t i = 0; i < 2; i++) {
		u8 *section = p + at + 64 * i;

		put(section + 4, usually(in, i ? 3 : 2), 4);
		put(section + 24, usually(in, i ? table + 72 : table), 8);
		put(section + 32, usually(in, i ? 16 : 72), 8);
		put(section + 40, usually(in, 1), 4);
	}
	for (size_t i = 0; i < 3; i++) {
		u8 *symbol = p + table + 24 * i;

		put(symbol, usually(in, 4 * i), 4);
		symbol[4] = fuzz_byte(in) % 4;
		put(symbol + 8, usually(in, 64 * i), 8);
		put(symbol + 16, usually(in, 64), 8);
	}
	memcpy(p + table + 72, "one\0two\0$x\0\0fou", 16);
}

static void check_symbols(struct fuzz_input *in, const u8 *file, size_t size)
{
	char name[ELF_SYMBOL];
	u64 offset;

	if (elf_symbol(file, size, usually(in, fuzz_byte(in)), name, &offset)) {
		fuzz_assert(strlen(name) && strlen(name) < ELF_SYMBOL);
		fuzz_check_line(name, sizeof(name));
	}
}

/* [base, base + size) is RAM that the kernel leaves free. */
static void check_free(const struct load_plan *p, const u8 *kernel, size_t size, u64 base, u64 len)
{
	struct elf_part part;
	u32 n = 0;

	fuzz_assert(ram_map_holds(&map, base, len));
	if (p->format != IMAGE_ELF)
		fuzz_assert(
			!ranges_overlap(base, len, p->kernel_base, p->kernel_end - p->kernel_base));
	else
		while (elf_next_part(kernel, size, &map, &n, &part))
			fuzz_assert(!ranges_overlap(base, len, part.base, part.size));
}

static void check_plan(const struct load_plan *p, const u8 *kernel, size_t size)
{
	static const u8 initrd[256], dtb[256];
	struct vm_ram ram = { .map = map };

	if (p->format == IMAGE_FIRMWARE) { /* its kernel and initrd go elsewhere */
		fuzz_assert(!p->entry && !p->initrd_size && p->kernel_base == p->kernel_end);
		fuzz_assert(ram_map_holds(&map, p->dtb_base, p->dtb_max));
		return;
	}
	fuzz_assert(p->kernel_end >= p->kernel_base);
	fuzz_assert(ram_map_holds(&map, p->kernel_base, 1) &&
		    ram_map_holds(&map, p->kernel_end - 1, 1));
	fuzz_assert(ram_map_holds(&map, p->entry, p->format == IMAGE_LINUX ? 1 : 4));
	check_free(p, kernel, size, p->dtb_base, p->dtb_max);
	if (p->initrd_size)
		check_free(p, kernel, size, p->initrd_base, p->initrd_size);
	fuzz_assert(!ranges_overlap(p->dtb_base, p->dtb_max, p->initrd_base, p->initrd_size));
	if (p->initrd_size <= sizeof(initrd))
		fuzz_assert(!image_load(p, &ram, kernel, size, initrd, dtb, sizeof(dtb)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	struct vm_desc d = { .cpus = 1 };
	u8 kind = fuzz_byte(&in);
	struct desc_error err = { "" };
	struct load_plan plan;
	size_t kernel_size;
	u64 initrd_size;
	u8 *kernel;

	map = ram_map_default(MIB(2) * (1 + fuzz_byte(&in) % 16));
	if (kind & 32) {
		map.count = 2;
		map.banks[1] = (struct ram_bank){ 0x80000000, MIB(2) * (1 + fuzz_byte(&in) % 16) };
	}
	d.ram = map;
	d.has_load_address = kind & 4;
	d.load_address = interesting(&in);
	d.has_devicetree_address = kind & 8;
	d.devicetree_address = interesting(&in);
	strcpy(d.firmware.path, kind & 128 ? "firmware" : "");
	initrd_size = kind & 16 ? interesting(&in) : fuzz_byte(&in);
	kernel_size = 4 * fuzz_byte(&in) + fuzz_below(&in, 4);
	kernel = calloc(1, kernel_size);
	fuzz_assert(kernel || !kernel_size);
	for (size_t i = 0; i < MIN(kernel_size, (size_t)128) && in.left; i++)
		kernel[i] = fuzz_byte(&in);
	if (kind % 4 == 1)
		make_linux(&in, kernel, kernel_size);
	else if (kind % 4 >= 2)
		make_elf(&in, kernel, kernel_size);
	if (kind % 4 == 3)
		make_symbols(&in, kernel, kernel_size);
	check_symbols(&in, kernel, kernel_size);
	if (image_plan(&d, kernel, kernel_size, initrd_size, kind & 64 ? KIB(161) : 0, &plan,
		       &err) == 0)
		check_plan(&plan, kernel, kernel_size);
	else
		fuzz_check_line(err.text, sizeof(err.text));
	if (image_check_initrd(kernel, kernel_size, &err) != 0)
		fuzz_check_line(err.text, sizeof(err.text));
	if (image_check_firmware(kernel, kernel_size, &err) != 0)
		fuzz_check_line(err.text, sizeof(err.text));
	free(kernel);
	return 0;
}
