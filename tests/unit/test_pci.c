/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus of a VM: configuration space, where BARs are decoded, and stage 2 behind them. */
#include "pci_fixture.h"

#include <lib/errno.h>
#include <string.h>

#define COMMAND 0x04
#define BAR0    0x10
#define BAR2    0x18
#define CAP     0x40

static bool is_seen(u32 n, u64 ipa)
{
	u64 pa;

	return host_stage2_lookup(&guests[n].vm.s2, ipa, &pa, NULL);
}

static void test_absent_functions(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	assert_int_equal(config(0, 2, 0), 0xffffffff);
	assert_int_equal(config(0, 31, 0), 0xffffffff);
	assert_int_equal(load(0, ECAM + 0x8000 + 0x1000, 4), 0xffffffff); /* 1.1 */
	assert_int_equal(load(0, ECAM + MIB(1) + 0x8000, 2), 0xffff);     /* bus 1 */
	assert_int_equal(load(0, ECAM + MIB(256) - 1, 1), 0xff);
	store(0, ECAM + 2 * 0x8000, 4, 0); /* no effect */
	assert_int_equal(load(0, GUEST_PCI_WINDOW, 4), 0xffffffff);
	assert_int_equal(load(0, GUEST_PCI_WINDOW_64 + GIB(300), 8), ~0ULL);
}

/* Zephyr takes a device 0 of all ones for a host with several buses, and finds none of them. */
static void test_bridge(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	for (u32 reg = 0; reg < 0x1000; reg += 4)
		set_config(0, 0, reg, 0xffffffff);
	assert_int_equal(config(0, 0, 0x00), 0x00081b36);
	assert_int_equal(config(0, 0, 0x08), 0x06000000);
	for (u32 reg = 0x0c; reg < 0x1000; reg += 4)
		assert_int_equal(config(0, 0, reg), 0);
	assert_int_equal(load(0, ECAM + 0x0b, 1), 0x06);
	assert_int_equal(load(0, ECAM + 0x1000, 4), 0xffffffff); /* 0.1 */
}

static void test_header(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	assert_int_equal(config(0, 1, 0x00), 0x4106110a);
	assert_int_equal(config(0, 1, 0x04), 0x00100000);
	assert_int_equal(config(0, 1, 0x08), 0xff400100); /* class, protocol, revision */
	assert_int_equal(config(0, 1, 0x0c), 0);
	assert_int_equal(config(0, 1, 0x14), 0); /* BAR 1 would be taken for MSI-X */
	assert_int_equal(config(0, 1, 0x20), 0);
	assert_int_equal(config(0, 1, 0x24), 0);
	assert_int_equal(config(0, 1, 0x2c), 0x4106110a);
	assert_int_equal(config(0, 1, 0x30), 0); /* no ROM */
	assert_int_equal(config(0, 1, 0x34), CAP);
	assert_int_equal(config(0, 1, 0x3c), 0x0100); /* INTA */
	assert_int_equal(config(0, 1, CAP), 0x00200009);
	assert_int_equal(config(0, 1, CAP + 4), 0x1000);
	assert_int_equal(config(0, 1, CAP + 8), 0x4000);
	assert_int_equal(config(0, 1, CAP + 12), 0);
	assert_int_equal(config(0, 1, CAP + 16), 0x2000);
	assert_int_equal(config(0, 1, CAP + 20), 0);
	assert_int_equal(config(0, 1, CAP + 24), memory(0, 1));
	assert_int_equal(config(0, 1, 0x60), 0);
	assert_int_equal(config(0, 1, 0x100), 0); /* no extended capability */
	assert_int_equal(config(0, 1, 0xffc), 0);
	/* Bytes and halves. */
	assert_int_equal(load(0, ECAM + 0x8002, 2), 0x4106);
	assert_int_equal(load(0, ECAM + 0x803d, 1), 1);
}

static void test_widths(void **state)
{
	u64 value = 0;

	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	assert_int_equal(guest_access(0, ECAM + 0x8000, 8, false, &value), MMIO_FAULT);
	assert_int_equal(guest_access(0, ECAM + 0x8001, 2, false, &value), MMIO_FAULT);
	assert_int_equal(guest_access(0, ECAM + 0x8002, 4, true, &value), MMIO_FAULT);
}

static void test_what_is_writable(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	for (u32 reg = 0; reg < 0x1000; reg += 4)
		if (reg < BAR0 || reg >= BAR0 + 0x18)
			set_config(0, 1, reg, 0xffffffff);
	assert_int_equal(config(0, 1, 0x00), 0x4106110a);
	assert_int_equal(config(0, 1, 0x04), 0x00100406);
	assert_int_equal(config(0, 1, 0x08), 0xff400100);
	assert_int_equal(config(0, 1, 0x3c), 0x01ff);
	assert_int_equal(config(0, 1, CAP), 0x01200009); /* one-shot */
	assert_int_equal(config(0, 1, CAP + 4), 0x1000);
	assert_int_equal(config(0, 1, 0x100), 0);
	/* A byte leaves its neighbours. */
	store(0, ECAM + 0x8005, 1, 0);
	assert_int_equal(config(0, 1, 0x04), 0x00100006);
	pci_class.reset(&guests[0].host);
	assert_int_equal(config(0, 1, 0x04), 0x00100000);
	assert_int_equal(config(0, 1, CAP), 0x00200009);
}

