/* SPDX-License-Identifier: Apache-2.0 */
/* The bus keeps its regions apart and sorted; tables answer each width as their rows say. */
#include <unit_memory.h>

#include <kernel/page.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/bus.h>
#include <vmm/core.h>

static struct vm vm;
static struct vcpu vcpu;

static enum mmio_result echo(const struct mmio_region *r, struct vcpu *v, u64 offset,
			     struct mmio_access *a)
{
	assert_ptr_equal(v, &vcpu);
	a->value = offset | (u64)r->arg << 32;
	return MMIO_OK;
}

static int setup(void **state)
{
	*state = NULL;
	unit_memory();
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	mmio_forget(&vcpu);
	return 0;
}

static int add(u64 base, u64 size, u32 arg)
{
	struct mmio_region r = { .base = base, .size = size, .handler = echo, .arg = arg };

	return mmio_add(&vm.bus, &r);
}

static enum mmio_result load(u64 ipa, u8 size, u64 *value)
{
	struct mmio_access a = { .ipa = IPA(ipa), .size = size };
	enum mmio_result r = vmm_mmio(&vcpu, &a);

	assert_int_equal(a.ipa.ipa, ipa);
	*value = a.value;
	return r;
}

static void regions_are_sorted_and_found(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(load(0, 4, &value), MMIO_UNMAPPED);
	assert_int_equal(add(0x3000, 0x1000, 3), 0);
	assert_int_equal(add(0x1000, 0x200, 1), 0);
	assert_int_equal(add(0x1200, 0x200, 2), 0);
	assert_int_equal(load(0x1000, 4, &value), MMIO_OK);
	assert_int_equal(value, 1ULL << 32);
	assert_int_equal(load(0x11ff, 1, &value), MMIO_OK);
	assert_int_equal(value, 0x1ff | 1ULL << 32);
	assert_int_equal(load(0x1200, 4, &value), MMIO_OK);
	assert_int_equal(value, 2ULL << 32);
	assert_int_equal(load(0x3ff8, 8, &value), MMIO_OK);
	assert_int_equal(value, 0xff8 | 3ULL << 32);
	assert_int_equal(load(0xfff, 1, &value), MMIO_UNMAPPED);
	assert_int_equal(load(0x1400, 4, &value), MMIO_UNMAPPED);
	assert_int_equal(load(0x4000, 4, &value), MMIO_UNMAPPED);
	assert_int_equal(load(UINT64_MAX, 1, &value), MMIO_UNMAPPED);
	assert_int_equal(load(0x3ffe, 4, &value), MMIO_FAULT); /* beyond the end */
	assert_null(mmio_find(&vm.bus, 0x2fff));
	assert_non_null(mmio_find(&vm.bus, 0x3000));
}

static void bad_regions_are_refused(void **state)
{
	struct mmio_region r = { .base = 0x1000, .size = 0x10 };

	(void)state;
	assert_int_equal(mmio_add(&vm.bus, &r), -EINVAL); /* no handler */
	assert_int_equal(add(0x1000, 0, 0), -EINVAL);
	assert_int_equal(add(UINT64_MAX - 1, 0x10, 0), -EINVAL);
	assert_int_equal(add(0x1000, 0x1000, 0), 0);
	assert_int_equal(add(0x1000, 0x1000, 0), -EEXIST);
	assert_int_equal(add(0x1fff, 1, 0), -EEXIST);
	assert_int_equal(add(0xfff, 2, 0), -EEXIST);
	assert_int_equal(add(0, 0x10000, 0), -EEXIST);
	assert_int_equal(add(0x1800, 8, 0), -EEXIST);
}

/* Two for each of 32 vCPUs, and more; what it took is given back. */
static void there_are_as_many_as_it_takes(void **state)
{
	struct page_stats before, after;
	u64 value;

	(void)state;
	page_stats(&before);
	for (u32 i = 500; i > 0; i--)
		assert_int_equal(add(0x10000 * i, 0x10, i), 0);
	for (u32 i = 1; i <= 500; i++) {
		assert_int_equal(load(0x10000 * i, 4, &value), MMIO_OK);
		assert_int_equal(value, (u64)i << 32);
	}
	mmio_free(&vm.bus);
	assert_null(mmio_find(&vm.bus, 0x10000));
	page_stats(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	while (pages_alloc(1))
		;
	assert_int_equal(add(0x10000, 0x10, 0), -ENOMEM);
}

/* ---- register tables ---- */

static u64 words[4];
static u8 bytes[16];
static u64 doubles[2];
static u32 reads;

static u64 word_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	(void)dev, (void)v;
	reads++;
	return row->arg ? doubles[index] : words[index];
}

