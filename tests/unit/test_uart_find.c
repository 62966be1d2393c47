/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of a broken tree: the error message goes there. */
#include "unit.h"

#include <lib/devicetree.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "../../drivers/uart.h"

static u8 tree[4096] __aligned(8);
static struct uart_chip u;
static struct phys_range regs;

#define ok(call) assert_int_equal(call, 0)

static void reg(u32 cells, u32 base)
{
	const fdt32_t out[] = { 0, cpu_to_fdt32(base), 0, cpu_to_fdt32(0x1000) };

	ok(fdt_property(tree, "reg", out + 2 - cells, (int)(2 * cells * 4)));
}

static void text(const char *name, const char *value)
{
	ok(fdt_property(tree, name, value, (int)strlen(value) + 1));
}

static void uart(const char *compatible, u32 cells, u32 base, const char *status)
{
	ok(fdt_begin_node(tree, "uart"));
	text("compatible", compatible);
	reg(cells, base);
	if (status)
		text("status", status);
}

static void bus(u32 cells, const char *ranges, int len)
{
	ok(fdt_begin_node(tree, "soc"));
	ok(fdt_property_u32(tree, "#address-cells", cells));
	if (ranges)
		ok(fdt_property(tree, "ranges", ranges, len));
}

static void end(void)
{
	ok(fdt_end_node(tree));
}

/* UARTs that will not do, then two that will; behind them something that can be broken. */
static int setup(void **state)
{
	*state = NULL;
	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	uart("arm,pl011", 2, 0x1000, "disabled");
	end();
	uart("unknown", 2, 0x2000, NULL);
	end();
	bus(1, "moved", 5);
	uart("arm,pl011", 1, 0x3000, NULL);
	end();
	end();
	bus(1, "", 0);
	bus(1, NULL, 0);
	uart("arm,pl011", 1, 0x4000, NULL);
	end();
	end();
	uart("ns16550a", 1, 0x5000, "okay");
	ok(fdt_property_u32(tree, "reg-shift", 2));
	ok(fdt_property_u32(tree, "reg-io-width", 4));
	end();
	end();
	uart("arm,pl011", 2, 0x6000, NULL);
	end();
	ok(fdt_property_u32(tree, "last", 0xabcdef01));
	end();
	ok(fdt_finish(tree));
	return 0;
}

static int find(void)
{
	return uart_chip_in_broken(tree, fdt_totalsize(tree), &u, &regs);
}

static void is_the_8250(void)
{
	ok(find());
	assert_int_equal(regs.base.pa, 0x5000);
	assert_string_equal(u.compatible, "ns16550a");
	assert_int_equal(u.shift, 2);
	assert_int_equal(u.width, 4);
}

static void test_first_that_will_do(void **state)
{
	(void)state;
	is_the_8250();
}

/* Lengths that lead out of the tree, or back to where they stand. */
static void test_lengths_that_lie(void **state)
{
	static const u32 lengths[] = { 0x7fffffff, 0xfffffff4, 0xfffffff0, 0xfffffffe, ~0U, 5000 };

	(void)state;
	for (u32 at = 0; at < sizeof(tree); at += 4)
		if (fdt32_ld((const void *)(tree + at)) == 0xabcdef01)
			for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
				fdt32_st(tree + at - 8, lengths[i]);
				assert_non_null(dt_check(tree, fdt_totalsize(tree), NULL));
				is_the_8250();
			}
}

/* Whichever word is changed: nothing outside the tree is read, and the search ends. */
static void test_every_word(void **state)
{
	static const u32 values[] = { 0, 1, 2, 3, 9, 0xfffffff4, ~0U };
	const u32 size = fdt_totalsize(tree);
	u8 *exact = malloc(size);

	(void)state;
	for (u32 at = 0; at < size; at += 4) {
		for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
			memcpy(exact, tree, size);
			fdt32_st(exact + at, values[i]);
			(void)!uart_chip_in_broken(exact, size, &u, &regs);
		}
	}
	free(exact);
	for (u32 cut = 0; cut < size; cut++) {
		exact = malloc(cut);
		if (cut)
			memcpy(exact, tree, cut);
		assert_int_equal(uart_chip_in_broken(exact, cut, &u, &regs), -ENODEV);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first_that_will_do, setup),
		cmocka_unit_test_setup(test_lengths_that_lie, setup),
		cmocka_unit_test_setup(test_every_word, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
