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

static int init_and_reset(u64 size, bool eager)
{
	const int ret = init(size);

	return ret ? ret : vm_ram_reset(&ram, eager);
}

static void fill(u64 size, u8 byte)
{
	u8 bytes[4096];

	memset(bytes, byte, sizeof(bytes));
	for (u64 done = 0; done < size; done += sizeof(bytes))
		assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE + done, bytes, sizeof(bytes)),
				 0);
}

static bool mapped(u64 ipa)
{
	u64 pa;
	int attr;

	if (!host_stage2_lookup(&s2, ipa, &pa, &attr))
		return false;
	assert_int_equal(attr, STAGE2_RAM);
	assert_ptr_equal(vm_ram_ptr(&ram, ipa), phys_to_virt(PADDR(pa)));
	return true;
}

static u64 mapped_blocks(u64 size)
{
	u64 n = 0;

	for (u64 at = 0; at < size; at += BLOCK_SIZE)
		n += mapped(GUEST_RAM_BASE + at + 5);
	return n;
}

/* What others left behind: more than any of the tests below uses. */
#define LEFT_BLOCKS 40

static void machine_filled(u8 byte)
{
	paddr_t pa;

	assert_true(block_reserve(LEFT_BLOCKS));
	assert_true(block_alloc(LEFT_BLOCKS, 1, &pa));
	for (u32 i = 0; i < LEFT_BLOCKS; i++)
		assert_false(block_use(PADDR(pa.pa + i * BLOCK_SIZE)));
	memset(phys_to_virt(pa), byte, LEFT_BLOCKS * BLOCK_SIZE);
	block_free(pa, LEFT_BLOCKS);
	block_unreserve(LEFT_BLOCKS);
}

static void assert_zeroes(u64 ipa, u64 size)
{
	static const u8 zeroes[64];
	u8 bytes[64];

	/* A part of each page. */
	for (u64 at = 0; at < size; at += PAGE_SIZE) {
		assert_int_equal(unit_ram_read(&ram, ipa + at, bytes, sizeof(bytes)), 0);
		assert_memory_equal(bytes, zeroes, sizeof(bytes));
	}
}

/* It is taken when the VM is created, and comes when it is used. */
static void test_init_and_free(void **state)
{
	const u64 before = free_bytes();

	(void)state;
	assert_int_equal(init_and_reset(MIB(130), false), 0);
	assert_int_equal(ram.nblocks, 65);
	assert_int_equal(free_bytes(), before - MIB(130) - PAGE_SIZE);
	assert_int_equal(host_dcache_bytes, 0);
	assert_int_equal(mapped_blocks(MIB(132)), 0);
	assert_null(vm_ram_ptr(&ram, GUEST_RAM_BASE));
	fill(1, 1);
	assert_int_equal(mapped_blocks(MIB(132)), 1);
	assert_int_equal(ram.present, 1);
	assert_int_equal(host_dcache_bytes, MIB(2) + 4096);
	assert_int_equal(free_bytes(), before - MIB(130) - PAGE_SIZE);
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
	vm_ram_free(&ram); /* of nothing */
	assert_int_equal(free_bytes(), before);
}

static void test_eager(void **state)
{
	const u64 before = free_bytes();

	(void)state;
	machine_filled(0xee);
	assert_int_equal(init_and_reset(MIB(30), true), 0);
	assert_int_equal(mapped_blocks(MIB(32)), 15);
	assert_int_equal(host_dcache_bytes, MIB(30));
	assert_zeroes(GUEST_RAM_BASE, MIB(30));
	fill(MIB(30), 0xee);
	assert_int_equal(vm_ram_reset(&ram, true), 0);
	assert_int_equal(mapped_blocks(MIB(32)), 15);
	assert_zeroes(GUEST_RAM_BASE, MIB(30));
	/* It need not be so for ever. */
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	assert_int_equal(mapped_blocks(MIB(32)), 0);
	fill(MIB(2), 0xee);
	assert_int_equal(vm_ram_reset(&ram, true), 0);
	assert_zeroes(GUEST_RAM_BASE, MIB(30));
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
}

