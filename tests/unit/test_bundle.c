/* SPDX-License-Identifier: Apache-2.0 */
/* Types of a bundle, with images in it or in memory, and what is said about those that are wrong. */
#include "bundle_fixture.h"

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
	assert_true(vm_types[0].valid && vm_types[1].valid);
	assert_string_equal(vm_types[0].desc.label, "one");
	assert_string_equal(vm_types[0].file, "vms/one.dtb");
	assert_ptr_equal(type_find("two"), &vm_types[1]);
	assert_null(type_find("three"));
	assert_int_equal(image_get(&vm_types[0].desc.kernel, &data, &size), 0);
	assert_int_equal(size, sizeof(raw_kernel));
	assert_memory_equal(data, raw_kernel, sizeof(raw_kernel));
	assert_int_equal(image_get(&vm_types[0].desc.initrd, &data, &size), -ENOENT);
	assert_int_equal(warnings, 0);
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
		assert_int_equal(vm_types[i].valid, i == 4);
	assert_string_equal(vm_types[0].error.text, "vms/nokernel.dtb: /: kernel: is missing");
	assert_string_equal(vm_types[1].error.text,
			    "vms/nofile.dtb: /: kernel: the bundle has no file 'none'");
	assert_string_equal(vm_types[2].error.text,
			    "vms/large.dtb: a description of more than 16 KiB");
	assert_string_equal(vm_types[2].desc.label, "large");
	assert_non_null(strstr(vm_types[3].error.text, "vms/junk.dtb: not a compiled devicetree"));
	assert_string_equal(vm_types[5].desc.label, "same2");
	assert_string_equal(vm_types[5].error.text,
			    "vms/same2.dtb: /: label: 'same' is taken by vms/same1.dtb");
	assert_string_equal(vm_types[6].error.text,
			    "vms/emptyfile.dtb: /: kernel: 'empty' is empty");
}

static void test_no_bundle_and_broken_bundle(void **state)
{
	const struct image_ref ref = { .path = "img" };
	const void *data;
	u64 size;

	(void)state;
	bundle_init(NULL, 0);
	assert_int_equal(vm_type_count, 0);
	assert_int_equal(image_get(&ref, &data, &size), -ENOENT);
	archive_add("img", raw_kernel, sizeof(raw_kernel));
	archive_add_desc("vms/a.dtb", "a", "img");
	memset(archive + archive_size, 'z', 200);
	bundle_init(archive, archive_size + 200);
	assert_int_equal(vm_type_count, 1);
	assert_true(vm_types[0].valid);
	assert_int_equal(warnings, 1);
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
}

/* Images by address: only in RAM, and only once reserved. */
static void test_reserve(void **state)
{
	const u64 good = cpu_to_fdt64(0x50000000), bad = cpu_to_fdt64(0x1000);
	const u64 len = cpu_to_fdt64(0x3000);
	const void *data;
	u64 size;

	(void)state;
	assert_int_equal(preload_detect(&all_ram, 1, reserved, 16), 0);
	memcpy(mem(0x50000000), raw_kernel, sizeof(raw_kernel));
	make_desc("good", NULL);
	fdt_open_into(blob, blob, sizeof(blob));
	fdt_setprop(blob, 0, "kernel-address", &good, 8);
	fdt_setprop(blob, 0, "kernel-size", &len, 8);
	archive_add("vms/good.dtb", blob, fdt_totalsize(blob));
	fdt_setprop(blob, 0, "label", "bad", 4);
	fdt_setprop(blob, 0, "kernel-address", &bad, 8);
	archive_add("vms/bad.dtb", blob, fdt_totalsize(blob));
	archive_use();
	assert_int_equal(image_get(&vm_types[0].desc.kernel, &data, &size), -EINVAL);
	assert_int_equal(bundle_reserve(reserved, 16), 1);
	assert_int_equal(reserved[0].base.pa, 0x50000000);
	assert_int_equal(reserved[0].size, 0x3000);
	assert_true(type_find("good")->valid);
	assert_false(type_find("bad")->valid);
	assert_int_equal(image_get(&vm_types[0].desc.kernel, &data, &size), 0);
	assert_ptr_equal(data, ram + 0x10000000);
	assert_int_equal(image_get(&vm_types[1].desc.kernel, &data, &size), -EINVAL);
	assert_int_equal(bundle_reserve(reserved, 0), 0);
	assert_false(type_find("good")->valid);
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

/* What lies in memory is looked at as what is in the bundle. */
static void test_reserve_looks_at_images(void **state)
{
	(void)state;
	(void)preload_detect(&all_ram, 1, reserved, 16);
	memcpy(mem(0x50000000), "\x1f\x8b\x08", 3);
	memcpy(mem(0x51000000), raw_kernel, sizeof(raw_kernel));
	memcpy(mem(0x52000000), "\x27\x05\x19\x56", 4);
	add_in_memory("packed", 0x50000000, 0);
	add_in_memory("wrapped", 0x51000000, 0x52000000);
	add_in_memory("good", 0x51000000, 0x50000000);
	archive_use();
	(void)bundle_reserve(reserved, 16);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_types, bundle_setup),
		cmocka_unit_test_setup(test_wrong_types, bundle_setup),
		cmocka_unit_test_setup(test_no_bundle_and_broken_bundle, bundle_setup),
		cmocka_unit_test_setup(test_too_many_types, bundle_setup),
		cmocka_unit_test_setup(test_reserve, bundle_setup),
		cmocka_unit_test_setup(test_reserve_looks_at_images, bundle_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
