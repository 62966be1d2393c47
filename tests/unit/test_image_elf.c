/* SPDX-License-Identifier: Apache-2.0 */
/* ELF kernels: files that QEMU starts are started, and errors name the segment. */
#include "image_fixture.h"

#include <string.h>

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
	char text[200] = "kernel: ELF ";

	strcat(text, why);
	refused(size, 0, text);
}

static void test_elf_header_refused(void **state)
{
	static const struct {
		u16 machine;
		const char *says;
	} machines[] = {
		{ 40, "file is for 32-bit Arm, not for AArch64" },
		{ 62, "file is for x86-64, not for AArch64" },
		{ 243, "file is for RISC-V, not for AArch64" },
		{ 0x1234, "file is for another machine, not for AArch64" },
	};

	(void)state;
	good_elf();
	planned(sizeof(file), 0);
	elf_refused(63, "file is cut off");
	elf_refused(5, "file is cut off");
	elf_refused(100, "file has its program headers outside the file");
	for (u32 i = 0; i < ARRAY_SIZE(machines); i++) {
		put(18, machines[i].machine, 2);
		elf_refused(sizeof(file), machines[i].says);
	}
	good_elf();
	file[4] = 1;
	elf_refused(sizeof(file), "file is a 32-bit one, not for AArch64's 64-bit state");
	good_elf();
	file[5] = 2;
	elf_refused(sizeof(file), "file is big-endian, a VM starts in little-endian state");
	good_elf();
	file[16] = 1;
	elf_refused(sizeof(file), "file is not an executable");
	good_elf();
	put(56, 0, 2);
	elf_refused(sizeof(file), "file has 0 program headers, 1 to 64 are possible");
	put(56, 0xffff, 2);
	elf_refused(sizeof(file), "file has 65535 program headers, 1 to 64 are possible");
	good_elf();
	put(32, UINT64_MAX - 10, 8);
	elf_refused(sizeof(file), "file has its program headers outside the file");
}

/* What is wrong is named by the number that readelf gives the segment. */
static void test_elf_segments_refused(void **state)
{
	(void)state;
	good_elf();
	elf_refused(0x1fff, "segment 0, 0x1000 bytes at 0x1000, is not completely in the file");
	segment(0, UINT64_MAX - 0xfff, RAM, RAM, 0x1000, 0x1000);
	elf_refused(sizeof(file),
		    "segment 0, 0x1000 bytes at 0xfffffffffffff000, is not completely in the file");
	segment(0, 0x1000, RAM, RAM, 0x1000, 0xfff);
	elf_refused(sizeof(file), "segment 0 has 0x1000 bytes in the file, and 0xfff in memory");
	segment(0, 0x1000, RAM, UINT64_MAX - 0xfff, 0x1000, 0x1001);
	elf_refused(sizeof(file),
		    "segment 0, 0x1001 bytes at 0xfffffffffffff000, passes the end of memory");
	good_elf();
	put(56, 3, 2);
	segment(2, 0x1000, RAM + MIB(16), RAM + MIB(510), 0x1000, MIB(3));
	elf_refused(sizeof(file),
		    "segment 2, 0x5fe00000 to 0x60100000, does not lie in the VM's RAM, "
		    "512 MiB at 0x40000000");
	segment(2, 0x1000, 0x80000000, 0x80000000, 0x10, 0x10);
	elf_refused(sizeof(file),
		    "segment 2, 0x80000000 to 0x80000010, does not lie in the VM's RAM, "
		    "512 MiB at 0x40000000");
	/* Not the file's header, and so something that the guest needs. */
	segment(2, 0x1000, RAM - 0x1000, RAM - 0x1000, 0x1000, 0x2000);
	elf_refused(sizeof(file),
		    "segment 2, 0x3ffff000 to 0x40001000, does not lie in the VM's RAM, "
		    "512 MiB at 0x40000000");
	/* Zeros that begin in RAM are a program's, and its VM is too small. */
	segment(2, 0, RAM + MIB(510), RAM + MIB(510), 0, MIB(3));
	elf_refused(sizeof(file),
		    "segment 2, 0x5fe00000 to 0x60100000, does not lie in the VM's RAM, "
		    "512 MiB at 0x40000000");
	d.ram.count = 3;
	d.ram.banks[1] = (struct ram_bank){ 0x80000000, MIB(64) };
	d.ram.banks[2] = (struct ram_bank){ 0x880000000, MIB(64) };
	segment(2, 0x1000, 0x84000000, 0x84000000, 0x10, 0x10);
	elf_refused(sizeof(file),
		    "segment 2, 0x84000000 to 0x84000010, does not lie in the VM's RAM, "
		    "512 MiB at 0x40000000 and 64 MiB at 0x80000000, ...");
}

