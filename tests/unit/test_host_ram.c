/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's RAM as trees of every kind describe it. */
#include "unit.h"

#include <drivers/host.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/ram.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>

#define LIMIT BIT(47)

static u8 tree[MIB(1)] __aligned(8);
static u64 early[MIB(1) / sizeof(u64)];
static u32 warnings;

#define ok(call) assert_int_equal(call, 0)

void klog(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	warnings += level <= LOG_WARN;
}

static void begin(u32 addresses, u32 sizes)
{
	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	ok(fdt_property_u32(tree, "#address-cells", addresses));
	ok(fdt_property_u32(tree, "#size-cells", sizes));
}

static void reg(const u32 *cells, u32 count)
{
	fdt32_t out[64];

	for (u32 i = 0; i < count; i++)
		out[i] = cpu_to_fdt32(cells[i]);
	ok(fdt_property(tree, "reg", out, (int)(count * 4)));
}

#define REG(...) reg((const u32[]){ __VA_ARGS__ }, (u32)(sizeof((const u32[]){ __VA_ARGS__ }) / 4))

static void begin_memory(const char *name)
{
	ok(fdt_begin_node(tree, name));
	ok(fdt_property_string(tree, "device_type", "memory"));
}

static void begin_reserved(u32 cells)
{
	ok(fdt_begin_node(tree, "reserved-memory"));
	ok(fdt_property_u32(tree, "#address-cells", cells));
	ok(fdt_property_u32(tree, "#size-cells", cells));
	ok(fdt_property(tree, "ranges", NULL, 0));
}

static void end(void)
{
	ok(fdt_end_node(tree));
}

static const char *read_to(u64 limit)
{
	end();
	ok(fdt_finish(tree));
	early_init(early, sizeof(early));
	assert_null(host_fdt_init(tree, sizeof(tree)));
	warnings = 0;
	return host_ram_init(limit);
}

static const char *read(void)
{
	return read_to(LIMIT);
}

static void is(const struct ram_range *r, const u64 *pairs)
{
	for (; *pairs; pairs += 2, r = r->next) {
		assert_non_null(r);
		assert_int_equal(r->start, pairs[0]);
		assert_int_equal(r->end, pairs[1]);
	}
	assert_null(r);
}

#define is_list(list, ...) is(list, (const u64[]){ __VA_ARGS__, 0 })

static void test_one_cell(void **state)
{
	(void)state;
	begin(1, 1);
	begin_memory("memory");
	REG(0x80000000, 0x10000000, 0xc0000000, 0x1000000);
	end();
	assert_null(read());
	is_list(ram_all(), 0x80000000, 0x90000000, 0xc0000000, 0xc1000000);
}

/* RAM at 0, several nodes, one that is not there, one far up, a size of 0. */
static void test_banks(void **state)
{
	(void)state;
	begin(2, 2);
	begin_memory("memory@0");
	REG(0, 0, 0, 0x80000000);
	end();
	begin_memory("memory@800000000");
	REG(8, 0, 1, 0x80000000, 0x80, 0, 0, 0x40000000, 0, 0x90000000, 0, 0);
	end();
	begin_memory("memory@c0000000");
	ok(fdt_property_string(tree, "status", "disabled"));
	REG(0, 0xc0000000, 0, 0x40000000);
	end();
	ok(fdt_begin_node(tree, "soc"));
	begin_memory("memory@a0000000"); /* no child of the root */
	REG(0, 0xa0000000, 0, 0x1000000);
	end();
	end();
	assert_null(read());
	is_list(ram_all(), 0x1000, 0x80000000, 0x800000000, 0x980000000, 0x8000000000,
		0x8040000000);
}

static void test_overlaps_are_one(void **state)
{
	(void)state;
	begin(2, 2);
	begin_memory("memory@40000000");
	REG(0, 0x40000000, 0, 0x20000000, 0, 0x50000000, 0, 0x20000000);
	end();
	begin_memory("memory@48000000");
	REG(0, 0x48000000, 0, 0x1000000);
	end();
	assert_null(read());
	is_list(ram_all(), 0x40000000, 0x70000000);
}

/* What cannot be mapped is left out, and said. */
static void test_beyond_the_limit(void **state)
{
	(void)state;
	begin(2, 2);
	begin_memory("memory@ffc0000000");
	REG(0xff, 0xc0000000, 0, 0x80000000);
	end();
	assert_null(read_to(BIT(40)));
	is_list(ram_all(), 0xffc0000000, 0x10000000000);
	assert_int_equal(warnings, 1);
	begin(2, 2);
	begin_memory("memory@40000000");
	REG(0, 0x40000000, 0xffffffff, 0xffffffff);
	end();
	assert_null(read());
	is_list(ram_all(), 0x40000000, LIMIT);
	assert_int_equal(warnings, 1);
}

