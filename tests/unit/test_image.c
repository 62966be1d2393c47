/* SPDX-License-Identifier: Apache-2.0 */
/* Image formats and placement: the rules of the guest machine, and files that lie. */
#include <vmm/core.h>
#include "image_fixture.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit_ram.h"

static void test_linux(void **state)
{
	(void)state;
	header(0, 0x1ab0000);
	planned(4096, 0xf0001);
	assert_int_equal(p.format, IMAGE_LINUX);
	assert_int_equal(p.kernel_base, RAM);
	assert_int_equal(p.entry, RAM);
	assert_int_equal(p.kernel_end, RAM + 0x1ab0000);
	assert_int_equal(p.initrd_base, RAM + 0x1c00000);
	assert_int_equal(p.initrd_size, 0xf0001);
	assert_int_equal(p.dtb_base, RAM + 0x1e00000);
	assert_int_equal(p.dtb_max, GUEST_FDT_MAX);
	planned(4096, 0);
	assert_int_equal(p.dtb_base, RAM + 0x1c00000);
}

static void test_linux_text_offset(void **state)
{
	(void)state;
	header(0x80000, 0x100000);
	planned(4096, 0);
	assert_int_equal(p.entry, RAM + 0x80000);
	assert_int_equal(p.kernel_end, RAM + 0x180000);
	/* Before 3.17: image_size is 0 and text_offset means 0x80000. */
	header(0x1234, 0);
	planned(4096, 0);
	assert_int_equal(p.entry, RAM + 0x80000);
	assert_int_equal(p.kernel_end, RAM + 0x81000);
	header(MIB(512), 4096);
	refused(4096, 0, "kernel: its text_offset 0x20000000 lies outside the VM's 512 MiB");
	header(UINT64_MAX, 4096);
	assert_int_equal(image_plan(&d, file, 4096, 0, 0, &p, &err), -EINVAL);
}

static void test_zephyr_end_address(void **state)
{
	(void)state;
	d.ram = ram_map_default(MIB(128));
	header(0, 0x4005a704);
	planned(8192, 0);
	assert_int_equal(p.kernel_base, RAM);
	assert_int_equal(p.kernel_end, RAM + 8192);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	/* Even where the end address would be a size that fits. */
	d.ram = ram_map_default(GIB(4));
	planned(8192, 0);
	assert_int_equal(p.kernel_end, RAM + 8192);
}

static void test_linux_sizes(void **state)
{
	(void)state;
	header(0, 64); /* shorter than the file */
	planned(8192, 0);
	assert_int_equal(p.kernel_end, RAM + 8192);
	header(0, MIB(600));
	refused(8192, 0,
		"kernel: 600 MiB at 0x40000000 do not fit into the VM's RAM, 512 MiB at "
		"0x40000000");
	header(0, MIB(510));
	refused(8192, MIB(3),
		"initrd: there is no room for 3 MiB beside the kernel in the VM's RAM, 512 MiB at "
		"0x40000000");
	refused(8192, UINT64_MAX - 5,
		"initrd: there is no room for 17592186044416 MiB beside the kernel in the VM's RAM, 512 MiB "
		"at 0x40000000");
	planned(8192, 0);
	refused(8192, MIB(2),
		"devicetree: there is no room for 64 KiB in the VM's RAM, 512 MiB at 0x40000000: 2 MiB more "
		"are enough");
}

static void test_raw(void **state)
{
	(void)state;
	planned(5000, 0);
	assert_int_equal(p.format, IMAGE_RAW);
	assert_int_equal(p.entry, RAM + 0x80000);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	/* U-Boot. */
	d.has_load_address = true;
	d.load_address = 0x40200000;
	planned(5000, 0);
	assert_int_equal(p.entry, 0x40200000);
	assert_int_equal(p.kernel_end, 0x40200000 + 5000);
	assert_int_equal(p.dtb_base, RAM);
	planned(5000, 100);
	assert_int_equal(p.initrd_base, RAM + MIB(4));
	assert_int_equal(p.dtb_base, RAM);
	/* At the base of RAM, or too near. */
	d.load_address = RAM;
	planned(5000, 0);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	d.load_address = RAM + 0x8000;
	planned(5000, 0);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	d.load_address = RAM + GUEST_FDT_MAX;
	planned(5000, 0);
	assert_int_equal(p.dtb_base, RAM);
}

static void test_raw_refused(void **state)
{
	static const u64 places[] = { 0, RAM - 4, RAM + MIB(512), RAM + MIB(512) - 4096,
				      UINT64_MAX - 3 };

	(void)state;
	refused(0, 0, "kernel: is empty");
	d.has_load_address = true;
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		d.load_address = places[i];
		assert_int_equal(image_plan(&d, file, 5000, 0, 0, &p, &err), -EINVAL);
	}
	d.load_address = RAM + 2;
	refused(5000, 0, "load-address: 0x40000002 is not a multiple of 4");
	d.load_address = RAM;
	header(0, 4096);
	refused(5000, 0, "load-address: the kernel is an Image, which says itself where it goes");
}

