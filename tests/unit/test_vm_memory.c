/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's RAM over the page allocator and stage 2: nothing is lost, whatever fails. */
#include <unit.h>

#include <arch/mmu.h>
#include <asm/host.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/core.h>

#include "unit_ram.h"

static struct stage2 s2;
static struct vm_ram ram;

static u64 free_bytes(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

static int setup(void **state)
{
	const struct phys_range all = { { HOST_RAM_BASE }, HOST_RAM_SIZE };
	const struct phys_range hole = { { HOST_RAM_BASE + MIB(100) }, 4096 };

	unit_machine_setup(state);
	assert_int_equal(host_page_init(&all, 1, &hole, 1), 0);
	assert_int_equal(stage2_init(&s2), 0);
	memset(&ram, 0xff, sizeof(ram));
	return 0;
}

/* Allocators keep what is not given back, beyond the life of the machine that it belonged to. */
static int teardown(void **state)
{
	vm_ram_free(&ram);
	stage2_destroy(&s2);
	return unit_end(state);
}

static int init(u64 size)
{
	const struct ram_map map = ram_map_default(size);

	return vm_ram_init(&ram, &s2, &map);
}

static void fill(u64 size, u8 byte)
{
	u64 n;

	for (u64 done = 0; done < size; done += n) {
		void *at = vm_ram_ptr(&ram, GUEST_RAM_BASE + done, &n);

		assert_non_null(at);
		memset(at, byte, n);
	}
}

static void test_init_and_free(void **state)
{
	const u64 before = free_bytes();
	u64 pa, n;
	int attr;

	(void)state;
	assert_int_equal(init(MIB(130)), 0);
	assert_int_equal(ram.nblocks, 65);
	for (u64 i = 0; i < 65; i++) {
		assert_true(
			host_stage2_lookup(&s2, GUEST_RAM_BASE + i * BLOCK_SIZE + 5, &pa, &attr));
		assert_int_equal(attr, STAGE2_RAM);
		assert_ptr_equal(vm_ram_ptr(&ram, GUEST_RAM_BASE + i * BLOCK_SIZE + 5, &n),
				 phys_to_virt(PADDR(pa)));
	}
	assert_false(host_stage2_lookup(&s2, GUEST_RAM_BASE + MIB(130), &pa, &attr));
	assert_int_equal(vm_ram_clear(&ram), 0);
	assert_int_equal(host_dcache_bytes, MIB(130));
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
	vm_ram_free(&ram); /* of nothing */
	assert_int_equal(free_bytes(), before);
}

static void test_zeroed(void **state)
{
	u8 bytes[64];
	static const u8 zeros[64];

	(void)state;
	assert_int_equal(init(MIB(16)), 0);
	fill(MIB(16), 0xee);
	vm_ram_free(&ram);
	stage2_destroy(&s2);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(init(MIB(16)), 0);
	for (u64 at = 0; at < MIB(16); at += 4096) {
		assert_int_equal(unit_ram_read(&ram, GUEST_RAM_BASE + at, bytes, 64), 0);
		assert_memory_equal(bytes, zeros, 64);
	}
	fill(MIB(16), 0xee);
	assert_int_equal(vm_ram_clear(&ram), 0);
	assert_int_equal(unit_ram_read(&ram, GUEST_RAM_BASE + MIB(16) - 64, bytes, 64), 0);
	assert_memory_equal(bytes, zeros, 64);
}

/* A load that is cancelled ends at the next block. */
static void test_called_off(void **state)
{
	u8 byte = 1;

	(void)state;
	assert_int_equal(init(MIB(16)), 0);
	ram.call_off = true;
	assert_int_equal(vm_ram_clear(&ram), -EINTR);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE, &byte, 1), -EINTR);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE - 1, &byte, 1), -EFAULT);
	ram.call_off = false;
	assert_int_equal(vm_ram_clear(&ram), 0);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE, &byte, 1), 0);
}

static void test_sizes_refused(void **state)
{
	static const u64 sizes[] = { 0, 4096, MIB(2) + 4096, GIB(256), UINT64_MAX };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(init(sizes[i]), -EINVAL);
		vm_ram_free(&ram);
	}
}

/* More than there is, and all but everything: every byte comes back. */
static void test_out_of_memory(void **state)
{
	const u64 before = free_bytes();

	(void)state;
	assert_int_equal(init(HOST_RAM_SIZE), -ENOMEM);
	assert_int_equal(free_bytes(), before);
	assert_int_equal(init(GIB(200)), -ENOMEM);
	assert_int_equal(free_bytes(), before);
	assert_int_equal(init(ALIGN_DOWN(before, BLOCK_SIZE) - MIB(8)), 0);
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
}

/* Stage 2 has no memory for its tables at the nth call. */
static void test_mapping_fails(void **state)
{
	const u64 before = free_bytes();
	paddr_t pa;
	u64 at;
	int attr;

	(void)state;
	/* A block in the way makes several runs. */
	assert_true(block_alloc(1, 1, &pa));
	for (u32 limit = 0; limit < 3; limit++) {
		host_alloc_limit = limit;
		if (!init(MIB(700))) {
			assert_true(limit > 0);
			stage2_unmap(&s2, IPA(GUEST_RAM_BASE), MIB(700));
			vm_ram_free(&ram);
		}
		host_alloc_limit = UINT32_MAX;
		assert_int_equal(free_bytes(), before - BLOCK_SIZE);
		assert_false(host_stage2_lookup(&s2, GUEST_RAM_BASE, &at, &attr));
	}
}

