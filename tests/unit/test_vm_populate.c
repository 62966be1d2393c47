/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's first access to a block of its RAM: from one vCPU, from two, and without memory. */
#include "unit_boot.h"

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/thread.h>
#include <string.h>
#include <vmm/core.h>

static struct stage2 s2;
static struct vm vm;
static struct vcpu vcpus[2];

static int setup(void **state)
{
	const struct ram_map map = ram_map_default(MIB(8));

	*state = NULL;
	memset(&vm, 0, sizeof(vm));
	wait_queue_init(&vm.state_wq, LOCK_VM_STATE);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(vm_ram_init(&vm.ram, &s2, &map), 0);
	assert_int_equal(vm_ram_reset(&vm.ram, false), 0);
	vcpus[0].vm = &vm;
	vcpus[1].vm = &vm;
	vm.vcpus[0] = &vcpus[0];
	return 0;
}

static int teardown(void **state)
{
	host_zeroing = NULL;
	host_alloc_limit = UINT32_MAX;
	stage2_destroy(&s2);
	vm_ram_free(&vm.ram);
	return unit_end(state);
}

static bool access(struct vcpu *v, u64 ipa)
{
	unsigned long flags = arch_irq_save();
	const bool is_ram = vmm_populate(v, IPA(ipa));

	assert_true(arch_irqs_masked());
	arch_irq_restore(flags);
	return is_ram;
}

static bool mapped(u64 ipa)
{
	u64 pa;

	return host_stage2_lookup(&s2, ipa, &pa, NULL);
}

/* What others left behind. */
static void fill_free_memory(void)
{
	paddr_t pa;

	assert_true(block_reserve(20));
	assert_true(block_alloc(20, 1, &pa));
	for (u32 i = 0; i < 20; i++)
		(void)!block_use(PADDR(pa.pa + i * BLOCK_SIZE));
	memset(phys_to_virt(pa), 0xee, 20 * BLOCK_SIZE);
	block_free(pa, 20);
	block_unreserve(20);
}

static void one_block_comes(void **state)
{
	const u8 *block;

	(void)state;
	fill_free_memory();
	assert_false(access(&vcpus[0], GUEST_RAM_BASE - 1));
	assert_false(access(&vcpus[0], GUEST_RAM_BASE + MIB(8)));
	assert_false(access(&vcpus[0], UINT64_MAX));
	assert_int_equal(vm.ram.present, 0);
	assert_true(access(&vcpus[0], GUEST_RAM_BASE + MIB(8) - 1));
	assert_int_equal(vm.ram.present, 1);
	assert_true(mapped(GUEST_RAM_BASE + MIB(6)));
	assert_false(mapped(GUEST_RAM_BASE + MIB(6) - 1));
	block = vm_ram_ptr(&vm.ram, GUEST_RAM_BASE + MIB(6));
	for (u32 i = 0; i < BLOCK_SIZE; i++)
		assert_int_equal(block[i], 0);
	/* It is there already, as far as another vCPU knows. */
	assert_true(access(&vcpus[1], GUEST_RAM_BASE + MIB(6)));
	assert_int_equal(vm.ram.present, 1);
	assert_int_equal(vm.request, VM_REQ_NONE);
}

/* It cannot happen behind stage2_prepare(). If it did, this VM would stop, and nothing else. */
static void without_tables(void **state)
{
	(void)state;
	memset(s2.prepared, 0, sizeof(s2.prepared));
	host_alloc_limit = 0;
	assert_true(access(&vcpus[0], GUEST_RAM_BASE));
	assert_int_equal(vm.request, VM_REQ_CRASH);
	assert_int_equal(vm.ram.present, 0);
	assert_false(mapped(GUEST_RAM_BASE));
}

/* ---- two at once ---- */

static struct thread threads[2];
static u32 zeroed, back;
static bool other_waited;

static void second(void *arg)
{
	(void)arg;
	assert_true(access(&vcpus[1], GUEST_RAM_BASE + 8));
	assert_true(mapped(GUEST_RAM_BASE));
	back++;
}

static void first(void *arg)
{
	(void)arg;
	assert_true(access(&vcpus[0], GUEST_RAM_BASE));
	back++;
}

static void preempted(void)
{
	zeroed++;
	thread_start(&threads[1]);
	thread_yield();
	other_waited = threads[1].state == THREAD_BLOCKED && !back && !mapped(GUEST_RAM_BASE);
}

static void another_vcpu_waits_for_the_block(void **state)
{
	struct page_stats s;

	(void)state;
	zeroed = back = 0;
	host_zeroing = preempted;
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(thread_create(&threads[i], "vcpu", i ? second : first, NULL, 10,
					       BIT(0)),
				 0);
	thread_start(&threads[0]);
	thread_join(&threads[0]);
	thread_join(&threads[1]);
	assert_int_equal(back, 2);
	assert_int_equal(zeroed, 1);
	assert_true(other_waited);
	assert_int_equal(vm.ram.present, 1);
	page_stats(&s);
	assert_int_equal(s.blocks_reserved, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_block_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(without_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(another_vcpu_waits_for_the_block, setup, teardown),
	};

	unit_boot(1);
	thread_set_priority(thread_current(), 20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
