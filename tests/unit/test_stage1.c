/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of a guest's translation tables, whatever these hold. */
#include <unit.h>

#include <asm/host.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#include "unit_ram.h"

#define TABLE(n) (GUEST_RAM_BASE + (n)*KIB(64))
#define TARGET   (GUEST_RAM_BASE + MIB(2))

#define IS_TABLE 3UL
#define IS_BLOCK 1UL
#define IS_PAGE  3UL

#define ON        BIT(0)
#define T0SZ(n)   ((u64)(n))
#define T1SZ(n)   ((u64)(n) << 16)
#define TG0_64K   (1UL << 14)
#define TG0_16K   (2UL << 14)
#define TG1_4K    (2UL << 30)
#define EPD0      BIT(7)
#define TBI0      BIT(37)
#define HIGH_HALF 0xffff000000000000UL

static struct stage2 s2;
static struct vm_ram ram;
static struct stage1_walk w;

static int setup(void **state)
{
	const struct phys_range all = { { HOST_RAM_BASE }, HOST_RAM_SIZE };
	const struct ram_map map = ram_map_default(MIB(4));

	unit_machine_setup(state);
	assert_int_equal(host_page_init(&all, 1, NULL, 0), 0);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(vm_ram_init(&ram, &s2, &map), 0);
	assert_int_equal(vm_ram_reset(&ram, true), 0);
	return 0;
}

static int teardown(void **state)
{
	vm_ram_free(&ram);
	stage2_destroy(&s2);
	return unit_end(state);
}

static void put(u64 table, u64 index, u64 desc)
{
	assert_int_equal(vm_ram_write(&ram, table + index * 8, &desc, 8), 0);
}

static enum stage1_end walk(u64 tcr, u64 va)
{
	const struct stage1 s = { .sctlr = ON,
				  .tcr = tcr,
				  .ttbr = { TABLE(0) | 0x1234UL << 48 | 1, TABLE(4) } };

	return stage1_walk(&ram, &s, va, &w);
}

static void without_mmu_it_is_the_address(void **state)
{
	const struct stage1 off = { .tcr = ~0UL };

	(void)state;
	assert_int_equal(stage1_walk(&ram, &off, 0x40201234, &w), STAGE1_OK);
	assert_int_equal(w.ipa, 0x40201234);
	assert_int_equal(w.length, MIB(2) - 0x1234);
}

static void pages_and_blocks_of_4k(void **state)
{
	(void)state;
	put(TABLE(0), 1, TABLE(1) | IS_TABLE);
	put(TABLE(1), 2, TABLE(2) | IS_TABLE | BIT(63)); /* attributes do not matter */
	put(TABLE(2), 3, TABLE(3) | IS_TABLE);
	put(TABLE(3), 4, TARGET | IS_PAGE | 0xffcUL << 52 | 0xf00);
	put(TABLE(2), 5, TARGET | IS_BLOCK | 0x700);
	put(TABLE(1), 6, GIB(1) | IS_BLOCK);
	assert_int_equal(walk(T0SZ(16), 0x8080604abcUL), STAGE1_OK);
	assert_int_equal(w.ipa, TARGET + 0xabc);
	assert_int_equal(w.length, 0x1000 - 0xabc);
	assert_int_equal(walk(T0SZ(16), 0x8080a12345UL), STAGE1_OK);
	assert_int_equal(w.ipa, TARGET + 0x12345);
	assert_int_equal(w.length, MIB(2) - 0x12345);
	assert_int_equal(walk(T0SZ(16), 0x8180000010UL), STAGE1_OK);
	assert_int_equal(w.ipa, GIB(1) + 0x10);
	assert_int_equal(walk(T0SZ(16), 0x8080607000UL), STAGE1_FAULT);
	assert_int_equal(w.level, 3);
	/* At the last level the bits of a block mean nothing. */
	put(TABLE(3), 8, TARGET | IS_BLOCK);
	assert_int_equal(walk(T0SZ(16), 0x8080608000UL), STAGE1_FAULT);
}