static void test_ptr(void **state)
{
	u64 n;

	(void)state;
	assert_int_equal(init(MIB(8)), 0);
	assert_null(vm_ram_ptr(&ram, GUEST_RAM_BASE - 1, &n));
	assert_null(vm_ram_ptr(&ram, GUEST_RAM_BASE + MIB(8), &n));
	assert_null(vm_ram_ptr(&ram, 0, NULL));
	assert_null(vm_ram_ptr(&ram, UINT64_MAX, NULL));
	assert_non_null(vm_ram_ptr(&ram, GUEST_RAM_BASE + MIB(8) - 1, &n));
	assert_int_equal(n, 1);
	assert_non_null(vm_ram_ptr(&ram, GUEST_RAM_BASE + 3, &n));
	assert_int_equal(n, MIB(8) - 3);
}

/* Each bank is where the map has it, and nothing is between them. */
static void test_banks(void **state)
{
	const struct ram_map map = {
		3, { { 0x80000000, MIB(4) }, { 0x80400000, MIB(2) }, { 0x880000000, MIB(6) } }
	};
	const u64 before = free_bytes();
	u8 out[MIB(3) / 1024], in[sizeof(out)];
	u64 pa, n;
	int attr;

	(void)state;
	assert_int_equal(vm_ram_init(&ram, &s2, &map), 0);
	assert_int_equal(ram.size, MIB(12));
	for (u32 b = 0; b < map.count; b++) {
		for (u64 at = 0; at < map.banks[b].size; at += MIB(1)) {
			const u64 ipa = map.banks[b].base + at;

			assert_true(host_stage2_lookup(&s2, ipa, &pa, &attr));
			assert_int_equal(attr, STAGE2_RAM);
			assert_ptr_equal(vm_ram_ptr(&ram, ipa, &n), phys_to_virt(PADDR(pa)));
			assert_true(n <= map.banks[b].size - at);
		}
	}
	assert_false(host_stage2_lookup(&s2, GUEST_RAM_BASE, &pa, &attr));
	assert_false(host_stage2_lookup(&s2, 0x80600000, &pa, &attr));
	assert_false(host_stage2_lookup(&s2, 0x880600000, &pa, &attr));
	assert_null(vm_ram_ptr(&ram, 0x80600000, &n));
	assert_null(vm_ram_ptr(&ram, 0x87fffffff, &n));
	/* From one bank into the one that follows it at once, but not over a gap. */
	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 5);
	assert_int_equal(vm_ram_write(&ram, 0x80400000 - 100, out, sizeof(out)), 0);
	assert_int_equal(unit_ram_read(&ram, 0x80400000 - 100, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(vm_ram_write(&ram, 0x80600000 - 100, out, 101), -EFAULT);
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
}

static void test_bad_banks(void **state)
{
	static const struct ram_map maps[] = {
		{ 0, { { 0, 0 } } },
		{ 1, { { 0x80100000, MIB(2) } } },
		{ 2, { { 0x80000000, MIB(4) }, { 0x80200000, MIB(2) } } },
		{ 2, { { 0x80000000, MIB(4) }, { 0x40000000, MIB(2) } } },
		{ 1, { { 0, MIB(2) } } },
		{ 1, { { 0x3fe00000, MIB(4) } } },
		{ 1, { { 0x4000000000, GIB(1) } } },
		{ 1, { { UINT64_MAX - MIB(2) + 1, MIB(2) } } },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		assert_int_equal(vm_ram_init(&ram, &s2, &maps[i]), -EINVAL);
}

/* Wherever memory runs out while banks are mapped: nothing stays mapped or taken. */
static void test_banks_without_tables(void **state)
{
	const struct ram_map map = { 2, { { 0x80000000, MIB(300) }, { 0x880000000, MIB(300) } } };
	const u64 before = free_bytes();
	u64 pa;
	int attr;

	(void)state;
	for (u32 limit = 0; limit < 4; limit++) {
		host_alloc_limit = limit;
		if (!vm_ram_init(&ram, &s2, &map)) {
			stage2_unmap(&s2, IPA(0x80000000), MIB(300));
			stage2_unmap(&s2, IPA(0x880000000), MIB(300));
			vm_ram_free(&ram);
		}
		host_alloc_limit = UINT32_MAX;
		assert_int_equal(free_bytes(), before);
		assert_false(host_stage2_lookup(&s2, 0x80000000, &pa, &attr));
		assert_false(host_stage2_lookup(&s2, 0x880000000, &pa, &attr));
	}
}

static void test_read_write(void **state)
{
	u8 out[5000], in[5000];

	(void)state;
	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7);
	assert_int_equal(init(MIB(8)), 0);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE + MIB(2) - 1000, out, sizeof(out)), 0);
	assert_int_equal(unit_ram_read(&ram, GUEST_RAM_BASE + MIB(2) - 1000, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE - 1, out, 2), -EFAULT);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE + MIB(8) - 1, out, 2), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_init_and_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zeroed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_called_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapping_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ptr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_banks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_banks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_banks_without_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_write, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
