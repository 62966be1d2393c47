/* SPDX-License-Identifier: Apache-2.0 */
/* Types of a bundle, with images in it or in memory, and the messages about wrong ones. */
#include "bundle_fixture.h"

#include <kernel/ram.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>

static void test_types(void **state)
{
	const void *data;
	u64 size;

	(void)state;
	archive_add("vms", "", 0);
	archive_add_desc("vms/one.dtb", "one", "img/kernel");
	archive_add("x", "1", 1); /* shifts what follows */
	archive_add_desc("vms/two.dtb", "two", "img/kernel");
	archive_add("vms/readme.txt", "no description", 14);
	archive_add("vms/sub/three.dtb", blob, fdt_totalsize(blob));
	archive_add("img/kernel", raw_kernel, sizeof(raw_kernel));
	archive_use();
	assert_int_equal(vm_type_count, 2);
	assert_true(vm_types[0]->valid && vm_types[1]->valid);
	assert_string_equal(vm_types[0]->desc.label, "one");
	assert_string_equal(vm_types[0]->file, "vms/one.dtb");
	assert_ptr_equal(type_find("two"), vm_types[1]);
	assert_null(type_find("three"));
	assert_int_equal(image_get(&vm_types[0]->desc.kernel, &data, &size), 0);
	assert_int_equal(size, sizeof(raw_kernel));
	assert_memory_equal(data, raw_kernel, sizeof(raw_kernel));
	assert_int_equal(image_get(&vm_types[0]->desc.initrd, &data, &size), -ENOENT);
	assert_string_equal(the_bundle.problem, "");
}

static void test_wrong_types(void **state)
{
	static u8 large[20000];

	(void)state;
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	archive_add("vms/nokernel.dtb", (make_desc("a", NULL), blob), fdt_totalsize(blob));
	archive_add_desc("vms/nofile.dtb", "b", "none");
	archive_add("vms/large.dtb", large, sizeof(large));
	archive_add("vms/junk.dtb", "junk", 4);
	archive_add_desc("vms/same1.dtb", "same", "img");
	archive_add_desc("vms/same2.dtb", "same", "img");
	archive_add("empty", "", 0);
	archive_add_desc("vms/emptyfile.dtb", "c", "empty");
	archive_use();
	assert_int_equal(vm_type_count, 7);
	for (u32 i = 0; i < vm_type_count; i++)
		assert_int_equal(vm_types[i]->valid, i == 4);
	assert_string_equal(vm_types[0]->error.text, "vms/nokernel.dtb: /: kernel: is missing");
	assert_string_equal(vm_types[1]->error.text,
			    "vms/nofile.dtb: /: kernel: the bundle has no file 'none'");
	assert_string_equal(vm_types[2]->error.text,
			    "vms/large.dtb: a description of more than 16 KiB");
	assert_string_equal(vm_types[2]->desc.label, "large");
	assert_non_null(strstr(vm_types[3]->error.text, "vms/junk.dtb: not a compiled devicetree"));
	assert_string_equal(vm_types[5]->desc.label, "same2");
	assert_string_equal(vm_types[4]->error.text,
			    "vms/same2.dtb has the label 'same' too, and is not used");
	assert_string_equal(vm_types[5]->error.text,
			    "vms/same2.dtb: /: label: 'same' is taken by vms/same1.dtb");
	assert_string_equal(vm_types[6]->error.text,
			    "vms/emptyfile.dtb: /: kernel: 'empty' is empty");
}

/* ---- archives as people make them ---- */

static void problem_is(const void *bytes, u64 size, const char *text)
{
	vm_type_count = 0;
	bundle_init(bytes, size);
	assert_string_equal(the_bundle.problem, text);
	assert_int_equal(vm_type_count, 0);
}

