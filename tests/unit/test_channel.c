/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: doorbells and interrupts, states, and how long the memory lives. */
#include "pci_fixture.h"

#include <string.h>

#define CONTROL  0x08
#define DOORBELL 0x0c
#define STATE    0x10

#define INTX_OFF 0x406
#define INTX_ON  0x006
#define STATUS_3 0x00080000

static u64 at[PEERS]; /* registers of each */

static int setup(void **state)
{
	pci_setup(state);
	for (u32 n = 0; n < PEERS; n++) {
		assert_int_equal(guest_make(n, 1), 0);
		guest_set(n, VM_RUNNING);
		guest_enable(n, 1);
		at[n] = registers(n, 1);
	}
	return 0;
}

static void reg(u32 n, u32 offset, u32 value)
{
	store(n, at[n] + offset, 4, value);
}

static void ring(u32 from, u32 to)
{
	reg(from, DOORBELL, to << 16);
}

static bool latched(u32 n)
{
	return config(n, 1, 4) & STATUS_3;
}

static u32 took(u32 n)
{
	const u32 count = guests[n].pended;

	guests[n].pended = 0;
	return count;
}

/* The state table as another peer sees it. */
static u32 shown(u32 n)
{
	return channel_look(channel_next(NULL), n).shown;
}

static u32 in_table(u32 reader, u32 n)
{
	u64 pa;

	assert_true(host_stage2_lookup(&guests[reader].vm.s2, memory(reader, 1), &pa, NULL));
	return ((const u32 *)phys_to_virt(PADDR(pa)))[n];
}

static void test_registers(void **state)
{
	u64 value = 0;

	(void)state;
	for (u32 n = 0; n < PEERS; n++) {
		assert_int_equal(load(n, at[n], 4), n);
		assert_int_equal(load(n, at[n] + 4, 4), PEERS);
		assert_int_equal(load(n, at[n] + CONTROL, 4), 0);
		assert_int_equal(load(n, at[n] + STATE, 4), 0);
	}
	reg(0, 0, 5);
	reg(0, 4, 5);
	assert_int_equal(load(0, at[0], 4), 0);
	assert_int_equal(load(0, at[0] + 4, 4), PEERS);
	reg(0, CONTROL, 0xfffffffe);
	assert_int_equal(load(0, at[0] + CONTROL, 4), 0);
	reg(0, CONTROL, 0xffffffff);
	assert_int_equal(load(0, at[0] + CONTROL, 4), 1);
	/* Elsewhere there is nothing; only words are accessed. */
	reg(0, 0x14, ~0U);
	assert_int_equal(load(0, at[0] + 0x14, 4), 0);
	assert_int_equal(load(0, at[0] + 0xffc, 4), 0);
	assert_int_equal(guest_access(0, at[0], 1, false, &value), MMIO_FAULT);
	assert_int_equal(guest_access(0, at[0], 8, false, &value), MMIO_FAULT);
}

/* A driver that acknowledges nothing, as Zephyr's: each doorbell is one interrupt. */
static void test_doorbell(void **state)
{
	(void)state;
	reg(1, CONTROL, 1);
	for (u32 i = 0; i < 3; i++) {
		ring(0, 1);
		assert_int_equal(took(1), 1);
		assert_true(latched(1));
	}
	assert_int_equal(guests[1].intid, 36); /* INTA of device 1 */
	assert_int_equal(took(0) + took(2), 0);
	/* Vectors and targets that there are not. */
	reg(0, DOORBELL, 1 << 16 | 1);
	ring(0, PEERS);
	ring(0, 0xffff);
	assert_int_equal(took(1), 0);
	/* To itself. */
	ring(1, 1);
	assert_int_equal(took(1), 1);
}

/* One that comes while IntControl is off is delivered once when it is turned on. */
static void test_enable(void **state)
{
	(void)state;
	ring(0, 1);
	ring(2, 1);
	assert_int_equal(took(1), 0);
	assert_true(latched(1));
	reg(1, CONTROL, 1);
	assert_int_equal(took(1), 1);
	reg(1, CONTROL, 0);
	reg(1, CONTROL, 1);
	assert_int_equal(took(1), 0);
}

/* A driver that masks INTx in its handler, as uio_pci_generic, and unmasks it when it is read. */
static void test_command(void **state)
{
	(void)state;
	reg(1, CONTROL, 1);
	ring(0, 1);
	assert_int_equal(took(1), 1);
	assert_true(latched(1));
	set_config(1, 1, 4, INTX_OFF);
	assert_false(latched(1));
	set_config(1, 1, 4, INTX_ON);
	assert_int_equal(took(1), 0);
	set_config(1, 1, 4, INTX_OFF);
	ring(0, 1);
	ring(0, 1);
	assert_int_equal(took(1), 0);
	assert_true(latched(1));
	store(1, ECAM + 0x8005, 1, 0); /* the high byte of Command alone */
	assert_int_equal(took(1), 1);
	assert_true(latched(1));
	/* Disabling it again takes it back; a second disabling changes nothing. */
	set_config(1, 1, 4, INTX_OFF);
	ring(0, 1);
	set_config(1, 1, 4, INTX_OFF);
	assert_true(latched(1));
}