static void test_fixed_devicetree(void **state)
{
	(void)state;
	header(0, MIB(4));
	d.has_devicetree_address = true;
	d.devicetree_address = RAM + MIB(100) + 8;
	planned(4096, MIB(3));
	assert_int_equal(p.dtb_base, RAM + MIB(100) + 8);
	assert_int_equal(p.initrd_base, RAM + MIB(4));
	/* In the initrd's way. */
	d.devicetree_address = RAM + MIB(5);
	planned(4096, MIB(3));
	assert_int_equal(p.initrd_base, RAM + MIB(6));
	d.devicetree_address = RAM + MIB(4) - 8;
	refused(4096, 0,
		"devicetree-address: 0x403ffff8 is taken by the kernel, 0x40000000 to 0x40400000");
	d.devicetree_address = RAM + MIB(512) - 8;
	refused(4096, 0, "devicetree-address: 0x5ffffff8 has no 64 KiB of RAM");
	d.devicetree_address = RAM + MIB(8) + 4;
	refused(4096, 0, "devicetree-address: 0x40800004 has no 64 KiB of RAM");
}

/* RAM where the guest was linked, and in several banks. */
static void test_banks(void **state)
{
	(void)state;
	d.ram = (struct ram_map){ 2, { { 0x80000000, MIB(32) }, { 0x880000000, MIB(64) } } };
	header(0, MIB(16));
	planned(8192, MIB(3));
	assert_int_equal(p.entry, 0x80000000);
	assert_int_equal(p.initrd_base, 0x81000000);
	assert_int_equal(p.dtb_base, 0x81400000);
	/* Too large for what the kernel leaves of its bank. */
	planned(8192, MIB(40));
	assert_int_equal(p.initrd_base, 0x880000000);
	assert_int_equal(p.dtb_base, 0x81000000);
	refused(8192, MIB(65),
		"initrd: there is no room for 65 MiB beside the kernel in the VM's RAM, 32 MiB at 0x80000000 "
		"and 64 MiB at 0x880000000");
	header(0, MIB(32));
	planned(8192, MIB(60));
	assert_int_equal(p.initrd_base, 0x880000000);
	assert_int_equal(p.dtb_base, 0x880000000 + MIB(60));
	header(0, MIB(33));
	refused(8192, 0,
		"kernel: 33 MiB at 0x80000000 do not fit into the VM's RAM, 32 MiB at 0x80000000 and 64 "
		"MiB at 0x880000000");
	/* Zephyr, linked there: its header has the end as an address. */
	header(0, 0x8005a704);
	planned(8192, 0);
	assert_int_equal(p.kernel_end, 0x80000000 + 8192);
	/* Raw: by default, and in the other bank. */
	image_setup(state);
	d.ram = (struct ram_map){ 2, { { 0x80000000, MIB(32) }, { 0x880000000, MIB(64) } } };
	planned(5000, 0);
	assert_int_equal(p.entry, 0x80080000);
	d.has_load_address = true;
	d.load_address = 0x880200000;
	planned(5000, MIB(3));
	assert_int_equal(p.entry, 0x880200000);
	assert_int_equal(p.dtb_base, 0x80000000);
	assert_int_equal(p.initrd_base, 0x880400000);
	d.load_address = 0x40200000;
	refused(5000, 0,
		"kernel: 1 MiB at 0x40200000 do not fit into the VM's RAM, 32 MiB at 0x80000000 and 64 "
		"MiB at 0x880000000");
}

/* A devicetree of its own has what it needs. */
static void test_large_devicetree(void **state)
{
	(void)state;
	header(0, MIB(4));
	assert_int_equal(image_plan(&d, file, 4096, 0, KIB(161), &p, &err), 0);
	assert_int_equal(p.dtb_max, KIB(256));
	assert_int_equal(image_plan(&d, file, 4096, 0, MIB(1), &p, &err), 0);
	assert_int_equal(p.dtb_max, KIB(1088));
	d.has_devicetree_address = true;
	d.devicetree_address = RAM + MIB(511);
	assert_int_equal(image_plan(&d, file, 4096, 0, MIB(1), &p, &err), -EINVAL);
	assert_string_equal(err.text, "devicetree-address: 0x5ff00000 has no 1088 KiB of RAM");
}