static void test_no_bundle(void **state)
{
	const struct image_ref ref = { .path = "img" };
	const void *data;
	u64 size;

	(void)state;
	problem_is(NULL, 0, "there is no bundle: the machine's loader gave no initrd");
	assert_int_equal(image_get(&ref, &data, &size), -ENOENT);
	problem_is("\x1f\x8b\x08\x00", 4,
		   "the bundle is gzip-compressed: unpack it, or let tools/run do that");
	problem_is("\x28\xb5\x2f\xfd", 4,
		   "the bundle is zstd-compressed: unpack it, or let tools/run do that");
	problem_is("\x27\x05\x19\x56", 4,
		   "the bundle is a uImage: take the ramdisk out of it, or let "
		   "tools/run do that");
	problem_is("070707002013", 12,
		   "the bundle is a cpio archive in the old format: make it with "
		   "cpio -o -H newc");
	problem_is("\xc7\x71\x01\x08", 4,
		   "the bundle is a cpio archive in the old binary format: make it "
		   "with cpio -o -H newc");
	problem_is("\x71\xc7\x08\x01", 4,
		   "the bundle is a cpio archive in the old binary format: make it "
		   "with cpio -o -H newc");
	problem_is("070701cut", 9, "the bundle is a cpio archive: it is cut off, or broken");
	problem_is("\x7f\x45LF\2", 5,
		   "the bundle is not a cpio archive (cpio -o -H newc): it has 5 bytes and "
		   "begins with 0x464c457f");
	problem_is("\0\0", 2,
		   "the bundle is not a cpio archive (cpio -o -H newc): it has 2 bytes and begins "
		   "with 0x00000000");
}

static void test_bundle_without_descriptions(void **state)
{
	(void)state;
	archive_end();
	problem_is(archive, archive_size, "the bundle has no files");
	archive_size = 0;
	archive_add("init", "#!/bin/sh", 9);
	archive_add("bin/busybox", "x", 1);
	archive_end();
	problem_is(archive, archive_size,
		   "the bundle has no vms/NAME.dtb; 'init' is among its 2 files");
	archive_size = 0;
	archive_add("init", "#!/bin/sh", 9);
	archive_add("vms/linux.dts", "/dts-v1/;", 9);
	archive_end();
	problem_is(archive, archive_size,
		   "the bundle has no vms/NAME.dtb; 'vms/linux.dts' is among its 2 files");
}

/* What comes before the broken place is used, and the place is named. */
static void test_broken_bundle(void **state)
{
	char text[100];

	(void)state;
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("vms/a.dtb", "a", "img");
	(void)snprintf(text, sizeof(text), "the bundle is cut off or broken at byte %u of %u",
		       archive_size, archive_size + 200);
	memset(archive + archive_size, 'z', 200);
	bundle_init(archive, archive_size + 200);
	assert_int_equal(vm_type_count, 1);
	assert_true(vm_types[0]->valid);
	assert_string_equal(the_bundle.problem, text);
	/* Microcode and the like: an archive with a compressed one behind it. */
	archive_end();
	memcpy(archive + ALIGN_UP(archive_size, 512), "\x1f\x8b\x08\x00", 4);
	memset(archive + archive_size, 0, ALIGN_UP(archive_size, 512) - archive_size);
	vm_type_count = 0;
	bundle_init(archive, ALIGN_UP(archive_size, 512) + 100);
	assert_int_equal(vm_type_count, 1);
	assert_string_equal(
		the_bundle.problem,
		"the bundle is not read beyond byte 1024: that part is gzip-compressed");
}

static void test_prefixes(void **state)
{
	static const char *const prefixes[] = { "./", "/", "bundle/", "./out/my bundle/",
						"//a/b/c/" };
	char name[64];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++) {
		vm_type_count = archive_size = 0;
		(void)snprintf(name, sizeof(name), "%simg/kernel", prefixes[i]);
		archive_add(name, raw_kernel, sizeof(raw_kernel));
		/* Deeper than the bundle's own: something in a root file system. */
		(void)snprintf(name, sizeof(name), "%srootfs/vms/other.dtb", prefixes[i]);
		archive_add_desc(name, "other", "img/kernel");
		(void)snprintf(name, sizeof(name), "%svms/one.dtb", prefixes[i]);
		archive_add_desc(name, "one", "img/kernel");
		archive_use();
		assert_string_equal(the_bundle.problem, "");
		assert_int_equal(vm_type_count, 1);
		assert_string_equal(vm_types[0]->error.text, "");
		assert_string_equal(vm_types[0]->file, "vms/one.dtb");
		assert_true(vm_types[0]->valid);
	}
}

