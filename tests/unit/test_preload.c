/* SPDX-License-Identifier: Apache-2.0 */
/* Images that a loader left in memory. */
#include "bundle_fixture.h"

#include <kernel/early.h>
#include <kernel/ram.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/core.h>

static void put(u64 pa, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		mem(pa)[i] = (u8)(value >> 8 * i);
}

static void put_header(u64 pa, u64 image_size)
{
	put(pa, 0x1400003f, 4);
	put(pa + 16, image_size, 8);
	memcpy(mem(pa + 56), "ARM\x64", 4);
}

static void put_dtb(u64 memory, u32 cpus, const char *args, u64 initrd_size)
{
	void *fdt = mem(DTB);
	int node;

	fdt_create_empty_tree(fdt, 8192);
	fdt_setprop_u32(fdt, 0, "#address-cells", 2);
	fdt_setprop_u32(fdt, 0, "#size-cells", 2);
	node = fdt_add_subnode(fdt, 0, "memory@40000000");
	fdt_setprop(fdt, node, "device_type", "memory", 7);
	fdt_setprop_u64(fdt, node, "reg", RAM_BASE);
	fdt_appendprop_u64(fdt, node, "reg", memory);
	node = fdt_add_subnode(fdt, 0, "cpus");
	for (u32 i = 0; i < cpus; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "cpu@%x", i);
		fdt_setprop(fdt, fdt_add_subnode(fdt, node, name), "device_type", "cpu", 4);
	}
	node = fdt_add_subnode(fdt, 0, "chosen");
	if (args)
		fdt_setprop(fdt, node, "bootargs", args, (int)strlen(args) + 1);
	if (initrd_size) {
		fdt_setprop_u64(fdt, node, "linux,initrd-start", 0x48000000);
		fdt_setprop_u64(fdt, node, "linux,initrd-end", 0x48000000 + initrd_size);
	}
	fdt_pack(fdt);
}

static void test_start_command(void **state)
{
	const struct vm_type *z, *l;
	const void *data;
	u64 size;

	(void)state;
	put_header(ZEPHYR, 0x4005a704);
	mem(ZEPHYR)[0x5a703] = 7;
	put_header(LINUX, 0x1ab0000);
	mem(LINUX)[0x1a09fff] = 1;
	memcpy(mem(INITRD), "\x1f\x8b\x08", 3);
	mem(INITRD)[0xf1000] = 1;
	put_dtb(GIB(1), 1, NULL, 0);
	preload_detect();
	assert_int_equal(taken(), 0x5b000 + 0x1a0a000 + 0xf2000 + 0x1000);
	assert_int_equal(vm_type_count, 2);
	z = type_find("zephyr");
	l = type_find("linux");
	assert_true(z->valid && l->valid);
	assert_string_equal(z->file, "(preloaded)");
	assert_int_equal(z->desc.kernel.size, 0x5b000);
	assert_int_equal(ram_map_size(&z->desc.ram), MIB(128));
	assert_int_equal(z->desc.cpus, 1);
	assert_false(z->desc.has_load_address);
	assert_int_equal(l->desc.kernel.pa.pa, LINUX);
	assert_int_equal(l->desc.kernel.size, 0x1a0a000);
	assert_int_equal(l->desc.initrd.size, 0xf2000);
	assert_int_equal(l->desc.devicetree.pa.pa, DTB);
	assert_int_equal(l->desc.devicetree.size, fdt_totalsize(mem(DTB)));
	assert_int_equal(l->desc.cpus, 1);
	assert_int_equal(ram_map_size(&l->desc.ram), GIB(1));
	assert_string_equal(l->desc.bootargs, "console=ttyAMA0");
	assert_int_equal(z->desc.kernel.pa.pa, ZEPHYR);
	assert_int_equal(image_get(&l->desc.initrd, &data, &size), 0);
	assert_ptr_equal(data, mem(INITRD));
	assert_int_equal(size, 0xf2000);
}

