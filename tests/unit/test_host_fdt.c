/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of the host's devicetree, over trees made here. */
#include "unit.h"

#include <drivers/host.h>
#include <kernel/early.h>
#include <kernel/irq.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static u8 tree[MIB(4)] __aligned(8);
static u8 early[MIB(2)] __aligned(8);

#define ok(call) assert_int_equal(call, 0)

static const char *init(const void *fdt, u64 size)
{
	early_init(early, sizeof(early));
	return host_fdt_init(fdt, size);
}

static void cells(const char *name, const u32 *values, u32 count)
{
	fdt32_t out[16];

	for (u32 i = 0; i < count; i++)
		out[i] = cpu_to_fdt32(values[i]);
	ok(fdt_property(tree, name, out, (int)(count * 4)));
}

static void text(const char *name, const char *value)
{
	ok(fdt_property(tree, name, value, (int)strlen(value) + 1));
}

#define CELLS(name, ...) \
	cells(name, (const u32[]){ __VA_ARGS__ }, (u32)(sizeof((const u32[]){ __VA_ARGS__ }) / 4))

static void cpu_node(const char *name, u32 hwid, const char *status)
{
	ok(fdt_begin_node(tree, name));
	text("device_type", "cpu");
	CELLS("reg", hwid);
	if (status)
		text("status", status);
	ok(fdt_end_node(tree));
}

static void uart_node(const char *name, u32 address, u32 kind, u32 number, u32 trigger)
{
	ok(fdt_begin_node(tree, name));
	text("compatible", "arm,pl011");
	CELLS("reg", address, 0x1000);
	CELLS("interrupts", kind, number, trigger);
	ok(fdt_end_node(tree));
}

static void root_properties(void)
{
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	CELLS("interrupt-parent", 1);
	text("model", "a board");
	ok(fdt_begin_node(tree, "chosen"));
	text("stdout-path", "serial0:115200n8");
	text("bootargs", "quiet a=12 bb=7 c=x d=5,1 e=99999999999");
	CELLS("linux,initrd-start", 0x48000000);
	CELLS("linux,initrd-end", 0, 0x48100000);
	CELLS("kaslr-seed", 0x01020304, 0x05060708);
	ok(fdt_property(tree, "rng-seed", "0123456789abcdef", 16));
	ok(fdt_end_node(tree));
	ok(fdt_begin_node(tree, "aliases"));
	text("serial0", "/soc/bus/uart@1000");
	ok(fdt_end_node(tree));
}

static void memory_nodes(void)
{
	ok(fdt_begin_node(tree, "memory@40000000"));
	text("device_type", "memory");
	CELLS("reg", 0, 0x40000000, 0, 0x40000000, 1, 0, 0, 0x80000000);
	ok(fdt_end_node(tree));
	ok(fdt_begin_node(tree, "reserved-memory"));
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	ok(fdt_property(tree, "ranges", NULL, 0));
	ok(fdt_begin_node(tree, "firmware@41000000"));
	CELLS("reg", 0, 0x41000000, 0, 0x20000);
	ok(fdt_end_node(tree));
	ok(fdt_end_node(tree));
}

static void soc_nodes(void)
{
	ok(fdt_begin_node(tree, "soc"));
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	CELLS("ranges", 0x80000000, 0, 0x9000000, 0x100000);
	ok(fdt_begin_node(tree, "gic"));
	CELLS("#interrupt-cells", 3);
	CELLS("phandle", 1);
	ok(fdt_end_node(tree));
	ok(fdt_begin_node(tree, "bus"));
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	CELLS("ranges", 0, 0x80010000, 0x8000);
	uart_node("uart@1000", 0x1000, 0, 1, 4);
	uart_node("uart@2000", 0x2000, 1, 7, 1);
	uart_node("uart@9000", 0x9000, 2, 7, 1);
	ok(fdt_end_node(tree));
	ok(fdt_end_node(tree));
}

static int setup(void **state)
{
	*state = NULL;
	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_add_reservemap_entry(tree, 0x42000000, 0x1000));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	root_properties();
	memory_nodes();
	soc_nodes();
	ok(fdt_begin_node(tree, "cpus"));
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	cpu_node("cpu@0", 0, NULL);
	cpu_node("cpu@1", 1, "disabled");
	ok(fdt_begin_node(tree, "cpu@100"));
	text("device_type", "cpu");
	CELLS("reg", 0x100);
	text("enable-method", "spin-table");
	CELLS("cpu-release-addr", 1, 0xd8);
	ok(fdt_end_node(tree));
	ok(fdt_end_node(tree));
	ok(fdt_begin_node(tree, "psci"));
	text("compatible", "arm,psci-0.2");
	text("method", "smc");
	ok(fdt_end_node(tree));
	ok(fdt_begin_node(tree, "timer"));
	text("compatible", "arm,armv8-timer");
	CELLS("interrupts-extended", 1, 1, 10, 4, 1, 1, 11, 4);
	ok(fdt_property(tree, "interrupt-names", "hyp-phys\0virt", 14));
	ok(fdt_end_node(tree));
	ok(fdt_end_node(tree));
	ok(fdt_finish(tree));
	assert_null(init(tree, sizeof(tree)));
	return 0;
}