static void test_no_memory(void **state)
{
	(void)state;
	begin(2, 2);
	assert_string_equal(read(), "the devicetree has no memory");
	begin(2, 2);
	begin_memory("memory@ffff000000000000");
	REG(0xffff0000, 0, 0, 0x1000);
	end();
	assert_string_equal(read(), "the devicetree has no memory");
}

static void test_reservations(void **state)
{
	(void)state;
	ok(fdt_create(tree, sizeof(tree)));
	ok(fdt_add_reservemap_entry(tree, 0x40100000, 0x1000));
	ok(fdt_add_reservemap_entry(tree, 0x40200000, 0)); /* no end of them */
	ok(fdt_add_reservemap_entry(tree, 0x40300000, 0x800));
	ok(fdt_finish_reservemap(tree));
	ok(fdt_begin_node(tree, ""));
	ok(fdt_property_u32(tree, "#address-cells", 2));
	ok(fdt_property_u32(tree, "#size-cells", 2));
	begin_memory("memory@40000000");
	REG(0, 0x40000000, 0, 0x1000000);
	end();
	begin_reserved(1);
	ok(fdt_begin_node(tree, "firmware@40400000"));
	REG(0x40400000, 0x10000, 0x40500000, 0x1000);
	end();
	ok(fdt_begin_node(tree, "secure@40600000"));
	ok(fdt_property(tree, "no-map", NULL, 0));
	REG(0x40600000, 0x2000);
	end();
	ok(fdt_begin_node(tree, "pool")); /* placed by its user */
	ok(fdt_property_u32(tree, "size", 0x100000));
	end();
	end();
	assert_null(read());
	is_list(ram_free(), 0x40000000, 0x40100000, 0x40101000, 0x40300000, 0x40301000, 0x40400000,
		0x40410000, 0x40500000, 0x40501000, 0x40600000, 0x40602000, 0x41000000);
	is_list(ram_mapped(), 0x40000000, 0x40600000, 0x40602000, 0x41000000);
}

/* One that passes the end of the address space reserves all up to there. */
static void test_a_reservation_that_wraps(void **state)
{
	(void)state;
	begin(2, 2);
	begin_memory("memory@40000000");
	REG(0, 0x40000000, 0, 0x1000000);
	end();
	begin_reserved(2);
	ok(fdt_begin_node(tree, "secure@40800000"));
	REG(0, 0x40800000, 0xffffffff, 0xffffffff);
	end();
	end();
	assert_null(read());
	is_list(ram_free(), 0x40000000, 0x40800000);
}

/* As many as there are: 100 banks, 1000 reservations. */
static void test_many(void **state)
{
	u32 cells[400], n = 0;
	char name[32];
	u64 total = 0;

	(void)state;
	begin(2, 2);
	for (u32 bank = 0; bank < 10; bank++) {
		(void)snprintf(name, sizeof(name), "memory@%x", bank);
		begin_memory(name);
		for (u32 i = 0; i < 10; i++) {
			u32 at[] = { bank, 0x40000000 + i * 0x2000000, 0, 0x1000000 };

			memcpy(cells + 4 * i, at, sizeof(at));
		}
		reg(cells, 40);
		end();
	}
	begin_reserved(2);
	for (u32 i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "r@%x", i);
		ok(fdt_begin_node(tree, name));
		REG(i % 10, 0x40000000 + i / 10 * 0x3000, 0, 0x1000);
		end();
	}
	end();
	assert_null(read());
	for (const struct ram_range *r = ram_all(); r; r = r->next)
		n++;
	assert_int_equal(n, 100);
	for (const struct ram_range *r = ram_free(); r; r = r->next)
		total += r->end - r->start;
	assert_int_equal(total, 100 * 0x1000000UL - 1000 * 0x1000);
	/* With less early memory than that takes, it is said. */
	early_init(early, 64);
	assert_string_equal(host_ram_init(LIMIT),
			    "the devicetree has more ranges of memory than can be noted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_cell),
		cmocka_unit_test(test_banks),
		cmocka_unit_test(test_overlaps_are_one),
		cmocka_unit_test(test_beyond_the_limit),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_reservations),
		cmocka_unit_test(test_a_reservation_that_wraps),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