/* As Yocto has them: the names that one uses are links. */
static void test_links(void **state)
{
	const void *data;
	u64 size;

	(void)state;
	archive_add_link("vms", "conf/machines");
	archive_add_link("linux/Image", "Image--6.6.52+git0-r0-board.bin");
	archive_add("linux/Image--6.6.52+git0-r0-board.bin", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("conf/linux.dtb", "linux", "linux/Image");
	archive_add_link("conf/machines/a.dtb", "../linux.dtb");
	archive_add_link("conf/machines/lost.dtb", "../none.dtb");
	archive_use();
	assert_string_equal(the_bundle.problem, "");
	assert_int_equal(vm_type_count, 2);
	assert_true(type_find("linux")->valid);
	assert_string_equal(type_find("linux")->file, "vms/a.dtb");
	assert_int_equal(image_get(&type_find("linux")->desc.kernel, &data, &size), 0);
	assert_memory_equal(data, raw_kernel, sizeof(raw_kernel));
	assert_string_equal(type_find("lost")->error.text,
			    "vms/lost.dtb: is not in the bundle, or a link there leads nowhere");
}

/* An archive behind the first one replaces its files, and adds to them. */
static void test_archives_in_a_row(void **state)
{
	(void)state;
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("vms/a.dtb", "a", "none");
	archive_end();
	memset(archive + archive_size, 0, 508);
	archive_size += 508;
	archive_add_desc("./vms/a.dtb", "a", "img");
	archive_add_desc("vms/b.dtb", "b", "img");
	archive_use();
	assert_string_equal(the_bundle.problem, "");
	assert_int_equal(vm_type_count, 2);
	assert_true(type_find("a")->valid && type_find("b")->valid);
}

static void test_damaged_files(void **state)
{
	char longest[300] = "vms/";

	(void)state;
	archive_add_summed("img", raw_kernel, sizeof(raw_kernel), 1);
	archive_add_desc("vms/a.dtb", "a", "img");
	archive_add_link("loop", "loop");
	archive_add_desc("vms/b.dtb", "b", "loop");
	memset(longest + 4, 'n', 280);
	strcpy(longest + 284, ".dtb");
	archive_add_desc(longest, "c", "img");
	archive_use();
	assert_string_equal(vm_types[0]->error.text,
			    "vms/a.dtb: /: kernel: 'img' is damaged: its checksum "
			    "in the archive does not match");
	assert_string_equal(vm_types[1]->error.text,
			    "vms/b.dtb: /: kernel: 'loop' is behind too many links");
	assert_non_null(strstr(vm_types[2]->error.text, ": the name is longer than 255 bytes"));
	for (u32 i = 0; i < 3; i++)
		assert_false(vm_types[i]->valid);
}

static void test_names_in_utf8(void **state)
{
	(void)state;
	archive_add("\xe5\x86\x85\xe6\xa0\xb8/Image", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("vms/\xe7\xb3\xbb\xe7\xbb\x9f.dtb", "sys",
			 "\xe5\x86\x85\xe6\xa0\xb8/Image");
	archive_add_desc("vms/\x1b[2J.dtb", "esc", "none");
	archive_use();
	assert_true(type_find("sys")->valid);
	assert_string_equal(type_find("sys")->file, "vms/\xe7\xb3\xbb\xe7\xbb\x9f.dtb");
	assert_string_equal(type_find("esc")->file, "vms/?[2J.dtb");
}

static void test_too_many_types(void **state)
{
	(void)state;
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	for (u32 i = 0; i < MAX_TYPES + 5; i++) {
		char name[32], label[16];

		(void)snprintf(name, sizeof(name), "vms/t%u.dtb", i);
		(void)snprintf(label, sizeof(label), "t%u", i);
		archive_add_desc(name, label, "img");
	}
	archive_use();
	assert_int_equal(vm_type_count, MAX_TYPES);
	assert_string_equal(
		the_bundle.problem,
		"there is room for 128 types: vms/t128.dtb and those behind it are not used");
}

/* A type whose kernel, and initrd, lie in memory. */
static void add_in_memory(const char *label, u64 kernel, u64 initrd)
{
	const u64 at[] = { cpu_to_fdt64(kernel), cpu_to_fdt64(initrd) }, len = cpu_to_fdt64(0x2000);
	char name[32];

	make_desc(label, NULL);
	fdt_open_into(blob, blob, sizeof(blob));
	fdt_setprop(blob, 0, "kernel-address", &at[0], 8);
	fdt_setprop(blob, 0, "kernel-size", &len, 8);
	if (initrd) {
		fdt_setprop(blob, 0, "initrd-address", &at[1], 8);
		fdt_setprop(blob, 0, "initrd-size", &len, 8);
	}
	(void)snprintf(name, sizeof(name), "vms/%s.dtb", label);
	archive_add(name, blob, fdt_totalsize(blob));
}

/* Images by address: only in RAM, and only once kept. */
static void test_reserve(void **state)
{
	const void *data;
	u64 size;

	(void)state;
	memcpy(mem(0x50000000), raw_kernel, sizeof(raw_kernel));
	add_in_memory("good", 0x50000000, 0);
	add_in_memory("bad", 0x1000, 0);
	archive_use();
	assert_int_equal(image_get(&vm_types[0]->desc.kernel, &data, &size), -EINVAL);
	bundle_reserve();
	assert_int_equal(taken(), 0x2000);
	assert_true(type_find("good")->valid);
	assert_false(type_find("bad")->valid);
	assert_int_equal(image_get(&vm_types[0]->desc.kernel, &data, &size), 0);
	assert_ptr_equal(data, ram + 0x10000000);
	assert_int_equal(image_get(&vm_types[1]->desc.kernel, &data, &size), -EINVAL);
}

/* An address of any other kind of memory is refused, with what is there. */
static void test_addresses(void **state)
{
	static const struct {
		const char *label;
		u64 kernel, initrd;
		const char *says;
	} rows[] = {
		{ "image", 0x40200000, 0,
		  "kernel-address: 0x40200000, 0x2000 bytes: the hypervisor is there" },
		{ "into", 0x401fe001, 0,
		  "kernel-address: 0x401fe001, 0x2000 bytes: the hypervisor is there" },
		{ "tree", 0x48000fff, 0,
		  "kernel-address: 0x48000fff, 0x2000 bytes: the devicetree is there" },
		{ "reserved", 0x49001000, 0,
		  "kernel-address: 0x49001000, 0x2000 bytes: the devicetree reserves it" },
		{ "no-map", 0x50000000, 0x4a000000,
		  "initrd-address: 0x4a000000, 0x2000 bytes: the devicetree reserves it (no-map)" },
		{ "bundle", 0x50000000, 0x4b000800,
		  "initrd-address: 0x4b000800, 0x2000 bytes: the bundle is there" },
		{ "rom", 0x1000, 0, "kernel-address: 0x1000, 0x2000 bytes: not all of it is RAM" },
		{ "end", RAM_BASE + RAM_SIZE - 0x1fff, 0, "not all of it is RAM" },
		{ "far", 0x1000000000000, 0, "not all of it is RAM" },
		{ "last", UINT64_MAX - 0x2000, 0, "not all of it is RAM" },
	};

	(void)state;
	memcpy(mem(0x50000000), raw_kernel, sizeof(raw_kernel));
	assert_true(ram_take((struct phys_range){ PADDR(0x40200000), MIB(2) }, RAM_IMAGE));
	assert_true(ram_take((struct phys_range){ PADDR(0x48000000), 0x10000 }, RAM_TREE));
	assert_true(ram_take((struct phys_range){ PADDR(0x49000000), 0x10000 }, RAM_RESERVED));
	assert_true(ram_take((struct phys_range){ PADDR(0x4a000000), 0x10000 }, RAM_NO_MAP));
	assert_true(ram_take((struct phys_range){ PADDR(0x4b000000), 0x10000 }, RAM_BUNDLE));
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		add_in_memory(rows[i].label, rows[i].kernel, rows[i].initrd);
	archive_use();
	bundle_reserve();
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vm_type *t = type_find(rows[i].label);

		assert_false(t->valid);
		if (!strstr(t->error.text, rows[i].says))
			fail_msg("%s: not: %s", t->error.text, rows[i].says);
	}
}

/* What lies in memory is looked at as what is in the bundle. */
static void test_reserve_looks_at_images(void **state)
{
	(void)state;
	memcpy(mem(0x50000000), "\x1f\x8b\x08", 3);
	memcpy(mem(0x51000000), raw_kernel, sizeof(raw_kernel));
	memcpy(mem(0x52000000), "\x27\x05\x19\x56", 4);
	add_in_memory("packed", 0x50000000, 0);
	add_in_memory("wrapped", 0x51000000, 0x52000000);
	add_in_memory("good", 0x51000000, 0x50000000);
	archive_use();
	bundle_reserve();
	assert_string_equal(type_find("packed")->error.text,
			    "vms/packed.dtb: /: kernel: is gzip-compressed: unpack it, or let "
			    "tools/mkbundle do that");
	assert_string_equal(
		type_find("wrapped")->error.text,
		"vms/wrapped.dtb: /: initrd: is a uImage: take the ramdisk out of it, or "
		"let tools/mkbundle do that");
	assert_false(type_find("packed")->valid || type_find("wrapped")->valid);
	assert_true(type_find("good")->valid);
}

/* A type that another one may control has to exist. */
static void test_control(void **state)
{
	static const char list[] = "rtos\0zephyr";

	(void)state;
	archive_add_desc("vms/rtos.dtb", "rtos", "k");
	make_desc("boss", "k");
	assert_int_equal(fdt_open_into(blob, blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop(blob, 0, "control", list, sizeof(list)), 0);
	archive_add("vms/boss.dtb", blob, fdt_totalsize(blob));
	make_desc("good", "k");
	assert_int_equal(fdt_open_into(blob, blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop(blob, 0, "control", list, 5), 0);
	archive_add("vms/good.dtb", blob, fdt_totalsize(blob));
	archive_add("k", raw_kernel, sizeof(raw_kernel));
	archive_use();
	assert_true(type_find("rtos")->valid && type_find("good")->valid);
	assert_false(type_find("boss")->valid);
	assert_string_equal(
		type_find("boss")->error.text,
		"vms/boss.dtb: /: control: 'zephyr' is no type of this bundle; there are: rtos, good");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_types, bundle_setup),
		cmocka_unit_test_setup(test_wrong_types, bundle_setup),
		cmocka_unit_test_setup(test_no_bundle, bundle_setup),
		cmocka_unit_test_setup(test_bundle_without_descriptions, bundle_setup),
		cmocka_unit_test_setup(test_broken_bundle, bundle_setup),
		cmocka_unit_test_setup(test_prefixes, bundle_setup),
		cmocka_unit_test_setup(test_links, bundle_setup),
		cmocka_unit_test_setup(test_archives_in_a_row, bundle_setup),
		cmocka_unit_test_setup(test_damaged_files, bundle_setup),
		cmocka_unit_test_setup(test_names_in_utf8, bundle_setup),
		cmocka_unit_test_setup(test_too_many_types, bundle_setup),
		cmocka_unit_test_setup(test_control, bundle_setup),
		cmocka_unit_test_setup(test_reserve, bundle_setup),
		cmocka_unit_test_setup(test_addresses, bundle_setup),
		cmocka_unit_test_setup(test_reserve_looks_at_images, bundle_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
