/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>

#include <lib/ring.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8

struct fixture {
	struct ring r;
	u8 buf[SIZE];
};

static void start(struct fixture *f)
{
	ring_init(&f->r, f->buf, SIZE);
}

static void first_in_first_out(void **state)
{
	struct fixture f;
	u8 byte = 99;
	u32 i;

	(void)state;
	start(&f);
	assert_int_equal(ring_free(&f.r), SIZE);
	assert_false(ring_get(&f.r, &byte));
	assert_int_equal(byte, 99);
	for (i = 0; i < 1000; i++) {
		assert_true(ring_put(&f.r, (u8)i));
		assert_true(ring_put(&f.r, (u8)(i + 1)));
		assert_int_equal(ring_used(&f.r), 2);
		assert_true(ring_get(&f.r, &byte));
		assert_int_equal(byte, (u8)i);
		assert_true(ring_get(&f.r, &byte));
		assert_int_equal(byte, (u8)(i + 1));
	}
	assert_int_equal(ring_used(&f.r), 0);
}

static void full_ring_refuses(void **state)
{
	struct fixture f;
	u8 byte;
	u32 i;

	(void)state;
	start(&f);
	for (i = 0; i < SIZE; i++)
		assert_true(ring_put(&f.r, (u8)i));
	assert_false(ring_put(&f.r, 100));
	assert_int_equal(ring_used(&f.r), SIZE);
	for (i = 0; i < SIZE; i++) {
		assert_true(ring_get(&f.r, &byte));
		assert_int_equal(byte, i);
	}
	assert_false(ring_get(&f.r, &byte));
}

static void put_over_drops_the_oldest(void **state)
{
	struct fixture f;
	u8 byte;
	u32 i;

	(void)state;
	start(&f);
	for (i = 0; i < SIZE + 3; i++)
		ring_put_over(&f.r, (u8)i);
	assert_int_equal(ring_used(&f.r), SIZE);
	for (i = 3; i < SIZE + 3; i++) {
		assert_true(ring_get(&f.r, &byte));
		assert_int_equal(byte, i);
	}
}

static void readers_have_their_own_positions(void **state)
{
	u64 one = 0, two = 0;
	struct fixture f;
	u8 out[SIZE];
	u32 i;

	(void)state;
	start(&f);
	for (i = 0; i < 5; i++)
		ring_put_over(&f.r, (u8)i);
	assert_int_equal(ring_read_at(&f.r, &one, out, 2), 2);
	assert_memory_equal(out, "\0\1", 2);
	assert_int_equal(ring_read_at(&f.r, &two, out, sizeof(out)), 5);
	assert_memory_equal(out, "\0\1\2\3\4", 5);
	assert_int_equal(ring_read_at(&f.r, &one, out, sizeof(out)), 3);
	assert_memory_equal(out, "\2\3\4", 3);
	assert_int_equal(ring_read_at(&f.r, &one, out, sizeof(out)), 0);
	assert_int_equal(ring_used(&f.r), 5); /* nothing consumed */
}

static void late_reader_starts_at_the_oldest(void **state)
{
	struct fixture f;
	u8 out[SIZE];
	u64 pos = 1;
	u32 i;

	(void)state;
	start(&f);
	for (i = 0; i < 3 * SIZE + 1; i++)
		ring_put_over(&f.r, (u8)i);
	assert_int_equal(ring_read_at(&f.r, &pos, out, 3), 3);
	assert_int_equal(out[0], 2 * SIZE + 1);
	assert_int_equal(out[2], 2 * SIZE + 3);
	assert_int_equal(pos, 2 * SIZE + 4);
	assert_int_equal(ring_read_at(&f.r, &pos, out, SIZE), SIZE - 3);
	assert_int_equal(pos, f.r.head);
}

static void position_ahead_comes_back(void **state)
{
	struct fixture f;
	u64 pos = 1000;
	u8 out[1];

	(void)state;
	start(&f);
	ring_put_over(&f.r, 1);
	assert_int_equal(ring_read_at(&f.r, &pos, out, 1), 0);
	assert_int_equal(pos, 1);
}

static void positions_pass_32_bits(void **state)
{
	struct fixture f;
	u64 pos = UINT32_MAX - 2ULL;
	u8 out[SIZE];
	u8 byte;
	u32 i;

	(void)state;
	start(&f);
	f.r.head = pos;
	f.r.tail = pos;
	for (i = 0; i < SIZE; i++)
		assert_true(ring_put(&f.r, (u8)i));
	assert_false(ring_put(&f.r, 0));
	assert_int_equal(ring_read_at(&f.r, &pos, out, SIZE), SIZE);
	assert_memory_equal(out, "\0\1\2\3\4\5\6\7", SIZE);
	assert_true(ring_get(&f.r, &byte));
	assert_int_equal(byte, 0);
}

static void blocks(void **state)
{
	struct fixture f;
	u8 out[SIZE];
	u64 pos;

	(void)state;
	start(&f);
	assert_int_equal(ring_write(&f.r, "abcde", 5), 5);
	for (u32 i = 0; i < 5; i++)
		assert_true(ring_get(&f.r, out));
	/* Over the end of the buffer; what does not fit is left out. */
	assert_int_equal(ring_write(&f.r, "0123456789", 10), SIZE);
	assert_int_equal(ring_write(&f.r, "x", 1), 0);
	ring_make_room(&f.r, 0);
	assert_int_equal(ring_used(&f.r), SIZE);
	ring_make_room(&f.r, 3);
	ring_make_room(&f.r, 3);
	assert_int_equal(ring_write(&f.r, "XYZ", 3), 3);
	pos = f.r.tail;
	assert_int_equal(ring_read_at(&f.r, &pos, out, SIZE), SIZE);
	assert_memory_equal(out, "34567XYZ", SIZE);
}

/* Against a plain array of everything that was ever written. */
static void random_use(void **state)
{
	unsigned short seed[3] = { 4, 7, 11 };
	u8 *all = malloc(100000);
	struct fixture f;
	u64 pos = 0;
	u32 i;

	(void)state;
	start(&f);
	for (i = 0; i < 20000; i++) {
		u32 what = (u32)nrand48(seed);
		u8 out[2 * SIZE];
		u32 n;

		if (what % 3) {
			all[f.r.head] = (u8)what;
			ring_put_over(&f.r, (u8)what);
			continue;
		}
		n = ring_read_at(&f.r, &pos, out, what / 3 % sizeof(out));
		assert_true(pos >= f.r.tail && pos <= f.r.head);
		assert_memory_equal(out, all + pos - n, n);
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(full_ring_refuses),
		cmocka_unit_test(put_over_drops_the_oldest),
		cmocka_unit_test(readers_have_their_own_positions),
		cmocka_unit_test(late_reader_starts_at_the_oldest),
		cmocka_unit_test(position_ahead_comes_back),
		cmocka_unit_test(positions_pass_32_bits),
		cmocka_unit_test(blocks),
		cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