static void test_linux_without_devicetree(void **state)
{
	const struct vm_type *l;

	(void)state;
	put_header(LINUX, 0x100000);
	mem(LINUX)[0x200000] = 1; /* behind image_size: not part of it */
	memcpy(mem(INITRD), "07070100", 8);
	preload_detect();
	assert_int_equal(taken(), 0x2000);
	l = type_find("linux");
	assert_true(l->valid);
	assert_int_equal(l->desc.kernel.size, 0x1000);
	assert_int_equal(l->desc.initrd.size, 0x1000);
	assert_int_equal(l->desc.cpus, 2);
	assert_int_equal(ram_map_size(&l->desc.ram), MIB(512));
	assert_int_equal(l->desc.devicetree.size, 0);
}

static void test_linux_devicetree_values(void **state)
{
	const struct vm_type *l;

	(void)state;
	put_header(LINUX, 0x100000);
	memcpy(mem(INITRD), "\x1f\x8b\x08", 3);
	mem(INITRD)[0x2fff] = 1;
	mem(INITRD)[0x5000] = 1; /* behind what the devicetree says */
	put_dtb(GIB(64), 9, "quiet\nroot=\x1b[2J", 0x2100);
	preload_detect();
	l = type_find("linux");
	assert_int_equal(l->desc.cpus, 4);
	assert_int_equal(ram_map_size(&l->desc.ram), ALIGN_DOWN((GIB(3) - 0x5000) / 2, MIB(2)));
	assert_string_equal(l->desc.bootargs, "quiet root=?[2J");
	assert_int_equal(l->desc.initrd.size, 0x3000);
	bundle_setup(state);
	put_header(LINUX, 0x100000);
	put_dtb(MIB(16), 0, NULL, 0);
	preload_detect();
	l = type_find("linux");
	assert_int_equal(l->desc.cpus, 1);
	assert_int_equal(ram_map_size(&l->desc.ram), MIB(512));
	assert_int_equal(l->desc.initrd.size, 0);
}

/* RAM where the devicetree has it; in several banks; where there can be none. */
static void test_linux_devicetree_banks(void **state)
{
	const struct vm_type *l;
	int node;

	(void)state;
	put_header(LINUX, 0x100000);
	put_dtb(GIB(1), 1, NULL, 0);
	fdt_open_into(mem(DTB), mem(DTB), 8192);
	node = fdt_path_offset(mem(DTB), "/memory@40000000");
	fdt_setprop_u64(mem(DTB), node, "reg", 0x80000000);
	fdt_appendprop_u64(mem(DTB), node, "reg", MIB(512));
	fdt_appendprop_u64(mem(DTB), node, "reg", 0x880000000);
	fdt_appendprop_u64(mem(DTB), node, "reg", MIB(256) + 4096);
	preload_detect();
	l = type_find("linux");
	assert_true(l->valid);
	assert_int_equal(l->desc.ram.count, 2);
	assert_int_equal(l->desc.ram.banks[0].base, 0x80000000);
	assert_int_equal(l->desc.ram.banks[0].size, MIB(512));
	assert_int_equal(l->desc.ram.banks[1].base, 0x880000000);
	assert_int_equal(l->desc.ram.banks[1].size, MIB(256));
	machine_ram(&all_ram, 1);
	vm_type_count = 0;
	fdt_setprop_u64(mem(DTB), node, "reg", 0);
	fdt_appendprop_u64(mem(DTB), node, "reg", GIB(1));
	preload_detect();
	l = type_find("linux");
	assert_false(l->valid);
	assert_string_equal(
		l->error.text,
		"(preloaded): memory: 0x0 to 0x40000000 overlaps flash, 0x0 to 0x8000000; "
		"RAM may be from 0x40000000 to 0x4010000000");
}