static void word_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	(void)dev, (void)v;
	if (row->arg)
		doubles[index] = value;
	else
		words[index] = value;
}

static u64 byte_read(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	(void)dev, (void)v, (void)row;
	return bytes[index];
}

static void byte_write(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	(void)dev, (void)v, (void)row;
	assert_true(value <= 0xff);
	bytes[index] = (u8)value;
}

#define ALL (REG_W8 | REG_W16 | REG_W32 | REG_W64)

static const struct reg_row rows[] = {
	{ .offset = 0x10,
	  .length = 16,
	  .stride = 4,
	  .widths = REG_W8 | REG_W16 | REG_W32,
	  .read = word_read,
	  .write = word_write },
	{ .offset = 0x40,
	  .length = 16,
	  .stride = 1,
	  .widths = ALL,
	  .read = byte_read,
	  .write = byte_write },
	{ .offset = 0x80,
	  .length = 16,
	  .stride = 8,
	  .widths = REG_W32 | REG_W64,
	  .read = word_read,
	  .write = word_write,
	  .arg = 1 },
	{ .offset = 0x90, .length = 4, .stride = 4, .widths = REG_W32, .constant = 0x12345678 },
	{ .offset = 0x2000, .length = 4, .stride = 4, .widths = REG_W32, .constant = 0x77 },
};
static struct reg_slot slots[REG_SLOTS];
static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

#define TABLE_BASE 0x10000

/* The straight path, if it takes the access; true then. */
static bool straight(u64 offset, u8 size, bool write, u64 *value)
{
	u32 order = (u32)__builtin_ctz(size);
	struct mmio_reply reply;

	if (write)
		return vmm_mmio_write(IPA(TABLE_BASE + offset), &vcpu, order, *value);
	reply = vmm_mmio_read(IPA(TABLE_BASE + offset), &vcpu, order);
	if (reply.done)
		*value = reply.value & (~0ULL >> (64 - 8 * size));
	return reply.done;
}

/* All ways to a register agree. */
static enum mmio_result reg(u64 offset, u8 size, bool write, u64 *value)
{
	struct mmio_access a = {
		.ipa = IPA(TABLE_BASE + offset), .size = size, .write = write, .value = *value
	};
	enum mmio_result r = vmm_mmio(&vcpu, &a);
	u64 other = *value;

	assert_int_equal(a.ipa.ipa, TABLE_BASE + offset);
	if (straight(offset, size, write, &other)) {
		assert_int_equal(r, MMIO_OK);
		assert_int_equal(a.value, other);
	}
	*value = a.value;
	return r;
}

static u64 reg_read(u64 offset, u8 size)
{
	u64 value = ~0ULL;

	assert_int_equal(reg(offset, size, false, &value), MMIO_OK);
	return value;
}

static void reg_write(u64 offset, u8 size, u64 value)
{
	assert_int_equal(reg(offset, size, true, &value), MMIO_OK);
}

static void check_widths(void)
{
	u64 value = 0;

	memset(words, 0, sizeof(words));
	memset(doubles, 0, sizeof(doubles));
	memset(bytes, 0, sizeof(bytes));
	reg_write(0x10, 4, 0xdeadbeef);
	reg_write(0x1c, 4, 0x01020304);
	assert_int_equal(reg_read(0x10, 4), 0xdeadbeef);
	assert_int_equal(words[3], 0x01020304);
	assert_int_equal(reg_read(0x1d, 1), 3);
	assert_int_equal(reg_read(0x1e, 2), 0x0102);
	reads = 0;
	reg_write(0x16, 2, 0xabcd); /* to its lane, and nothing was read */
	assert_int_equal(words[1], 0xabcd0000);
	reg_write(0x14, 1, 0x5a);
	assert_int_equal(words[1], 0x5a);
	assert_int_equal(reads, 0);

	reg_write(0x44, 4, 0x04030201);
	assert_int_equal(bytes[4], 1);
	assert_int_equal(bytes[7], 4);
	reg_write(0x45, 1, 0xee);
	assert_int_equal(reg_read(0x44, 4), 0x0403ee01);
	assert_int_equal(reg_read(0x44, 2), 0xee01);
	reg_write(0x48, 8, 0x1122334455667788);
	assert_int_equal(reg_read(0x48, 8), 0x1122334455667788);
	assert_int_equal(bytes[15], 0x11);

	reg_write(0x88, 8, 0x1122334455667788);
	reg_write(0x8c, 4, 0xaabbccdd);
	assert_int_equal(doubles[1], 0xaabbccdd55667788);
	reg_write(0x88, 4, 1);
	assert_int_equal(doubles[1], 0xaabbccdd00000001);
	assert_int_equal(reg_read(0x8c, 4), 0xaabbccdd);
	assert_int_equal(doubles[0], 0);

	assert_int_equal(reg(0x10, 8, false, &value), MMIO_FAULT);
	assert_int_equal(reg(0x80, 1, false, &value), MMIO_FAULT);
	assert_int_equal(reg(0x90, 2, true, &value), MMIO_FAULT);
	assert_int_equal(reg(0x12, 4, false, &value), MMIO_FAULT); /* misaligned */
	assert_int_equal(reg(0x41, 2, false, &value), MMIO_FAULT);
}

