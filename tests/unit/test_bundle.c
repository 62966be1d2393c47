/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs can be made of: types of a bundle, images that a loader left in memory, and what is said
 * about those that are wrong.
 */
#include <unit.h>

#include <arch/mmu.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <sys/mman.h>
#include <vmm/bundle.h>
#include <vmm/image.h>
#include <vmm/preload.h>

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE GIB(3)
#define ZEPHYR   0xc8000000ULL
#define LINUX    0xe0000000ULL
#define INITRD   0xe4000000ULL
#define DTB      0xf2a00000ULL

static u8 *ram;
static const struct phys_range all = { { RAM_BASE }, RAM_SIZE };
static struct phys_range reserved[16];
static u32 warnings;

/* As much RAM as the start command's addresses want; what is not touched costs nothing. */
void *phys_to_virt(paddr_t pa)
{
	assert_true(pa.pa >= RAM_BASE && pa.pa < RAM_BASE + RAM_SIZE);
	return ram + (pa.pa - RAM_BASE);
}

/* Nothing is loaded here. */
int vm_ram_write(const struct vm_ram *r, u64 ipa, const void *src, u64 len)
{
	(void)r;
	(void)ipa;
	(void)src;
	(void)len;
	return -EFAULT;
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	warnings += level == LOG_WARN;
}

static u8 archive[65536];
static u32 archive_size;

static int setup(void **state)
{
	(void)state;
	if (ram)
		munmap(ram, RAM_SIZE);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	vm_type_count = 0;
	memset(vm_types, 0, sizeof(vm_types));
	archive_size = warnings = 0;
	return 0;
}

/* ---- making an archive ---- */

static void pad(void)
{
	while (archive_size % 4)
		archive[archive_size++] = 0;
}

static void add(const char *name, const void *data, u64 size)
{
	archive_size += (u32)snprintf((char *)archive + archive_size, 111,
				      "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
				      1, 0100644, 0, 0, 1, 0, (u32)size, 0, 0, 0, 0,
				      (u32)strlen(name) + 1, 0);
	memcpy(archive + archive_size, name, strlen(name) + 1);
	archive_size += (u32)strlen(name) + 1;
	pad();
	memcpy(archive + archive_size, data, size);
	archive_size += (u32)size;
	pad();
}

static u8 blob[2048] __aligned(8);

static void desc(const char *label, const char *kernel)
{
	const u64 memory = cpu_to_fdt64(MIB(64));

	fdt_create_empty_tree(blob, sizeof(blob));
	fdt_setprop(blob, 0, "compatible", "zvm,vm", 7);
	fdt_setprop(blob, 0, "label", label, (int)strlen(label) + 1);
	fdt_setprop(blob, 0, "memory", &memory, 8);
	if (kernel)
		fdt_setprop(blob, 0, "kernel", kernel, (int)strlen(kernel) + 1);
	fdt_pack(blob);
}

static void add_desc(const char *name, const char *label, const char *kernel)
{
	desc(label, kernel);
	add(name, blob, fdt_totalsize(blob));
}

static void init(void)
{
	add("TRAILER!!!", "", 0);
	bundle_init(archive, archive_size);
}

/* ---- bundles ---- */

static void test_types(void **state)
{
	static const char kernel[] = "a raw kernel";
	const void *data;
	u64 size;

	(void)state;
	add("vms", "", 0);
	add_desc("vms/one.dtb", "one", "img/kernel");
	add("x", "1", 1); /* shifts what follows */
	add_desc("vms/two.dtb", "two", "img/kernel");
	add("vms/readme.txt", "no description", 14);
	add("vms/sub/three.dtb", blob, fdt_totalsize(blob));
	add("img/kernel", kernel, sizeof(kernel));
	init();
	assert_int_equal(vm_type_count, 2);
	assert_true(vm_types[0].valid && vm_types[1].valid);
	assert_string_equal(vm_types[0].desc.label, "one");
	assert_string_equal(vm_types[0].file, "vms/one.dtb");
	assert_ptr_equal(type_find("two"), &vm_types[1]);
	assert_null(type_find("three"));
	assert_int_equal(image_get(&vm_types[0].desc.kernel, &data, &size), 0);
	assert_int_equal(size, sizeof(kernel));
	assert_string_equal(data, kernel);
	assert_int_equal(image_get(&vm_types[0].desc.initrd, &data, &size), -ENOENT);
	assert_int_equal(warnings, 0);
}

