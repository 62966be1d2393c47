/* SPDX-License-Identifier: Apache-2.0 */
/* Image formats and where everything goes: the rules of the guest machine, and files that lie. */
#include <unit.h>

#include <arch/mmu.h>
#include <asm/host.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/guestfdt.h>
#include <vmm/image.h>
#include <vmm/image_elf.h>

#define RAM GUEST_RAM_BASE

static struct vm_desc d;
static struct load_plan p;
static struct desc_error err;
static u8 file[8192];

static int setup(void **state)
{
	(void)state;
	desc_defaults(&d);
	d.memory = MIB(512);
	memset(file, 0, sizeof(file));
	memcpy(file, "\0\0\0\x14", 4); /* raw code */
	return 0;
}

static void put(u32 at, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		file[at + i] = (u8)(value >> 8 * i);
}

static void header(u64 text_offset, u64 image_size)
{
	put(8, text_offset, 8);
	put(16, image_size, 8);
	memcpy(file + 56, "ARM\x64", 4);
}

/* ELF header with n program headers behind it. */
static void elf(u64 entry, u32 n)
{
	memcpy(file,
	       "\x7f"
	       "ELF\x02\x01\x01",
	       7);
	put(16, 2, 2);
	put(18, 183, 2);
	put(24, entry, 8);
	put(32, 64, 8);
	put(54, 56, 2);
	put(56, n, 2);
}

static void segment(u32 n, u64 offset, u64 vaddr, u64 paddr, u64 filesz, u64 memsz)
{
	const u32 at = 64 + 56 * n;

	put(at, 1, 4);
	put(at + 8, offset, 8);
	put(at + 16, vaddr, 8);
	put(at + 24, paddr, 8);
	put(at + 32, filesz, 8);
	put(at + 40, memsz, 8);
}

static void planned(u64 size, u64 initrd)
{
	int ret = image_plan(&d, file, size, initrd, &p, &err);

	if (ret)
		print_message("%s\n", err.text);
	assert_int_equal(ret, 0);
}

static void refused(u64 size, u64 initrd, const char *text)
{
	assert_int_equal(image_plan(&d, file, size, initrd, &p, &err), -EINVAL);
	assert_string_equal(err.text, text);
}

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
	assert_int_equal(image_plan(&d, file, 4096, 0, &p, &err), -EINVAL);
}

static void test_zephyr_end_address(void **state)
{
	(void)state;
	d.memory = MIB(128);
	header(0, 0x4005a704);
	planned(8192, 0);
	assert_int_equal(p.kernel_base, RAM);
	assert_int_equal(p.kernel_end, RAM + 8192);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	/* Even where the end address would be a size that fits. */
	d.memory = GIB(4);
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
		"kernel: 600 MiB at 0x40000000 do not fit into the VM's 512 MiB at "
		"0x40000000");
	header(0, MIB(510));
	refused(8192, MIB(3),
		"initrd: 3 MiB at 0x5fe00000 do not fit into the VM's 512 MiB at 0x40000000");
	refused(8192, UINT64_MAX - 5,
		"initrd: 17592186044416 MiB at 0x5fe00000 do not fit into the VM's 512 MiB at "
		"0x40000000");
	planned(8192, 0);
	refused(8192, MIB(2),
		"devicetree: no room at 0x60000000, memory of at least 514 MiB would do");
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
		assert_int_equal(image_plan(&d, file, 5000, 0, &p, &err), -EINVAL);
	}
	d.load_address = RAM + 2;
	refused(5000, 0, "load-address: 0x40000002 is no place for instructions");
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

static void test_elf(void **state)
{
	(void)state;
	elf(RAM + MIB(2) + 0x40, 3);
	segment(0, 0x1000, RAM + MIB(2), RAM + MIB(2), 0x800, 0x800);
	segment(1, 0x1800, RAM + MIB(4), RAM + MIB(4), 0x100, MIB(1));
	segment(2, 0, 0, 0, 0, 0); /* nothing to load: anywhere */
	planned(sizeof(file), 100);
	assert_int_equal(p.format, IMAGE_ELF);
	assert_int_equal(p.entry, RAM + MIB(2) + 0x40);
	assert_int_equal(p.kernel_base, RAM + MIB(2));
	assert_int_equal(p.kernel_end, RAM + MIB(5));
	assert_int_equal(p.dtb_base, RAM);
	assert_int_equal(p.initrd_base, RAM + MIB(6));
}

static void test_elf_at_ram_base_and_high_link(void **state)
{
	(void)state;
	elf(0xffff000008000010, 1);
	segment(0, 0x1000, 0xffff000008000000, RAM, 0x800, 0x4000);
	planned(sizeof(file), 0);
	assert_int_equal(p.entry, RAM + 0x10);
	assert_int_equal(p.dtb_base, RAM + MIB(2));
	d.has_load_address = true;
	d.load_address = RAM;
	refused(sizeof(file), 0,
		"load-address: the kernel is an ELF file, which says itself where it goes");
}

static void elf_refused(u64 size, const char *why)
{
	char text[200] = "kernel: ELF file ";

	strcat(text, why);
	refused(size, 0, text);
}

static void good_elf(void)
{
	memset(file, 0, sizeof(file));
	elf(RAM, 1);
	segment(0, 0x1000, RAM, RAM, 0x1000, 0x1000);
}

