/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that is made of the firmware's tree and memory map. */
#include "unit.h"

#include <asm/efi.h>
#include <lib/devicetree.h>
#include <libfdt.h>
#include <string.h>

#define STRIDE  48 /* firmware may have longer descriptors than the specification */
#define MAP_MAX 16

static struct {
	u8 bytes[MAP_MAX][STRIDE];
	u32 count;
} map;

static u8 firmware[4096] __aligned(8), out[8192] __aligned(8);
static struct efi_loaded_image loaded;
static struct efi efi;

static void piece(u32 type, u64 base, u64 pages, u64 attribute)
{
	const struct efi_memory_descriptor d = {
		.type = type, .physical = base, .pages = pages, .attribute = attribute
	};

	assert_true(map.count < MAP_MAX);
	memcpy(map.bytes[map.count++], &d, sizeof(d));
}

/* A tree of a firmware with memory of its own idea, `address_cells` and `size_cells` wide. */
static void make_firmware(u32 address_cells, u32 size_cells)
{
	assert_int_equal(fdt_create_empty_tree(firmware, sizeof(firmware)), 0);
	assert_int_equal(fdt_setprop_u32(firmware, 0, "#address-cells", address_cells), 0);
	assert_int_equal(fdt_setprop_u32(firmware, 0, "#size-cells", size_cells), 0);
	for (u32 n = 0; n < 2; n++) {
		int node = fdt_add_subnode(firmware, 0, n ? "memory@1" : "memory@0");

		assert_int_equal(fdt_setprop_string(firmware, node, "device_type", "memory"), 0);
		assert_int_equal(fdt_setprop_u64(firmware, node, "reg", 1), 0);
	}
	assert_int_equal(fdt_add_mem_rsv(firmware, 0x1000, 0x1000), 0);
}

static int setup(void **state)
{
	*state = NULL;
	memset(&map, 0, sizeof(map));
	memset(&loaded, 0, sizeof(loaded));
	memset(&efi, 0, sizeof(efi));
	make_firmware(2, 2);
	efi.firmware_fdt = firmware;
	efi.loaded = &loaded;
	return 0;
}

static int make(void)
{
	int r;

	efi.map = (struct efi_memory_map){ map.bytes, (u64)map.count * STRIDE, 0, STRIDE };
	memset(out, 0xa5, sizeof(out));
	r = efi_make_fdt(&efi, out, sizeof(out));
	assert_null(dt_check(out, sizeof(out), NULL));
	return r;
}

/* The memory nodes' regs, as 64-bit words. */
static u32 memory(u64 *words)
{
	int node = -1, len;
	u32 count = 0;

	while ((node = fdt_node_offset_by_prop_value(out, node, "device_type", "memory", 7)) >= 0) {
		const fdt64_t *reg = fdt_getprop(out, node, "reg", &len);

		assert_int_equal(len, 16);
		words[count++] = fdt64_ld(&reg[0]);
		words[count++] = fdt64_ld(&reg[1]);
	}
	return count;
}

/*
 * Unordered: RAM that is or becomes free, RAM that the firmware keeps, and memory that ZVM does not
 * count as RAM.
 */
static void test_memory(void **state)
{
	u64 words[8], base, size;

	(void)state;
	piece(EFI_CONVENTIONAL, 0x80000000, 0x100, EFI_MEMORY_WB);
	piece(EFI_RUNTIME_SERVICES_DATA, 0x40200000, 0x10, BIT(63) | EFI_MEMORY_WB | 1);
	piece(EFI_BOOT_SERVICES_CODE, 0x40100000, 0x100, EFI_MEMORY_WB);
	piece(EFI_LOADER_DATA, 0x40000000, 0x100, EFI_MEMORY_WB);
	piece(EFI_ACPI_NVS, 0x40210000, 0x10, EFI_MEMORY_WB);
	piece(EFI_BOOT_SERVICES_DATA, 0x40220000, 0x20, EFI_MEMORY_WB);
	piece(EFI_ACPI_RECLAIM, 0x40240000, 0x10, EFI_MEMORY_WB);
	piece(EFI_RESERVED, 0x80100000, 0x10, EFI_MEMORY_WB);
	piece(11, 0x9000000, 1, BIT(63) | 1);         /* device memory of runtime services */
	piece(EFI_CONVENTIONAL, 0x90000000, 0x10, 1); /* not cacheable: no RAM to us */
	piece(EFI_UNUSABLE, 0x80110000, 0x10, EFI_MEMORY_WB);
	assert_int_equal(make(), 0);
	assert_int_equal(memory(words), 4);
	assert_int_equal(words[0], 0x40000000);
	assert_int_equal(words[1], 0x250000);
	assert_int_equal(words[2], 0x80000000);
	assert_int_equal(words[3], 0x100000);
	/* The firmware's own reservation, and two of what it keeps. */
	assert_int_equal(fdt_num_mem_rsv(out), 3);
	assert_int_equal(fdt_get_mem_rsv(out, 1, &base, &size), 0);
	assert_int_equal(base, 0x40200000);
	assert_int_equal(size, 0x20000);
	assert_int_equal(fdt_get_mem_rsv(out, 2, &base, &size), 0);
	assert_int_equal(base, 0x40240000);
	assert_int_equal(size, 0x10000);
}