static void test_sizing(void **state)
{
	(void)state;
	loop.size = MIB(3); /* with the rest more than 2 MiB */
	assert_int_equal(guest_make(0, 1), 0);
	set_config(0, 1, BAR0, 0xffffffff);
	assert_int_equal(config(0, 1, BAR0), 0xfffff000);
	set_config(0, 1, BAR2, 0xffffffff);
	set_config(0, 1, BAR2 + 4, 0xffffffff);
	assert_int_equal(config(0, 1, BAR2), 0xffc0000c); /* 4 MiB, 64 bits, prefetchable */
	assert_int_equal(config(0, 1, BAR2 + 4), 0xffffffff);
}

static void test_preset_places(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, 2), 0);
	assert_int_equal(registers(0, 1), 0x10000000);
	assert_int_equal(memory(0, 1), 0x10200000);
	assert_int_equal(registers(0, 2), 0x10001000);
	assert_int_equal(memory(0, 2), 0x10400000);
	/* Nothing is decoded before Command says so. */
	assert_int_equal(load(0, 0x10000000, 4), 0xffffffff);
	assert_false(is_seen(0, 0x10200000));
	guest_enable(0, 1);
	assert_int_equal(load(0, 0x10000004, 4), PEERS);
	assert_true(is_seen(0, 0x10200000));
	assert_int_equal(load(0, 0x10001004, 4), 0xffffffff);
	guest_enable(0, 2);
	assert_int_equal(load(0, 0x10001004, 4), PEERS);
	set_config(0, 1, COMMAND, 4);
	assert_int_equal(load(0, 0x10000004, 4), 0xffffffff);
	assert_false(is_seen(0, 0x10200000));
	assert_true(is_seen(0, 0x10400000));
}

static void test_moving(void **state)
{
	const u64 high = GUEST_PCI_WINDOW_64 + MIB(64);
	u32 flushes;

	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	guest_enable(0, 1);
	assert_int_equal(load(0, 0x10000004, 4), PEERS); /* its region is a hint now */
	set_config(0, 1, BAR0, 0x3efef000);
	assert_int_equal(load(0, 0x10000004, 4), 0xffffffff);
	assert_int_equal(load(0, 0x3efef004, 4), PEERS);
	flushes = guests[0].vm.s2.tlb_flushes;
	set_config(0, 1, BAR2 + 4, (u32)(high >> 32)); /* half of it: 0x80_1020_0000 */
	set_config(0, 1, BAR2, (u32)high);
	assert_int_equal(memory(0, 1), high);
	assert_false(is_seen(0, 0x10200000));
	assert_true(is_seen(0, high));
	assert_true(is_seen(0, high + 0x4000));
	assert_int_equal(guests[0].vm.s2.tlb_flushes, flushes + 2);
	assert_int_equal(config(0, 1, CAP + 24), (u32)high);
	assert_int_equal(config(0, 1, CAP + 28), (u32)(high >> 32));
	/* Outside of the windows nothing is decoded. */
	set_config(0, 1, BAR2, 0x40000000);
	set_config(0, 1, BAR2 + 4, 0);
	assert_false(is_seen(0, 0x40000000));
	assert_false(is_seen(0, high));
	set_config(0, 1, BAR2, (u32)GUEST_PCI_WINDOW_64_SIZE);
	set_config(0, 1, BAR2 + 4, 0x80);
	assert_false(is_seen(0, GUEST_PCI_WINDOW_64 + GUEST_PCI_WINDOW_64_SIZE));
	set_config(0, 1, BAR0, 0x3efff000); /* ports */
	assert_int_equal(load(0, 0x3efff004, 4), 0xffffffff);
	pci_class.reset(&guests[0].host);
	assert_int_equal(memory(0, 1), 0x10200000);
	assert_false(is_seen(0, 0x10200000));
}

