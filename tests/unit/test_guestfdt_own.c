/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's own devicetree, with the parts that depend on the VM filled in. */
#include "guestfdt_fixture.h"

#include <lib/devicetree.h>
#include <lib/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u8 own[16384] __aligned(8);

static void own_string(int node, const char *prop, const char *value)
{
	assert_int_equal(fdt_setprop(own, node, prop, value, (int)strlen(value) + 1), 0);
}

static int own_node(int parent, const char *name, u64 address, const char *type)
{
	int node = fdt_add_subnode(own, parent, name);

	assert_true(node >= 0);
	assert_int_equal(fdt_setprop_u64(own, node, "reg", address), 0);
	assert_int_equal(fdt_appendprop_u64(own, node, "reg", 0x1000), 0);
	if (type)
		own_string(node, "device_type", type);
	return node;
}

static int own_tree(void **state)
{
	int node;

	guestfdt_setup(state);
	fdt_create_empty_tree(own, sizeof(own));
	fdt_setprop_u32(own, 0, "#address-cells", 2);
	fdt_setprop_u32(own, 0, "#size-cells", 2);
	own_node(0, "pl011@9000000", 0x9000000, NULL);
	own_node(0, "pl061@9030000", 0x9030000, NULL);
	own_node(0, "pl061@90b0000", 0x90b0000, NULL); /* the secure world's */
	own_node(0, "virtio_mmio@a000200", 0xa000200, NULL);
	node = own_node(0, "intc@8000000", 0x8000000, NULL);
	own_string(node, "compatible", "arm,gic-v3");
	fdt_setprop_u32(own, node, "#address-cells", 2);
	fdt_setprop_u32(own, node, "#size-cells", 2);
	own_node(node, "its@8080000", 0x8080000, NULL);
	own_node(0, "memory@80000000", 0x80000000, "memory");
	own_node(0, "ram", 0x90000000, "memory");
	node = fdt_add_subnode(own, 0, "cpus");
	fdt_setprop_u32(own, node, "#address-cells", 1);
	fdt_setprop_u32(own, fdt_add_subnode(own, node, "cpu@7"), "reg", 7);
	node = fdt_add_subnode(own, 0, "firmware");
	own_string(node, "compatible", "arm,psci-0.2");
	node = fdt_add_subnode(own, 0, "pmu");
	own_string(node, "compatible", "arm,armv8-pmuv3");
	node = fdt_add_subnode(own, 0, "psci");
	fdt_setprop(own, node, "compatible", "arm,psci-0.2\0arm,psci", 22);
	own_string(node, "method", "smc");
	node = fdt_add_subnode(own, 0, "chosen");
	own_string(node, "stdout-path", "/pl011@9000000");
	fdt_setprop_u64(own, node, "linux,initrd-start", 1);
	fdt_setprop_u64(own, node, "linux,initrd-end", 2);
	own_string(node, "bootargs", "quiet");
	return fdt_pack(own);
}

static void adapt(void)
{
	assert_null(guest_fdt_adapt(&p, own, fdt_totalsize(own), buf, sizeof(buf)));
	assert_int_equal(fdt_check_full(buf, fdt_totalsize(buf)), 0);
}

static void test_pmu(void **state)
{
	struct vm_desc with = *p.desc;
	const struct vm_desc *without = p.desc;

	(void)state;
	generate();
	assert_true(fdt_path_offset(buf, "/pmu") < 0);
	with.pmu = true;
	p.desc = &with;
	generate();
	is_string("/pmu", "compatible", "arm,armv8-pmuv3");
	is_cells("/pmu", "interrupts", 1, 7, 4);
	p.gic_version = 2;
	generate();
	p.gic_version = 0;
	is_cells("/pmu", "interrupts", 1, 7, 0x304);
	/* In a tree that the VM brought along. */
	adapt();
	is_absent("/pmu", "status");
	p.desc = without;
	adapt();
	is_string("/pmu", "status", "disabled");
}

static void test_adapted(void **state)
{
	(void)state;
	adapt();
	check_vm_parts();
	assert_true(fdt_path_offset(buf, "/memory@80000000") < 0);
	assert_true(fdt_path_offset(buf, "/ram") < 0);
	assert_true(fdt_path_offset(buf, "/firmware") < 0);
	assert_true(fdt_path_offset(buf, "/cpus/cpu@7") < 0);
	is_absent("/chosen", "linux,initrd-start");
	is_absent("/chosen", "linux,initrd-end");
	is_string("/chosen", "stdout-path", "/pl011@9000000");
	is_string("/chosen", "bootargs", "console=ttyAMA0");
	is_absent("/pl061@9030000", "status");
	is_string("/pl061@90b0000", "status", "disabled");
	assert_true(fdt_path_offset(buf, "/intc@8000000/its@8080000") < 0);
	is_absent("/pl011@9000000", "status");
	is_absent("/intc@8000000", "status");
	is_absent("/virtio_mmio@a000200", "status");
}

static void test_adapted_keeps_bootargs(void **state)
{
	(void)state;
	d.bootargs[0] = '\0';
	plan.initrd_base = 0x42000000;
	plan.initrd_size = 0x100;
	adapt();
	is_string("/chosen", "bootargs", "quiet");
	is_cells("/chosen", "linux,initrd-end", 0, 0x42000100);
}