static void test_one_shot(void **state)
{
	(void)state;
	store(1, ECAM + 0x8043, 1, 1);
	reg(1, CONTROL, 1);
	ring(0, 1);
	assert_int_equal(took(1), 1);
	assert_int_equal(load(1, at[1] + CONTROL, 4), 0);
	ring(0, 1);
	ring(0, 1);
	assert_int_equal(took(1), 0);
	reg(1, CONTROL, 1);
	assert_int_equal(took(1), 1);
	assert_int_equal(load(1, at[1] + CONTROL, 4), 0);
	reg(1, CONTROL, 1);
	assert_int_equal(took(1), 0);
	assert_int_equal(load(1, at[1] + CONTROL, 4), 1);
}

static void enable_all(void)
{
	for (u32 n = 0; n < PEERS; n++)
		reg(n, CONTROL, 1);
}

static void test_state(void **state)
{
	(void)state;
	enable_all();
	reg(0, STATE, 7);
	assert_int_equal(in_table(1, 0), 7);
	assert_int_equal(in_table(2, 0), 7);
	/* The others are told on the way back into the guest, one at a time. */
	assert_int_equal(took(1) + took(2), 0);
	guest_work(0);
	assert_int_equal(pci_opened, PEERS - 1);
	assert_int_equal(took(0), 0);
	assert_int_equal(took(1), 1);
	assert_int_equal(took(2), 1);
	/* The same value again is no change. */
	reg(0, STATE, 7);
	guest_work(0);
	assert_int_equal(took(1) + took(2), 0);
	assert_int_equal(load(0, at[0] + STATE, 4), 7);
}

/* Whatever ends a peer, its state is 0 and the others are interrupted, once. */
static void test_ends(void **state)
{
	static const enum vm_state ends[] = { VM_STOPPED, VM_CRASHED, VM_LOADING, VM_PAUSED };

	(void)state;
	enable_all();
	for (u32 i = 0; i < ARRAY_SIZE(ends); i++) {
		reg(0, STATE, 3);
		guest_work(0);
		assert_int_equal(took(1) + took(2), 2);
		guest_set(0, ends[i]);
		assert_int_equal(in_table(1, 0), 0);
		assert_int_equal(took(1), 1);
		assert_int_equal(took(2), 1);
		if (ends[i] == VM_PAUSED)
			break;
		ivshmem_class.reset(&guests[0].functions[0]);
		guest_set(0, VM_RUNNING);
		assert_int_equal(took(1) + took(2), 0);
		assert_int_equal(load(0, at[0] + STATE, 4), 0);
		reg(0, CONTROL, 1);
	}
	/* A paused one still has its state, and events wait for it in its interrupt controller. */
	ring(1, 0);
	assert_int_equal(took(0), 1);
	guest_set(0, VM_RUNNING);
	assert_int_equal(in_table(1, 0), 3);
	assert_int_equal(took(1) + took(2), 2);
}

static void test_not_running(void **state)
{
	(void)state;
	enable_all();
	guest_set(1, VM_STOPPED);
	ring(0, 1);
	assert_int_equal(took(1), 0);
	guest_set(1, VM_RUNNING);
	assert_false(latched(1));
	/* One that is deleted, and one that was not created yet. */
	guest_unmake(1);
	ring(0, 1);
	assert_int_equal(shown(1), 0);
	assert_null(channel_look(channel_next(NULL), 1).vm);
	assert_int_equal(guest_make(1, 1), 0);
	assert_ptr_equal(channel_look(channel_next(NULL), 1).vm, &guests[1].vm);
}

/* The memory stays over the reset and the deletion of some, and is zero for the next ones. */
static void test_memory(void **state)
{
	u64 pa;

	(void)state;
	reg(0, STATE, 9);
	assert_true(host_stage2_lookup(&guests[1].vm.s2, memory(1, 1) + KIB(4), &pa, NULL));
	memset(phys_to_virt(PADDR(pa)), 0x5a, KIB(16));
	ivshmem_class.reset(&guests[0].functions[0]);
	guest_unmake(0);
	guest_unmake(1);
	assert_int_equal(in_table(2, 0), 0);
	assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), 0x5a);
	guest_unmake(2);
	assert_null(channel_next(NULL));
	assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), 0);
}

static void test_reset(void **state)
{
	(void)state;
	reg(1, CONTROL, 1);
	ring(0, 1);
	set_config(1, 1, 4, INTX_OFF);
	ring(0, 1);
	assert_true(latched(1));
	pci_class.reset(&guests[1].host);
	ivshmem_class.reset(&guests[1].functions[0]);
	assert_false(latched(1));
	assert_int_equal(config(1, 1, 4), 0x00100000);
	guest_enable(1, 1);
	assert_int_equal(load(1, at[1] + CONTROL, 4), 0);
}

int main(void)
{
#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, pci_teardown)
	const struct CMUnitTest tests[] = {
		test(test_registers), test(test_doorbell),    test(test_enable),
		test(test_command),   test(test_one_shot),    test(test_state),
		test(test_ends),      test(test_not_running), test(test_memory),
		test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