static void check_constants(void)
{
	reg_write(0x90, 4, 1);
	assert_int_equal(reg_read(0x90, 4), 0x12345678);
	assert_int_equal(reg_read(0x2000, 4), 0x77);
	/* Between, before and after rows. */
	assert_int_equal(reg_read(0, 8), 0);
	assert_int_equal(reg_read(0x20, 4), 0);
	assert_int_equal(reg_read(0x94, 1), 0);
	assert_int_equal(reg_read(0xfff, 1), 0);
	assert_int_equal(reg_read(0x1000, 4), 0);
	assert_int_equal(reg_read(0x2004, 4), 0);
	reg_write(0x20, 4, 1);
	reg_write(0xf000, 8, 1);
}

static void tables_answer(void **state)
{
	struct mmio_region r = {
		.base = TABLE_BASE, .size = 0x10000, .table = &table, .handler = mmio_table_access
	};
	u64 value;

	(void)state;
	assert_int_equal(mmio_add(&vm.bus, &r), 0);
	memset(slots, 0, sizeof(slots));
	table.filled = false;
	assert_false(straight(0x10, 4, false, &value)); /* no hint */
	check_widths();                                 /* without slots */
	check_constants();
	assert_false(straight(0x10, 4, false, &value));
	reg_table_init(&table);
	check_widths();
	check_constants();
}

static void straight_path_takes_whole_registers(void **state)
{
	u64 value = 5;

	tables_answer(state);
	assert_true(straight(0x1c, 4, true, &value));
	assert_int_equal(words[3], 5);
	assert_true(straight(0x1c, 1, false, &value));
	assert_int_equal(value, 5);
	assert_true(straight(0x88, 8, true, &value));
	assert_int_equal(doubles[1], value);
	assert_true(straight(0x88, 4, false, &value)); /* its low word */
	assert_int_equal(value, 5);
	assert_false(straight(0x88, 4, true, &value)); /* merged */
	assert_false(straight(0x8c, 4, false, &value));
	assert_false(straight(0x1d, 1, false, &value)); /* another lane */
	assert_false(straight(0x1e, 2, false, &value));
	assert_false(straight(0x12, 4, false, &value)); /* misaligned */
	assert_false(straight(0x10, 8, false, &value)); /* illegal */
	assert_false(straight(0x90, 4, false, &value)); /* a constant */
	assert_false(straight(0x90, 4, true, &value));
	assert_false(straight(0x40, 4, false, &value));      /* byte-wise */
	assert_false(straight(0x20, 4, false, &value));      /* no row */
	assert_false(straight(0x2000, 4, false, &value));    /* beyond the slots */
	assert_false(straight(0x10000, 4, false, &value));   /* beyond the region */
	assert_false(straight(~0ULL - 3, 4, false, &value)); /* before it */
}

/* Neither of two devices makes the other one's accesses slow, nor do addresses where none is. */
static void devices_in_turn_stay_straight(void **state)
{
	struct mmio_region r = {
		.base = 1 << 24, .size = 0x1000, .table = &table, .handler = mmio_table_access
	};
	u64 value = 0;

	tables_answer(state);
	assert_int_equal(mmio_add(&vm.bus, &r), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vmm_mmio_read(IPA((1 << 24) + 0x10), &vcpu, 2).done, i);
		assert_int_equal(load((1 << 24) + 0x10, 4, &value), MMIO_OK);
		assert_int_equal(load((2 << 24) + 0x10, 4, &value), MMIO_UNMAPPED);
		assert_int_equal(load(0, 4, &value), MMIO_UNMAPPED);
		assert_true(straight(0x10, 4, false, &value));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(regions_are_sorted_and_found, setup),
		cmocka_unit_test_setup(bad_regions_are_refused, setup),
		cmocka_unit_test_setup(there_are_as_many_as_it_takes, setup),
		cmocka_unit_test_setup(tables_answer, setup),
		cmocka_unit_test_setup(straight_path_takes_whole_registers, setup),
		cmocka_unit_test_setup(devices_in_turn_stay_straight, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