static void test_init(void **state)
{
	u32 junk[16] = { 0 };

	(void)state;
	assert_string_equal(init(junk, sizeof(junk)), "does not begin as one");
	assert_ptr_equal(host_fdt, tree);
	assert_int_equal(host_fdt_length, fdt_totalsize(tree));
	early_init(early, 100);
	assert_string_equal(host_fdt_init(tree, sizeof(tree)),
			    "has more nodes than fit into memory");
}

static void test_chosen(void **state)
{
	struct phys_range r;
	u32 cpu_on;

	(void)state;
	assert_string_equal(host_fdt_model(), "a board");
	assert_string_equal(host_fdt_bootargs(), "quiet a=12 bb=7 c=x d=5,1 e=99999999999");
	assert_int_equal(host_fdt_option("a="), 12);
	assert_int_equal(host_fdt_option("bb="), 7);
	assert_int_equal(host_fdt_option("b="), 0);
	assert_int_equal(host_fdt_option("c="), 0);
	assert_int_equal(host_fdt_option("d="), 0);
	assert_int_equal(host_fdt_option("e="), 0);
	assert_int_equal(host_fdt_stdout(), host_fdt_find("arm,pl011", -1)); /* uart@1000 */
	assert_int_equal(host_fdt_initrd(&r), 0);
	assert_int_equal(r.base.pa, 0x48000000);
	assert_int_equal(r.size, 0x100000);
	assert_int_equal(host_fdt_psci(&cpu_on), HOST_PSCI_SMC);
	assert_int_equal(cpu_on, 0);
}

static void test_reg_is_translated(void **state)
{
	int node = host_fdt_find("arm,pl011", -1);
	struct phys_range r;

	(void)state;
	assert_int_equal(host_fdt_reg(node, 0, &r), 0);
	assert_int_equal(r.base.pa, 0x9011000);
	assert_int_equal(r.size, 0x1000);
	assert_int_equal(host_fdt_reg(node, 1, &r), -ENOENT);
	node = host_fdt_find("arm,pl011", node);
	assert_int_equal(host_fdt_reg(node, 0, &r), 0);
	assert_int_equal(r.base.pa, 0x9012000);
	/* Outside of what its bus shows of it. */
	node = host_fdt_find("arm,pl011", node);
	assert_int_equal(host_fdt_reg(node, 0, &r), -ENOENT);
	assert_true(host_fdt_find("arm,pl011", node) < 0);
	assert_int_equal(host_fdt_reg(-1, 0, &r), -ENOENT);
}

static void test_seed(void **state)
{
	u8 seed[32];

	(void)state;
	memset(seed, 0xa5, sizeof(seed));
	assert_int_equal(host_fdt_seed(seed, sizeof(seed)), 24);
	assert_memory_equal(seed, "0123456789abcdef\1\2\3\4\5\6\7\10\xa5", 25);
	assert_int_equal(host_fdt_seed(seed, 18), 18);
	assert_int_equal(host_fdt_seed(seed, 0), 0);
}

static void test_interrupts(void **state)
{
	int node = host_fdt_find("arm,pl011", -1);
	u32 intid, flags;

	(void)state;
	assert_int_equal(host_fdt_irq(node, 0, &intid, &flags), 0);
	assert_int_equal(intid, 33);
	assert_int_equal(flags, 0);
	assert_int_equal(host_fdt_irq(node, 1, &intid, &flags), -ENOENT);
	node = host_fdt_find("arm,pl011", node);
	assert_int_equal(host_fdt_irq(node, 0, &intid, &flags), 0);
	assert_int_equal(intid, 23);
	assert_int_equal(flags, IRQ_EDGE);
	node = host_fdt_find("arm,pl011", node);
	assert_int_equal(host_fdt_irq(node, 0, &intid, &flags), -EINVAL);
	assert_int_equal(host_fdt_irq(-1, 0, &intid, &flags), -ENOENT);
}

/* By name, of interrupts that name their controller. */
static void test_timer(void **state)
{
	u32 intid;

	(void)state;
	assert_int_equal(host_fdt_timer_irq(HOST_TIMER_HYP, &intid), 0);
	assert_int_equal(intid, 26);
	assert_int_equal(host_fdt_timer_irq(HOST_TIMER_VIRT, &intid), 0);
	assert_int_equal(intid, 27);
	assert_int_equal(host_fdt_timer_irq(HOST_TIMER_PHYS, &intid), -ENODEV);
}