/* From a bundle, in which nothing is aligned; without chosen; in place of the buffer's own end. */
static void test_adapted_unaligned(void **state)
{
	static u8 shifted[16400] __aligned(8);

	(void)state;
	fdt_open_into(own, own, sizeof(own));
	fdt_del_node(own, fdt_path_offset(own, "/chosen"));
	fdt_pack(own);
	memcpy(shifted + 4, own, fdt_totalsize(own));
	assert_null(guest_fdt_adapt(&p, shifted + 4, fdt_totalsize(own), buf, sizeof(buf)));
	check_vm_parts();
}

/* As QEMU dumps it: larger than there is room for, but nearly empty. */
static void test_adapted_with_slack(void **state)
{
	static u8 large[MIB(1)] __aligned(8);

	(void)state;
	assert_int_equal(fdt_open_into(own, large, sizeof(large)), 0);
	assert_null(guest_fdt_adapt(&p, large, sizeof(large), buf, sizeof(buf)));
	check_vm_parts();
}

/*
 * A board's tree has thousands of nodes and as many names: each is looked at once or twice, not
 * searched for.
 */
static void test_adapted_large(void **state)
{
	const u32 many = 20000, size = MIB(4);
	u8 *large = malloc(size), *copy = malloc(size);
	char name[32];
	int node = 0;

	(void)state;
	assert_int_equal(fdt_create_with_flags(large, (int)size, FDT_CREATE_FLAG_NO_NAME_DEDUP), 0);
	assert_int_equal(fdt_finish_reservemap(large), 0);
	assert_int_equal(fdt_begin_node(large, ""), 0);
	assert_int_equal(fdt_property_u32(large, "#address-cells", 2), 0);
	assert_int_equal(fdt_property_u32(large, "#size-cells", 2), 0);
	for (u32 i = 0; i < many; i++) {
		(void)snprintf(name, sizeof(name), "dev@%x", i);
		assert_int_equal(fdt_begin_node(large, name), 0);
		assert_int_equal(fdt_property_u64(large, "reg", i % 2 ? GUEST_RAM_BASE : 0x9800000),
				 0);
		(void)snprintf(name, sizeof(name), "acme,number-%x", i);
		assert_int_equal(fdt_property_u32(large, name, i), 0);
		assert_int_equal(fdt_end_node(large), 0);
	}
	assert_int_equal(fdt_end_node(large), 0);
	assert_int_equal(fdt_finish(large), 0);
	assert_null(guest_fdt_adapt(&p, large, fdt_totalsize(large), copy, size));
	assert_null(dt_check(copy, size, NULL));
	for (u32 i = 0; i < many; i++) {
		node = i ? fdt_next_subnode(copy, node) : fdt_first_subnode(copy, 0);
		assert_int_equal(fdt_getprop(copy, node, "status", NULL) == NULL, i % 2);
	}
	free(large);
	free(copy);
}

static void test_adapt_refused(void **state)
{
	u8 junk[64] = { 0xd0, 0x0d, 0xfe, 0xed };

	(void)state;
	assert_string_equal(guest_fdt_adapt(&p, junk, sizeof(junk), buf, sizeof(buf)),
			    "has a version other than 17");
	assert_string_equal(guest_fdt_adapt(&p, junk, 0, buf, sizeof(buf)),
			    "does not begin as one");
	for (u32 more = 0; more < 65; more += 64)
		assert_string_equal(guest_fdt_adapt(&p, own, fdt_totalsize(own), buf,
						    more ? fdt_totalsize(own) + more : 64),
				    "has no room for the added nodes");
	assert_string_equal(guest_fdt_adapt(&p, own, fdt_totalsize(own) - 1, buf, sizeof(buf)),
			    "is cut off");
}

static void test_adapt_broken(void **state)
{
	const u32 size = fdt_totalsize(own);
	u8 *copy = malloc(size);

	(void)state;
	for (u32 n = 0; n < size; n++) {
		for (u32 bit = 0; bit < 8; bit++) {
			memcpy(copy, own, size);
			copy[n] ^= (u8)(1 << bit);
			if (!guest_fdt_adapt(&p, copy, size, buf, sizeof(buf)))
				assert_int_equal(fdt_check_full(buf, sizeof(buf)), 0);
		}
	}
	free(copy);
}

/* Better no seed than one that others know: the one in the VM's own tree goes too. */
static void test_no_seed(void **state)
{
	(void)state;
	p.no_rng_seed = true;
	generate();
	is_absent("/chosen", "rng-seed");
	p.no_rng_seed = false;
	generate();
	memcpy(own, buf, sizeof(own));
	p.no_rng_seed = true;
	adapt();
	is_absent("/chosen", "rng-seed");
	is_cells("/chosen", "kaslr-seed", 0xfedcba98, 0x76543210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_seed, guestfdt_setup),
		cmocka_unit_test_setup(test_pmu, own_tree),
		cmocka_unit_test_setup(test_adapted, own_tree),
		cmocka_unit_test_setup(test_adapted_keeps_bootargs, own_tree),
		cmocka_unit_test_setup(test_adapted_unaligned, own_tree),
		cmocka_unit_test_setup(test_adapted_with_slack, own_tree),
		cmocka_unit_test_setup(test_adapted_large, own_tree),
		cmocka_unit_test_setup(test_adapt_refused, own_tree),
		cmocka_unit_test_setup(test_adapt_broken, own_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