static void test_elf_entry_refused(void **state)
{
	(void)state;
	good_elf();
	segment(0, 0x1000, RAM + 4, RAM + 4, 0x1000, 0x1000);
	elf_refused(sizeof(file), "entry 0x40000000 lies in no segment");
	good_elf();
	put(24, RAM + 2, 8);
	elf_refused(sizeof(file), "entry 0x40000002 is not a multiple of 4");
	put(24, RAM + 0x1000, 8); /* behind it */
	elf_refused(sizeof(file), "entry 0x40001000 lies in no segment");
	segment(0, 0x1000, RAM, RAM, 0x1000, 0x2000); /* in its zeros */
	elf_refused(sizeof(file), "entry 0x40001000 lies behind the file's part of segment 0");
	good_elf();
	put(64, 2, 4);
	elf_refused(sizeof(file), "entry 0x40000000 lies in no segment");
	/* Position-independent, linked for 0, with the header and the code in one segment. */
	good_elf();
	put(16, 3, 2);
	put(24, 0x1000, 8);
	segment(0, 0, 0, 0, sizeof(file), sizeof(file));
	elf_refused(sizeof(file),
		    "entry 0x1000, in segment 0, does not lie in the VM's RAM, 512 MiB at "
		    "0x40000000");
}

/* As QEMU starts them with -kernel. */
static void test_elf_entry(void **state)
{
	(void)state;
	/* Linked high, entered at the physical address. */
	elf(RAM + 0x40, 1);
	segment(0, 0x1000, 0xffff000008000000, RAM, 0x800, 0x4000);
	put(68, 5, 4);
	planned(sizeof(file), 0);
	assert_int_equal(p.entry, RAM + 0x40);
	/*
	 * What an executable segment has by its virtual address is meant so, though another is
	 * there physically.
	 */
	elf(RAM + MIB(2), 2);
	segment(0, 0x1000, RAM + MIB(2), RAM + MIB(8), 0x800, 0x800);
	segment(1, 0x1800, RAM + MIB(4), RAM + MIB(2), 0x100, 0x100);
	put(68, 5, 4);
	planned(sizeof(file), 0);
	assert_int_equal(p.entry, RAM + MIB(8));
	/* A segment of data does not do that, if the address is loaded as it is. */
	put(68, 6, 4);
	planned(sizeof(file), 0);
	assert_int_equal(p.entry, RAM + MIB(2));
	/* Where the linker said nothing about what can be executed. */
	elf(0xffff000008000010, 1);
	segment(0, 0x1000, 0xffff000008000000, RAM, 0x800, 0x4000);
	put(68, 0, 4);
	planned(sizeof(file), 0);
	assert_int_equal(p.entry, RAM + 0x10);
}

static void test_elf_outside_ram(void **state)
{
	(void)state;
	/* The linker's first segment begins with the file's header, a page below the code. */
	elf(RAM + 0x40, 3);
	segment(0, 0, RAM - 0x1000, RAM - 0x1000, 0x1000, 0x1000);
	segment(1, 0x1000, RAM, RAM, 0x1000, 0x1000);
	/* NOLOAD: a window of shared memory, the registers of a device. */
	segment(2, 0x2000, 0x90000000, 0x90000000, 0, MIB(1));
	planned(sizeof(file), 0);
	assert_int_equal(p.kernel_base, RAM);
	assert_int_equal(p.kernel_end, RAM + 0x1000);
	assert_int_equal(p.entry, RAM + 0x40);
	/* Header and code in one. */
	elf(RAM + 0x40, 1);
	segment(0, 0, RAM - 0x1000, RAM - 0x1000, 0x1800, 0x2800);
	planned(sizeof(file), 0);
	assert_int_equal(p.kernel_base, RAM);
	assert_int_equal(p.kernel_end, RAM + 0x1800);
	assert_int_equal(p.entry, RAM + 0x40);
}

/* Devicetree and initrd go where the segments leave room, also between them. */
static void test_elf_with_gaps(void **state)
{
	(void)state;
	elf(RAM + MIB(2), 2);
	segment(0, 0x1000, RAM + MIB(2), RAM + MIB(2), 0x100, MIB(1));
	segment(1, 0, RAM + MIB(500), RAM + MIB(500), 0, MIB(12)); /* stacks, at the end of RAM */
	planned(sizeof(file), MIB(3));
	assert_int_equal(p.dtb_base, RAM);
	assert_int_equal(p.initrd_base, RAM + MIB(4));
	segment(0, 0x1000, RAM + KIB(60), RAM + KIB(60), 0x100, MIB(1));
	put(24, RAM + KIB(60), 8);
	planned(sizeof(file), MIB(3));
	assert_int_equal(p.initrd_base, RAM + MIB(2));
	assert_int_equal(p.dtb_base, RAM + MIB(6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_elf, image_setup),
		cmocka_unit_test_setup(test_elf_at_ram_base_and_high_link, image_setup),
		cmocka_unit_test_setup(test_elf_header_refused, image_setup),
		cmocka_unit_test_setup(test_elf_segments_refused, image_setup),
		cmocka_unit_test_setup(test_elf_entry_refused, image_setup),
		cmocka_unit_test_setup(test_elf_entry, image_setup),
		cmocka_unit_test_setup(test_elf_outside_ram, image_setup),
		cmocka_unit_test_setup(test_elf_with_gaps, image_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