/* What is in its place and cannot be used is said, also what would not fit. */
static void test_linux_devicetree_refused(void **state)
{
	static char args[2100];

	(void)state;
	put_header(LINUX, 0x100000);
	memcpy(mem(DTB), "\x1f\x8b\x08", 3);
	preload_detect();
	assert_false(type_find("linux")->valid);
	assert_string_equal(type_find("linux")->error.text,
			    "(preloaded): devicetree: is gzip-compressed");
	bundle_setup(state);
	put_header(LINUX, 0x100000);
	put_dtb(GIB(1), 1, NULL, 0);
	mem(DTB)[11] ^= 4; /* where its structure begins */
	preload_detect();
	assert_false(type_find("linux")->valid);
	assert_memory_equal(type_find("linux")->error.text, "(preloaded): devicetree: has ", 29);
	memset(args, 'a', 2048);
	for (u32 cut = 0; cut < 2; cut++) {
		bundle_setup(state);
		put_header(LINUX, 0x100000);
		put_dtb(GIB(1), 1, args + cut, 0);
		preload_detect();
		assert_int_equal(type_find("linux")->valid, cut);
	}
	assert_int_equal(strlen(type_find("linux")->desc.bootargs), 2047);
}

/* A node for each bank, and one cell a number. */
static void test_linux_devicetree_nodes(void **state)
{
	void *fdt = mem(DTB);
	int node;

	(void)state;
	put_header(LINUX, 0x100000);
	fdt_create_empty_tree(fdt, 8192);
	fdt_setprop_u32(fdt, 0, "#address-cells", 1);
	fdt_setprop_u32(fdt, 0, "#size-cells", 1);
	for (u32 i = 2; i > 0; i--) {
		char name[32];

		(void)snprintf(name, sizeof(name), "memory@%u0000000", 4 * i);
		node = fdt_add_subnode(fdt, 0, name); /* before those that are there */
		fdt_setprop(fdt, node, "device_type", "memory", 7);
		fdt_setprop_u32(fdt, node, "reg", 0x40000000 * i);
		fdt_appendprop_u32(fdt, node, "reg", MIB(256));
	}
	fdt_pack(fdt);
	preload_detect();
	assert_true(type_find("linux")->valid);
	assert_int_equal(type_find("linux")->desc.ram.count, 2);
	assert_int_equal(type_find("linux")->desc.ram.banks[0].base, 0x40000000);
	assert_int_equal(type_find("linux")->desc.ram.banks[1].base, 0x80000000);
	assert_int_equal(type_find("linux")->desc.ram.banks[1].size, MIB(256));
}

/* Without RAM at the addresses nothing is touched; a window that RAM cuts off ends there. */
static void test_no_ram(void **state)
{
	const struct phys_range small = { { RAM_BASE }, MIB(512) };
	const struct phys_range cut[] = { { { RAM_BASE }, MIB(512) },
					  { { LINUX - MIB(1) }, MIB(1) + 0x3000 } };

	(void)state;
	machine_ram(&small, 1);
	preload_detect();
	assert_int_equal(taken(), 0);
	put_header(LINUX, 0x100000);
	memset(mem(LINUX) + 0x2000, 0xff, 0x10000);
	machine_ram(cut, 2);
	preload_detect();
	assert_int_equal(taken(), 0x3000);
	assert_int_equal(vm_types[0]->desc.kernel.size, 0x3000);
	assert_int_equal(vm_types[0]->desc.initrd.size, 0);
}

/* What lies where a loader could not have put an image is not looked at. */
static void test_taken_ram(void **state)
{
	const struct phys_range kernel = { PADDR(LINUX + 0x800), 0x100 };
	const struct phys_range behind = { PADDR(LINUX + 0x2000), 0x100 };

	(void)state;
	put_header(LINUX, 0x100000);
	memset(mem(LINUX) + 0x1000, 0xff, 0x10000);
	assert_true(ram_take(behind, RAM_NO_MAP));
	preload_detect();
	assert_int_equal(type_find("linux")->desc.kernel.size, 0x2000);
	bundle_setup(state);
	put_header(LINUX, 0x100000);
	assert_true(ram_take(kernel, RAM_RESERVED));
	preload_detect();
	assert_int_equal(vm_type_count, 0);
}

