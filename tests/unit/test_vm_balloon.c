/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a guest gives back: which blocks return, what stays reserved, what comes again. */
#include "unit_boot.h"

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/core.h>

#include "unit_ram.h"

#define BASE   GUEST_RAM_BASE
#define BLOCKS 8
#define SIZE   (BLOCKS * BLOCK_SIZE)

static struct stage2 s2;
static struct vm vm;
static struct vcpu vcpu;
static struct vm_ram *const ram = &vm.ram;
static u64 before;

static u64 free_bytes(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

static int setup(void **state)
{
	const struct ram_map map = ram_map_default(SIZE);

	*state = NULL;
	before = free_bytes();
	memset(&vm, 0, sizeof(vm));
	wait_queue_init(&vm.state_wq, LOCK_VM_STATE);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(vm_ram_init(ram, &s2, &map), 0);
	assert_int_equal(vm_ram_balloon_init(ram), 0);
	assert_int_equal(vm_ram_reset(ram, false), 0);
	vcpu.vm = &vm;
	vm.vcpus[0] = &vcpu;
	return 0;
}

static int teardown(void **state)
{
	stage2_destroy(&s2);
	vm_ram_free(ram);
	assert_int_equal(free_bytes(), before);
	return unit_end(state);
}

/* What the VM does not take from the machine any more. */
static u64 returned(void)
{
	const u64 tables =
		vm_ram_balloon_bytes(ram) + ALIGN_UP(BLOCKS * sizeof(paddr_t), PAGE_SIZE);

	return (free_bytes() + SIZE + tables - before) / BLOCK_SIZE;
}

static bool touch(u64 ipa)
{
	unsigned long flags = arch_irq_save();
	const bool came = vmm_populate(&vcpu, IPA(ipa));

	arch_irq_restore(flags);
	return came;
}

static bool mapped(u64 ipa)
{
	u64 pa;

	return host_stage2_lookup(&s2, ipa, &pa, NULL);
}

/* All pages of a block, those from `first` on. True: it has returned or was on its way. */
static bool give(u32 block, u32 first)
{
	const u64 ipa = BASE + block * BLOCK_SIZE;
	struct ram_leaving l;
	bool full = false, now;

	for (u32 i = first; i < VM_BLOCK_PAGES; i++) {
		assert_true(vm_ram_inflate(ram, ipa + i * PAGE_SIZE, &now));
		full |= now;
	}
	if (!full || !vm_ram_leave(ram, ipa, &l))
		return full;
	assert_false(mapped(ipa));
	assert_null(vm_ram_ptr(ram, ipa));
	vm_ram_left(ram, &l, 1);
	return true;
}

static void whole_blocks_return(void **state)
{
	const u32 flushes = s2.tlb_flushes;
	const char secret[] = "secret";
	char bytes[sizeof(secret)] = "";

	(void)state;
	assert_int_equal(vm_ram_set_target(ram, SIZE - 2 * BLOCK_SIZE), 0);
	assert_int_equal(vm_ram_write(ram, BASE, secret, sizeof(secret)), 0);
	assert_false(give(0, 1));
	assert_true(mapped(BASE));
	assert_int_equal(returned(), 0);
	assert_true(give(0, 0));
	assert_int_equal(s2.tlb_flushes, flushes + 1);
	assert_int_equal(returned(), 1);
	assert_int_equal(ram->present, 0);
	/* One that has never come. */
	assert_true(give(3, 0));
	assert_int_equal(s2.tlb_flushes, flushes + 1);
	assert_int_equal(returned(), 2);
	/* Twice the same is once; more than is wanted stays reserved. */
	assert_false(give(3, 0));
	assert_true(give(4, 0));
	assert_int_equal(returned(), 2);
	assert_int_equal(ram->given, 3);
	assert_int_equal(ram->ballooned, 3 * VM_BLOCK_PAGES);
	/* What comes again is zero. */
	assert_int_equal(vm_ram_deflate(ram, BASE), 0);
	assert_int_equal(returned(), 2);
	assert_true(touch(BASE));
	assert_int_equal(unit_ram_read(ram, BASE, bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes[0], 0);
	assert_int_equal(ram->untold, 0);
}

static void not_ram(void **state)
{
	bool full = true;

	(void)state;
	assert_false(vm_ram_inflate(ram, BASE - PAGE_SIZE, &full));
	assert_false(full);
	assert_false(vm_ram_inflate(ram, BASE + SIZE, &full));
	assert_false(vm_ram_inflate(ram, (u64)UINT32_MAX << 12, &full));
	assert_int_equal(vm_ram_deflate(ram, BASE + SIZE), -EFAULT);
	assert_int_equal(vm_ram_deflate(ram, BASE), 0); /* it was never given */
	assert_int_equal(ram->ballooned, 0);
}

/* Another VM takes all that is free, less `left` blocks. */
static u64 take_all(u64 left)
{
	struct page_stats s;

	page_stats(&s);
	assert_true(block_reserve(s.blocks_free - left));
	return s.blocks_free - left;
}

static void what_is_left_to_it_is_reserved(void **state)
{
	u64 taken;

	(void)state;
	assert_int_equal(vm_ram_set_target(ram, SIZE / 2), 0);
	for (u32 i = 0; i < BLOCKS; i++)
		assert_true(give(i, 0));
	assert_int_equal(returned(), BLOCKS / 2);
	taken = take_all(1);
	/* More than there is: nothing changes. */
	assert_int_equal(vm_ram_set_target(ram, SIZE / 2 + 2 * BLOCK_SIZE), -ENOMEM);
	assert_int_equal(ram->target, BLOCKS / 2);
	assert_int_equal(vm_ram_set_target(ram, SIZE / 2 + BLOCK_SIZE), 0);
	for (u32 i = 0; i < BLOCKS / 2 + 1; i++)
		assert_int_equal(vm_ram_deflate(ram, BASE + i * BLOCK_SIZE), 0);
	/* Further ones wait for memory; accesses without a word are refused. */
	assert_int_equal(vm_ram_deflate(ram, BASE + 5 * BLOCK_SIZE), -ENOMEM);
	assert_false(touch(BASE + 6 * BLOCK_SIZE));
	assert_int_equal(ram->refused, 1);
	for (u32 i = 0; i < BLOCKS / 2 + 1; i++)
		assert_true(touch(BASE + i * BLOCK_SIZE));
	assert_int_equal(vm.request, VM_REQ_NONE);
	block_unreserve(taken);
	assert_int_equal(vm_ram_deflate(ram, BASE + 5 * BLOCK_SIZE), 0);
	assert_true(touch(BASE + 6 * BLOCK_SIZE));
	assert_int_equal(ram->untold, 1);
	assert_int_equal(ram->allowed, 7);
}

/* The machine keeps 16 MiB, whatever guests want back. */
static void the_machine_keeps_some(void **state)
{
	u64 taken;

	(void)state;
	assert_int_equal(vm_ram_set_target(ram, BLOCK_SIZE), 0);
	assert_true(give(0, 0) && give(1, 0));
	taken = take_all(8);
	assert_int_equal(vm_ram_deflate(ram, BASE), -ENOMEM);
	block_unreserve(1);
	assert_int_equal(vm_ram_deflate(ram, BASE), 0);
	assert_int_equal(vm_ram_deflate(ram, BASE + BLOCK_SIZE), -ENOMEM);
	block_unreserve(taken - 1);
}

static void a_driver_forgets(void **state)
{
	(void)state;
	assert_int_equal(vm_ram_set_target(ram, BLOCK_SIZE), 0);
	assert_true(touch(BASE));
	assert_true(give(0, 0) && give(1, 0));
	assert_false(give(2, 5));
	vm_ram_forget(ram);
	assert_int_equal(ram->ballooned, 0);
	assert_int_equal(ram->given, 0);
	for (u32 i = 0; i < BLOCKS; i++)
		assert_true(touch(BASE + i * BLOCK_SIZE));
	assert_int_equal(ram->untold, 0);
	assert_int_equal(returned(), 0);
}

static void a_reset_reserves_all(void **state)
{
	u64 taken;

	(void)state;
	assert_int_equal(vm_ram_set_target(ram, BLOCK_SIZE), 0);
	assert_true(touch(BASE + 7 * BLOCK_SIZE));
	for (u32 i = 0; i < 4; i++)
		assert_true(give(i, 0));
	assert_int_equal(returned(), 4);
	assert_int_equal(vm_ram_reset(ram, false), 0);
	assert_int_equal(returned(), 0);
	/* If the machine does not have it, it begins with less, and gets more later. */
	for (u32 i = 0; i < 4; i++)
		assert_true(give(i, 0));
	taken = take_all(1);
	assert_int_equal(vm_ram_reset(ram, false), 0);
	assert_int_equal(ram->allowed, 5);
	for (u32 i = 0; i < 5; i++)
		assert_true(touch(BASE + i * BLOCK_SIZE));
	assert_false(touch(BASE + 5 * BLOCK_SIZE));
	block_unreserve(taken);
	assert_true(touch(BASE + 5 * BLOCK_SIZE));
	assert_int_equal(ram->allowed, 6);
}

/* ---- a guest and an operator without a plan ---- */

static u64 seed = 0x9e3779b97f4a7c15;

static u32 below(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 32) % n;
}

/* The counters and the machine agree with the tables; blocks that returned are mapped nowhere. */
static void check(u64 taken)
{
	u64 given = 0, present = 0, pages = 0;
	struct page_stats s;

	for (u32 i = 0; i < BLOCKS; i++) {
		const u64 pa = ram->blocks[i].pa;

		given += pa == VM_BLOCK_GIVEN;
		present += pa > VM_BLOCK_GIVEN;
		assert_int_not_equal(pa, VM_BLOCK_COMING);
		assert_int_equal(mapped(BASE + i * BLOCK_SIZE), pa > VM_BLOCK_GIVEN);
		for (u32 word = 0; word < VM_BLOCK_PAGES / 64; word++)
			pages += (u64)__builtin_popcountll(ram->pages[i][word]);
	}
	assert_int_equal(ram->given, given);
	assert_int_equal(ram->present, present);
	assert_int_equal(ram->held, present);
	assert_int_equal(ram->ballooned, pages);
	assert_in_range(ram->allowed, MAX(present, ram->target), BLOCKS);
	page_stats(&s);
	assert_int_equal(s.blocks_reserved, taken + ram->allowed - present);
}

static void random_step(u64 *taken)
{
	const u32 block = below(BLOCKS);
	const u64 ipa = BASE + block * BLOCK_SIZE + below(3) * PAGE_SIZE;
	struct page_stats s;

	switch (below(16)) {
	case 0:
		if (below(4))
			break;
		vm_ram_forget(ram);
		break;
	case 1:
		if (!below(4))
			assert_int_equal(vm_ram_reset(ram, false), 0);
		break;
	case 2:
		block_unreserve(*taken);
		page_stats(&s);
		*taken = below(2) ? s.blocks_free - below((u32)MIN(s.blocks_free, 12UL) + 1) : 0;
		assert_true(block_reserve(*taken));
		break;
	case 3:
		(void)!vm_ram_set_target(ram, (1 + below(BLOCKS)) * BLOCK_SIZE);
		break;
	case 4:
	case 5:
	case 6:
		(void)give(block, 3 * below(2));
		break;
	case 7:
	case 8:
		(void)!vm_ram_deflate(ram, ipa);
		break;
	default:
		if (touch(ipa))
			*(u64 *)vm_ram_ptr(ram, ipa) = 1;
		else
			assert_int_not_equal(*taken, 0);
		break;
	}
}

static void anything_in_any_order(void **state)
{
	u64 taken = 0;

	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		random_step(&taken);
		check(taken);
	}
	assert_true(ram->untold && ram->refused);
	block_unreserve(taken);
}