/* 1 GiB in one piece, as far as there is one. */
static void test_eager_large(void **state)
{
	const u64 before = free_bytes();

	(void)state;
	assert_int_equal(init_and_reset(GIB(1) + MIB(4), true), 0);
	assert_int_equal(s2.count, 3);
	assert_int_equal(mapped_blocks(GIB(1) + MIB(8)), 514);
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	assert_int_equal(s2.count, 0);
	assert_int_equal(s2.tlb_flushes, 1);
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
}

/* What others left is gone; what the cleaner has cleared is not cleared once more. */
static void test_zeroed(void **state)
{
	bool done = false;

	(void)state;
	machine_filled(0xee);
	assert_int_equal(init_and_reset(MIB(16), false), 0);
	fill(1, 1); /* one block comes */
	assert_zeroes(GUEST_RAM_BASE + 4096, MIB(2) - 4096);
	fill(MIB(16), 0xee);
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	assert_int_equal(s2.tlb_flushes, 1);
	assert_int_equal(mapped_blocks(MIB(16)), 0);
	assert_zeroes(GUEST_RAM_BASE, MIB(16));
	while (!done)
		assert_true(page_clean_step(&done));
	host_dcache_bytes = 0;
	fill(1, 1);
	assert_int_equal(host_dcache_bytes, 4096); /* the write only */
	assert_zeroes(GUEST_RAM_BASE + 4096, MIB(2) - 4096);
	vm_ram_free(&ram);
	stage2_destroy(&s2);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(init_and_reset(MIB(16), false), 0);
	for (u64 at = 0; at < MIB(16); at += BLOCK_SIZE) {
		assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE + at, "", 1), 0);
		assert_zeroes(GUEST_RAM_BASE + at, BLOCK_SIZE);
	}
}

/* A load that is cancelled ends at the next block. */
static void test_called_off(void **state)
{
	const u64 before = free_bytes();
	u8 byte = 1;

	(void)state;
	assert_int_equal(init(GIB(1) + MIB(16)), 0);
	ram.call_off = true;
	assert_int_equal(vm_ram_reset(&ram, true), -EINTR);
	assert_int_equal(ram.present, 0);
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE, &byte, 1), -EINTR);
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE - 1, &byte, 1), -EFAULT);
	ram.call_off = false;
	assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE, &byte, 1), 0);
	vm_ram_free(&ram);
	assert_int_equal(free_bytes(), before);
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

/* What a failed device may still write to goes to no other VM. */
static void test_kept(void **state)
{
	struct page_stats before, after;

	(void)state;
	page_stats(&before);
	assert_int_equal(init_and_reset(MIB(8), false), 0);
	fill(MIB(4), 1);
	vm_ram_keep(&ram);
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	fill(MIB(8), 2); /* other memory */
	vm_ram_free(&ram);
	page_stats(&after);
	assert_int_equal(before.blocks_free - after.blocks_free, 6);
	assert_int_equal(after.blocks_reserved, before.blocks_reserved);
}

/* All that is free is promised to one VM: it gets it, and no other takes a block of it. */
static void test_no_overcommitment(void **state)
{
	struct vm_ram other;
	const struct ram_map small = ram_map_default(MIB(2));
	struct stage2 others;
	const struct phys_range machine = { { HOST_RAM_BASE }, MIB(64) };
	struct page_stats s;

	(void)state;
	assert_int_equal(host_page_init(&machine, 1, NULL, 0), 0);
	page_stats(&s);
	assert_int_equal(init_and_reset(s.blocks_free * BLOCK_SIZE, false), 0);
	assert_int_equal(stage2_init(&others), 0);
	assert_int_equal(vm_ram_init(&other, &others, &small), -ENOMEM);
	while (page_alloc())
		;
	fill(1, 1);
	for (u64 at = 0; at < ram.size; at += BLOCK_SIZE)
		assert_int_equal(vm_ram_write(&ram, GUEST_RAM_BASE + at, "", 1), 0);
	page_stats(&s);
	assert_int_equal(s.free, 0);
	assert_int_equal(vm_ram_init(&other, &others, &small), -ENOMEM);
	assert_int_equal(vm_ram_reset(&ram, false), 0);
	assert_int_equal(vm_ram_init(&other, &others, &small), -ENOMEM);
	vm_ram_free(&ram);
	assert_int_equal(vm_ram_init(&other, &others, &small), 0);
	vm_ram_free(&other);
	stage2_destroy(&others);
}

