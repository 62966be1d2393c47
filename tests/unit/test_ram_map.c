/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a VM's RAM is: what a description can say of it, and what collides with the guest machine.
 */
#include <unit.h>

#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/desc.h>

static u8 blob[2048] __aligned(8);
static struct vm_desc d;
static struct desc_error err;

static void set_banks(const char *name, const u64 *values, u32 count)
{
	fdt64_t cells[RAM_BANKS_MAX + 1];

	for (u32 i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(values[i]);
	assert_int_equal(fdt_setprop(blob, 0, name, cells, (int)(8 * count)), 0);
}

#define MEMORY(...)                                       \
	set_banks("memory", (const u64[]){ __VA_ARGS__ }, \
		  ARRAY_SIZE(((const u64[]){ __VA_ARGS__ })))
#define BASE(...)                                              \
	set_banks("memory-base", (const u64[]){ __VA_ARGS__ }, \
		  ARRAY_SIZE(((const u64[]){ __VA_ARGS__ })))

static int setup(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "compatible", "zvm,vm"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "label", "vm"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "kernel", "k"), 0);
	return 0;
}

static void accepted(void)
{
	int ret = desc_parse(blob, sizeof(blob), "a.dts", &d, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
}

static void refused(const char *text)
{
	char want[256];

	assert_int_equal(desc_parse(blob, sizeof(blob), "a.dts", &d, &err), -EINVAL);
	(void)snprintf(want, sizeof(want), "a.dts: /: %s", text);
	assert_string_equal(err.text, want);
}

static void test_one_bank(void **state)
{
	(void)state;
	MEMORY(MIB(64));
	accepted();
	assert_int_equal(d.ram.count, 1);
	assert_int_equal(d.ram.banks[0].base, 0x40000000);
	BASE(0x80000000);
	accepted();
	assert_int_equal(d.ram.count, 1);
	assert_int_equal(d.ram.banks[0].base, 0x80000000);
	assert_int_equal(d.ram.banks[0].size, MIB(64));
}

static void test_several_banks(void **state)
{
	(void)state;
	MEMORY(MIB(1024), MIB(2), GIB(4));
	BASE(0x80000000, 0xc0000000, 0x880000000);
	accepted();
	assert_int_equal(d.ram.count, 3);
	assert_int_equal(d.ram.banks[2].base, 0x880000000);
	assert_int_equal(ram_map_size(&d.ram), GIB(5) + MIB(2));
	MEMORY(MIB(2), MIB(2), MIB(2), MIB(2), MIB(2), MIB(2), MIB(2), MIB(2));
	BASE(0x40000000, 0x50000000, 0x60000000, 0x70000000, 0x80000000, 0x90000000, 0xa0000000,
	     0xb0000000);
	accepted();
	assert_int_equal(d.ram.count, 8);
}

static void test_wrong_lists(void **state)
{
	const u32 cell = cpu_to_fdt32(0x80000000);

	(void)state;
	BASE(0x80000000);
	refused("memory: is missing");
	MEMORY(MIB(64), MIB(64));
	refused("memory-base: has 1 address for the 2 banks of memory");
	MEMORY(MIB(64));
	BASE(0x80000000, 0x90000000);
	refused("memory-base: has 2 addresses for the 1 bank of memory");
	assert_int_equal(fdt_delprop(blob, 0, "memory-base"), 0);
	MEMORY(MIB(64), MIB(64));
	refused("memory: has 2 banks: memory-base must say where each begins");
	MEMORY(1, 2, 3, 4, 5, 6, 7, 8, 9);
	refused("memory: has 9 banks, at most 8 are possible");
	MEMORY(MIB(64));
	assert_int_equal(fdt_setprop(blob, 0, "memory-base", &cell, 4), 0);
	refused("memory-base: must be 2 cells for each bank, but has 4 bytes");
	MEMORY(MIB(64), MIB(3));
	refused("memory: 0x300000 is not a multiple of 2 MiB");
	MEMORY(GIB(200), GIB(100));
	BASE(0x80000000, 0x2000000000);
	refused("memory-base: 0x2000000000 lies before the end of the bank before it, 0x3280000000");
}

static void test_places(void **state)
{
	(void)state;
	MEMORY(MIB(64));
	BASE(0x80100000);
	refused("memory-base: 0x4000000 bytes at 0x80100000 are not a multiple of 2 MiB");
	BASE(0);
	refused("memory-base: 0x0 to 0x4000000 overlaps flash, 0x0 to 0x8000000; RAM may be from "
		"0x40000000 to 0x4010000000");
	BASE(0x8000000);
	refused("memory-base: 0x8000000 to 0xc000000 overlaps the interrupt controller, 0x8000000 to "
		"0x9000000; RAM may be from 0x40000000 to 0x4010000000");
	BASE(0x9000000);
	refused("memory-base: 0x9000000 to 0xd000000 overlaps devices, 0x9000000 to 0x10000000; RAM may "
		"be from 0x40000000 to 0x4010000000");
	BASE(0x3e000000);
	refused("memory-base: 0x3e000000 to 0x42000000 overlaps PCI, 0x10000000 to 0x40000000; RAM may be "
		"from 0x40000000 to 0x4010000000");
	BASE(0x400e000000);
	refused("memory-base: 0x400e000000 to 0x4012000000 overlaps PCI configuration space, 0x4010000000 "
		"to 0x4020000000; RAM may be from 0x40000000 to 0x4010000000");
	BASE(0x8000000000);
	refused("memory-base: 0x8000000000 to 0x8004000000 overlaps PCI, 0x8000000000 to 0x10000000000; "
		"RAM may be from 0x40000000 to 0x4010000000");
	BASE(UINT64_MAX - MIB(64) + 1);
	refused("memory-base: 0x4000000 bytes at 0xfffffffffc000000 pass the end of memory");
	BASE(0x400c000000);
	accepted();
	MEMORY(MIB(64), MIB(64));
	BASE(0x80000000, 0x80000000);
	refused("memory-base: 0x80000000 lies before the end of the bank before it, 0x84000000");
	BASE(0x80000000, 0x40000000);
	refused("memory-base: 0x40000000 lies before the end of the bank before it, 0x84000000");
	BASE(0x80000000, 0x84000000);
	accepted();
}

static void test_holds(void **state)
{
	const struct ram_map m = {
		3, { { 0x40000000, MIB(2) }, { 0x40200000, MIB(2) }, { 0x80000000, MIB(2) } }
	};

	(void)state;
	assert_true(ram_map_holds(&m, 0x40000000, MIB(4)));
	assert_true(ram_map_holds(&m, 0x401fffff, 2));
	assert_true(ram_map_holds(&m, 0x80000000, MIB(2)));
	assert_false(ram_map_holds(&m, 0x40000000, MIB(4) + 1));
	assert_false(ram_map_holds(&m, 0x3fffffff, 2));
	assert_false(ram_map_holds(&m, 0x80000000, UINT64_MAX));
	assert_false(ram_map_holds(&m, UINT64_MAX, 1));
	assert_false(ram_map_holds(&m, 0x50000000, 0));
	assert_ptr_equal(ram_map_bank(&m, 0x803fffff), NULL);
	assert_ptr_equal(ram_map_bank(&m, 0x801fffff), &m.banks[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_bank, setup),
		cmocka_unit_test_setup(test_several_banks, setup),
		cmocka_unit_test_setup(test_wrong_lists, setup),
		cmocka_unit_test_setup(test_places, setup),
		cmocka_unit_test(test_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