/* ---- while another vCPU uses the block ---- */

static struct thread threads[2];
static u32 order;

static void bring(void *arg)
{
	(void)arg;
	assert_true(touch(BASE));
	assert_int_equal(order, 1);
	order = 2;
}

static void leave(void *arg)
{
	struct ram_leaving l;
	bool full;

	(void)arg;
	assert_true(vm_ram_leave(ram, BASE, &l));
	assert_true(vm_ram_inflate(ram, BASE, &full) && !full); /* once more, on its way */
	thread_start(&threads[1]);
	thread_yield();
	order = 1;
	vm_ram_left(ram, &l, 1);
}

static void an_access_waits_until_the_block_has_left(void **state)
{
	bool full;

	(void)state;
	assert_true(touch(BASE));
	for (u32 i = 0; i < VM_BLOCK_PAGES; i++)
		assert_true(vm_ram_inflate(ram, BASE + i * PAGE_SIZE, &full));
	order = 0;
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(
			thread_create(&threads[i], "vcpu", i ? bring : leave, NULL, 10, BIT(0)), 0);
	thread_start(&threads[0]);
	thread_join(&threads[0]);
	thread_join(&threads[1]);
	assert_int_equal(order, 2);
	assert_true(mapped(BASE));
	assert_int_equal(ram->present, 1);
	assert_int_equal(ram->untold, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(whole_blocks_return),
		TEST(not_ram),
		TEST(what_is_left_to_it_is_reserved),
		TEST(the_machine_keeps_some),
		TEST(a_driver_forgets),
		TEST(a_reset_reserves_all),
		TEST(anything_in_any_order),
		TEST(an_access_waits_until_the_block_has_left),
	};

	unit_boot(1);
	thread_set_priority(thread_current(), 20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