static void test_wrong_types(void **state)
{
	static u8 large[20000];

	(void)state;
	add("img", "kernel", 6);
	add("vms/nokernel.dtb", (desc("a", NULL), blob), fdt_totalsize(blob));
	add_desc("vms/nofile.dtb", "b", "none");
	add("vms/large.dtb", large, sizeof(large));
	add("vms/junk.dtb", "junk", 4);
	add_desc("vms/same1.dtb", "same", "img");
	add_desc("vms/same2.dtb", "same", "img");
	add("empty", "", 0);
	add_desc("vms/emptyfile.dtb", "c", "empty");
	init();
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
	add("img", "kernel", 6);
	add_desc("vms/a.dtb", "a", "img");
	memset(archive + archive_size, 'z', 200);
	bundle_init(archive, archive_size + 200);
	assert_int_equal(vm_type_count, 1);
	assert_true(vm_types[0].valid);
	assert_int_equal(warnings, 1);
}

static void test_too_many_types(void **state)
{
	(void)state;
	add("img", "kernel", 6);
	for (u32 i = 0; i < MAX_TYPES + 5; i++) {
		char name[32], label[16];

		(void)snprintf(name, sizeof(name), "vms/t%u.dtb", i);
		(void)snprintf(label, sizeof(label), "t%u", i);
		add_desc(name, label, "img");
	}
	init();
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
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 0);
	desc("good", NULL);
	fdt_open_into(blob, blob, sizeof(blob));
	fdt_setprop(blob, 0, "kernel-address", &good, 8);
	fdt_setprop(blob, 0, "kernel-size", &len, 8);
	add("vms/good.dtb", blob, fdt_totalsize(blob));
	fdt_setprop(blob, 0, "label", "bad", 4);
	fdt_setprop(blob, 0, "kernel-address", &bad, 8);
	add("vms/bad.dtb", blob, fdt_totalsize(blob));
	init();
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

/* ---- preloaded images ---- */

static u8 *mem(u64 pa)
{
	return phys_to_virt(PADDR(pa));
}

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
	memcpy(mem(INITRD), "\x1f\x8b", 2);
	mem(INITRD)[0xf1000] = 1;
	put_dtb(GIB(1), 1, NULL, 0);
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 4);
	assert_int_equal(vm_type_count, 2);
	z = type_find("zephyr");
	l = type_find("linux");
	assert_true(z->valid && l->valid);
	assert_string_equal(z->file, "(preloaded)");
	assert_int_equal(z->desc.kernel.size, 0x5b000);
	assert_int_equal(z->desc.memory, MIB(128));
	assert_int_equal(z->desc.cpus, 1);
	assert_false(z->desc.has_load_address);
	assert_int_equal(l->desc.kernel.pa.pa, LINUX);
	assert_int_equal(l->desc.kernel.size, 0x1a0a000);
	assert_int_equal(l->desc.initrd.size, 0xf2000);
	assert_int_equal(l->desc.devicetree.pa.pa, DTB);
	assert_int_equal(l->desc.devicetree.size, fdt_totalsize(mem(DTB)));
	assert_int_equal(l->desc.cpus, 1);
	assert_int_equal(l->desc.memory, GIB(1));
	assert_string_equal(l->desc.bootargs, "console=ttyAMA0");
	assert_int_equal(reserved[0].base.pa, ZEPHYR);
	assert_int_equal(reserved[0].size, 0x5b000);
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
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 2);
	l = type_find("linux");
	assert_true(l->valid);
	assert_int_equal(l->desc.kernel.size, 0x1000);
	assert_int_equal(l->desc.initrd.size, 0x1000);
	assert_int_equal(l->desc.cpus, 2);
	assert_int_equal(l->desc.memory, MIB(512));
	assert_int_equal(l->desc.devicetree.size, 0);
}