static void test_over_each_other(void **state)
{
	u64 pa, first;

	(void)state;
	assert_int_equal(guest_make(0, 2), 0);
	guest_enable(0, 1);
	assert_true(host_stage2_lookup(&guests[0].vm.s2, 0x10200000, &first, NULL));
	set_config(0, 2, BAR2, 0x10200000);
	set_config(0, 2, BAR0, 0x10200000);
	guest_enable(0, 2);
	/* The first one stays, and the others come one by one when it goes. */
	assert_true(host_stage2_lookup(&guests[0].vm.s2, 0x10200000, &pa, NULL));
	assert_int_equal(pa, first);
	set_config(0, 1, BAR2, 0x10800000);
	assert_int_equal(load(0, 0x10200004, 4), PEERS);
	assert_false(is_seen(0, 0x10200000));
	set_config(0, 2, BAR0, 0x10001000);
	assert_true(host_stage2_lookup(&guests[0].vm.s2, 0x10200000, &pa, NULL));
	assert_int_not_equal(pa, first);
	assert_true(is_seen(0, 0x10800000));
}

/* What stage 2 says about each page, for a peer. */
static void check_pages(u32 n, enum stage2_attr write, enum stage2_attr read)
{
	const u64 base = memory(n, 1), output = KIB(4) + KIB(16) + n * KIB(8);
	u64 pa, first;
	int attr;

	assert_true(host_stage2_lookup(&guests[n].vm.s2, base, &first, NULL));
	for (u64 at = 0; at < KIB(4) + KIB(16) + PEERS * KIB(8); at += KIB(4)) {
		const bool writes = (at >= KIB(4) && at < KIB(20)) ||
				    (at >= output && at < output + KIB(8));

		assert_true(host_stage2_lookup(&guests[n].vm.s2, base + at, &pa, &attr));
		assert_int_equal(pa, first + at);
		assert_int_equal(attr, writes ? write : read);
	}
	assert_false(is_seen(n, base + KIB(4) + KIB(16) + PEERS * KIB(8)));
	assert_false(is_seen(n, base + MIB(2)));
}

static void test_attributes(void **state)
{
	(void)state;
	for (u32 n = 0; n < PEERS; n++) {
		assert_int_equal(guest_make(n, 1), 0);
		guest_enable(n, 1);
		check_pages(n, STAGE2_UNCACHED, STAGE2_UNCACHED_READ);
	}
	for (u32 n = 0; n < PEERS; n++)
		guest_unmake(n);
	loop.cached = true;
	for (u32 n = 0; n < PEERS; n++) {
		assert_int_equal(guest_make(n, 1), 0);
		guest_enable(n, 1);
		check_pages(n, STAGE2_DATA, STAGE2_DATA_READ);
	}
}

static void test_forbidden_stores(void **state)
{
	const u64 base = 0x10200000, own = base + KIB(20), other = own + KIB(8);
	char text[160];
	u64 value = 1;

	(void)state;
	assert_int_equal(guest_make(0, 1), 0);
	guest_enable(0, 1);
	assert_int_equal(guest_access(0, base, 4, true, &value), MMIO_FAULT);
	assert_int_equal(guest_access(0, other, 4, true, &value), MMIO_FAULT);
	assert_int_equal(guest_access(0, other + KIB(16) - 1, 1, true, &value), MMIO_FAULT);
	ivshmem_class.info(&guests[0].functions[0], text, sizeof(text));
	assert_non_null(strstr(text, "3 stores refused, the last at 0xafff"));
	/* A store that came while the memory was moved, and what is behind it. */
	store(0, own, 4, 1);
	store(0, base + KIB(64), 4, 1);
	assert_int_equal(load(0, base + KIB(64), 8), 0);
}

static void test_eight_functions(void **state)
{
	(void)state;
	assert_int_equal(guest_make(0, DESC_CHANNELS_MAX), 0);
	for (u32 slot = 1; slot <= DESC_CHANNELS_MAX; slot++) {
		guest_enable(0, slot);
		assert_int_equal(load(0, registers(0, slot) + 4, 4), PEERS);
		assert_true(is_seen(0, memory(0, slot)));
	}
	assert_int_equal(config(0, DESC_CHANNELS_MAX + 1, 0), 0xffffffff);
}

static void test_not_a_peer(void **state)
{
	(void)state;
	strcpy(loop.peers[0], "other");
	assert_int_equal(guest_make(0, 1), -EINVAL);
	assert_string_equal(pci_why,
			    "channel 'loop' is for the VMs other, b, c: choose one by --name");
}

static void test_no_memory(void **state)
{
	(void)state;
	loop.size = MIB(62);
	assert_int_equal(guest_make(0, 1), -EINVAL);
	assert_string_equal(pci_why, "no memory for channel 'loop', which has 63516 KiB");
}

int main(void)
{
#define test(fn) cmocka_unit_test_setup_teardown(fn, pci_setup, pci_teardown)
	const struct CMUnitTest tests[] = {
		test(test_absent_functions), test(test_bridge),
		test(test_header),           test(test_widths),
		test(test_what_is_writable), test(test_sizing),
		test(test_preset_places),    test(test_moving),
		test(test_over_each_other),  test(test_attributes),
		test(test_forbidden_stores), test(test_eight_functions),
		test(test_not_a_peer),       test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