static void test_elf_refused(void **state)
{
	(void)state;
	good_elf();
	planned(sizeof(file), 0);
	elf_refused(63, "is cut off");
	elf_refused(5, "is cut off");
	elf_refused(0x1fff, "has a segment outside the file");
	elf_refused(100, "has its program headers outside the file");
	file[4] = 1;
	elf_refused(sizeof(file), "is not for AArch64 (64-bit, little-endian)");
	good_elf();
	file[18] = 62;
	elf_refused(sizeof(file), "is not for AArch64 (64-bit, little-endian)");
	good_elf();
	file[16] = 1;
	elf_refused(sizeof(file), "is not an executable");
	good_elf();
	put(56, 0, 2);
	elf_refused(sizeof(file), "has no segments, or more than 64");
	put(56, 0xffff, 2);
	elf_refused(sizeof(file), "has no segments, or more than 64");
	good_elf();
	put(32, UINT64_MAX - 10, 8);
	elf_refused(sizeof(file), "has its program headers outside the file");
	good_elf();
	segment(0, UINT64_MAX - 0xfff, RAM, RAM, 0x1000, 0x1000);
	elf_refused(sizeof(file), "has a segment outside the file");
	segment(0, 0x1000, RAM, RAM, 0x1000, 0xfff);
	elf_refused(sizeof(file), "has a segment outside the file");
	segment(0, 0x1000, RAM, UINT64_MAX - 0xfff, 0x1000, 0x1001);
	elf_refused(sizeof(file), "has a segment that passes the end of memory");
	segment(0, 0x1000, RAM + 4, RAM, 0x1000, 0x1000);
	elf_refused(sizeof(file), "has its entry point outside its segments");
	good_elf();
	put(24, RAM + 1, 8);
	elf_refused(sizeof(file), "has its entry point outside its segments");
	good_elf();
	put(64, 2, 4);
	elf_refused(sizeof(file), "has nothing to load");
	good_elf();
	segment(0, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000);
	put(24, 0x1000, 8);
	refused(sizeof(file), 0,
		"kernel: 1 MiB at 0x1000 do not fit into the VM's 512 MiB at 0x40000000");
}

/* Every place that a plan names lies in RAM and takes from no other, whatever the bytes. */
static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (u32 n = 0; n < 200000; n++) {
		const u64 size = 1 + (u64)rand() % sizeof(file);
		const u64 initrd = rand() % 3 ? (u64)rand() >> rand() % 20 : 0;

		setup(state);
		if (rand() % 2) {
			good_elf();
			put((u32)rand() % 120, (u64)rand() << rand() % 32, 1 + (u32)rand() % 8);
		} else if (rand() % 2) {
			header((u64)rand() << rand() % 32, (u64)rand() << rand() % 32);
		}
		d.memory = MIB(2) * (1 + (u64)rand() % 64);
		d.has_load_address = rand() % 2;
		d.load_address = RAM + ALIGN_DOWN((u64)rand(), 4);
		d.has_devicetree_address = rand() % 2;
		d.devicetree_address = RAM + (u64)rand() % d.memory;
		if (image_plan(&d, file, size, initrd, &p, &err)) {
			assert_string_not_equal(err.text, "");
			continue;
		}
		const u64 kernel = p.kernel_end - p.kernel_base;

		assert_true(range_within(p.kernel_base, kernel, RAM, d.memory));
		assert_true(range_within(p.initrd_base, p.initrd_size, RAM, d.memory) ||
			    !p.initrd_size);
		assert_true(range_within(p.dtb_base, p.dtb_max, RAM, d.memory));
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
	ram = (struct vm_ram){ .size = 3 * BLOCK_SIZE, .nblocks = 3, .blocks = block_pa };
	return setup(state);
}

static void test_load_elf(void **state)
{
	static const u8 dtb[100] = { 1, 2, 3 };
	u8 back[0x1000];

	(void)state;
	d.memory = ram.size;
	elf(RAM + BLOCK_SIZE - 0x800, 2);
	segment(0, 0x1000, RAM + BLOCK_SIZE - 0x800, RAM + BLOCK_SIZE - 0x800, 0x1000, 0x2000);
	segment(1, 0x200, RAM + MIB(1), RAM + MIB(1), 1, 1);
	memset(file + 0x1000, 0xa5, 0x1000);
	file[0x200] = 0x77;
	planned(sizeof(file), sizeof(dtb));
	assert_int_equal(image_load(&p, &ram, file, sizeof(file), dtb, dtb, sizeof(dtb)), 0);
	assert_int_equal(vm_ram_read(&ram, RAM + BLOCK_SIZE - 0x800, back, 0x1000), 0);
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
	d.memory = ram.size;
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
		cmocka_unit_test_setup(test_linux, setup),
		cmocka_unit_test_setup(test_linux_text_offset, setup),
		cmocka_unit_test_setup(test_zephyr_end_address, setup),
		cmocka_unit_test_setup(test_linux_sizes, setup),
		cmocka_unit_test_setup(test_raw, setup),
		cmocka_unit_test_setup(test_raw_refused, setup),
		cmocka_unit_test_setup(test_fixed_devicetree, setup),
		cmocka_unit_test_setup(test_elf, setup),
		cmocka_unit_test_setup(test_elf_at_ram_base_and_high_link, setup),
		cmocka_unit_test_setup(test_elf_refused, setup),
		cmocka_unit_test_setup(test_random, setup),
		cmocka_unit_test_setup(test_load_elf, ram_setup),
		cmocka_unit_test_setup(test_load_raw, ram_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