/* Stage 2 has no memory for its tables at the nth call: it shows before a guest runs. */
static void test_no_tables(void **state)
{
	const struct ram_map map = { 2, { { 0x80000000, MIB(300) }, { 0x880000000, MIB(300) } } };
	const u64 before = free_bytes();
	int ret[2];

	(void)state;
	for (u32 eager = 0; eager < 2; eager++) {
		for (u32 limit = 0; limit < 3; limit++) {
			assert_int_equal(vm_ram_init(&ram, &s2, &map), 0);
			host_alloc_limit = limit;
			ret[eager] = vm_ram_reset(&ram, eager);
			assert_int_equal(ret[eager], limit < 2 || eager ? -ENOMEM : 0);
			if (!ret[eager])
				assert_int_equal(vm_ram_write(&ram, 0x880000000, "", 1), 0);
			host_alloc_limit = UINT32_MAX;
			assert_int_equal(vm_ram_reset(&ram, eager), 0);
			assert_int_equal(vm_ram_write(&ram, 0x880000000, "", 1), 0);
			stage2_destroy(&s2);
			vm_ram_free(&ram);
			assert_int_equal(free_bytes(), before);
			assert_int_equal(stage2_init(&s2), 0);
		}
	}
}

static void test_ptr(void **state)
{
	u8 *base;

	(void)state;
	assert_int_equal(init_and_reset(MIB(8), true), 0);
	assert_null(vm_ram_ptr(&ram, GUEST_RAM_BASE - 1));
	assert_null(vm_ram_ptr(&ram, GUEST_RAM_BASE + MIB(8)));
	assert_null(vm_ram_ptr(&ram, 0));
	assert_null(vm_ram_ptr(&ram, UINT64_MAX));
	assert_non_null(vm_ram_ptr(&ram, GUEST_RAM_BASE + MIB(8) - 1));
	base = vm_ram_ptr(&ram, GUEST_RAM_BASE);
	assert_ptr_equal(vm_ram_ptr(&ram, GUEST_RAM_BASE + 3), base + 3);
}

/* Each bank is where the map has it, and nothing is between them. */
static void test_banks(void **state)
{
	const struct ram_map map = {
		3, { { 0x80000000, MIB(4) }, { 0x80400000, MIB(2) }, { 0x880000000, MIB(6) } }
	};
	const u64 before = free_bytes();
	u8 out[MIB(3) / 1024], in[sizeof(out)];
	u64 pa;
	int attr;

	(void)state;
	assert_int_equal(vm_ram_init(&ram, &s2, &map), 0);
	assert_int_equal(vm_ram_reset(&ram, true), 0);
	assert_int_equal(ram.size, MIB(12));
	for (u32 b = 0; b < map.count; b++) {
		for (u64 at = 0; at < map.banks[b].size; at += MIB(1)) {
			const u64 ipa = map.banks[b].base + at;

			assert_true(host_stage2_lookup(&s2, ipa, &pa, &attr));
			assert_int_equal(attr, STAGE2_RAM);
			assert_ptr_equal(vm_ram_ptr(&ram, ipa), phys_to_virt(PADDR(pa)));
		}
	}
	assert_false(host_stage2_lookup(&s2, GUEST_RAM_BASE, &pa, &attr));
	assert_false(host_stage2_lookup(&s2, 0x80600000, &pa, &attr));
	assert_false(host_stage2_lookup(&s2, 0x880600000, &pa, &attr));
	assert_null(vm_ram_ptr(&ram, 0x80600000));
	assert_null(vm_ram_ptr(&ram, 0x87fffffff));
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

static void test_read_write(void **state)
{
	u8 out[5000], in[5000];

	(void)state;
	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7);
	assert_int_equal(init_and_reset(MIB(8), false), 0);
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
		cmocka_unit_test_setup_teardown(test_eager, setup, teardown),
		cmocka_unit_test_setup_teardown(test_eager_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zeroed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_called_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_overcommitment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ptr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_banks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_banks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_write, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