static void other_granules(void **state)
{
	(void)state;
	put(TABLE(0), 1, TARGET | IS_TABLE); /* 64 KiB, 42 bits: levels 2 and 3 */
	put(TARGET, 2, TARGET | IS_PAGE);
	assert_int_equal(walk(T0SZ(22) | TG0_64K, (1UL << 29) + (2UL << 16) + 0x1234), STAGE1_OK);
	assert_int_equal(w.ipa, TARGET + 0x1234);
	assert_int_equal(w.length, KIB(64) - 0x1234);
	put(TARGET, 3, TARGET | IS_PAGE); /* 16 KiB, 36 bits: the same */
	assert_int_equal(walk(T0SZ(28) | TG0_16K, (1UL << 25) + (3UL << 14) + 0x3456), STAGE1_OK);
	assert_int_equal(w.ipa, TARGET + 0x3456);
}

static void the_high_half_has_its_own_table(void **state)
{
	(void)state;
	put(TABLE(4), 0, TABLE(1) | IS_TABLE);
	put(TABLE(1), 1, TABLE(2) | IS_TABLE);
	put(TABLE(2), 0, TARGET | IS_BLOCK);
	assert_int_equal(walk(T1SZ(16) | TG1_4K, HIGH_HALF + GIB(1) + 8), STAGE1_OK);
	assert_int_equal(w.ipa, TARGET + 8);
	assert_int_equal(walk(T1SZ(25) | TG1_4K, HIGH_HALF + GIB(1) + 8), STAGE1_FAULT);
}

static void addresses_that_no_table_translates(void **state)
{
	(void)state;
	put(TABLE(0), 0, TABLE(1) | IS_TABLE);
	put(TABLE(1), 0, GIB(1) | IS_BLOCK);
	assert_int_equal(walk(T0SZ(16), 0x1000), STAGE1_OK);
	assert_int_equal(walk(T0SZ(16) | EPD0, 0x1000), STAGE1_FAULT);
	assert_int_equal(walk(T0SZ(16), 1UL << 48 | 0x1000), STAGE1_FAULT);
	assert_int_equal(walk(T0SZ(16), 0xaaUL << 56 | 0x1000), STAGE1_FAULT);
	assert_int_equal(walk(T0SZ(16) | TBI0, 0xaaUL << 56 | 0x1000), STAGE1_OK);
	assert_int_equal(w.ipa, GIB(1) + 0x1000);
}

static void tables_outside_ram(void **state)
{
	(void)state;
	put(TABLE(0), 0, MIB(256) | IS_TABLE);
	put(TABLE(0), 1, TABLE(1) | IS_TABLE);
	put(TABLE(1), 0, (GUEST_RAM_BASE + MIB(4)) | IS_TABLE);
	assert_int_equal(walk(T0SZ(16), 0), STAGE1_LEFT_RAM);
	assert_int_equal(w.level, 1);
	assert_int_equal(walk(T0SZ(16), 1UL << 39), STAGE1_LEFT_RAM);
	assert_int_equal(w.level, 2);
}

/* Any registers, any tables, also those that point at themselves. */
static void it_ends_whatever_they_hold(void **state)
{
	u64 x = 1;

	(void)state;
	for (u64 i = 0; i < KIB(64) / 8; i++)
		put(TABLE(0), i, TABLE(0) | IS_TABLE);
	for (u32 i = 0; i < 20000; i++) {
		const struct stage1 s = { ON, x * 0x9e3779b97f4a7c15UL, { TABLE(0), TABLE(0) } };
		const u64 va = x >> 7 ^ x << 40;

		x = x * 6364136223846793005UL + 1442695040888963407UL;
		if (stage1_walk(&ram, &s, va, &w) == STAGE1_OK)
			assert_true(w.length > 0);
		assert_in_range(w.level + 1, 0, 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_mmu_it_is_the_address, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_and_blocks_of_4k, setup, teardown),
		cmocka_unit_test_setup_teardown(other_granules, setup, teardown),
		cmocka_unit_test_setup_teardown(the_high_half_has_its_own_table, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_that_no_table_translates, setup,
						teardown),
		cmocka_unit_test_setup_teardown(tables_outside_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(it_ends_whatever_they_hold, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