/* Pieces that end nowhere, and where they begin. */
static void test_endless_map(void **state)
{
	u64 words[8];

	(void)state;
	piece(EFI_CONVENTIONAL, 0x80000000, 0x100, EFI_MEMORY_WB);
	piece(EFI_CONVENTIONAL, 0x90000000, BIT(52), EFI_MEMORY_WB);
	piece(EFI_CONVENTIONAL, 0xa0000000, BIT(52) - 0xa0000, EFI_MEMORY_WB);
	piece(EFI_ACPI_NVS, 0xb0000000, UINT64_MAX, EFI_MEMORY_WB);
	assert_int_equal(make(), 0);
	assert_int_equal(memory(words), 2);
	assert_int_equal(words[0], 0x80000000);
	assert_int_equal(words[1], 0x100000);
}

static void test_cells(void **state)
{
	const fdt32_t *reg;
	int len;

	(void)state;
	make_firmware(2, 1);
	piece(EFI_CONVENTIONAL, 0x140000000, 0x100, EFI_MEMORY_WB);
	assert_int_equal(make(), 0);
	reg = fdt_getprop(out, fdt_path_offset(out, "/memory@0000000140000000"), "reg", &len);
	assert_int_equal(len, 12);
	assert_int_equal(fdt32_ld(&reg[0]), 1);
	assert_int_equal(fdt32_ld(&reg[1]), 0x40000000);
	assert_int_equal(fdt32_ld(&reg[2]), 0x100000);
}

static const char *bootargs(void)
{
	return fdt_getprop(out, fdt_path_offset(out, "/chosen"), "bootargs", NULL);
}

static void test_chosen(void **state)
{
	static const efi_char text[] = u"quiet vgic.lrs=2", binary[] = { 'a', 1, 'b', 0 };
	static efi_char endless[600];
	const fdt64_t *end;

	(void)state;
	efi.bundle = (struct phys_range){ PADDR(0x48000000), 0x1234 };
	loaded.options = text;
	loaded.options_size = sizeof(text);
	assert_int_equal(make(), 0);
	assert_string_equal(bootargs(), "quiet vgic.lrs=2");
	end = fdt_getprop(out, fdt_path_offset(out, "/chosen"), "linux,initrd-end", NULL);
	assert_int_equal(fdt64_ld(end), 0x48001234);
	/* In place of what the tree had there. */
	assert_int_equal(fdt_open_into(out, firmware, sizeof(firmware)), 0);
	efi.bundle.size = 0x4000;
	assert_int_equal(make(), 0);
	assert_string_equal(bootargs(), "quiet vgic.lrs=2");
	end = fdt_getprop(out, fdt_path_offset(out, "/chosen"), "linux,initrd-end", NULL);
	assert_int_equal(fdt64_ld(end), 0x48004000);
	make_firmware(2, 2);
	/* Without a terminator; not text; too long. */
	loaded.options_size = 5 * sizeof(efi_char);
	assert_int_equal(make(), 0);
	assert_string_equal(bootargs(), "quiet");
	loaded.options = binary;
	loaded.options_size = sizeof(binary);
	assert_int_equal(make(), 0);
	assert_null(bootargs());
	for (u32 i = 0; i < ARRAY_SIZE(endless); i++)
		endless[i] = 'x';
	loaded.options = endless;
	loaded.options_size = sizeof(endless);
	assert_int_equal(make(), 0);
	assert_null(bootargs());
}

static void test_look(void **state)
{
	bool cpus, initrd;
	int node;

	(void)state;
	efi_look(firmware, &cpus, &initrd);
	assert_false(cpus || initrd);
	node = fdt_add_subnode(firmware, fdt_add_subnode(firmware, 0, "bus"), "cpus");
	assert_int_equal(fdt_setprop_u64(firmware, node, "linux,initrd-start", 1), 0);
	efi_look(firmware, &cpus, &initrd);
	assert_false(cpus || initrd);
	assert_true(fdt_add_subnode(firmware, 0, "cpus") > 0);
	node = fdt_add_subnode(firmware, 0, "chosen");
	assert_int_equal(fdt_setprop_u64(firmware, node, "linux,initrd-start", 1), 0);
	efi_look(firmware, &cpus, &initrd);
	assert_true(cpus && initrd);
}

static void test_no_room(void **state)
{
	(void)state;
	piece(EFI_CONVENTIONAL, 0x80000000, 0x100, EFI_MEMORY_WB);
	efi.map = (struct efi_memory_map){ map.bytes, STRIDE, 0, STRIDE };
	assert_int_equal(efi_make_fdt(&efi, out, sizeof(out)), 0);
	for (u64 size = 0; size < fdt_totalsize(out); size++)
		assert_int_not_equal(efi_make_fdt(&efi, out, size), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_endless_map, setup),
		cmocka_unit_test_setup(test_cells, setup),
		cmocka_unit_test_setup(test_chosen, setup),
		cmocka_unit_test_setup(test_look, setup),
		cmocka_unit_test_setup(test_no_room, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