static void test_linux_devicetree_values(void **state)
{
	const struct vm_type *l;

	(void)state;
	put_header(LINUX, 0x100000);
	memcpy(mem(INITRD), "\x1f\x8b", 2);
	mem(INITRD)[0x2fff] = 1;
	mem(INITRD)[0x5000] = 1; /* behind what the devicetree says */
	put_dtb(GIB(64), 9, "quiet", 0x2100);
	(void)preload_detect(&all, 1, reserved, 16);
	l = type_find("linux");
	assert_int_equal(l->desc.cpus, 4);
	assert_int_equal(l->desc.memory, ALIGN_DOWN((GIB(3) - 0x5000) / 2, MIB(2)));
	assert_string_equal(l->desc.bootargs, "quiet");
	assert_int_equal(l->desc.initrd.size, 0x3000);
	setup(state);
	put_header(LINUX, 0x100000);
	put_dtb(MIB(16), 0, NULL, 0);
	(void)preload_detect(&all, 1, reserved, 16);
	l = type_find("linux");
	assert_int_equal(l->desc.cpus, 1);
	assert_int_equal(l->desc.memory, MIB(512));
	assert_int_equal(l->desc.initrd.size, 0);
}

/* Without RAM at the addresses nothing is touched; a window that RAM cuts off ends there. */
static void test_no_ram(void **state)
{
	const struct phys_range small = { { RAM_BASE }, MIB(512) };
	const struct phys_range cut[] = { { { RAM_BASE }, MIB(512) },
					  { { LINUX - MIB(1) }, MIB(1) + 0x3000 } };

	(void)state;
	assert_int_equal(preload_detect(&small, 1, reserved, 16), 0);
	assert_int_equal(preload_detect(&small, 0, reserved, 16), 0);
	put_header(LINUX, 0x100000);
	memset(mem(LINUX) + 0x2000, 0xff, 0x10000);
	assert_int_equal(preload_detect(cut, 2, reserved, 16), 1);
	assert_int_equal(reserved[0].size, 0x3000);
	assert_int_equal(vm_types[0].desc.initrd.size, 0);
}

static void test_junk(void **state)
{
	(void)state;
	memset(mem(LINUX), 0xff, 4096);
	mem(ZEPHYR)[0] = 1;
	memset(mem(DTB), 0xd0, 4096);
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 0);
	assert_int_equal(vm_type_count, 0);
	/* A devicetree that lies about its size. */
	put_header(LINUX, 4096);
	put_dtb(GIB(1), 1, NULL, 0);
	mem(DTB)[4] = 0x7f;
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 1);
	assert_int_equal(type_find("linux")->desc.devicetree.size, 0);
	/* No room to reserve anything: then nothing is used. */
	setup(state);
	put_header(LINUX, 4096);
	assert_int_equal(preload_detect(&all, 1, reserved, 0), 0);
	assert_int_equal(vm_type_count, 0);
}

static void test_raw_zephyr(void **state)
{
	(void)state;
	memset(mem(ZEPHYR), 0x5a, 0x1234);
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 1);
	assert_true(vm_types[0].valid);
	assert_true(vm_types[0].desc.has_load_address);
	assert_int_equal(vm_types[0].desc.load_address, GUEST_RAM_BASE);
	assert_int_equal(vm_types[0].desc.kernel.size, 0x2000);
}

static void test_bundle_replaces_preloaded(void **state)
{
	(void)state;
	put_header(LINUX, 0x100000);
	put_header(ZEPHYR, 0x100000);
	assert_int_equal(preload_detect(&all, 1, reserved, 16), 2);
	add("img", "kernel", 6);
	add_desc("vms/linux.dtb", "linux", "img");
	init();
	assert_int_equal(vm_type_count, 2);
	assert_string_equal(type_find("linux")->file, "vms/linux.dtb");
	assert_string_equal(type_find("linux")->desc.kernel.path, "img");
	assert_string_equal(type_find("zephyr")->file, "(preloaded)");
	assert_int_equal(bundle_reserve(reserved, 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_types, setup),
		cmocka_unit_test_setup(test_wrong_types, setup),
		cmocka_unit_test_setup(test_no_bundle_and_broken_bundle, setup),
		cmocka_unit_test_setup(test_too_many_types, setup),
		cmocka_unit_test_setup(test_reserve, setup),
		cmocka_unit_test_setup(test_start_command, setup),
		cmocka_unit_test_setup(test_linux_without_devicetree, setup),
		cmocka_unit_test_setup(test_linux_devicetree_values, setup),
		cmocka_unit_test_setup(test_no_ram, setup),
		cmocka_unit_test_setup(test_junk, setup),
		cmocka_unit_test_setup(test_raw_zephyr, setup),
		cmocka_unit_test_setup(test_bundle_replaces_preloaded, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
