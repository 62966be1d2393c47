/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle says nothing of VMs that are in order, and names what is not. */
#include "unit_boot.h"
#include "unit_panic.h"

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/percpu.h>
#include <kernel/thread.h>
#include <string.h>
#include <vmm/core.h>
#include <vmm/oracle.h>

#define BASE GUEST_RAM_BASE

static struct vm vms[2];
static struct vcpu vcpus[2];

static void bring(u32 n, u64 ipa)
{
	unsigned long flags = arch_irq_save();

	assert_true(vmm_populate(&vcpus[n], IPA(ipa)));
	arch_irq_restore(flags);
}

static void make(u32 n)
{
	struct vm *vm = &vms[n];

	memset(vm, 0, sizeof(*vm));
	vm->id = n;
	vm->name[0] = (char)('a' + n);
	vm->state = VM_RUNNING;
	vm->desc.ram = ram_map_default(4 * BLOCK_SIZE);
	wait_queue_init(&vm->state_wq, LOCK_VM_STATE);
	assert_int_equal(stage2_init(&vm->s2), 0);
	assert_int_equal(vm_ram_init(&vm->ram, &vm->s2, &vm->desc.ram), 0);
	assert_int_equal(vm_ram_reset(&vm->ram, false), 0);
	vm->pvtime = page_alloc();
	assert_int_equal(stage2_map(&vm->s2, IPA(GUEST_PVTIME_BASE), virt_to_phys(vm->pvtime),
				    PAGE_SIZE, STAGE2_ROM),
			 0);
	vcpus[n].vm = vm;
	vcpus[n].cpu = 1;
	vm->vcpus[0] = &vcpus[n];
	vm->nvcpus = 1;
	bring(n, BASE);
	bring(n, BASE + 2 * BLOCK_SIZE);
	vm_enter(vm);
}

static int setup(void **state)
{
	*state = NULL;
	vms_init();
	for (u32 n = 0; n < 2; n++)
		make(n);
	unit_panic_message[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	for (u32 n = 0; n < 2; n++) {
		stage2_destroy(&vms[n].s2);
		vm_ram_free(&vms[n].ram);
		page_free(vms[n].pvtime);
		(void)vm_leave(&vms[n]);
	}
	return unit_end(state);
}

static void ask(void *arg)
{
	(void)arg;
	oracle_vms();
}

/* The oracle complains, with this in its message. */
static void complains(const char *what)
{
	assert_true(host_halts(ask, NULL));
	assert_non_null(strstr(unit_panic_message, what));
	lock_check_forget();
	arch_irq_enable();
}

static u64 block_of(u32 n, u64 ipa)
{
	struct stage2_look l;

	stage2_look(&vms[n].s2, IPA(ipa), &l);
	assert_true(l.mapped);
	return l.pa;
}

static void all_is_right(void **state)
{
	(void)state;
	oracle_vms();
	bring(0, BASE + BLOCK_SIZE);
	vms[0].state = VM_LOADING;
	oracle_vms();
	assert_string_equal(unit_panic_message, "");
}

static void a_page_too_much(void **state)
{
	(void)state;
	assert_int_equal(stage2_map(&vms[1].s2, IPA(0x0b000000), virt_to_phys(vms[1].pvtime),
				    PAGE_SIZE, STAGE2_DATA),
			 0);
	complains("vm 'b': 0xb000000 leads to");
}

static void a_page_of_the_wrong_kind(void **state)
{
	(void)state;
	stage2_unmap(&vms[0].s2, IPA(GUEST_PVTIME_BASE), PAGE_SIZE);
	complains("vm 'a': 0x90a0000 leads to 0 (mapped 0,");
	assert_int_equal(stage2_map(&vms[0].s2, IPA(GUEST_PVTIME_BASE), virt_to_phys(vms[0].pvtime),
				    PAGE_SIZE, STAGE2_DATA),
			 0);
	complains("vm 'a': 0x90a0000 leads to");
}

/* Flash may show any page but one that a guest can write to. */
static void flash_is_never_written(void **state)
{
	(void)state;
	assert_int_equal(stage2_map(&vms[0].s2, IPA(GUEST_FLASH1_BASE), virt_to_phys(vms[0].pvtime),
				    PAGE_SIZE, STAGE2_ROM),
			 0);
	oracle_vms();
	stage2_unmap(&vms[0].s2, IPA(GUEST_FLASH1_BASE), PAGE_SIZE);
	assert_int_equal(stage2_map(&vms[0].s2, IPA(GUEST_FLASH1_BASE), virt_to_phys(vms[0].pvtime),
				    PAGE_SIZE, STAGE2_DATA),
			 0);
	complains("vm 'a': 0x4000000 leads to");
}

static void another_ones_ram_as_flash(void **state)
{
	(void)state;
	assert_int_equal(stage2_map(&vms[1].s2, IPA(GUEST_FLASH1_BASE),
				    PADDR(block_of(0, BASE) + PAGE_SIZE), PAGE_SIZE, STAGE2_ROM),
			 0);
	complains("which is RAM of a VM");
}

static void ram_is_not_mapped(void **state)
{
	(void)state;
	stage2_unmap(&vms[0].s2, IPA(BASE), BLOCK_SIZE);
	complains("oracle: RAM at 0x40000000 is block");
}

static void ram_that_never_came(void **state)
{
	(void)state;
	assert_int_equal(stage2_map(&vms[0].s2, IPA(BASE + BLOCK_SIZE), PADDR(block_of(0, BASE)),
				    BLOCK_SIZE, STAGE2_RAM),
			 0);
	complains("oracle: RAM at 0x40200000 is block 0, but mapped to");
}

static void two_owners(void **state)
{
	struct vm_ram *ram = &vms[1].ram;
	const paddr_t before = ram->blocks[0];

	(void)state;
	ram->blocks[0] = vms[0].ram.blocks[0];
	stage2_unmap(&vms[1].s2, IPA(BASE), BLOCK_SIZE);
	assert_int_equal(stage2_map(&vms[1].s2, IPA(BASE), ram->blocks[0], BLOCK_SIZE, STAGE2_RAM),
			 0);
	complains("has 2 owners");
	ram->blocks[0] = before;
}

static void budgets_of_more_than_a_cpu(void **state)
{
	(void)state;
	for (u32 n = 0; n < 2; n++) {
		vms[n].desc.budget_us = 500;
		vms[n].desc.period_us = 1000;
	}
	oracle_vms();
	vms[1].desc.budget_us = 501;
	complains("oracle: budgets take 1001000 millionths of cpu 1");
}

static void a_run_queue(void **state)
{
	(void)state;
	this_cpu()->rq.ready |= BIT(63 - 40);
	complains("oracle: cpu 0, queue 40: the bitmap says that it is not empty");
	this_cpu()->rq.ready &= ~BIT(63 - 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_right, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_too_much, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_of_the_wrong_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(flash_is_never_written, setup, teardown),
		cmocka_unit_test_setup_teardown(another_ones_ram_as_flash, setup, teardown),
		cmocka_unit_test_setup_teardown(ram_is_not_mapped, setup, teardown),
		cmocka_unit_test_setup_teardown(ram_that_never_came, setup, teardown),
		cmocka_unit_test_setup_teardown(two_owners, setup, teardown),
		cmocka_unit_test_setup_teardown(budgets_of_more_than_a_cpu, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_queue, setup, teardown),
	};

	unit_boot(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
