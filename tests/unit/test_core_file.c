/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a core, by a guest's tables, whatever these hold. */
#include <unit.h>

#include <asm/host.h>
#include <lib/printf.h>
#include <vmm/core.h>

#include "../../vmm/debug/core_file.h"
#include "unit_ram.h"

#define TABLE(n) (GUEST_RAM_BASE + (n)*KIB(4))

#define IS_TABLE 3UL
#define IS_BLOCK 1UL
#define IS_PAGE  3UL

/* 39 bits in each half, pages of 4 KiB. */
#define TCR (25UL | 25UL << 16 | 2UL << 30)

#define HIGH (~0UL << 39)

static struct stage2 s2;
static struct vm_ram ram;
static struct core_segments c;
/* Blocks 0, 2 and 3 of four are in the file. */
static const u32 place[] = { 0, CORE_ABSENT, 1, 2 };

static int setup(void **state)
{
	const struct phys_range all = { { HOST_RAM_BASE }, HOST_RAM_SIZE };
	const struct ram_map map = ram_map_default(MIB(8));

	unit_machine_setup(state);
	assert_int_equal(host_page_init(&all, 1, NULL, 0), 0);
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(vm_ram_init(&ram, &s2, &map), 0);
	assert_int_equal(vm_ram_reset(&ram, true), 0);
	c = (struct core_segments){ .ram = &ram,
				    .place = place,
				    .zeroes = 3 * BLOCK_SIZE,
				    .tables = { 1, TCR, { TABLE(0), TABLE(3) } } };
	return 0;
}

static int teardown(void **state)
{
	vm_ram_free(&ram);
	stage2_destroy(&s2);
	return unit_end(state);
}

static void put(u32 table, u64 index, u64 desc)
{
	assert_int_equal(vm_ram_write(&ram, TABLE(table) + index * 8, &desc, 8), 0);
}

static char found[1024];

static void add(u64 va, u64 at, u64 size)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%lx+%lx@%lx ", va, size, at);
	if (strlen(found) + strlen(line) < sizeof(found))
		strcat(found, line);
}

static const char *segments(u32 steps)
{
	found[0] = '\0';
	c.found = add;
	core_segments_begin(&c);
	while (core_segments_step(&c, steps))
		;
	return found;
}

/*
 * The last block begins where the one before it ends, in the file too. Block 1 is the zeroes at the
 * file's end.
 */
#define RAM_ALONE "40000000+200000@0 40200000+200000@600000 40400000+400000@200000 "

static void without_mmu(void **state)
{
	(void)state;
	c.tables.sctlr = 0;
	assert_string_equal(segments(1), RAM_ALONE);
	assert_int_equal(c.count, 3);
	assert_int_equal(c.absent, 1);
	assert_false(c.cut);
}

static void by_tables(void **state)
{
	(void)state;
	put(0, 1, TABLE(1) | IS_TABLE); /* 1 GiB: */
	put(1, 0, 0x40400000 | IS_BLOCK);
	put(1, 1, 0x40600000 | IS_BLOCK); /* goes on there */
	put(1, 2, 0x40200000 | IS_BLOCK); /* has not come: goes on there too */
	put(1, 3, 0x09000000 | IS_BLOCK); /* a device */
	put(1, 4, TABLE(2) | IS_TABLE);
	put(2, 0, 0x40001000 | IS_PAGE);
	put(2, 1, 0x40003000 | IS_PAGE);
	put(2, 511, 0x40005000 | IS_PAGE);
	put(3, 511, TABLE(4) | IS_TABLE); /* the end of the high half */
	put(4, 511, 0x40000000 | IS_BLOCK);
	for (u32 steps = 1; steps < 5; steps++)
		assert_string_equal(segments(steps),
				    "ffffffffffe00000+200000@0 "
				    "40000000+600000@200000 40800000+1000@1000 "
				    "40801000+1000@3000 409ff000+1000@5000 " RAM_ALONE);
	assert_int_equal(c.count, 8);
	c.tables.tcr |= BIT(7); /* no walks of the low half */
	assert_string_equal(segments(3), "ffffffffffe00000+200000@0 " RAM_ALONE);
}

/* Tables that point to themselves end too. */
static void endless_tables(void **state)
{
	(void)state;
	for (u64 i = 0; i < 512; i++)
		put(0, i, TABLE(0) | IS_TABLE);
	segments(1000);
	assert_true(c.cut);
	assert_int_equal(c.count, CORE_SEGMENTS_MAX);
	for (u64 i = 0; i < 512; i++)
		put(0, i, i % 2 ? TABLE(0) | IS_TABLE : 0x40201000 | IS_PAGE); /* not in the file */
	segments(1000);
	assert_true(c.cut);
	assert_int_equal(c.absent, CORE_ZEROES_MAX);
	for (u64 tcr = 0; tcr < 64; tcr++) { /* any size, in both halves */
		c.tables.tcr = tcr | tcr << 16 | tcr << 32;
		c.tables.ttbr[0] = ~0UL;
		segments(1000);
	}
}

static u64 le(const u8 *at, u32 bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static void headers_and_notes(void **state)
{
	static struct guest_regs regs;
	u8 head[CORE_HEADER_BYTES], segment[CORE_SEGMENT_BYTES], notes[CORE_NOTES_BYTES];

	(void)state;
	for (u32 i = 0; i < 34; i++)
		regs.core[i] = 0x1000 + i;
	regs.v[31][1] = 77;
	regs.fpcr = 5;
	core_header(head, 9);
	assert_memory_equal(head, "\x7f\x45LF\x02\x01\x01", 8);
	assert_int_equal(le(head + 56, 2), 9);
	core_memory_segment(segment, 0x4000, 0x2000, 0x1000);
	assert_int_equal(le(segment, 4), 1);
	assert_int_equal(le(segment + 16, 8), 0x4000);
	core_notes(notes, 3, &regs);
	assert_int_equal(le(notes + 4, 4), 392);
	assert_string_equal((char *)notes + 12, "CORE");
	assert_int_equal(le(notes + 20 + 32, 4), 3);
	assert_int_equal(le(notes + 20 + 112 + 8L * GUEST_PC, 8), 0x1000 + GUEST_PC);
	assert_int_equal(le(notes + 20 + 392 + 4, 4), 528);
	assert_int_equal(le(notes + 20 + 392 + 20 + 504, 8), 77);
	assert_int_equal(le(notes + 20 + 392 + 20 + 516, 4), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_mmu, setup, teardown),
		cmocka_unit_test_setup_teardown(by_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(endless_tables, setup, teardown),
		cmocka_unit_test(headers_and_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