static void test_cpus(void **state)
{
	u64 hwids[4];

	(void)state;
	assert_int_equal(host_fdt_cpus(hwids, 4), 2);
	assert_int_equal(hwids[0], 0);
	assert_int_equal(hwids[1], 0x100);
	/* All are counted, also those that there is no room for. */
	hwids[1] = 7;
	assert_int_equal(host_fdt_cpus(hwids, 1), 2);
	assert_int_equal(hwids[1], 7);
	assert_int_equal(host_fdt_spin_table(0x100), 0x1000000d8);
	assert_int_equal(host_fdt_spin_table(0), 0);
}

/*
 * The largest number of nodes, and the deepest one: each is found with its parent, and none by a
 * walk from the root.
 */
static void test_many_nodes(void **state)
{
	const u32 many = 20000, depth = DT_DEPTH_MAX - 1;
	struct phys_range r;
	int node = -1;
	u32 count = 0;

	(void)state;
	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	ok(fdt_begin_node(tree, "bus"));
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	ok(fdt_property(tree, "ranges", NULL, 0));
	for (u32 n = 0; n < many; n++)
		uart_node("uart", 0x1000 * n, 0, 1, 4);
	ok(fdt_end_node(tree));
	ok(fdt_end_node(tree));
	ok(fdt_finish(tree));
	assert_null(init(tree, sizeof(tree)));
	while ((node = host_fdt_find("arm,pl011", node)) >= 0) {
		assert_int_equal(host_fdt_reg(node, 0, &r), 0);
		assert_int_equal(r.base.pa, 0x1000 * count);
		count++;
	}
	assert_int_equal(count, many);

	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	for (u32 n = 1; n < depth; n++) {
		CELLS("#address-cells", 1);
		CELLS("#size-cells", 1);
		ok(fdt_property(tree, "ranges", NULL, 0));
		ok(fdt_begin_node(tree, "bus"));
	}
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	ok(fdt_property(tree, "ranges", NULL, 0));
	uart_node("uart@5000", 0x5000, 0, 1, 4);
	for (u32 n = 0; n < depth; n++)
		ok(fdt_end_node(tree));
	ok(fdt_finish(tree));
	assert_null(init(tree, sizeof(tree)));
	node = host_fdt_find("arm,pl011", -1);
	assert_int_equal(node, depth); /* the root is number 0 */
	assert_int_equal(host_fdt_reg(node, 0, &r), 0);
	assert_int_equal(r.base.pa, 0x5000);
}

/* Every query of a tree; the answers do not matter. */
static void ask(void)
{
	struct phys_range ranges[4];
	u32 intid, flags;
	u64 hwids[4];
	u8 seed[64];

	(void)host_fdt_stdout();
	(void)!host_ram_init(BIT(40));
	(void)host_fdt_cpus(hwids, ARRAY_SIZE(hwids));
	(void)host_fdt_seed(seed, sizeof(seed));
	(void)host_fdt_psci(&intid);
	(void)host_fdt_spin_table(0x100);
	assert_true(host_fdt_timer_irq(HOST_TIMER_HYP, &intid) <= 0);
	(void)host_fdt_option("a=");
	assert_non_null(host_fdt_model());
	assert_true(host_fdt_initrd(&ranges[0]) <= 0);
	for (int node = host_fdt_find("arm,pl011", -1); node >= 0;
	     node = host_fdt_find("arm,pl011", node)) {
		assert_true(host_fdt_reg(node, 0, &ranges[0]) <= 0);
		assert_true(host_fdt_irq(node, 0, &intid, &flags) <= 0);
	}
}

/* With any bit of it wrong the reader stays within the tree, and ends. */
static void test_broken(void **state)
{
	const u32 size = fdt_totalsize(tree);
	u8 *copy = malloc(size);

	(void)state;
	for (u32 n = 0; n < size * 8; n++) {
		memcpy(copy, tree, size);
		copy[n / 8] ^= (u8)(1 << n % 8);
		if (!init(copy, size))
			ask();
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test_setup(test_chosen, setup),
		cmocka_unit_test_setup(test_seed, setup),
		cmocka_unit_test_setup(test_reg_is_translated, setup),
		cmocka_unit_test_setup(test_interrupts, setup),
		cmocka_unit_test_setup(test_timer, setup),
		cmocka_unit_test_setup(test_cpus, setup),
		cmocka_unit_test_setup(test_many_nodes, setup),
		cmocka_unit_test_setup(test_broken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