/* Every place that a plan names lies in RAM and takes from no other, whatever the bytes. */
static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (u32 n = 0; n < 200000; n++) {
		const u64 size = 1 + (u64)rand() % sizeof(file);
		const u64 initrd = rand() % 3 ? (u64)rand() >> rand() % 20 : 0;

		image_setup(state);
		if (rand() % 2) {
			good_elf();
			put((u32)rand() % 120, (u64)rand() << rand() % 32, 1 + (u32)rand() % 8);
		} else if (rand() % 2) {
			header((u64)rand() << rand() % 32, (u64)rand() << rand() % 32);
		}
		d.ram = ram_map_default(MIB(2) * (1 + (u64)rand() % 64));
		d.has_load_address = rand() % 2;
		d.load_address = RAM + ALIGN_DOWN((u64)rand(), 4);
		d.has_devicetree_address = rand() % 2;
		d.devicetree_address = RAM + (u64)rand() % d.ram.banks[0].size;
		if (image_plan(&d, file, size, initrd, 0, &p, &err)) {
			assert_string_not_equal(err.text, "");
			continue;
		}
		const u64 kernel = p.kernel_end - p.kernel_base;

		assert_true(range_within(p.kernel_base, kernel, RAM, d.ram.banks[0].size));
		assert_true(range_within(p.initrd_base, p.initrd_size, RAM, d.ram.banks[0].size) ||
			    !p.initrd_size);
		assert_true(range_within(p.dtb_base, p.dtb_max, RAM, d.ram.banks[0].size));
		assert_true(p.entry >= p.kernel_base && p.entry < p.kernel_end);
		assert_false(ranges_overlap(p.kernel_base, kernel, p.dtb_base, p.dtb_max));
		assert_false(ranges_overlap(p.kernel_base, kernel, p.initrd_base, p.initrd_size));
		assert_false(ranges_overlap(p.dtb_base, p.dtb_max, p.initrd_base, p.initrd_size));
	}
}

/* ---- carrying it out, into RAM of three blocks that do not follow each other ---- */

static u8 *blocks[3];
static paddr_t block_pa[3];
static struct vm_ram ram;

static int ram_setup(void **state)
{
	static const u64 places[] = { MIB(64), MIB(2), MIB(32) };

	unit_machine_setup(state);
	for (u32 i = 0; i < 3; i++) {
		block_pa[i] = PADDR(HOST_RAM_BASE + places[i]);
		blocks[i] = phys_to_virt(block_pa[i]);
	}
	ram = (struct vm_ram){ .map = ram_map_default(3 * BLOCK_SIZE),
			       .size = 3 * BLOCK_SIZE,
			       .nblocks = 3,
			       .blocks = block_pa };
	return image_setup(state);
}

static void test_load_elf(void **state)
{
	static const u8 dtb[100] = { 1, 2, 3 };
	u8 back[0x1000];

	(void)state;
	d.ram = ram_map_default(ram.size);
	elf(RAM + BLOCK_SIZE - 0x800, 2);
	segment(0, 0x1000, RAM + BLOCK_SIZE - 0x800, RAM + BLOCK_SIZE - 0x800, 0x1000, 0x2000);
	segment(1, 0x200, RAM + MIB(1), RAM + MIB(1), 1, 1);
	memset(file + 0x1000, 0xa5, 0x1000);
	file[0x200] = 0x77;
	planned(sizeof(file), sizeof(dtb));
	assert_int_equal(image_load(&p, &ram, file, sizeof(file), dtb, dtb, sizeof(dtb)), 0);
	assert_int_equal(unit_ram_read(&ram, RAM + BLOCK_SIZE - 0x800, back, 0x1000), 0);
	assert_memory_equal(back, file + 0x1000, 0x1000);
	assert_int_equal(blocks[1][0x7ff], 0xa5);
	assert_int_equal(blocks[1][0x800], 0);
	assert_int_equal(blocks[0][MIB(1)], 0x77);
	assert_int_equal(p.dtb_base, RAM);
	assert_memory_equal(blocks[0], dtb, sizeof(dtb));
	assert_int_equal(p.initrd_base, RAM + MIB(4));
	assert_memory_equal(blocks[2], dtb, sizeof(dtb));
}

static void test_load_raw(void **state)
{
	static const u8 dtb[8] = { 9 };

	(void)state;
	d.ram = ram_map_default(ram.size);
	memset(file, 0x3c, sizeof(file));
	put(0, 0x14000000, 4);
	planned(5000, 0);
	assert_int_equal(image_load(&p, &ram, file, 5000, NULL, dtb, sizeof(dtb)), 0);
	assert_int_equal(blocks[0][0x80004], 0x3c);
	assert_int_equal(blocks[0][0x80000 + 4999], 0x3c);
	assert_int_equal(blocks[0][0x80000 + 5000], 0);
	assert_int_equal(blocks[1][0], 9);
	assert_int_equal(image_load(&p, &ram, file, 5000, NULL, dtb, p.dtb_max + 1), -ENOSPC);
	p.kernel_base = RAM + ram.size - 100;
	assert_int_equal(image_load(&p, &ram, file, 5000, NULL, dtb, sizeof(dtb)), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_linux, image_setup),
		cmocka_unit_test_setup(test_linux_text_offset, image_setup),
		cmocka_unit_test_setup(test_zephyr_end_address, image_setup),
		cmocka_unit_test_setup(test_linux_sizes, image_setup),
		cmocka_unit_test_setup(test_raw, image_setup),
		cmocka_unit_test_setup(test_raw_refused, image_setup),
		cmocka_unit_test_setup(test_fixed_devicetree, image_setup),
		cmocka_unit_test_setup(test_banks, image_setup),
		cmocka_unit_test_setup(test_large_devicetree, image_setup),
		cmocka_unit_test_setup(test_random, image_setup),
		cmocka_unit_test_setup(test_load_elf, ram_setup),
		cmocka_unit_test_setup(test_load_raw, ram_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