static void test_junk(void **state)
{
	(void)state;
	memset(mem(LINUX), 0xff, 4096);
	mem(ZEPHYR)[0] = 1;
	memset(mem(DTB), 0xd0, 4096);
	preload_detect();
	assert_int_equal(taken(), 0);
	assert_int_equal(vm_type_count, 0);
	/* A devicetree that lies about its size. */
	put_header(LINUX, 4096);
	put_dtb(GIB(1), 1, NULL, 0);
	mem(DTB)[4] = 0x7f;
	preload_detect();
	assert_false(type_find("linux")->valid);
	assert_string_equal(type_find("linux")->error.text,
			    "(preloaded): devicetree: is longer than 2 MiB");
	/* No room to note anything: then nothing is used. */
	bundle_setup(state);
	put_header(LINUX, 4096);
	early_init(NULL, 0);
	preload_detect();
	assert_int_equal(vm_type_count, 0);
}

static void test_raw_zephyr(void **state)
{
	(void)state;
	memset(mem(ZEPHYR), 0x9c, 0x1234);
	preload_detect();
	assert_int_equal(taken(), 0x2000);
	assert_true(vm_types[0]->valid);
	assert_true(vm_types[0]->desc.has_load_address);
	assert_int_equal(vm_types[0]->desc.load_address, GUEST_RAM_BASE);
	assert_int_equal(vm_types[0]->desc.kernel.size, 0x2000);
}

/*
 * A known file that is not an image is a type that cannot be created: that tells more than no type
 * at all.
 */
static void test_preloaded_with_a_name(void **state)
{
	static const char readme[] = "Zephyr for ZVM\nPlease read this first.\n";

	(void)state;
	memcpy(mem(LINUX), "\x1f\x8b\x08\x08", 4);
	memcpy(mem(ZEPHYR), readme, sizeof(readme));
	preload_detect();
	assert_false(type_find("linux")->valid || type_find("zephyr")->valid);
	assert_string_equal(
		type_find("linux")->error.text,
		"(preloaded): 0xe0000000: kernel: is gzip-compressed: unpack it, or let "
		"tools/mkbundle do that");
	assert_string_equal(
		type_find("zephyr")->error.text,
		"(preloaded): 0xc8000000: kernel: is text, not code: it begins with 'Zephyr "
		"for ZVM'");
	bundle_setup(state);
	put_header(LINUX, 0x100000);
	memcpy(mem(INITRD), "\x27\x05\x19\x56", 4);
	preload_detect();
	assert_string_equal(
		type_find("linux")->error.text,
		"(preloaded): 0xe0000000: initrd: is a uImage: take the ramdisk out of it, "
		"or let tools/mkbundle do that");
}

static void test_bundle_replaces_preloaded(void **state)
{
	(void)state;
	put_header(LINUX, 0x100000);
	put_header(ZEPHYR, 0x100000);
	preload_detect();
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("vms/linux.dtb", "linux", "img");
	archive_use();
	assert_int_equal(vm_type_count, 2);
	assert_string_equal(type_find("linux")->file, "vms/linux.dtb");
	assert_string_equal(type_find("linux")->desc.kernel.path, "img");
	assert_string_equal(type_find("zephyr")->file, "(preloaded)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_start_command, bundle_setup),
		cmocka_unit_test_setup(test_linux_without_devicetree, bundle_setup),
		cmocka_unit_test_setup(test_linux_devicetree_values, bundle_setup),
		cmocka_unit_test_setup(test_linux_devicetree_banks, bundle_setup),
		cmocka_unit_test_setup(test_linux_devicetree_refused, bundle_setup),
		cmocka_unit_test_setup(test_linux_devicetree_nodes, bundle_setup),
		cmocka_unit_test_setup(test_no_ram, bundle_setup),
		cmocka_unit_test_setup(test_taken_ram, bundle_setup),
		cmocka_unit_test_setup(test_junk, bundle_setup),
		cmocka_unit_test_setup(test_raw_zephyr, bundle_setup),
		cmocka_unit_test_setup(test_preloaded_with_a_name, bundle_setup),
		cmocka_unit_test_setup(test_bundle_replaces_preloaded, bundle_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
